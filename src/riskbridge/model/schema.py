"""Tables as data: the one place that names every column that travels between stages.

Types are spelled as Ibis spells them (`string`, `int64`, `float64`, `boolean`, `timestamp('UTC', 6)`, `array<string>`),
so that a table's schema can be made for any engine. Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

AT = "timestamp('UTC', 6)"
TEXTS = "array<string>"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, Ibis type, whether it may be null, what it means, an example, and its QQL token if any."""

    name: str
    type: str
    nullable: bool = True
    description: str = ""
    example: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A named, ordered set of columns; `key` names the columns that identify a row."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(c.name for c in self.columns)

    @property
    def types(self) -> dict[str, str]:
        """Column name to Ibis type, in order."""
        return {c.name: c.type for c in self.columns}

    def column(self, name: str) -> Column:
        """The column of that name; `KeyError` when there is none."""
        for c in self.columns:
            if c.name == name:
                return c
        raise KeyError(name)


VALIDITY = (
    Column("valid_from_run", "int64", nullable=False, description="Run number that wrote this version"),
    Column("valid_to_run", "int64", description="Run number that replaced it; null while it is current"),
)
"""Columns of a table whose rows have versions."""
