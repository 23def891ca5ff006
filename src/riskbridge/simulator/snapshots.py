"""Snapshots of a tenant, taken every six hours of its clock, and what changed from one to the next."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

from riskbridge.simulator.catalogue import load_releases
from riskbridge.simulator.clock import SNAPSHOT_EVERY, TenantClock, boundary
from riskbridge.simulator.export_rows import (
    ExportDevice,
    ExportRelease,
    ExportRows,
    SoftwareRow,
    finished,
    prepare_export,
    prepare_harmless,
    prepare_software,
)
from riskbridge.simulator.software import Installed
from riskbridge.simulator.tenant import Tenant

Status = Literal["New", "Fixed", "Updated"]
CHANGES_KEPT = timedelta(days=14)
_SNAPSHOTS_KEPT = 4
_HARMLESS = -1


@dataclass(frozen=True)
class Snapshot:
    """The exports' state of one moment: devices that have rows, what each has installed, and how it is told of."""

    at: datetime
    devices: dict[int, ExportDevice]
    installed: dict[int, Installed]
    archive: Archive

    @cached_property
    def rows(self) -> ExportRows:
        """Every row."""
        releases = [[self.archive.release(p) for p in self.installed[n]] for n in self.devices]
        return ExportRows(list(self.devices.values()), releases)

    @cached_property
    def software(self) -> list[tuple[int, int]]:
        """Every installed release: device and place."""
        return [(n, place) for n, places in self.installed.items() for place in places if place != _HARMLESS]

    def inventory(self, wanted: Sequence[tuple[int, int]], *, is_pascal: bool = False) -> list[bytes]:
        """Rows of the software inventory, in the spelling of pages or of files."""
        return [self.archive.software(place, is_pascal=is_pascal).finished(self.devices[n]) for n, place in wanted]


@dataclass(frozen=True, slots=True)
class Event:
    """One change of a row: when the snapshot that shows it was made, what happened, and the row."""

    at: datetime
    status: Status
    device: ExportDevice
    row: bytes

    def text(self) -> bytes:
        """The row as the API gives it."""
        (row,) = finished([self.row], self.device, is_pascal=False)
        return row[:-1] + f',"status":"{self.status}","eventTimestamp":"{self.at:%Y-%m-%d %H:%M:%S}"}}'.encode()


class Archive:
    """Takes snapshots as their time comes and keeps the changes between them for 14 days.

    The tenant must tell it before it changes (`catch_up`), so that a snapshot shows what was true at its time.
    """

    def __init__(self, tenant: Tenant, clock: TenantClock) -> None:
        self._tenant = tenant
        self._clock = clock
        self._start = clock.now()
        self._lock = threading.RLock()
        self._releases: dict[int, ExportRelease] = {}
        self._software: dict[tuple[int, bool], SoftwareRow] = {}
        self._snapshots: deque[Snapshot] = deque(maxlen=_SNAPSHOTS_KEPT)
        self._events: list[Event] = []
        self._taken_version = 0
        self._retold = 0

    def catch_up(self) -> Snapshot:
        """The newest snapshot there should be by now."""
        due = boundary(self._clock.now())
        with self._lock:
            if not self._snapshots:
                self._take(due)
            # A change belongs to the first snapshot after it, however far the clock has moved on since.
            for at in (boundary(self._snapshots[-1].at) + SNAPSHOT_EVERY, due):
                if self._snapshots[-1].at < at <= due:
                    self._take(at)
            return self._snapshots[-1]

    def rebuild(self) -> Snapshot:
        """Take a snapshot now, whatever the time, a minute after the newest; gives it."""
        with self._lock:
            newest = self.catch_up()
            self._take(newest.at + timedelta(minutes=1))
            return self._snapshots[-1]

    def find(self, at: datetime) -> Snapshot | None:
        """The snapshot of that time; None when it is gone."""
        with self._lock:
            return next((s for s in self._snapshots if s.at == at), None)

    def changes(self, since: datetime) -> list[Event]:
        """Changes from the six-hour window on that holds `since`, that window whole."""
        self.catch_up()
        begin = boundary(since)
        with self._lock:
            return [e for e in self._events if e.at > begin]

    def release(self, place: int) -> ExportRelease:
        """A release's prepared rows."""
        found = self._releases.get(place)
        if found is None:
            known = load_releases()
            found = prepare_harmless(self._start) if place == _HARMLESS else prepare_export(known[place], self._start)
            found = replace(
                found,
                camel=tuple(map(self._tenant.exported, found.camel)),
                pascal=tuple(map(self._tenant.exported, found.pascal)),
            )
            self._releases[place] = found
        return found

    def software(self, place: int, *, is_pascal: bool) -> SoftwareRow:
        """A release's prepared row of the inventory."""
        found = self._software.get((place, is_pascal))
        if found is None:
            found = self._software[place, is_pascal] = prepare_software(
                load_releases()[place], self._start, is_pascal=is_pascal
            )
        return found

    def _take(self, at: datetime) -> None:
        before = self._snapshots[-1] if self._snapshots else None
        retold = self._tenant.retold
        if retold != self._retold:
            self._take_retold(before, at, retold)
            return
        if before is not None and self._tenant.version == self._taken_version:
            now = Snapshot(at, before.devices, before.installed, self)
            if "rows" in before.__dict__:
                now.__dict__["rows"] = before.rows
        else:
            now = self._make(at, before)
        self._taken_version = self._tenant.version
        if before is not None and now.installed is not before.installed:
            self._events += self._between(before, now)
        self._events = [e for e in self._events if e.at > at - CHANGES_KEPT - SNAPSHOT_EVERY]
        self._snapshots.append(now)

    def _take_retold(self, before: Snapshot | None, at: datetime, retold: int) -> None:
        """A snapshot after something of a CVE is told otherwise: every row is compared by its text."""
        old = {n: _by_id(self._rows(places)) for n, places in before.installed.items()} if before is not None else {}
        self._retold = retold
        self._releases.clear()
        now = self._make(at, None)
        self._taken_version = self._tenant.version
        new = {n: _by_id(self._rows(places)) for n, places in now.installed.items()}
        if before is not None:
            for number, rows in old.items():
                known = new.get(number, {})
                self._events += (
                    Event(at, "Fixed", before.devices[number], t) for i, t in rows.items() if i not in known
                )
            for number, rows in new.items():
                known = old.get(number, {})
                for identity, text in rows.items():
                    if known.get(identity) != text:
                        status: Status = "Updated" if identity in known else "New"
                        self._events.append(Event(at, status, now.devices[number], text))
        self._snapshots.append(now)

    def _make(self, at: datetime, before: Snapshot | None) -> Snapshot:
        tenant = self._tenant
        known = before.devices if before is not None else {}
        changed = tenant.changed_since(self._taken_version) if before is not None else None
        devices, installed = {}, {}
        for number, places in tenant.owners():
            if not places:
                continue
            is_same = changed is not None and number not in changed and number in known
            devices[number] = known[number] if is_same else ExportDevice.of(tenant.machine(number))
            installed[number] = (*places, _HARMLESS) if number % 10 == 3 else places
        return Snapshot(at, devices, installed, self)

    def _between(self, before: Snapshot, now: Snapshot) -> Iterable[Event]:
        for number in {**before.devices, **now.devices}:
            was, is_now = before.devices.get(number), now.devices.get(number)
            had, has = before.installed.get(number, ()), now.installed.get(number, ())
            is_moved = was is not None and is_now is not None and _group(was) != _group(is_now)
            if was is not None and (had != has or is_moved):
                gone = self._rows(had) if is_moved else self._only(had, has)
                yield from (Event(now.at, "Fixed", was, row) for row in gone)
            if is_now is not None and (had != has or is_moved):
                came = self._rows(has) if is_moved else self._only(has, had)
                yield from (Event(now.at, "New", is_now, row) for row in came)

    def _rows(self, places: Sequence[int]) -> list[bytes]:
        return [row for p in places for row in self.release(p).camel]

    def _only(self, places: Sequence[int], others: Sequence[int]) -> list[bytes]:
        return self._rows([p for p in places if p not in others])


def _by_id(rows: Sequence[bytes]) -> dict[bytes, bytes]:
    return {row[: row.index(b'",')]: row for row in rows}


def _group(device: ExportDevice) -> bytes:
    return device.camel.partition(b',"deviceName"')[0]
