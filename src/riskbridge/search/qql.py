"""Text to query: the grammar, its bounds, and syntax errors a person can act on."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Any, cast

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken, v_args

from riskbridge.errors import InputError
from riskbridge.search.fault import make_fault
from riskbridge.search.query import (
    And,
    Comparison,
    Condition,
    Everything,
    Group,
    IsNull,
    Match,
    Name,
    Not,
    Operator,
    Or,
    Query,
    Range,
    Value,
)

LONGEST = 10_000
"""Characters a query may have."""

DEEPEST = 50
"""Parentheses a query may nest."""

_QUOTED_OR_PARENTHESIS = re.compile(r'"[^"]*"|`[^`]*`|[()]')
_UNUSABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def parse(text: str) -> Query:
    """The query that a text in QQL describes; blank text describes everything.

    Inside double quotes a double quote is written twice, inside backticks a backtick.

    Raises:
        InputError: `qql.syntax`, with `line` and `column` and a caret line in the message.
    """
    _check_bounds(text)
    try:
        condition: Any = _parser().parse(text)
    except UnexpectedInput as error:
        raise _syntax_fault(text, error) from None
    return Query(text, condition)


def _check_bounds(text: str) -> None:
    if len(text) > LONGEST:
        raise InputError(
            f"The query has {len(text):,} characters; {LONGEST:,} are allowed.",
            code="qql.syntax",
            remedy="Shorten it, for instance with wildcards or ranges in place of long lists.",
            line=1,
            column=LONGEST + 1,
        )
    unusable = _UNUSABLE.search(text)
    if unusable:
        raise make_fault(
            text,
            unusable.start(),
            1,
            code="qql.syntax",
            cause="The query holds a control character",
            remedy="Delete it; it often comes along with pasted text.",
        )
    depth = 0
    for found in _QUOTED_OR_PARENTHESIS.finditer(text):
        depth += {"(": 1, ")": -1}.get(found.group(), 0)
        if depth > DEEPEST:
            raise make_fault(
                text,
                found.start(),
                1,
                code="qql.syntax",
                cause=f"More than {DEEPEST} parentheses are open",
                remedy="Leave out parentheses that change nothing: not binds before and, and before or.",
            )


@cache
def _parser() -> Lark:
    grammar = (resources.files("riskbridge.search") / "grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", transformer=_Builder())


def _value(token: Token) -> Value:
    return Value(str(token), "bare", token.start_pos or 0, len(token))


def _name(token: Token) -> Name:
    return Name(str(token), token.start_pos or 0)


@v_args(inline=True)
class _Builder(Transformer[Token, Condition]):
    """Builds the query bottom-up while the parser reduces, so that depth never becomes recursion."""

    def everything(self) -> Condition:
        return Everything()

    def alternatives(self, *conditions: Condition) -> Condition:
        return Or(conditions)

    def conditions(self, *conditions: Condition) -> Condition:
        return And(conditions)

    def negation(self, condition: Condition) -> Condition:
        return condition.condition if isinstance(condition, Not) else Not(condition)

    def match(self, name: Token, value: Value) -> Condition:
        return Match(_name(name), (value,))

    def any_of(self, name: Token, _: Token, *values: Value | Token) -> Condition:
        return Match(_name(name), tuple(v for v in values if isinstance(v, Value)))

    def comparison(self, name: Token, operator: Token, value: Value) -> Condition:
        return Comparison(_name(name), cast("Operator", str(operator)), value)

    def range(self, name: Token, begin: Token, low: Value, high: Value, end: Token) -> Condition:
        return Range(_name(name), low, high, has_low=begin == "[", has_high=end == "]")

    def range_up(self, name: Token, begin: Token, low: Value, end: Token) -> Condition:
        return Range(_name(name), low, None, has_low=begin == "[", has_high=end == "]")

    def range_down(self, name: Token, begin: Token, high: Value, end: Token) -> Condition:
        return Range(_name(name), None, high, has_low=begin == "[", has_high=end == "]")

    def is_null(self, name: Token) -> Condition:
        return IsNull(_name(name))

    def is_not_null(self, name: Token) -> Condition:
        return Not(IsNull(_name(name)))

    def group(self, name: Token, condition: Condition) -> Condition:
        return Group(_name(name), condition)

    def words(self, first: Token, *more: Token) -> Value:
        start = first.start_pos or 0
        end = (more[-1] if more else first).end_pos or start
        return Value(" ".join((first, *more)), "bare", start, end - start)

    def word(self, token: Token) -> Value:
        return _value(token)

    def phrase(self, token: Token) -> Value:
        return Value(token[1:-1].replace('""', '"'), "phrase", token.start_pos or 0, len(token))

    def exact(self, token: Token) -> Value:
        return Value(token[1:-1].replace("``", "`"), "exact", token.start_pos or 0, len(token))


def _syntax_fault(text: str, error: UnexpectedInput) -> InputError:
    if isinstance(error, UnexpectedCharacters):
        offset, length = error.pos_in_stream or 0, 1
        expected = set(error.allowed or ())
    elif isinstance(error, UnexpectedToken) and error.token.type != "$END":
        offset, length = error.token.start_pos or 0, len(error.token)
        expected = set(error.expected)
    else:
        offset, length = len(text.rstrip()), 0
        expected = set(getattr(error, "expected", ()))
    if "COMPARISON" in expected:
        return _no_condition(text, offset)
    cause, remedy = _explain(text[offset : offset + length], expected)
    return make_fault(text, offset, length, code="qql.syntax", cause=cause, remedy=remedy)


def _no_condition(text: str, offset: int) -> InputError:
    before = text[:offset].rstrip()
    name = re.search(r"[\w.]*$", before)
    word = name.group() if name else ""
    return make_fault(
        text,
        len(before) - len(word),
        len(word),
        code="qql.syntax",
        cause=f"'{word}' is followed by no condition",
        remedy=f"Write a token, a colon and a value, for instance finding.title:{word}.",
    )


_MISSING = (
    ("_NULL", "'null' or 'not null' is missing", "Write is null or is not null."),
    ("WORD", "a value is missing", 'Write a value; put one that has blanks or brackets in "quotes".'),
    ("NAME", "a condition begins with a token", "Write a condition such as finding.severity:5."),
    ("RSQB", "a list or range is not closed", "Write [a, b] for a list, [a .. b] or (a .. b) for a range."),
    ("_DOTS", "a range is not closed", "Write [a .. b], or (a .. b) to leave out both ends."),
)
"""By what the grammar would have taken: what is missing, and what to write."""


def _explain(found: str, expected: set[str]) -> tuple[str, str]:
    if found in ('"', "`"):
        return f"The quotation mark {found} is not closed", "Add the missing one, or leave both out."
    at = f"'{found}' cannot stand here" if found else "The query ends too early"
    for terminal, cause, remedy in _MISSING:
        if terminal in expected:
            return f"{at}: {cause}", remedy
    return f"{at}: {_explain_end(found)[0]}", _explain_end(found)[1]


def _explain_end(found: str) -> tuple[str, str]:
    """What is wrong after a complete condition."""
    if not found:
        return "a parenthesis is not closed", "Add the missing )."
    if found.startswith(".."):
        return "a range needs brackets", "Write [a .. b], or (a .. b) to leave out both ends."
    if found == ")":
        return "no parenthesis is open", "Delete it, or add the missing (."
    return (
        "'and' or 'or' is missing, or quotes around a value",
        'Join conditions with and, or; put a value that has blanks or brackets in "quotes".',
    )
