"""Named scenarios: what happens to a tenant, and what goes wrong on the way to it. Each has one entry here.

A scenario of the world picks its devices by the seed it is given, so the same words make the same world. One of the way
arms a fault of `faults`, with a path and a number of times that suit it unless others are given.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from riskbridge.errors import InputError
from riskbridge.simulator.catalogue import TVM_IDS, load_cves, load_releases, releases_of
from riskbridge.simulator.faults import Faults
from riskbridge.simulator.tenant import Tenant

Values = Mapping[str, Any]
Outcome = dict[str, Any]
_SYSTEMS = ("windows_", "linux_kernel")


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a scenario is called, what happens, and how: by changing the world, or by arming a fault."""

    name: str
    sentence: str
    change: Callable[[Tenant, Values], Outcome] | None = None
    fault: Mapping[str, Any] | None = None


def play(name: str, values: Values, world: object, faults: Faults) -> Outcome:
    """Make a scenario happen.

    Args:
        name: One of `SCENARIOS`.
        values: `devices` (how many, 1 unless given) and `seed` for the world; a fault's own members for the way.
        world: The tenant.
        faults: Where faults are armed.

    Returns:
        What happened, such as `machines` and `changed`.

    Raises:
        InputError: `simulator.unknown-scenario`, `simulator.recorded`, `simulator.bad-fault`.
    """
    found = SCENARIOS.get(name)
    if found is None:
        raise InputError(
            f"There is no scenario {name!r}.",
            code="simulator.unknown-scenario",
            remedy=f"Choose one of {', '.join(SCENARIOS)}.",
        )
    if found.fault is not None:
        return {"armed": faults.arm(dict(found.fault) | dict(values))}
    if found.change is None or not isinstance(world, Tenant):
        raise InputError(
            "A recorded tenant cannot be changed so.",
            code="simulator.recorded",
            remedy="Use a made tenant: leave --from out.",
        )
    return found.change(world, values)


def _picked(
    tenant: Tenant, values: Values, *, with_system: bool | None = None, has_next: bool = False
) -> list[tuple[str, str | None]]:
    """Devices and, where `with_system` says of which sort, a product of each."""
    releases = load_releases()
    rng = random.Random(str(values.get("seed", 1)))  # noqa: S311 - a made world, not a secret
    candidates = []
    for number, places in tenant.owners():
        if tenant.is_silent(number):
            continue
        products = sorted(
            {
                releases[p].product
                for p in places
                if releases[p].exposures and (not has_next or releases_of(releases[p].product)[-1].place > p)
            }
        )
        if with_system is not None:
            products = [p for p in products if p.startswith(_SYSTEMS) is with_system]
        if products:
            candidates.append((tenant.id_of(number), rng.choice(products) if with_system is not None else None))
    return rng.sample(candidates, min(int(values.get("devices", 1)), len(candidates)))


def _patched(*, with_system: bool) -> Callable[[Tenant, Values], Outcome]:
    def change(tenant: Tenant, values: Values) -> Outcome:
        chosen = _picked(tenant, values, with_system=with_system)
        return _told(chosen, [tenant.patch(identity, product) for identity, product in chosen])

    return change


def _upgraded(tenant: Tenant, values: Values) -> Outcome:
    chosen = _picked(tenant, values, with_system=False, has_next=True)
    return _told(chosen, [tenant.upgrade(identity, product or "") for identity, product in chosen])


def _moved(tenant: Tenant, values: Values) -> Outcome:
    chosen = _picked(tenant, values)
    for identity, _ in chosen:
        tenant.change_device(identity, rbacGroupId=9001, rbacGroupName="Moved")
    return _told(chosen, [1] * len(chosen))


def _reimaged(tenant: Tenant, values: Values) -> Outcome:
    chosen = _picked(tenant, values)
    return _told(chosen, [1] * len(chosen)) | {"fresh": [tenant.reimage(identity) for identity, _ in chosen]}


def _silenced(**members: Any) -> Callable[[Tenant, Values], Outcome]:
    def change(tenant: Tenant, values: Values) -> Outcome:
        chosen = _picked(tenant, values)
        for identity, _ in chosen:
            tenant.change_device(identity, **members)
        return _told(chosen, [tenant.remove_rows(identity) for identity, _ in chosen])

    return change


def _renamed(tenant: Tenant, values: Values) -> Outcome:
    del values
    tenant.rename_cve(TVM_IDS[0], "CVE-2020-99999")
    return {"changed": 1, "from": TVM_IDS[0], "to": "CVE-2020-99999"}


def _exploited(tenant: Tenant, values: Values) -> Outcome:
    releases, cves = load_releases(), load_cves()
    installed = {p for _, places in tenant.owners() for p in places}
    quiet = sorted(
        {
            e.cve_id
            for p in installed
            for e in releases[p].exposures
            if e.cve_id in cves and cves[e.cve_id].exploit == "none"
        }
    )
    if not quiet:
        return {"changed": 0}
    chosen = random.Random(str(values.get("seed", 1))).choice(quiet)  # noqa: S311 - a made world, not a secret
    tenant.publish_exploit(chosen)
    return {"changed": 1, "cve": chosen}


def _told(chosen: list[tuple[str, str | None]], changed: list[int]) -> Outcome:
    products = {"products": [p for _, p in chosen]} if any(p for _, p in chosen) else {}
    return {"machines": [identity for identity, _ in chosen], "changed": sum(changed)} | products


_FINDINGS = "machinesVulnerabilities"
_ALL = (
    Scenario("upgrade", "devices get the next release of a product; it may still be vulnerable", _upgraded),
    Scenario("kb-installed", "devices install what fixes their operating system", _patched(with_system=True)),
    Scenario("software-removed", "a product is gone from devices", _patched(with_system=False)),
    Scenario("rbac-move", "devices move to another device group", _moved),
    Scenario("re-image", "devices come back under new ids; their old records stay, silent", _reimaged),
    Scenario("device-silent", "devices stop reporting, and their rows go", _silenced(healthStatus="Inactive")),
    Scenario(
        "device-offboarded",
        "devices are offboarded: they stay listed, inactive, and their rows go",
        _silenced(healthStatus="Inactive", onboardingStatus="CanBeOnboarded"),
    ),
    Scenario("tvm-renamed", "a temporary id of the service's own gets its CVE id", _renamed),
    Scenario("exploit-published", "an exploit of a CVE comes out; the exports tell its rows as updated", _exploited),
    Scenario(
        "rows-shift-between-pages",
        "a device near the top of the list is patched while later pages are read, so rows change places",
        fault={"kind": "rows-shift", "path": _FINDINGS, "page": 1},
    ),
    Scenario("page-truncated", "half a page arrives", fault={"kind": "truncate-page", "path": _FINDINGS}),
    Scenario("endless-next-link", "links lead round", fault={"kind": "endless-next-link", "path": _FINDINGS}),
    Scenario(
        "foreign-host-next-link", "a link leads elsewhere", fault={"kind": "foreign-host-next-link", "path": _FINDINGS}
    ),
    Scenario("token-expires", "tokens end in mid-read", fault={"kind": "token-expired", "path": _FINDINGS}),
    Scenario("throttle-count", "too many calls", fault={"kind": "throttle", "path": _FINDINGS}),
    Scenario("throttle-cpu", "too much processor time", fault={"kind": "throttle-cpu", "path": _FINDINGS}),
    Scenario("html-502", "a gateway's page", fault={"kind": "html-502", "path": _FINDINGS}),
    Scenario("slow", "an answer that takes its time", fault={"kind": "slow", "path": _FINDINGS, "seconds": 2.0}),
    Scenario("connection-reset", "a connection that breaks", fault={"kind": "connection-reset", "path": _FINDINGS}),
    Scenario("transient-404", "something there is called missing", fault={"kind": "transient-404", "path": _FINDINGS}),
    Scenario(
        "empty-export",
        "the export names no file",
        fault={"kind": "empty-export", "path": "softwareVulnerabilitiesExport"},
    ),
    Scenario("zero-byte-file", "an export file of no bytes", fault={"kind": "zero-byte-file", "path": "exportFile"}),
    Scenario("damaged-file", "an export file that breaks off", fault={"kind": "damaged-file", "path": "exportFile"}),
    Scenario(
        "snapshot-changes",
        "a newer snapshot takes the place of the one that is read, when fresh addresses are asked for",
        fault={"kind": "snapshot-changes", "path": "softwareVulnerabilitiesExport"},
    ),
    Scenario(
        "filtered-disagrees",
        "a filtered list lacks a row that the whole list has",
        fault={"kind": "filtered-disagrees", "path": _FINDINGS, "times": None},
    ),
    Scenario(
        "device-group-limited",
        "the list of devices shows one device group alone; findings are of all",
        fault={"kind": "group-limited", "path": "machines", "times": None},
    ),
    Scenario(
        "missing-licence",
        "the tenant lacks Vulnerability Management",
        fault={"kind": "missing-licence", "path": _FINDINGS, "times": None},
    ),
)
SCENARIOS = {scenario.name: scenario for scenario in _ALL}
"""Every scenario by its name."""
