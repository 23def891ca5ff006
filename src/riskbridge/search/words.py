"""Search in text: how a text falls into words, and the conditions that find them.

Words are parted by white space, brackets and most marks. A full stop between two letters or two digits, and a comma
between two digits, part nothing: `qualys.corp.com` and `10.0.26100` are one word each, `102354.qualys` is two. Each
word of a search matches words that begin with it, never the inside of a word; letter case does not count.
Source: "Full text search" of Qualys' search help.
"""

from __future__ import annotations

import re

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
    # Engines spend their time on the regular expression: the plain tests before it rule most texts in or out.
    plain, joined = column.lower(), " ".join(words)
    may_match = plain.contains(words[0]) | column.contains("İ")
    does_match = plain.startswith(joined) | plain.contains(f" {joined}")
    pattern = f"(^|{_gap(words[0])}){_escape(words[0])}"
    for word in words[1:]:
        pattern += f"{_REST_OF_WORD}{_BETWEEN}{_gap(word)}{_escape(word)}"
    return may_match & (does_match | lower(column).re_search(pattern))


def match_wildcard(column: ir.StringValue, pattern: str) -> ir.BooleanValue:
    """Whether the whole text is of the form `pattern`, where `*` stands for anything; letter case does not count."""
    text = lower(column)
    parts = pattern.replace("İ", "i").lower().split("*")
    first, *middle, last = parts
    if not any(parts):
        return column.notnull()
    if not any(middle):
        conditions = [text.startswith(first)] if first else []
        conditions += [text.endswith(last)] if last else []
        if first and last:
            conditions.append(text.length() >= len(first) + len(last))
        return ibis.and_(*conditions)
    if not first and not last and sum(map(bool, middle)) == 1:
        return text.contains("".join(middle))
    return text.re_search("(?s)^" + ".*".join(_escape(p) for p in parts) + "$")


def same(column: ir.StringValue, value: str) -> ir.BooleanValue:
    """Whether text and value are equal but for letter case."""
    return lower(column) == value.replace("İ", "i").lower()


def _gap(word: str) -> str:
    """What may stand before a word's first character, for engines whose expressions cannot look around."""
    if word[0].isdigit():
        return rf"({_PARTING}|[^\d\s],|{_LETTER}\.|[\s,.]{{2}}|^[.,])"
    return rf"({_PARTING}|,|\d\.|^\.|\s\.)"


def _escape(text: str) -> str:
    return _SPECIAL.sub(lambda found: "\\" + found.group(), text)
