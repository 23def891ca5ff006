"""A query as data: what parsing gives and compiling reads. Nothing here knows tokens or tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Operator = Literal[">", ">=", "<", "<=", "="]
Style = Literal["bare", "phrase", "exact"]


@dataclass(frozen=True, slots=True)
class Name:
    """A token's name as written, and where: `offset` counts characters from 0."""

    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class Value:
    """A value as written: `bare` without quotes, `phrase` in double quotes, `exact` in backticks.

    `text` is without its quotes; `offset` and `length` cover it with them. A bare value may have several words.
    """

    text: str
    style: Style
    offset: int
    length: int


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
    """`token:[low .. high]`, both ends included, or `token:(low .. high)`, both excluded."""

    name: Name
    low: Value
    high: Value
    is_inclusive: bool


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
