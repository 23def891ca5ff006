"""Functions on lists of texts; a list that is null counts as empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import ibis

from riskbridge.model.schema import TEXTS
from riskbridge.transform.convert import DataType
from riskbridge.transform.functions.text import escape

_LIST: frozenset[DataType] = frozenset({"list"})


@dataclass(frozen=True, slots=True)
class CleanList:
    """The texts of all lists, trimmed, without blanks and repetitions, sorted."""

    takes: ClassVar[frozenset[DataType]] = _LIST
    gives: ClassVar[DataType | None] = "list"
    sources: ClassVar[tuple[int, int | None]] = (1, None)

    def apply(self, values: Sequence[Any]) -> Any:
        """The list."""
        return clean(joined(values))


@dataclass(frozen=True, slots=True)
class Collect:
    """Single texts and lists as one list, cleaned."""

    takes: ClassVar[frozenset[DataType]] = frozenset({"string", "list"})
    gives: ClassVar[DataType | None] = "list"
    sources: ClassVar[tuple[int, int | None]] = (1, None)

    def apply(self, values: Sequence[Any]) -> Any:
        """The list."""
        return clean(joined([v if v.type().is_array() else ibis.array([v]) for v in values]))


@dataclass(frozen=True, slots=True)
class Split:
    """The parts of a text between separators, cleaned as a list."""

    separator: str = ","

    takes: ClassVar[frozenset[DataType]] = frozenset({"string"})
    gives: ClassVar[DataType | None] = "list"
    sources: ClassVar[tuple[int, int | None]] = (1, 1)

    def __post_init__(self) -> None:
        if not self.separator:
            raise ValueError("the separator may not be empty")

    def apply(self, values: Sequence[Any]) -> Any:
        """The list."""
        return clean(values[0].re_split(escape(self.separator)))


@dataclass(frozen=True, slots=True)
class First:
    """The first text of a list that is not blank; null when there is none."""

    takes: ClassVar[frozenset[DataType]] = _LIST
    gives: ClassVar[DataType | None] = "string"
    sources: ClassVar[tuple[int, int | None]] = (1, 1)

    def apply(self, values: Sequence[Any]) -> Any:
        """That text, trimmed."""
        return first_of(_usable(values[0]))


def clean(texts: Any) -> Any:
    """A list's texts, trimmed, without nulls, blanks and repetitions, sorted; empty for null."""
    return distinct(_usable(texts))


def distinct(texts: Any) -> Any:
    """A list without repetitions, sorted; empty for null."""
    return texts.fill_null(ibis.literal([], TEXTS)).unique().sort()


def first_of(texts: Any) -> Any:
    """The first element; null when the list is null or empty."""
    return texts[0]


def _usable(texts: Any) -> Any:
    return texts.map(lambda text: text.strip()).filter(lambda text: text.notnull() & (text != ""))


def joined(lists: Sequence[Any]) -> Any:
    """Several lists as one, in their order; a single one as it is."""
    whole = lists[0]
    if len(lists) > 1:
        whole = whole.fill_null(ibis.literal([], TEXTS))
        for other in lists[1:]:
            whole = whole.concat(other.fill_null(ibis.literal([], TEXTS)))
    return whole
