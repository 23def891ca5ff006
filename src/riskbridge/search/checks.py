"""What one condition asks of one column, as data: its shape, and apart from it the constants that a person typed.

Conditions of one shape give one expression that differs in its constants alone, so that a statement made for one of them
serves all. Constants are texts; the expression casts them to what the column is.
"""

from __future__ import annotations

import operator as operators
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import ibis
import ibis.expr.types as ir

from riskbridge.search.query import Operator
from riskbridge.search.words import escape_phrase, fold, match_parts, match_phrase

AT = "timestamp('UTC', 6)"
_MICROSECONDS_A_DAY = 86_400_000_000
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    ">": operators.gt,
    ">=": operators.ge,
    "<": operators.lt,
    "<=": operators.le,
    "=": operators.eq,
}

Bind: TypeAlias = Callable[[int], Any]
"""Gives a constant by its number, as a text expression."""


@dataclass(frozen=True, slots=True)
class Presence:
    """There is a value, or none."""

    is_there: bool

    @property
    def constants(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def shape(self) -> Hashable:
        """What is asked."""
        return ("presence", self.is_there)

    def expression(self, column: Any, bind: Bind) -> ir.BooleanValue:  # noqa: ARG002 - all checks are asked alike
        """The condition on a column."""
        found: ir.BooleanValue = column.notnull() if self.is_there else column.isnull()
        return found


@dataclass(frozen=True, slots=True)
class Sameness:
    """The whole text is equal; `folds` leaves letter case out of account."""

    text: str
    folds: bool

    @property
    def constants(self) -> tuple[str, ...]:
        """The text, as it is compared."""
        return (fold(self.text) if self.folds else self.text,)

    @property
    def shape(self) -> Hashable:
        """How it is compared."""
        return ("same", self.folds)

    def expression(self, column: Any, bind: Bind) -> ir.BooleanValue:
        """The condition on a column."""
        same: ir.BooleanValue = (fold(column) if self.folds else column) == bind(0)
        return same


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words stand side by side and in order, each at the beginning of a word of the text; one word at least."""

    words: tuple[str, ...]

    @property
    def constants(self) -> tuple[str, ...]:
        """The first word, the phrase with single blanks, the same after a blank, and the pattern of the rest."""
        joined = " ".join(self.words)
        return (self.words[0], joined, f" {joined}", escape_phrase(list(self.words)))

    @property
    def shape(self) -> Hashable:
        """All phrases are of one shape."""
        return "phrase"

    def expression(self, column: Any, bind: Bind) -> ir.BooleanValue:
        """The condition on a column."""
        return match_phrase(column, bind(0), bind(1), bind(2), bind(3))


@dataclass(frozen=True, slots=True)
class Wildcard:
    """The whole text is these parts with anything between them; letter case does not count."""

    parts: tuple[str, ...]

    @property
    def constants(self) -> tuple[str, ...]:
        """The parts."""
        return tuple(fold(part) for part in self.parts)

    @property
    def shape(self) -> Hashable:
        """Which parts there are; where they make a pattern, the parts themselves."""
        first, *middle, last = map(bool, self.parts)
        is_pattern = sum(middle) > 1 or (any(middle) and (first or last))
        return ("wildcard", first, *middle, last, self.parts if is_pattern else ())

    def expression(self, column: Any, bind: Bind) -> ir.BooleanValue:
        """The condition on a column."""
        return match_parts(column, [fold(p) for p in self.parts], bind)


@dataclass(frozen=True, slots=True)
class Number:
    """A comparison with a number; `aged_at` compares the whole days since the column's time, at that moment."""

    operator: Operator
    number: float
    aged_at: datetime | None = None

    @property
    def constants(self) -> tuple[str, ...]:
        """The number, and the moment."""
        return (str(self.number), *(() if self.aged_at is None else (self.aged_at.isoformat(),)))

    @property
    def shape(self) -> Hashable:
        """Operator and type."""
        return ("number", self.operator, isinstance(self.number, int), self.aged_at is not None)

    def expression(self, column: Any, bind: Bind) -> ir.BooleanValue:
        """The condition on a column."""
        if self.aged_at is not None:
            column = (bind(1).cast(AT).delta(column, unit="microsecond") / _MICROSECONDS_A_DAY).floor()
        number = bind(0).cast("int64" if isinstance(self.number, int) else "float64")
        compared: ir.BooleanValue = _COMPARE[self.operator](column, number)
        return compared


@dataclass(frozen=True, slots=True)
class Moment:
    """A comparison with a moment, UTC."""

    operator: Operator
    at: datetime

    @property
    def constants(self) -> tuple[str, ...]:
        """The moment."""
        return (self.at.isoformat(),)

    @property
    def shape(self) -> Hashable:
        """Its operator."""
        return ("moment", self.operator)

    def expression(self, column: Any, bind: Bind) -> ir.BooleanValue:
        """The condition on a column."""
        moment = column.cast(AT) if column.type().is_date() else column
        compared: ir.BooleanValue = _COMPARE[self.operator](moment, bind(0).cast(AT))
        return compared


@dataclass(frozen=True, slots=True)
class Truth:
    """The column is true, or false."""

    is_true: bool

    @property
    def constants(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def shape(self) -> Hashable:
        """Which of both."""
        return ("truth", self.is_true)

    def expression(self, column: Any, bind: Bind) -> ir.BooleanValue:  # noqa: ARG002 - all checks are asked alike
        """The condition on a column."""
        found: ir.BooleanValue = column if self.is_true else ~column
        return found


@dataclass(frozen=True, slots=True)
class Membership:
    """The column is one of some values: whole numbers, other numbers, or texts as they stand."""

    values: tuple[str, ...]
    type: str

    @property
    def constants(self) -> tuple[str, ...]:
        """The values."""
        return self.values

    @property
    def shape(self) -> Hashable:
        """Their number and type."""
        return ("member", len(self.values), self.type)

    def expression(self, column: Any, bind: Bind) -> ir.BooleanValue:
        """The condition on a column."""
        values = [bind(n) for n in range(len(self.values))]
        found: ir.BooleanValue = column.isin(values if self.type == "string" else [v.cast(self.type) for v in values])
        return found


@dataclass(frozen=True, slots=True)
class Several:
    """All of some checks hold, or one of them."""

    checks: tuple[Check, ...]
    is_any: bool

    @property
    def constants(self) -> tuple[str, ...]:
        """Those of all checks, in order."""
        return tuple(c for check in self.checks for c in check.constants)

    @property
    def shape(self) -> Hashable:
        """Theirs."""
        return (self.is_any, *(check.shape for check in self.checks))

    def expression(self, column: Any, bind: Bind) -> ir.BooleanValue:
        """The condition on a column."""
        found, first = [], 0
        for check in self.checks:
            found.append(check.expression(column, _after(bind, first)))
            first += len(check.constants)
        return any_of(found) if self.is_any else all_of(found)


Check: TypeAlias = Presence | Sameness | Phrase | Wildcard | Number | Moment | Truth | Membership | Several
_NOTHING = ibis.literal(value=False)


def all_of(conditions: list[ir.BooleanValue]) -> ir.BooleanValue:
    """The conditions joined by and, as a balanced tree: thousands of them stay shallow."""
    return _fold(operators.and_, conditions)


def any_of(conditions: list[ir.BooleanValue]) -> ir.BooleanValue:
    """The conditions joined by or, as a balanced tree; none holds for nothing."""
    return _fold(operators.or_, conditions) if conditions else _NOTHING


def _after(bind: Bind, first: int) -> Bind:
    return lambda number: bind(first + number)


def _fold(join: Callable[[Any, Any], Any], conditions: list[ir.BooleanValue]) -> ir.BooleanValue:
    if len(conditions) == 1:
        return conditions[0]
    half = len(conditions) // 2
    return join(_fold(join, conditions[:half]), _fold(join, conditions[half:]))
