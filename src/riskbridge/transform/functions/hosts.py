"""Functions on the addresses of a host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import ibis

from riskbridge.forms import lower
from riskbridge.transform.convert import DataType
from riskbridge.transform.functions.lists import distinct, first_of

_LIST: frozenset[DataType] = frozenset({"list"})
_USELESS_ADDRESS = r"^$|^(::ffff:)?(127\.|169\.254\.|0\.0\.0\.0$)|^fe[89ab][0-9a-f]:|^::1?$"
_HARDWARE_ADDRESS = r"^[0-9a-f]{12}$"
_PLACEHOLDERS = ["000000000000", "ffffffffffff"]


@dataclass(frozen=True, slots=True)
class Addresses:
    """IP addresses that tell something of a host: no loopback, link-local or unspecified ones, lower case, sorted."""

    takes: ClassVar[frozenset[DataType]] = _LIST
    gives: ClassVar[DataType | None] = "list"
    sources: ClassVar[tuple[int, int | None]] = (1, 1)

    def apply(self, values: Sequence[Any]) -> Any:
        """The list; empty when there is none."""
        return distinct(_usable(values[0]))


@dataclass(frozen=True, slots=True)
class FirstAddress:
    """The first usable IP address of single values and lists, in their order; null when there is none."""

    takes: ClassVar[frozenset[DataType]] = frozenset({"string", "list"})
    gives: ClassVar[DataType | None] = "string"
    sources: ClassVar[tuple[int, int | None]] = (1, None)

    def apply(self, values: Sequence[Any]) -> Any:
        """The address."""
        return ibis.coalesce(*(first_of(_usable(v)) if v.type().is_array() else _usable_one(v) for v in values))


@dataclass(frozen=True, slots=True)
class HardwareAddresses:
    """MAC addresses as 12 lower-case hexadecimal digits, without all-zero and broadcast ones, sorted."""

    takes: ClassVar[frozenset[DataType]] = _LIST
    gives: ClassVar[DataType | None] = "list"
    sources: ClassVar[tuple[int, int | None]] = (1, 1)

    def apply(self, values: Sequence[Any]) -> Any:
        """The list; empty when there is none."""
        bare = values[0].map(lambda text: text.lower().re_replace(r"[\s:.-]", ""))
        return distinct(bare.filter(lambda mac: mac.re_search(_HARDWARE_ADDRESS) & ~mac.isin(_PLACEHOLDERS)))


def _usable(addresses: Any) -> Any:
    tidied = addresses.map(lambda text: lower(text.strip()))
    return tidied.filter(lambda address: address.notnull() & ~address.re_search(_USELESS_ADDRESS))


def _usable_one(address: Any) -> Any:
    return ibis.ifelse(lower(address).re_search(_USELESS_ADDRESS), ibis.null("string"), lower(address))
