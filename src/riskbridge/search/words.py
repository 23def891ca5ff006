"""Search in text: how a text falls into words, and the conditions that find them.

Words are parted by white space, brackets and most marks. A full stop between two letters or two digits, and a comma
between two digits, part nothing: `qualys.corp.com` and `10.0.26100` are one word each, `102354.qualys` is two. Each
word of a search matches words that begin with it, never the inside of a word; letter case does not count.
Source: "Full text search" of Qualys' search help.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.forms import lower

_MARKS = r"""\s\-;:!?@$%&/\\()\[\]{}"'`|<>=+*#~^"""
_PARTING = f"[{_MARKS}]"
_LETTER = rf"[^{_MARKS}\d.,_]"
_REST_OF_WORD = rf"([^{_MARKS},]|,\d)*?"
_BETWEEN = f"[{_MARKS},.]*"
_SPLIT = re.compile(
    rf"{_PARTING}+|(?<=\d)[.](?={_LETTER})|(?<={_LETTER})[.](?=\d)|(?<!\d),|,(?!\d)|(?<![^\s])[.]+|[.]+(?![^\s.])"
)
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$\-&~#/]")


def split_words(text: str) -> list[str]:
    """The words of a search text, in lower case and order; empty when it has none."""
    return [w for w in _SPLIT.split(text.replace("İ", "i").lower()) if w]


def find_phrase(column: ir.StringValue, words: list[str]) -> ir.BooleanValue:
    """Whether the words stand side by side and in order, each at the beginning of a word of the text.

    Args:
        column: The text.
        words: As `split_words` gives them; none match every text that is not null.
    """
    if not words:
        return column.notnull()
    joined = " ".join(words)
    texts = (words[0], joined, f" {joined}", escape_phrase(words))
    return match_phrase(column, *map(ibis.literal, texts))


def escape_phrase(words: list[str]) -> str:
    """The pattern that finds a phrase of one word or more."""
    pattern = f"(^|{_gap(words[0])}){_escape(words[0])}"
    for word in words[1:]:
        pattern += f"{_REST_OF_WORD}{_BETWEEN}{_gap(word)}{_escape(word)}"
    return pattern


def match_phrase(column: ir.StringValue, word: Any, joined: Any, after_blank: Any, pattern: Any) -> ir.BooleanValue:
    """Whether a phrase stands in a text.

    Args:
        column: The text.
        word: The phrase's first word, in lower case as all of it.
        joined: Its words with single blanks between them.
        after_blank: The same after a blank.
        pattern: As `escape_phrase` gives it.
    """
    # Engines spend their time on the regular expression: the plain tests before it rule most texts in or out.
    plain = column.lower()
    may_match = plain.contains(word) | column.contains("İ")
    does_match = plain.startswith(joined) | plain.contains(after_blank)
    return may_match & (does_match | lower(column).re_search(pattern))


def match_wildcard(column: ir.StringValue, pattern: str) -> ir.BooleanValue:
    """Whether the whole text is of the form `pattern`, where `*` stands for anything; letter case does not count."""
    parts = fold(pattern).split("*")
    return match_parts(column, parts, lambda number: ibis.literal(parts[number]))


def match_parts(column: ir.StringValue, parts: list[str], bind: Callable[[int], Any]) -> ir.BooleanValue:
    """Whether the whole text is the parts with anything between them.

    Args:
        column: The text.
        parts: In lower case; an empty first or last one leaves that end open.
        bind: Gives a part as an expression; only several parts, or a middle with a beginning or an end, are not asked for.
    """
    text = lower(column)
    first, *middle, last = parts
    if not any(parts):
        return column.notnull()
    if not any(middle):
        conditions = [text.startswith(bind(0))] if first else []
        conditions += [text.endswith(bind(len(parts) - 1))] if last else []
        if first and last:
            conditions.append(text.length() >= bind(0).length() + bind(len(parts) - 1).length())
        return ibis.and_(*conditions)
    if not first and not last and sum(map(bool, middle)) == 1:
        return text.contains(bind(next(n for n, part in enumerate(parts) if part)))
    return text.re_search("(?s)^" + ".*".join(_escape(p) for p in parts) + "$")


def fold(text: Any) -> Any:
    """A text or a column of texts in lower case, the dotted capital I as any other."""
    return text.replace("İ", "i").lower()


def same(column: ir.StringValue, value: str) -> ir.BooleanValue:
    """Whether text and value are equal but for letter case."""
    return lower(column) == fold(value)


def _gap(word: str) -> str:
    """What may stand before a word's first character, for engines whose expressions cannot look around."""
    if word[0].isdigit():
        return rf"({_PARTING}|[^\d\s],|{_LETTER}\.|[\s,.]{{2}}|^[.,])"
    return rf"({_PARTING}|,|\d\.|^\.|\s\.)"


def _escape(text: str) -> str:
    return _SPECIAL.sub(lambda found: "\\" + found.group(), text)
