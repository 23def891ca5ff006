"""A condition of a query, read by the kind of its token: what it asks as data, or why it cannot be asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from riskbridge.search.checks import (
    Check,
    Membership,
    Moment,
    Number,
    Phrase,
    Presence,
    Sameness,
    Several,
    Truth,
    Wildcard,
)
from riskbridge.search.query import Comparison, IsNull, Match, Operator, Range, Value
from riskbridge.search.tokens import Token
from riskbridge.search.values import Span, parse_boolean, parse_number, parse_span
from riskbridge.search.words import split_words

Leaf = Match | Comparison | Range | IsNull


class UnfitValueError(Exception):
    """A value that its token cannot take; the message says why, `remedy` what to write."""

    def __init__(self, value: Value, cause: str, remedy: str) -> None:
        super().__init__(cause)
        self.value = value
        self.remedy = remedy


def read_leaf(leaf: Leaf, token: Token, now: datetime) -> Check:
    """What a condition asks.

    A day as a value is the whole day: `> 2026-01-31` begins on the first of February, `<= 2026-01-31` ends with it.

    Raises:
        UnfitValueError: A value is none of the token's kind, or the kind has no order.
    """
    match leaf:
        case IsNull():
            return Presence(is_there=False)
        case Match(_, values):
            return _one_of(token, values, now)
        case Comparison(_, operator, value):
            return _compared(token, operator, value, now)
        case Range():
            return _within(token, leaf, now)


def _one_of(token: Token, values: Sequence[Value], now: datetime) -> Check:
    if len(values) > 1 and token.kind == "number":
        numbers = [_number(token, v) for v in values]
        type_ = "int64" if all(isinstance(n, int) for n in numbers) else "float64"
        return Membership(tuple(map(str, numbers)), type_)
    if len(values) > 1 and token.is_upper and not any("*" in v.text for v in values):
        return Membership(tuple(v.text.upper() for v in values), "string")
    checks = tuple(_matched(token, v, now) for v in values)
    return checks[0] if len(checks) == 1 else Several(checks, is_any=True)


def _within(token: Token, wanted: Range, now: datetime) -> Check:
    ends: list[Check] = []
    if wanted.low is not None:
        ends.append(_compared(token, ">=" if wanted.has_low else ">", wanted.low, now))
    if wanted.high is not None:
        ends.append(_compared(token, "<=" if wanted.has_high else "<", wanted.high, now))
    return ends[0] if len(ends) == 1 else Several(tuple(ends), is_any=False)


def _matched(token: Token, value: Value, now: datetime) -> Check:
    if value.style == "bare" and value.text and not value.text.strip("*"):
        return Presence(is_there=True)
    if token.kind == "text":
        return _text(value)
    if token.kind == "keyword":
        return _keyword(token, value)
    return _compared(token, "=", value, now)


def _compared(token: Token, operator: Operator, value: Value, now: datetime) -> Check:
    if token.kind == "number":
        return Number(operator, _number(token, value))
    if token.kind == "age":
        return Number(operator, _number(token, value), now)
    if token.kind == "date":
        return _on(operator, _span(token, value, now))
    if operator != "=":
        raise UnfitValueError(
            value,
            f"'{token.name}' has no order, so it cannot be compared with {operator}",
            f"Write {token.name}:value.",
        )
    if token.kind == "boolean":
        return _truth(token, value)
    return _matched(token, Value(value.text, "exact", value.offset, value.length), now)


def _text(value: Value) -> Check:
    if value.style == "exact":
        return Sameness(value.text, folds=False)
    if value.style == "phrase":
        return _phrase(value.text)
    checks = tuple(_wildcard(w) if "*" in w else _phrase(w) for w in value.text.split(" "))
    return checks[0] if len(checks) == 1 else Several(checks, is_any=True)


def _phrase(text: str) -> Check:
    words = split_words(text)
    return Phrase(tuple(words)) if words else Presence(is_there=True)


def _wildcard(text: str) -> Check:
    return Wildcard(tuple(text.split("*"))) if text.strip("*") else Presence(is_there=True)


def _keyword(token: Token, value: Value) -> Check:
    if value.style == "bare" and "*" in value.text:
        return _wildcard(value.text)
    # Comparing the stored column as it is lets an engine skip whole blocks; only possible where its case is known.
    return Sameness(value.text.upper(), folds=False) if token.is_upper else Sameness(value.text, folds=True)


def _on(operator: Operator, span: Span) -> Check:
    if operator == "=":
        day = span.day
        assert day.end is not None  # a day has one
        return Several((Moment(">=", day.start), Moment("<", day.end)), is_any=False)
    if operator == ">" and span.end:
        return Moment(">=", span.end)
    if operator == "<=" and span.end:
        return Moment("<", span.end)
    return Moment(operator, span.start)


def _truth(token: Token, value: Value) -> Check:
    wanted = parse_boolean(value.text)
    if wanted is None:
        raise UnfitValueError(value, f"'{value.text}' is neither true nor false", f"Write {token.name}:true or :false.")
    return Truth(wanted)


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
