"""The exports of a recording: its rows as one snapshot, and its changes as they were recorded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from riskbridge.simulator.clock import boundary
from riskbridge.simulator.export_rows import in_pascal
from riskbridge.simulator.saved import SavedStreams

Record = dict[str, Any]


class RecordedRows:
    """Rows in the spelling of pages and in that of files; where one was not recorded it is made of the other."""

    def __init__(self, pages: Sequence[Record], files: Sequence[Record]) -> None:
        self._pages = [_text(r) for r in pages] or [_text(in_camel(r)) for r in files]
        self._files = [_text(r) for r in files] or [_text(in_pascal(r)) for r in pages]

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self._pages)

    def page(self, start: int, stop: int) -> bytes:
        """Rows from `start` to `stop` as the inside of a JSON array."""
        return b",".join(self._pages[start:stop])

    def lines(self, start: int, stop: int) -> bytes:
        """Rows from `start` to `stop` as JSON lines in the files' spelling."""
        return b"".join(row + b"\n" for row in self._files[start:stop])


@dataclass(frozen=True)
class RecordedSnapshot:
    """The one snapshot of a recording."""

    at: datetime
    saved: SavedStreams

    @cached_property
    def rows(self) -> RecordedRows:
        """Every row."""
        records = self.saved.listed
        return RecordedRows(records["softwareVulnerabilitiesByMachine"], records["softwareVulnerabilitiesExport"])

    @cached_property
    def software(self) -> list[tuple[int, int]]:
        """Every row of the software inventory, by its place."""
        return [(0, place) for place in range(len(self.saved.listed["softwareInventoryByMachine"]))]

    def inventory(self, wanted: Sequence[tuple[int, int]], *, is_pascal: bool = False) -> list[bytes]:
        """Rows of the software inventory, in the spelling of pages or of files."""
        found = self.saved.listed["softwareInventoryByMachine"]
        return [_text(in_pascal(found[place]) if is_pascal else found[place]) for _, place in wanted]


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One recorded change."""

    at: datetime
    row: Record

    def text(self) -> bytes:
        """The row as the API gave it."""
        return _text(self.row)


class RecordedArchive:
    """Keeps the recorded snapshot; no other is ever made."""

    def __init__(self, saved: SavedStreams, at: datetime) -> None:
        self._snapshot = RecordedSnapshot(boundary(at), saved)
        self._events = [
            RecordedEvent(_time_of(r, at), r) for r in saved.listed["softwareVulnerabilityChangesByMachine"]
        ]

    def catch_up(self) -> RecordedSnapshot:
        """The snapshot."""
        return self._snapshot

    def rebuild(self) -> RecordedSnapshot:
        """The snapshot, a minute younger: the same rows under another time."""
        newer = self._snapshot.at + timedelta(minutes=1)
        self._snapshot = RecordedSnapshot(newer, self._snapshot.saved)
        return self._snapshot

    def find(self, at: datetime) -> RecordedSnapshot | None:
        """The snapshot, if it is of that time."""
        return self._snapshot if self._snapshot.at == at else None

    def changes(self, since: datetime) -> list[RecordedEvent]:
        """Changes from the six-hour window on that holds `since`."""
        begin = boundary(since)
        return [e for e in self._events if e.at > begin]


def in_camel(values: Record) -> Record:
    """The record with names that begin with a small letter."""
    return {name[:1].lower() + name[1:]: value for name, value in values.items()}


def _time_of(record: Record, default: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(str(record["eventTimestamp"]))
    except (KeyError, ValueError):
        return default
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _text(record: Record) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
