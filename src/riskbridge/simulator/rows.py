"""Finding rows: prepared once for each release as bytes, finished for a device by putting its id in.

A selection of rows (all, or those a filter keeps, in some order) knows how many rows each device has of it, so the page
at any `$skip` is found by bisection and nothing but the page is rendered.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Protocol

from riskbridge.simulator.catalogue import Release

_SLOT = b"\0"
"""Stands for the device's id in prepared rows; JSON text has no NUL."""

Row = dict[str, Any]


class Selection(Protocol):
    """Records of one stream that a filter kept, in the order that was asked for."""

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    def page(self, start: int, stop: int) -> bytes:
        """Records from `start` to `stop` (as of a slice) as the inside of a JSON array."""
        ...


@dataclass(frozen=True, slots=True)
class PreparedRow:
    """One row of a release: its bytes with the slot, and its members with a NUL in the device's place."""

    text: bytes
    values: Row

    def of(self, machine_id: str) -> Row:
        """The row as a device has it."""
        return self.values | {"id": self.values["id"].replace("\0", machine_id), "machineId": machine_id}


@dataclass(frozen=True, slots=True)
class PreparedRelease:
    """A release's rows, one by one and joined."""

    rows: tuple[PreparedRow, ...]
    joined: bytes

    def only(self, keeps: Callable[[Row], bool]) -> PreparedRelease:
        """The rows that a filter keeps."""
        return _joined(tuple(row for row in self.rows if keeps(row.values)))


def prepare(release: Release) -> PreparedRelease:
    """A release's rows, in the order of its exposures."""
    return _joined(tuple(_row(release, e.cve_id, e.severity, e.kb) for e in release.exposures))


def _joined(rows: tuple[PreparedRow, ...]) -> PreparedRelease:
    return PreparedRelease(rows, b",".join(row.text for row in rows))


def _row(release: Release, cve_id: str, severity: str, kb: str | None) -> PreparedRow:
    key = ("\0", cve_id, release.vendor, release.product, release.version, kb or "")
    values = {
        "id": "-_-".join(key),
        "cveId": cve_id,
        "machineId": "\0",
        "fixingKbId": kb,
        "productName": release.product,
        "productVendor": release.vendor,
        "productVersion": release.version,
        "severity": severity,
    }
    text = json.dumps(values, separators=(",", ":")).replace("\\u0000", "\0")
    return PreparedRow(text.encode(), values)


class DeviceRows:
    """All rows of the releases given, device by device.

    Args:
        machine_ids: Devices in order.
        installed: For each device, its releases as places in `releases`.
        releases: Prepared releases, those of a filter if there is one.
        is_sorted: Whether a device's rows are sorted by their ids.
        is_descending: Whether that sort descends.
    """

    def __init__(
        self,
        machine_ids: Sequence[bytes],
        installed: Sequence[Sequence[int]],
        releases: Sequence[PreparedRelease],
        *,
        is_sorted: bool = False,
        is_descending: bool = False,
    ) -> None:
        self._ids = machine_ids
        self._installed = installed
        self._releases = releases
        self._is_sorted = is_sorted
        self._is_descending = is_descending
        sizes = [len(r.rows) for r in releases]
        self._ends = array("Q", accumulate(sum(map(sizes.__getitem__, places)) for places in installed))

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._ends[-1] if self._ends else 0

    def page(self, start: int, stop: int) -> bytes:
        """Rows from `start` to `stop` as the inside of a JSON array."""
        stop = min(stop, self.count)
        parts: list[bytes] = []
        device = bisect_right(self._ends, start)
        first = self._ends[device - 1] if device else 0
        while start < stop:
            end = self._ends[device]
            if end > first:
                parts.append(self._rows_of(device, start - first, min(end, stop) - first, end - first))
            start = first = end
            device += 1
        return b",".join(parts)

    def _rows_of(self, device: int, start: int, stop: int, size: int) -> bytes:
        releases = [r for r in map(self._releases.__getitem__, self._installed[device]) if r.rows]
        if start == 0 and stop == size and not self._is_sorted:
            prepared = b",".join([r.joined for r in releases])
        else:
            rows = [row.text for release in releases for row in release.rows]
            if self._is_sorted:
                rows.sort(reverse=self._is_descending)
            prepared = b",".join(rows[start:stop])
        return prepared.replace(_SLOT, self._ids[device])


class ListedRows:
    """Single rows, each named by its device, release and place in the release; in the order given."""

    def __init__(
        self, machine_ids: Sequence[bytes], releases: Sequence[PreparedRelease], rows: Iterable[tuple[int, int, int]]
    ) -> None:
        self._ids = machine_ids
        self._releases = releases
        self._packed = array("Q", (device << 32 | release << 16 | row for device, release, row in rows))

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self._packed)

    def page(self, start: int, stop: int) -> bytes:
        """Rows from `start` to `stop` as the inside of a JSON array."""
        return b",".join(
            self._releases[p >> 16 & 0xFFFF].rows[p & 0xFFFF].text.replace(_SLOT, self._ids[p >> 32])
            for p in self._packed[start:stop]
        )
