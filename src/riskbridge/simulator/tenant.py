"""A tenant made from a seed: any number of devices, each page of rows rendered when it is asked for.

Kept in memory are each device's id and installed releases, some 200 bytes a device; rows and device records are made as
they are read. The tenant changes only through its own methods: a patch, an upgrade, a removal, days passing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from riskbridge.errors import InputError
from riskbridge.simulator.catalogue import load_releases, releases_of
from riskbridge.simulator.cve_records import catalogue_records
from riskbridge.simulator.devices import device_record, has_findings, kind_of, machine_id
from riskbridge.simulator.odata import Filter, Order
from riskbridge.simulator.rows import PreparedRelease, Selection, prepare
from riskbridge.simulator.selections import MadeRows, Respelled, select_findings, select_records
from riskbridge.simulator.software import Installed, install, install_unknown

_KEPT_SELECTIONS = 8
Record = dict[str, Any]

_EXPLOITABILITY = re.compile(rb'("[eE]xploitabilityLevel":)"[^"]*"')


class Tenant:
    """The simulated world. Reads may come from several threads while nothing changes it.

    Args:
        devices: Devices, duplicates and merely discovered ones included.
        findings_per_device: Finding rows divided by devices, to within a few per cent; 0 gives none.
        seed: The same arguments make the same tenant.
        now: The tenant's clock, which stands still.
    """

    def __init__(self, *, devices: int, findings_per_device: int, seed: int, now: datetime) -> None:
        self._seed = seed
        self._now = now
        self._days_seen = 0
        # Rows of devices that the device list does not know: one in 5,000, and one at least where there are many.
        self._strangers = max(1, devices // 5000) if devices >= 100 and findings_per_device else 0
        assessed = sum(map(has_findings, range(devices)))
        mean_rows = findings_per_device * devices / assessed if assessed else 0.0
        self._installed: list[Installed] = [install(seed, n, mean_rows) for n in range(devices)]
        self._installed += [install_unknown(seed, n) for n in range(devices, devices + self._strangers)]
        self._ids = [machine_id(seed, n).encode() for n in range(len(self._installed))]
        self._numbers = {identity: n for n, identity in enumerate(self._ids)}
        self._listed = dict.fromkeys(range(devices))
        self._owners = dict.fromkeys(range(len(self._installed)))
        self._selections: dict[tuple[str, str], Selection] = {}
        self._catalogue: list[Record] = []
        self._changed: dict[int, Record] = {}
        self._changed_at: dict[int, int] = {}
        self._all_changed_at = 0
        self._renamed: dict[bytes, bytes] = {}
        self._exploited: set[bytes] = set()
        self.version = 0

    # Reading

    def owners(self) -> list[tuple[int, Installed]]:
        """Every device with rows in the exports, unknown ones left out, and its releases."""
        return [(n, self._installed[n]) for n in self._owners if n in self._listed]

    def id_of(self, number: int) -> str:
        """The device's id."""
        return self._ids[number].decode()

    def is_silent(self, number: int) -> bool:
        """Whether the device stopped reporting."""
        return bool(self._machine(number)["healthStatus"] == "Inactive")

    @property
    def retold(self) -> int:
        """How often something of a CVE came to be told otherwise than at the start."""
        return len(self._renamed) + len(self._exploited)

    def exported(self, row: bytes) -> bytes:
        """A row of the exports with the ids that CVEs have, and what is known of their exploits, by now."""
        row = self.spelled(row)
        for cve_id in self._exploited:
            if b'veId":"' + cve_id + b'"' in row:
                row = _EXPLOITABILITY.sub(rb'\1"ExploitIsVerified"', row)
        return row

    def publish_exploit(self, cve_id: str) -> None:
        """From now on the exports call a CVE's exploit verified."""
        self._exploited.add(cve_id.encode())
        self._forget()

    def spelled(self, rows: bytes) -> bytes:
        """Rows with the ids that CVEs have by now."""
        for old, new in self._renamed.items():
            rows = rows.replace(old, new)
        return rows

    def machine(self, number: int) -> Record:
        """The record of a device in the device list."""
        return self._machine(number)

    def changed_since(self, version: int) -> set[int] | None:
        """Devices changed after that version; None when any may have been."""
        return None if version < self._all_changed_at else {n for n, v in self._changed_at.items() if v > version}

    def findings(self) -> list[tuple[str, str, str, str, str]]:
        """What is true now: device id, CVE id, vendor, product, version of each detection there is, sorted."""
        return self.detections({n: self._installed[n] for n in self._owners})

    def detections(self, installed: Mapping[int, Sequence[int]]) -> list[tuple[str, str, str, str, str]]:
        """The same for devices with that installed."""
        releases = load_releases()
        return sorted(
            (self._ids[n].decode(), self.spelled(cve_id.encode()).decode(), r.vendor, r.product, r.version)
            for n, places in installed.items()
            for r in (releases[p] for p in places if p >= 0)
            for cve_id in {e.cve_id for e in r.exposures}
        )

    @property
    def refusals(self) -> dict[str, tuple[int, str]]:
        """A made tenant refuses no stream of itself."""
        return {}

    @property
    def machine_count(self) -> int:
        """Devices in the device list."""
        return len(self._listed)

    @property
    def finding_count(self) -> int:
        """Finding rows, those of unknown devices included."""
        return self.select("machinesVulnerabilities").count

    def select(
        self, stream: str, wanted: Filter | None = None, order: Order | None = None, *, query: str = ""
    ) -> Selection:
        """Records of a stream that a filter keeps, in an order; kept for the next page under the query's text."""
        found = self._selections.get((stream, query))
        if found is None:
            found = self._make(stream, wanted, order)
            while len(self._selections) >= _KEPT_SELECTIONS:
                self._selections.pop(next(iter(self._selections)))
            self._selections[stream, query] = found
        return found

    def find_machine(self, name: str) -> Record | None:
        """The device of that id, or of that computer name in any letter case; None when there is none."""
        number = self._numbers.get(name.lower().encode())
        if number is not None:
            return self._machine(number) if number in self._listed else None
        if len(name) == 40:
            return None
        folded = name.lower()
        return next((m for m in map(self._machine, self._listed) if str(m["computerDnsName"]).lower() == folded), None)

    def find_cve(self, cve_id: str) -> Record | None:
        """The catalogue's entry of an id in any letter case; None when there is none."""
        return next((c for c in self._cves() if c["id"] == cve_id.upper()), None)

    def cves_of(self, name: str) -> list[Record] | None:
        """Catalogue entries of what affects a device; None when there is no such device."""
        machine = self.find_machine(name)
        if machine is None:
            return None
        wanted = _cve_ids(self._installed[self._numbers[machine["id"].encode()]])
        return [c for c in self._cves() if c["id"] in wanted]

    def truth(self) -> dict[str, int]:
        """How much there is, to compare a reading with."""
        kinds = Counter(map(kind_of, self._listed))
        return {
            "machines": self.machine_count,
            "findings": self.finding_count,
            "strangers": sum(1 for n in self._owners if n not in self._listed),
            "cves": len(_cve_ids({p for n in self._owners for p in self._installed[n]})),
            "catalogue": len(self._cves()),
            "machines_with_findings": sum(1 for n in self._listed if _row_count(self._installed[n])),
            "onboarded": self.machine_count - kinds["discovered"],
            "inactive": kinds["inactive"] + kinds["duplicate"] + kinds["merged"],
            "duplicates": kinds["duplicate"] + kinds["merged"],
            "excluded": kinds["excluded"],
        }

    # Changing

    def patch(self, identity: str, product: str | None) -> int:
        """Install what fixes a product (None: everything) on a device; gives the number of rows that are gone."""
        releases = load_releases()
        number = self._number(identity)
        kept = tuple(p for p in self._installed[number] if product is not None and releases[p].product != product)
        return -self._install(number, kept)

    def upgrade(self, identity: str, product: str) -> int:
        """Install the next release of a product on a device; gives the number of rows that the new release has."""
        places = [r.place for r in releases_of(product)]
        number = self._number(identity)
        after = tuple(dict.fromkeys(min(p + 1, places[-1]) if p in places else p for p in self._installed[number]))
        self._install(number, after)
        return _row_count(tuple(p for p in after if p in places))

    def remove_device(self, identity: str) -> int:
        """Take a device with its rows out of the tenant; gives the number of rows that are gone."""
        number = self._number(identity)
        self._listed.pop(number, None)
        del self._owners[number]
        self._forget(number)
        return _row_count(self._installed[number])

    def let_days_pass(self, days: int) -> int:
        """Every reporting device reports again, so many days later; gives the days passed in all."""
        self._days_seen += days
        self._forget()
        return self._days_seen

    def change_device(self, identity: str, **members: Any) -> None:
        """Give a device's record other members, such as another group."""
        number = self._number(identity)
        self._changed[number] = self._changed.get(number, {}) | members
        self._forget(number)

    def rename_cve(self, old: str, new: str) -> None:
        """Rows of an id carry another from now on."""
        self._renamed[old.encode()] = new.encode()
        self._forget()

    def shift(self) -> int:
        """Patch the first device that has rows, whatever is being read; gives the number of rows that are gone."""
        number = next((n for n in self._owners if self._installed[n]), None)
        return 0 if number is None else -self._install(number, ())

    def remove_rows(self, identity: str) -> int:
        """Take a device's rows away and leave it in the device list; gives the number of rows that are gone."""
        return -self._install(self._number(identity), ())

    def reimage(self, identity: str) -> str:
        """A device gets a new id: the old record stays, silent and without rows; gives the new device's id."""
        number = self._number(identity)
        fresh = len(self._installed)
        machine = self._machine(number)
        self._ids.append(machine_id(self._seed, fresh).encode())
        self._numbers[self._ids[fresh]] = fresh
        self._installed.append(self._installed[number])
        self._changed[fresh] = machine | {"id": self._ids[fresh].decode(), "firstSeen": machine["lastSeen"]}
        self._changed[number] = self._changed.get(number, {}) | {"healthStatus": "Inactive"}
        self._listed[fresh] = self._owners[fresh] = None
        self._installed[number] = ()
        self._forget(number, fresh)
        return self._ids[fresh].decode()

    def _install(self, number: int, after: Installed) -> int:
        before = self._installed[number]
        self._installed[number] = after
        self._forget(number)
        return _row_count(after) - _row_count(before)

    def _forget(self, *numbers: int) -> None:
        """What was made of these devices, or of any, is no longer so."""
        self.version += 1
        self._changed_at |= dict.fromkeys(numbers, self.version)
        self._all_changed_at = self._all_changed_at if numbers else self.version
        self._selections.clear()
        self._catalogue.clear()

    # Making

    def _make(self, stream: str, wanted: Filter | None, order: Order | None) -> Selection:
        if stream == "vulnerabilities":
            return select_records(self._cves(), wanted, order)
        if stream == "machines":
            return self._make_machines(wanted, order)
        owners = self._only(self._owners, wanted, "machineId")
        ids = [self._ids[n] for n in owners]
        found = select_findings(ids, [self._installed[n] for n in owners], _prepared(), wanted, order)
        return Respelled(found, self.spelled) if self._renamed else found

    def _make_machines(self, wanted: Filter | None, order: Order | None) -> Selection:
        numbers = self._only(self._listed, wanted, "id")
        if wanted is not None:
            numbers = [n for n in numbers if wanted.keeps(self._machine(n))]
        if order is not None:
            names = {name for name, _ in order.keys}
            slim = [
                {name: m[name] for name in names} | {"": n}
                for n, m in zip(numbers, map(self._machine, numbers), strict=True)
            ]
            numbers = [m[""] for m in order.sort(slim)]
        return MadeRows(numbers, self._machine)

    def _only(self, numbers: dict[int, None], wanted: Filter | None, name: str) -> list[int]:
        """All devices, or the one whose id the filter requires."""
        if wanted is None or name not in wanted.required:
            return list(numbers)
        number = self._numbers.get(wanted.required[name].encode())
        return [number] if number is not None and number in numbers else []

    def _machine(self, number: int) -> Record:
        changed = self._changed.get(number)
        if changed is not None and "id" in changed:
            return changed
        return device_record(self._seed, number, self._now, days_seen=self._days_seen) | (changed or {})

    def _number(self, identity: str) -> int:
        number = self._numbers.get(identity.lower().encode())
        if number is None or number not in self._owners:
            raise InputError(
                f"The simulated tenant has no device {identity!r}.",
                code="simulator.unknown-device",
                remedy="Use the id of a device in the tenant.",
            )
        return number

    def _cves(self) -> list[Record]:
        if not self._catalogue:
            exposed: Counter[str] = Counter()
            for places, devices in Counter(self._installed[n] for n in self._listed).items():
                exposed.update(dict.fromkeys(_cve_ids(places), devices))
            self._catalogue = catalogue_records(exposed)
        return self._catalogue


@cache
def _prepared() -> tuple[PreparedRelease, ...]:
    return tuple(map(prepare, load_releases()))


def _row_count(places: Installed) -> int:
    return sum(len(load_releases()[p].exposures) for p in places)


def _cve_ids(places: Installed | set[int]) -> set[str]:
    return {e.cve_id for p in places for e in load_releases()[p].exposures}
