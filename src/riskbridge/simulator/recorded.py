"""A tenant from JSON that a person saved, served as it was recorded.

Devices and findings are the recorded ones, nothing more. The CVE catalogue is the recorded one followed by the
simulator's own entries for other ids, because the service lists every CVE it knows. Recorded answers about one device's
CVEs name no product, so they become catalogue entries and that device's own list, never finding rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from riskbridge.errors import InputError
from riskbridge.simulator.cve_records import catalogue_records
from riskbridge.simulator.odata import Filter, Order
from riskbridge.simulator.rows import Selection
from riskbridge.simulator.saved import read_saved
from riskbridge.simulator.selections import select_records

Record = dict[str, Any]


class RecordedTenant:
    """Saved records, in the order of the files.

    Args:
        sources: Files, or folders of `*.json`.

    Raises:
        ConfigError: `simulator.no-recording` or `simulator.bad-recording`, naming the file.
    """

    def __init__(self, sources: Iterable[Path]) -> None:
        saved = read_saved(sources)
        self.saved = saved
        self._cves_of = saved.cves_of
        self._recorded_cves = list(saved.records["vulnerabilities"].values())
        self._machines = list(saved.records["machines"].values())
        self._findings = list(saved.records["machinesVulnerabilities"].values())
        self._days_seen = 0
        self._catalogue = self._make_catalogue()

    @property
    def refusals(self) -> dict[str, tuple[int, str]]:
        """Status and sentence of streams that the recorded tenant refused."""
        return self.saved.refusals

    @property
    def has_exports(self) -> bool:
        """Whether anything of the exports was recorded, a refusal included."""
        return any(self.saved.listed.values()) or bool(self.saved.refusals)

    @property
    def machine_count(self) -> int:
        """Devices."""
        return len(self._machines)

    @property
    def finding_count(self) -> int:
        """Finding rows."""
        return len(self._findings)

    def select(
        self, stream: str, wanted: Filter | None = None, order: Order | None = None, *, query: str = ""
    ) -> Selection:
        """Records of a stream that a filter keeps, in an order."""
        del query
        streams = {
            "machines": self._machines,
            "machinesVulnerabilities": self._findings,
            "vulnerabilities": self._catalogue,
        }
        return select_records(streams[stream], wanted, order)

    def find_machine(self, name: str) -> Record | None:
        """The device of that id, or of that computer name in any letter case."""
        folded = name.lower()
        return next(
            (m for m in self._machines if folded in (m.get("id"), str(m.get("computerDnsName")).lower())),
            None,
        )

    def find_cve(self, cve_id: str) -> Record | None:
        """The catalogue's entry of an id in any letter case."""
        return next((c for c in self._catalogue if c.get("id") == cve_id.upper()), None)

    def cves_of(self, name: str) -> list[Record] | None:
        """Catalogue entries of what affects a device, as recorded or by its findings; None for an unknown device."""
        machine = self.find_machine(name)
        if machine is None:
            return None
        by_rows = {f.get("cveId") for f in self._findings if f.get("machineId") == machine["id"]}
        wanted = set(self._cves_of.get(machine["id"], ())) | by_rows
        return [c for c in self._catalogue if c.get("id") in wanted]

    def truth(self) -> dict[str, int]:
        """How much there is, to compare a reading with."""
        ids = {m.get("id") for m in self._machines}
        owners = {f.get("machineId") for f in self._findings}
        return {
            "machines": self.machine_count,
            "findings": self.finding_count,
            "strangers": len(owners - ids),
            "cves": len({f.get("cveId") for f in self._findings}),
            "catalogue": len(self._catalogue),
            "machines_with_findings": len(owners & ids),
            "onboarded": sum(1 for m in self._machines if m.get("onboardingStatus") == "Onboarded"),
            "inactive": sum(1 for m in self._machines if m.get("healthStatus") == "Inactive"),
            "duplicates": sum(1 for m in self._machines if m.get("isPotentialDuplication")),
            "excluded": sum(1 for m in self._machines if m.get("isExcluded")),
        }

    def patch(self, identity: str, product: str | None) -> int:
        """Take away a device's rows of a product (None: all); gives their number."""
        self._known(identity)
        kept = [
            f for f in self._findings if f.get("machineId") != identity or product not in (None, f.get("productName"))
        ]
        return self._keep(kept)

    def upgrade(self, identity: str, product: str) -> int:
        """A recording knows no next release.

        Raises:
            InputError: `simulator.no-next-release`, always.
        """
        raise InputError(
            f"A recorded tenant has no next release of {product!r} for the device {identity!r}.",
            code="simulator.no-next-release",
            remedy="Patch the product instead, or use a made tenant.",
        )

    def remove_device(self, identity: str) -> int:
        """Take a device with its rows away; gives the number of rows."""
        self._known(identity)
        self._machines = [m for m in self._machines if m.get("id") != identity]
        return self._keep([f for f in self._findings if f.get("machineId") != identity])

    def let_days_pass(self, days: int) -> int:
        """Devices that are not inactive report again, so many days later; gives the days passed in all."""
        self._days_seen += days
        self._machines = [m if m.get("healthStatus") == "Inactive" else _later(m, days) for m in self._machines]
        return self._days_seen

    def _known(self, identity: str) -> None:
        if not any(identity in (r.get("id"), r.get("machineId")) for r in [*self._machines, *self._findings]):
            raise InputError(
                f"The recorded tenant has no device {identity!r}.",
                code="simulator.unknown-device",
                remedy="Use the id of a device in the recording.",
            )

    def _keep(self, findings: list[Record]) -> int:
        gone = len(self._findings) - len(findings)
        self._findings = findings
        return gone

    def _make_catalogue(self) -> list[Record]:
        owners: dict[str, set[Any]] = {}
        for finding in self._findings:
            owners.setdefault(str(finding.get("cveId")), set()).add(finding.get("machineId"))
        known = {c.get("id") for c in self._recorded_cves}
        own = catalogue_records({cve_id: len(machines) for cve_id, machines in owners.items()})
        return self._recorded_cves + [c for c in own if c["id"] not in known]


def _later(machine: Record, days: int) -> Record:
    seen = machine.get("lastSeen")
    if not isinstance(seen, str) or len(seen) < len("2026-11-20"):
        return machine
    day = date.fromisoformat(seen[:10]) + timedelta(days=days)
    return machine | {"lastSeen": f"{day.isoformat()}{seen[10:]}"}
