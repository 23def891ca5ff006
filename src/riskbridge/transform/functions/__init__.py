"""What a map's row may do to its source values: one typed declaration a function, each a pure expression."""

from __future__ import annotations

from typing import Any

from riskbridge.transform.functions.function import Function
from riskbridge.transform.functions.hosts import Addresses, FirstAddress, FirstName, HardwareAddresses
from riskbridge.transform.functions.lists import CleanList, Collect, First, Split
from riskbridge.transform.functions.text import (
    Concat,
    CveId,
    Digits,
    Lower,
    OtherId,
    Part,
    RegexExtract,
    Template,
    Upper,
)
from riskbridge.transform.functions.values import (
    Coalesce,
    Constant,
    Default,
    Direct,
    FirstNonEmpty,
    MapValues,
    NullIf,
    ParseDate,
    Within,
)

__all__ = ["FUNCTIONS", "Direct", "Function", "MapValues", "Template"]

FUNCTIONS: dict[str, type[Any]] = {
    "direct": Direct,
    "constant": Constant,
    "default": Default,
    "first-non-empty": FirstNonEmpty,
    "coalesce": Coalesce,
    "map-values": MapValues,
    "null-if": NullIf,
    "within": Within,
    "parse-date": ParseDate,
    "lower": Lower,
    "upper": Upper,
    "concat": Concat,
    "template": Template,
    "regex-extract": RegexExtract,
    "part": Part,
    "digits": Digits,
    "cve-id": CveId,
    "other-id": OtherId,
    "split": Split,
    "clean-list": CleanList,
    "collect": Collect,
    "first": First,
    "addresses": Addresses,
    "first-address": FirstAddress,
    "first-name": FirstName,
    "hardware-addresses": HardwareAddresses,
}
"""By the name a map uses."""
