"""Identification rules: which attributes, when equal, make two source records one asset, and in which order.

That a record is itself needs no rule: a connector and an external id are one source record from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from riskbridge.errors import ConfigError

IDENTIFYING = ("cloud_instance_id", "entra_device_id", "hardware_uuid", "serial_number")
"""Attributes of which a host has one, strongest first; two values of one of them are two hosts."""

MULTI_VALUED = ("merge_id", "mac_address", "ip_address")
"""Attributes of which a record may have several values; one in common is enough."""

ATTRIBUTES = (*MULTI_VALUED, *IDENTIFYING, "fqdn", "host_name", "netbios_name", "domain")

_ENOUGH_ALONE = frozenset(("merge_id", "fqdn", *IDENTIFYING))
_NAMES = frozenset(("host_name", "netbios_name"))
_MOST_RULES = 99


@dataclass(frozen=True, slots=True)
class Rule:
    """Records that agree on all of the attributes are one asset, unless something stronger speaks against it.

    Attributes:
        name: Stable name, as it stands in an asset's evidence.
        attributes: Names out of `ATTRIBUTES`; a record that lacks one of them takes no part.
        is_on: Whether the rule counts.

    Raises:
        ConfigError: `identity.rule`: an attribute is unknown, or there is none.
    """

    name: str
    attributes: tuple[str, ...]
    is_on: bool = True

    def __post_init__(self) -> None:
        unknown = [a for a in self.attributes if a not in ATTRIBUTES]
        if unknown or not self.attributes or not self.name:
            what = f"there is no attribute {unknown[0]!r}" if unknown else "it needs a name and at least one attribute"
            raise ConfigError(
                f"The identification rule {self.name!r} cannot be used: {what}.",
                code="identity.rule",
                remedy=f"Choose attributes out of {', '.join(ATTRIBUTES)}.",
            )

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
    def stronger(self) -> tuple[str, ...]:
        """Identifying attributes that overrule this rule where they differ, strongest first."""
        if "merge_id" in self.attributes:
            return ()
        own = [IDENTIFYING.index(a) for a in self.attributes if a in IDENTIFYING]
        return IDENTIFYING[: min(own)] if own else IDENTIFYING


BUILT_IN_RULES = (
    Rule("merged-in-source", ("merge_id",)),
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


def check_rules(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rules that are on, in order.

    Raises:
        ConfigError: `identity.rules`: two rules share a name, or there are more than 99.
    """
    names = [rule.name for rule in rules]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled or len(rules) > _MOST_RULES:
        what = f"two are called {doubled[0]!r}" if doubled else f"there are {len(rules)}, more than {_MOST_RULES}"
        raise ConfigError(
            f"The identification rules cannot be used: {what}.",
            code="identity.rules",
            remedy="Give each rule a name of its own and remove rules that are not needed.",
        )
    return tuple(rule for rule in rules if rule.is_on)
