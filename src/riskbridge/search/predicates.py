"""What one condition of a query asks of one column, by the kind of its token."""

from __future__ import annotations

import operator as operators
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.search.query import Operator, Range, Value
from riskbridge.search.tokens import Token
from riskbridge.search.values import Span, parse_boolean, parse_number, parse_span
from riskbridge.search.words import find_phrase, match_wildcard, same, split_words

AT = "timestamp('UTC', 6)"
_MICROSECONDS_A_DAY = 86_400_000_000
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    ">": operators.gt,
    ">=": operators.ge,
    "<": operators.lt,
    "<=": operators.le,
    "=": operators.eq,
}
_ENDS: dict[bool, tuple[Operator, Operator]] = {True: (">=", "<="), False: (">", "<")}


class UnfitValueError(Exception):
    """A value that its token cannot take; the message says why, `remedy` what to write."""

    def __init__(self, value: Value, cause: str, remedy: str) -> None:
        super().__init__(cause)
        self.value = value
        self.remedy = remedy


def all_of(conditions: Sequence[ir.BooleanValue]) -> ir.BooleanValue:
    """The conditions joined by and, as a balanced tree: thousands of them stay shallow."""
    return _fold(operators.and_, conditions)


def any_of(conditions: Sequence[ir.BooleanValue]) -> ir.BooleanValue:
    """The conditions joined by or, as a balanced tree."""
    return _fold(operators.or_, conditions)


def is_one_of(token: Token, column: Any, values: Sequence[Value], now: datetime) -> ir.BooleanValue:
    """`token:value`, or `token:[a, b]` where one value is enough.

    Raises:
        UnfitValueError: A value is none of the token's kind.
    """
    if len(values) > 1 and token.kind == "number":
        return column.isin([_number(token, v) for v in values])
    if len(values) > 1 and token.is_upper and not any("*" in v.text for v in values):
        return column.isin([v.text.upper() for v in values])
    return any_of([is_match(token, column, v, now) for v in values])


def is_within(token: Token, column: Any, wanted: Range, now: datetime) -> ir.BooleanValue:
    """`token:[low .. high]` or `token:(low .. high)`.

    Raises:
        UnfitValueError: An end is none of the token's kind, or the kind has no order.
    """
    low, high = _ENDS[wanted.is_inclusive]
    return compare(token, column, low, wanted.low, now) & compare(token, column, high, wanted.high, now)


def is_match(token: Token, column: Any, value: Value, now: datetime) -> ir.BooleanValue:
    """`token:value` for a column, or for one element of a list.

    Raises:
        UnfitValueError: The value is none of the token's kind.
    """
    if value.style == "bare" and value.text and not value.text.strip("*"):
        return column.notnull()
    if token.kind == "text":
        return _match_text(column, value)
    if token.kind == "keyword":
        return _match_keyword(token, column, value)
    return compare(token, column, "=", value, now)


def compare(token: Token, column: Any, operator: Operator, value: Value, now: datetime) -> ir.BooleanValue:
    """`token > value` and its like.

    A day as a value is the whole day: `> 2026-01-31` begins on the first of February, `<= 2026-01-31` ends with it.

    Raises:
        UnfitValueError: The value is none of the token's kind, or the kind has no order.
    """
    if token.kind == "number":
        return _COMPARE[operator](column, _number(token, value))
    if token.kind == "age":
        elapsed = ibis.literal(now, AT).delta(column, unit="microsecond")
        return _COMPARE[operator]((elapsed / _MICROSECONDS_A_DAY).floor(), _number(token, value))
    if token.kind == "date":
        moment = column.cast(AT) if column.type().is_date() else column
        return _compare_span(moment, operator, _span(token, value, now))
    if operator != "=":
        raise UnfitValueError(
            value,
            f"'{token.name}' has no order, so it cannot be compared with {operator}",
            f"Write {token.name}:value.",
        )
    if token.kind == "boolean":
        return _is(token, column, value)
    return is_match(token, column, Value(value.text, "exact", value.offset, value.length), now)


def _match_text(column: ir.StringValue, value: Value) -> ir.BooleanValue:
    if value.style == "exact":
        return column == value.text
    if value.style == "phrase":
        return find_phrase(column, split_words(value.text))
    words = value.text.split(" ")
    return any_of([match_wildcard(column, w) if "*" in w else find_phrase(column, split_words(w)) for w in words])


def _match_keyword(token: Token, column: ir.StringValue, value: Value) -> ir.BooleanValue:
    if value.style == "bare" and "*" in value.text:
        return match_wildcard(column, value.text)
    # Comparing the stored column as it is lets an engine skip whole blocks; only possible where its case is known.
    return column == value.text.upper() if token.is_upper else same(column, value.text)


def _compare_span(column: ir.TimestampValue, operator: Operator, span: Span) -> ir.BooleanValue:
    if operator == "=":
        day = span.day
        return (column >= _at(day.start)) & (column < _at(day.end))
    if operator == ">" and span.end:
        return column >= _at(span.end)
    if operator == "<=" and span.end:
        return column < _at(span.end)
    return _COMPARE[operator](column, _at(span.start))


def _at(moment: datetime | None) -> ir.TimestampValue:
    return ibis.literal(moment, AT)


def _is(token: Token, column: ir.BooleanValue, value: Value) -> ir.BooleanValue:
    wanted = parse_boolean(value.text)
    if wanted is None:
        raise UnfitValueError(value, f"'{value.text}' is neither true nor false", f"Write {token.name}:true or :false.")
    return column if wanted else ~column


def _number(token: Token, value: Value) -> float:
    number = parse_number(value.text)
    if number is None:
        raise UnfitValueError(
            value, f"'{value.text}' is no number, which '{token.name}' needs", _number_remedy(token, value)
        )
    return number


def _number_remedy(token: Token, value: Value) -> str:
    if token.column == "severity":
        return "Write 1 to 5; for words such as High use finding.sourceSeverity."
    if value.text[:1] in "<>=":
        return f"Write {token.name} {value.text} without the colon."
    return f"Write a number such as {token.name}:3, or a range such as {token.name}:[1 .. 3]."


def _span(token: Token, value: Value, now: datetime) -> Span:
    span = parse_span(value.text, now)
    if span is None:
        raise UnfitValueError(
            value,
            f"'{value.text}' is no date, which '{token.name}' needs",
            "Write a day such as 2026-01-31, a time such as 2026-01-31T08:00:00Z, or now-7d (s, m, h, d, w, M, y).",
        )
    return span


def _fold(join: Callable[[Any, Any], Any], conditions: Sequence[ir.BooleanValue]) -> ir.BooleanValue:
    if len(conditions) == 1:
        return conditions[0]
    half = len(conditions) // 2
    return join(_fold(join, conditions[:half]), _fold(join, conditions[half:]))
