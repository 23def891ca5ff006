"""What a map's row may do to its source values: one typed declaration a function, each a pure expression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import ibis
import ibis.expr.types as ir

from riskbridge.forms import lower, parse_at

CVE_PATTERN = r"^CVE-[0-9]{4}-[0-9]{4,}$"


class Function(Protocol):
    """Turns the values of a row's source fields into the target's value."""

    def apply(self, values: list[ir.Value]) -> ir.Value:
        """The target's value; `values` are in the order of the row's sources."""


@dataclass(frozen=True, slots=True)
class Direct:
    """The value as it is."""

    def apply(self, values: list[ir.Value]) -> ir.Value:
        """The only value."""
        return values[0]


@dataclass(frozen=True, slots=True)
class Trim:
    """Text without blanks at its ends; empty becomes null."""

    def apply(self, values: list[ir.Value]) -> ir.Value:
        """The only value, trimmed."""
        return _text(values[0])


@dataclass(frozen=True, slots=True)
class Lower:
    """Text in lower case."""

    def apply(self, values: list[ir.Value]) -> ir.Value:
        """The only value, trimmed and in lower case."""
        return lower(_text(values[0]))


@dataclass(frozen=True, slots=True)
class Concat:
    """The non-empty values joined by `separator`, then `suffix`; null when all are empty."""

    separator: str = " "
    suffix: str = ""

    def apply(self, values: list[ir.Value]) -> ir.Value:
        """The joined text."""
        joined: Any = ibis.literal("")
        for value in values:
            text = _text(value)
            joined = joined + ibis.ifelse(text.isnull(), "", text + self.separator)
        is_empty = ibis.and_(*(_text(v).isnull() for v in values))
        end = self.suffix or None
        whole = joined + end if end else joined.substr(0, joined.length() - len(self.separator))
        return ibis.ifelse(is_empty, ibis.null("string"), whole)


@dataclass(frozen=True, slots=True)
class FirstNonEmpty:
    """The first value that is neither null nor blank."""

    def apply(self, values: list[ir.Value]) -> ir.Value:
        """That value, trimmed."""
        return ibis.coalesce(*(_text(v) for v in values))


@dataclass(frozen=True, slots=True)
class Constant:
    """A fixed text, whatever the source says."""

    value: str

    def apply(self, values: list[ir.Value]) -> ir.Value:  # noqa: ARG002 - a constant has no source
        """The text."""
        return ibis.literal(self.value)


@dataclass(frozen=True, slots=True)
class ToText:
    """A whole number as text; `null_value` stands for none."""

    null_value: str | None = None

    def apply(self, values: list[ir.Value]) -> ir.Value:
        """The digits."""
        text = values[0].cast("string")
        return text if self.null_value is None else text.nullif(self.null_value)


@dataclass(frozen=True, slots=True)
class ParseAt:
    """An ISO 8601 time as UTC; null when it is none, or lies before 1970 (a source's stand-in for never)."""

    def apply(self, values: list[ir.Value]) -> ir.Value:
        """The time."""
        at = parse_at(values[0])
        return ibis.ifelse(at >= ibis.timestamp("1970-01-01 00:00:00", timezone="UTC"), at, ibis.null(at.type()))


@dataclass(frozen=True, slots=True)
class Within:
    """A number between `low` and `high`, both allowed; null outside."""

    low: float
    high: float

    def apply(self, values: list[ir.Value]) -> ir.Value:
        """The number."""
        return ibis.ifelse(values[0].between(self.low, self.high), values[0], ibis.null("float64"))


@dataclass(frozen=True, slots=True)
class CveId:
    """A CVE id in upper case; null when the text is none."""

    def apply(self, values: list[ir.Value]) -> ir.Value:
        """The id."""
        text = _text(values[0]).upper()
        return ibis.ifelse(text.re_search(CVE_PATTERN), text, ibis.null("string"))


@dataclass(frozen=True, slots=True)
class NotCveId:
    """An id that is no CVE id, such as `TVM-2020-0002`, in upper case; null when it is one."""

    def apply(self, values: list[ir.Value]) -> ir.Value:
        """The id."""
        text = _text(values[0]).upper()
        return ibis.ifelse(text.re_search(CVE_PATTERN), ibis.null("string"), text)


@dataclass(frozen=True, slots=True)
class Upper:
    """Text in upper case; for ids of ASCII letters."""

    def apply(self, values: list[ir.Value]) -> ir.Value:
        """The only value, trimmed and in upper case."""
        return _text(values[0]).upper()


@dataclass(frozen=True, slots=True)
class CleanList:
    """A list without nulls, blanks and repetitions, sorted; null becomes empty."""

    def apply(self, values: list[ir.Value]) -> ir.Value:
        """The list."""
        return _clean(values[0].map(lambda t: t.strip()))


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses that tell something of a host: no loopback, no link-local, no blank; sorted."""

    def apply(self, values: list[ir.Value]) -> ir.Value:
        """The list."""
        return _clean(values[0].map(lambda t: lower(t.strip()))).filter(_is_usable_address)


@dataclass(frozen=True, slots=True)
class FirstAddress:
    """The first value where it is an address, else the first usable one of the list that follows."""

    def apply(self, values: list[ir.Value]) -> ir.Value:
        """The address."""
        others = Addresses().apply([values[1]])
        first = ibis.ifelse(others.length() > 0, others[0], ibis.null("string"))
        return _text(values[0]).coalesce(first)


@dataclass(frozen=True, slots=True)
class HardwareAddresses:
    """Hardware addresses as 12 lower-case hexadecimal digits, without all-zero and broadcast ones; sorted."""

    def apply(self, values: list[ir.Value]) -> ir.Value:
        """The list."""
        bare = values[0].map(lambda t: t.lower().replace(":", "").replace("-", "").replace(".", "").strip())
        cleaned = _clean(bare)
        return cleaned.filter(lambda t: (t.length() == 12) & (t != "000000000000") & (t != "ffffffffffff"))


FUNCTIONS: dict[str, type[Any]] = {
    "direct": Direct,
    "trim": Trim,
    "lower": Lower,
    "upper": Upper,
    "concat": Concat,
    "first-non-empty": FirstNonEmpty,
    "constant": Constant,
    "to-text": ToText,
    "parse-date-time": ParseAt,
    "within": Within,
    "cve-id": CveId,
    "not-cve-id": NotCveId,
    "clean-list": CleanList,
    "addresses": Addresses,
    "first-address": FirstAddress,
    "hardware-addresses": HardwareAddresses,
}


def _text(value: ir.Value) -> ir.StringValue:
    return value.strip().nullif("")


def _clean(values: ir.ArrayValue) -> ir.ArrayValue:
    kept = values.filter(lambda t: t.notnull() & (t != "")).unique().sort()
    return kept.fill_null(ibis.literal([], "array<string>"))


def _is_usable_address(address: ir.StringValue) -> ir.BooleanValue:
    useless = ibis.or_(
        address.startswith("127."), address.startswith("169.254."), address.startswith("fe80:"), address == "::1"
    )
    return ~useless & (address != "0.0.0.0") & (address != "::")  # noqa: S104 - an address in data, nothing binds to it
