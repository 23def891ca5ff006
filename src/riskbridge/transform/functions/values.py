"""Functions on single values of any type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import ibis

from riskbridge.forms import lower
from riskbridge.transform.convert import DataType, to_date
from riskbridge.transform.functions.function import ANY

_TEXT: frozenset[DataType] = frozenset({"string"})


@dataclass(frozen=True, slots=True)
class Direct:
    """The value as it is."""

    takes: ClassVar[frozenset[DataType]] = ANY
    gives: ClassVar[DataType | None] = None
    sources: ClassVar[tuple[int, int | None]] = (1, 1)

    def apply(self, values: Sequence[Any]) -> Any:
        """The only value."""
        return values[0]


@dataclass(frozen=True, slots=True)
class Constant:
    """A fixed text, whatever the source says."""

    value: str

    takes: ClassVar[frozenset[DataType]] = ANY
    gives: ClassVar[DataType | None] = "string"
    sources: ClassVar[tuple[int, int | None]] = (0, 0)

    def apply(self, values: Sequence[Any]) -> Any:  # noqa: ARG002 - a constant has no source
        """The text."""
        return ibis.literal(self.value)


@dataclass(frozen=True, slots=True)
class Default:
    """The value as text, and `value` where there is none."""

    value: str

    takes: ClassVar[frozenset[DataType]] = _TEXT
    gives: ClassVar[DataType | None] = "string"
    sources: ClassVar[tuple[int, int | None]] = (1, 1)

    def apply(self, values: Sequence[Any]) -> Any:
        """The text."""
        return values[0].fill_null(self.value)


@dataclass(frozen=True, slots=True)
class FirstNonEmpty:
    """The first value, as text, that is neither null nor blank."""

    takes: ClassVar[frozenset[DataType]] = _TEXT
    gives: ClassVar[DataType | None] = "string"
    sources: ClassVar[tuple[int, int | None]] = (1, None)

    def apply(self, values: Sequence[Any]) -> Any:
        """That text."""
        return ibis.coalesce(*values)


@dataclass(frozen=True, slots=True)
class Coalesce:
    """The first value that is not null; all are of one type."""

    takes: ClassVar[frozenset[DataType]] = ANY
    gives: ClassVar[DataType | None] = None
    sources: ClassVar[tuple[int, int | None]] = (1, None)

    def apply(self, values: Sequence[Any]) -> Any:
        """That value."""
        return ibis.coalesce(*values)


@dataclass(frozen=True, slots=True)
class MapValues:
    """A text by a table of old and new, whatever its letter case; `otherwise` (None: the old text) for all others."""

    values: dict[str, str]
    otherwise: str | None = None

    takes: ClassVar[frozenset[DataType]] = _TEXT
    gives: ClassVar[DataType | None] = "string"
    sources: ClassVar[tuple[int, int | None]] = (1, 1)

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("the table of values may not be empty")

    def apply(self, values: Sequence[Any]) -> Any:
        """The new text."""
        text = values[0]
        word = lower(text)
        branches = [(word == old.replace("İ", "i").lower(), new) for old, new in self.values.items()]
        rest = text if self.otherwise is None else ibis.ifelse(text.isnull(), ibis.null("string"), self.otherwise)
        return ibis.cases(*branches, else_=rest)


@dataclass(frozen=True, slots=True)
class NullIf:
    """A text, null where it is one of the stand-ins for none, whatever its letter case."""

    values: tuple[str, ...]

    takes: ClassVar[frozenset[DataType]] = _TEXT
    gives: ClassVar[DataType | None] = "string"
    sources: ClassVar[tuple[int, int | None]] = (1, 1)

    def apply(self, values: Sequence[Any]) -> Any:
        """The text."""
        is_none = lower(values[0]).isin([v.lower() for v in self.values])
        return ibis.ifelse(is_none, ibis.null("string"), values[0])


@dataclass(frozen=True, slots=True)
class Within:
    """A number between `low` and `high`, both allowed; null outside and for not-a-number."""

    low: float
    high: float

    takes: ClassVar[frozenset[DataType]] = frozenset({"decimal"})
    gives: ClassVar[DataType | None] = "decimal"
    sources: ClassVar[tuple[int, int | None]] = (1, 1)

    def apply(self, values: Sequence[Any]) -> Any:
        """The number."""
        return ibis.ifelse(values[0].between(self.low, self.high), values[0], ibis.null("float64"))


@dataclass(frozen=True, slots=True)
class ParseDate:
    """A text as a UTC time; null when it is none, or a stand-in for never.

    `iso` reads `2026-01-31T08:00:00.123Z`, with a blank for the T, without a zone (as UTC), and the day alone.
    `day-first` reads `31/01/2026` and `31.01.2026 08:00:00`, `month-first` `01/31/2026`; a time of day may follow.
    """

    format: Literal["iso", "day-first", "month-first"] = "iso"

    takes: ClassVar[frozenset[DataType]] = _TEXT
    gives: ClassVar[DataType | None] = "date-time"
    sources: ClassVar[tuple[int, int | None]] = (1, 1)

    def apply(self, values: Sequence[Any]) -> Any:
        """The time."""
        text = values[0]
        if self.format == "iso":
            return to_date(text)
        shape = r"^([0-9]{1,2})[./-]([0-9]{1,2})[./-]([0-9]{4})(?:[T ]+([0-9]{2}:[0-9]{2})(:[0-9]{2})?)?$"
        day, month = (1, 2) if self.format == "day-first" else (2, 1)
        date = text.re_extract(shape, 3) + "-" + _two(text.re_extract(shape, month)) + "-"
        date += _two(text.re_extract(shape, day))
        minute, second = text.re_extract(shape, 4), text.re_extract(shape, 5)
        moment = ibis.ifelse(minute == "", "00:00", minute) + ibis.ifelse(second == "", ":00", second)
        return to_date(ibis.ifelse(text.re_search(shape), date + " " + moment, ibis.null("string")))


def _two(digits: Any) -> Any:
    return ibis.ifelse(digits.length() == 1, ibis.literal("0") + digits, digits)
