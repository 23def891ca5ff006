"""Functions on the addresses of a host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import ibis

from riskbridge.forms import hardware_digits, lower
from riskbridge.transform.convert import DataType
from riskbridge.transform.functions.lists import distinct, first_of, joined

_TEXTS: frozenset[DataType] = frozenset({"string", "list"})
_SEPARATORS = r"[,;|\s]+"
_NAME_SEPARATORS = r"[,;|\n]+"
_ADDRESS = r"^[0-9]{1,3}(\.[0-9]{1,3}){3}$|^[0-9a-f:.]*:[0-9a-f:.]*(%.*)?$"
_USELESS_ADDRESS = r"^$|^(::ffff:)?(127\.|169\.254\.|0\.0\.0\.0$)|^fe[89ab][0-9a-f]:|^::1?$"
_HARDWARE_ADDRESS = r"^[0-9a-f]{12}$"
_PLACEHOLDERS = ["000000000000", "ffffffffffff"]


@dataclass(frozen=True, slots=True)
class Addresses:
    """IP addresses that tell something of a host: no loopback, link-local or unspecified ones, lower case, sorted."""

    takes: ClassVar[frozenset[DataType]] = _TEXTS
    gives: ClassVar[DataType | None] = "list"
    sources: ClassVar[tuple[int, int | None]] = (1, None)

    def apply(self, values: Sequence[Any]) -> Any:
        """The list; empty when there is none."""
        return distinct(_usable(_together(values)))


@dataclass(frozen=True, slots=True)
class FirstAddress:
    """The first usable IP address of single values and lists, in their order; null when there is none."""

    takes: ClassVar[frozenset[DataType]] = _TEXTS
    gives: ClassVar[DataType | None] = "string"
    sources: ClassVar[tuple[int, int | None]] = (1, None)

    def apply(self, values: Sequence[Any]) -> Any:
        """The address."""
        return ibis.coalesce(*(first_of(_usable(_parts(v))) for v in values))


@dataclass(frozen=True, slots=True)
class FirstName:
    """The first of several texts, and of each the first of its parts, that is a name rather than an address."""

    takes: ClassVar[frozenset[DataType]] = _TEXTS
    gives: ClassVar[DataType | None] = "string"
    sources: ClassVar[tuple[int, int | None]] = (1, None)

    def apply(self, values: Sequence[Any]) -> Any:
        """The name, as it is spelled."""
        parts = [_parts(value, _NAME_SEPARATORS).map(lambda text: text.strip()) for value in values]
        return ibis.coalesce(*(first_of(p.filter(lambda t: (t != "") & ~lower(t).re_search(_ADDRESS))) for p in parts))


@dataclass(frozen=True, slots=True)
class HardwareAddresses:
    """MAC addresses as 12 lower-case hexadecimal digits, without all-zero and broadcast ones, sorted."""

    takes: ClassVar[frozenset[DataType]] = _TEXTS
    gives: ClassVar[DataType | None] = "list"
    sources: ClassVar[tuple[int, int | None]] = (1, None)

    def apply(self, values: Sequence[Any]) -> Any:
        """The list; empty when there is none."""
        bare = _together(values).map(hardware_digits)
        return distinct(bare.filter(lambda mac: mac.re_search(_HARDWARE_ADDRESS) & ~mac.isin(_PLACEHOLDERS)))


def _parts(value: Any, separators: str = _SEPARATORS) -> Any:
    """A list as it is, a text as the list of its parts between separators."""
    return value if value.type().is_array() else value.re_split(separators)


def _together(values: Sequence[Any]) -> Any:
    return joined([_parts(value) for value in values])


def _usable(addresses: Any) -> Any:
    tidied = addresses.map(lambda text: lower(text.strip()))
    return tidied.filter(_is_usable)


def _is_usable(address: Any) -> Any:
    return address.notnull() & address.re_search(_ADDRESS) & ~address.re_search(_USELESS_ADDRESS)
