"""Identification rules: which attributes, when equal, make two source records one asset, and in which order.

That a record is itself needs no rule: a connector and an external id are one source record from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from riskbridge.errors import InputError

IDENTIFYING = ("cloud_instance_id", "entra_device_id", "hardware_uuid", "serial_number")
"""Attributes of which a host has one, strongest first; two values of one of them are two hosts."""

MULTI_VALUED = ("merge_id", "mac_address", "ip_address")
"""Attributes of which a record may have several values; one in common is enough."""

SUCCESSOR = "successor"
"""Stands for evidence over time: see `riskbridge.identity.successors`."""

ATTRIBUTES = (*MULTI_VALUED, *IDENTIFYING, "fqdn", "host_name", "netbios_name", "domain", SUCCESSOR)

CHOOSABLE = tuple(a for a in ATTRIBUTES if a not in ("merge_id", SUCCESSOR))
"""Attributes that a person may make rules of; the other two are evidence of a kind of its own."""

LONGEST_NAME = 60
MOST_RULES = 99
_ENOUGH_ALONE = frozenset(("merge_id", SUCCESSOR, "fqdn", *IDENTIFYING))
_NAMES = frozenset(("host_name", "netbios_name"))
_ADDRESSES = frozenset(("mac_address", "ip_address"))


@dataclass(frozen=True, slots=True)
class Rule:
    """Records that agree on all of the attributes are one asset, unless something stronger speaks against it.

    Attributes:
        name: Stable name, as it stands in an asset's evidence.
        attributes: Names out of `ATTRIBUTES`; a record that lacks one of them takes no part.
        is_on: Whether the rule counts.

    Raises:
        InputError: `identity.rule`: an attribute is unknown or comes twice, there is none, or the name cannot be shown.
    """

    name: str
    attributes: tuple[str, ...]
    is_on: bool = True

    def __post_init__(self) -> None:
        what = self._fault()
        if what:
            raise InputError(
                f"The identification rule {self.name!r} cannot be used: {what}.",
                code="identity.rule",
                remedy=f"Name it, and choose attributes out of {', '.join(CHOOSABLE)}.",
            )

    def _fault(self) -> str:
        unknown = [a for a in self.attributes if a not in ATTRIBUTES]
        if not self.name.strip() or len(self.name) > LONGEST_NAME or ":" in self.name or not self.name.isprintable():
            return f"it needs a name of 1 to {LONGEST_NAME} signs without a colon"
        if not self.attributes:
            return "it needs at least one attribute"
        if unknown:
            return f"there is no attribute {unknown[0]!r}"
        if len(set(self.attributes)) < len(self.attributes):
            return "an attribute comes twice"
        if SUCCESSOR in self.attributes and len(self.attributes) > 1:
            return f"{SUCCESSOR} stands alone"
        return ""

    @property
    def is_weak(self) -> bool:
        """Whether different hosts may well agree on it: a name without a domain, an address, or a MAC alone."""
        used = set(self.attributes)
        return not used & _ENOUGH_ALONE and not ("mac_address" in used and used & _NAMES)

    @property
    def is_by_short_name(self) -> bool:
        """Whether it rests on a name that hosts of other domains may have too."""
        return self.is_weak and bool(_NAMES & set(self.attributes))

    @property
    def is_by_address(self) -> bool:
        """Whether it rests on addresses alone, which docks and leases carry from host to host."""
        return set(self.attributes) <= _ADDRESSES

    @property
    def is_bounded(self) -> bool:
        """Whether many records that agree on it speak for a bad value; a device may be set up anew any number of times."""
        return SUCCESSOR not in self.attributes

    @property
    def stronger(self) -> tuple[str, ...]:
        """Identifying attributes that overrule this rule where they differ, strongest first."""
        if "merge_id" in self.attributes:
            return ()
        if SUCCESSOR in self.attributes:
            # A device that is set up anew registers anew.
            return tuple(a for a in IDENTIFYING if a != "entra_device_id")
        own = [IDENTIFYING.index(a) for a in self.attributes if a in IDENTIFYING]
        return IDENTIFYING[: min(own)] if own else IDENTIFYING


BUILT_IN_RULES = (
    Rule("merged-in-source", ("merge_id",)),
    Rule("re-imaged", (SUCCESSOR,)),
    Rule("cloud-instance-id", ("cloud_instance_id",)),
    Rule("entra-device-id", ("entra_device_id",)),
    Rule("hardware-uuid", ("hardware_uuid",)),
    Rule("serial-number", ("serial_number",)),
    Rule("mac-and-host-name", ("mac_address", "host_name")),
    Rule("fqdn", ("fqdn",)),
    Rule("mac", ("mac_address",)),
    Rule("netbios-name-and-domain", ("netbios_name", "domain")),
    Rule("host-name", ("host_name",)),
    Rule("ip", ("ip_address",), is_on=False),
)
"""The default rules, strongest first. Addresses move between hosts, so the last one is off."""

_BUILT_IN = {rule.name: rule for rule in BUILT_IN_RULES}


def is_built_in(rule: Rule) -> bool:
    """Whether it is one of the built-in rules, on or off."""
    known = _BUILT_IN.get(rule.name)
    return known is not None and known.attributes == rule.attributes


def check_rules(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """A connector's rules as they may be saved: built-in ones whole, names unique, at least one on.

    Raises:
        InputError: `identity.rules`: two rules share a name, a built-in one is missing or has other attributes, an own
            one takes an attribute that is not for choice, or there are more than 99; `identity.no-rule`: all are off.
    """
    fault = _fault_of(rules)
    if fault:
        raise InputError(
            f"The identification rules cannot be used: {fault}.",
            code="identity.rules",
            remedy="Give each rule a name of its own; turn built-in rules off in place of leaving them out.",
        )
    if not any(rule.is_on for rule in rules):
        raise InputError(
            "All identification rules are off, so no two sources would ever meet in one asset.",
            code="identity.no-rule",
            remedy="Leave at least one rule on.",
        )
    return tuple(rules)


def _fault_of(rules: Sequence[Rule]) -> str:
    names = [rule.name.casefold() for rule in rules]
    doubled = sorted({rule.name for rule in rules if names.count(rule.name.casefold()) > 1})
    if doubled:
        return f"two are called {doubled[0]!r}"
    if len(rules) > MOST_RULES:
        return f"there are {len(rules)}, more than {MOST_RULES}"
    missing = [name for name in _BUILT_IN if name not in {rule.name for rule in rules}]
    if missing:
        return f"the built-in rule {missing[0]!r} is missing"
    for rule in rules:
        if rule.name.casefold() in _BUILT_IN and not is_built_in(rule):
            return f"{rule.name!r} is the name of a built-in rule, which has other attributes"
        special = [a for a in rule.attributes if a not in CHOOSABLE]
        if special and not is_built_in(rule):
            return f"the attribute {special[0]!r} of {rule.name!r} is for built-in rules alone"
    return ""
