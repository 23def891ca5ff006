"""Functions on texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import ibis

from riskbridge.forms import lower
from riskbridge.transform.convert import DataType, tidy
from riskbridge.transform.patterns import check_pattern

CVE_PATTERN = r"^CVE-[0-9]{4}-[0-9]{4,}$"
PLACE = re.compile(r"\{([^{}]*)\}")

_TEXT: frozenset[DataType] = frozenset({"string"})


@dataclass(frozen=True, slots=True)
class Lower:
    """Text in lower case."""

    takes: ClassVar[frozenset[DataType]] = _TEXT
    gives: ClassVar[DataType | None] = "string"
    sources: ClassVar[tuple[int, int | None]] = (1, 1)

    def apply(self, values: Sequence[Any]) -> Any:
        """The text in lower case."""
        return lower(values[0])


@dataclass(frozen=True, slots=True)
class Upper:
    """Text in upper case; meant for ids of ASCII letters, as engines differ on others."""

    takes: ClassVar[frozenset[DataType]] = _TEXT
    gives: ClassVar[DataType | None] = "string"
    sources: ClassVar[tuple[int, int | None]] = (1, 1)

    def apply(self, values: Sequence[Any]) -> Any:
        """The text in upper case."""
        return values[0].upper()


@dataclass(frozen=True, slots=True)
class Concat:
    """The values that are not empty, joined by `separator`, with `suffix` as the last; null when all are empty."""

    separator: str = " "
    suffix: str = ""

    takes: ClassVar[frozenset[DataType]] = _TEXT
    gives: ClassVar[DataType | None] = "string"
    sources: ClassVar[tuple[int, int | None]] = (1, None)

    def apply(self, values: Sequence[Any]) -> Any:
        """The joined text."""
        parts = [*values, ibis.literal(self.suffix)] if self.suffix else [*values]
        complete: Any = parts[0]
        for part in parts[1:]:
            complete = complete + self.separator + part
        partial: Any = ibis.literal("")
        for part in parts:
            partial = partial + (ibis.literal(self.separator) + part).fill_null("")
        # Nearly all rows have every value, and plain concatenation is what engines do fastest.
        return ibis.cases(
            (ibis.and_(*(v.notnull() for v in values)), complete),
            (ibis.or_(*(v.notnull() for v in values)), partial.substr(len(self.separator))),
        )


@dataclass(frozen=True, slots=True)
class Template:
    """A text with the row's source fields in braces: `{productVendor}: {cveId}`; empty values leave nothing."""

    text: str

    takes: ClassVar[frozenset[DataType]] = _TEXT
    gives: ClassVar[DataType | None] = "string"
    sources: ClassVar[tuple[int, int | None]] = (1, None)

    def apply(self, values: Sequence[Any]) -> Any:
        """The text with the values in their places; places are numbered by the row, see `number_places`."""
        filled: Any = ibis.literal("")
        for index, part in enumerate(PLACE.split(self.text)):
            filled += values[int(part)].fill_null("") if index % 2 else part
        return tidy(filled)

    def places(self) -> list[str]:
        """The source fields that the text names."""
        return PLACE.findall(self.text)

    def number_places(self, paths: Sequence[str]) -> Template:
        """The same template with each field replaced by its place among the row's fields."""
        return Template(PLACE.sub(lambda found: f"{{{paths.index(found.group(1))}}}", self.text))


@dataclass(frozen=True, slots=True)
class RegexExtract:
    """What a group of a regular expression finds in the text; null where it finds nothing.

    The expression keeps to what RE2 and Java read alike (no look-around, back-reference, possessive quantifier or named
    group), and repeats nothing that repeats.
    """

    pattern: str
    group: int = 0

    takes: ClassVar[frozenset[DataType]] = _TEXT
    gives: ClassVar[DataType | None] = "string"
    sources: ClassVar[tuple[int, int | None]] = (1, 1)

    def __post_init__(self) -> None:
        check_pattern(self.pattern, self.group)

    def apply(self, values: Sequence[Any]) -> Any:
        """The part that was found."""
        found = values[0].re_extract(self.pattern, self.group)
        return tidy(ibis.ifelse(values[0].re_search(self.pattern), found, ibis.null("string")))


@dataclass(frozen=True, slots=True)
class Part:
    """One of the parts of a text between separators, counted from 0; null past the last."""

    separator: str
    index: int = 0

    takes: ClassVar[frozenset[DataType]] = _TEXT
    gives: ClassVar[DataType | None] = "string"
    sources: ClassVar[tuple[int, int | None]] = (1, 1)

    def __post_init__(self) -> None:
        if not self.separator or self.index < 0:
            raise ValueError("the separator may not be empty, and parts are counted from 0")

    def apply(self, values: Sequence[Any]) -> Any:
        """That part, trimmed."""
        parts = values[0].re_split(escape(self.separator))
        return tidy(ibis.ifelse(parts.length() > self.index, parts[self.index], ibis.null("string")))


@dataclass(frozen=True, slots=True)
class Digits:
    """The digits of an id such as `KB5055523` or `5055523`; null where no run of digits ends the text."""

    takes: ClassVar[frozenset[DataType]] = _TEXT
    gives: ClassVar[DataType | None] = "string"
    sources: ClassVar[tuple[int, int | None]] = (1, 1)

    def apply(self, values: Sequence[Any]) -> Any:
        """The digits."""
        return values[0].re_extract(r"^(?:[kK][bB])?([0-9]+)$", 1).nullif("")


@dataclass(frozen=True, slots=True)
class CveId:
    """A CVE id in upper case; null when the text is none."""

    takes: ClassVar[frozenset[DataType]] = _TEXT
    gives: ClassVar[DataType | None] = "string"
    sources: ClassVar[tuple[int, int | None]] = (1, 1)

    def apply(self, values: Sequence[Any]) -> Any:
        """The id."""
        text = values[0].upper()
        return ibis.ifelse(text.re_search(CVE_PATTERN), text, ibis.null("string"))


@dataclass(frozen=True, slots=True)
class OtherId:
    """An id that is no CVE id, such as `TVM-2020-0002`, in upper case; null when it is one."""

    takes: ClassVar[frozenset[DataType]] = _TEXT
    gives: ClassVar[DataType | None] = "string"
    sources: ClassVar[tuple[int, int | None]] = (1, 1)

    def apply(self, values: Sequence[Any]) -> Any:
        """The id."""
        text = values[0].upper()
        return ibis.ifelse(text.re_search(CVE_PATTERN), ibis.null("string"), text)


def escape(text: str) -> str:
    """A regular expression for exactly this text, on every engine."""
    return re.sub(r"[\\.+*?()|\[\]{}^$\-&~#/]", lambda found: "\\" + found.group(), text)
