"""A query as data: what parsing gives and compiling reads. Nothing here knows tokens or tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Operator = Literal[">", ">=", "<", "<=", "="]
Style = Literal["bare", "phrase", "exact"]


@dataclass(frozen=True, slots=True)
class Name:
    """A token's name as written, and where: `offset` counts characters from 0. Places do not count when compared."""

    text: str
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Value:
    """A value as written: `bare` without quotes, `phrase` in double quotes, `exact` in backticks.

    `text` is without its quotes; `offset` and `length` cover it with them. A bare value may have several words. Places do
    not count when compared.
    """

    text: str
    style: Style
    offset: int = field(default=0, compare=False)
    length: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Everything:
    """The empty query: it holds for every row."""


@dataclass(frozen=True, slots=True)
class Match:
    """`token:value`, and with several values `token:[a, b]`: one of them matches."""

    name: Name
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`token > value` and its like."""

    name: Name
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Range:
    """`token:[low .. high]` with both ends included, `(low .. high)` with both excluded, or one of each.

    An end of None is open: `[5 .. ]` has no upper bound. One of the two is always there.
    """

    name: Name
    low: Value | None
    high: Value | None
    has_low: bool
    has_high: bool


@dataclass(frozen=True, slots=True)
class IsNull:
    """`token is null`: there is no value."""

    name: Name


@dataclass(frozen=True, slots=True)
class Group:
    """`parent:(…)`: the conditions hold on one and the same element below `parent`."""

    name: Name
    condition: Condition


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class And:
    """All conditions hold; two or more."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one condition holds; two or more."""

    conditions: tuple[Condition, ...]


Condition = Everything | Match | Comparison | Range | IsNull | Group | Not | And | Or


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query: its text, for messages that point into it, and its condition."""

    text: str
    condition: Condition
