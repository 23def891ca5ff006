"""Selections of records: those a filter keeps, in the order asked for, rendered page by page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from riskbridge.simulator.odata import Filter, Order, sortable
from riskbridge.simulator.rows import DeviceRows, ListedRows, PreparedRelease, Selection

Record = dict[str, Any]
_ENCODER = msgspec.json.Encoder()


class RecordRows:
    """Records held as they are."""

    def __init__(self, records: Sequence[Any]) -> None:
        self._records = records

    @property
    def count(self) -> int:
        """How many records there are."""
        return len(self._records)

    def page(self, start: int, stop: int) -> bytes:
        """Records from `start` to `stop` as the inside of a JSON array."""
        return _ENCODER.encode(self._records[start:stop])[1:-1]


class MadeRows:
    """Records made from numbers as they are read."""

    def __init__(self, numbers: Sequence[int], make: Callable[[int], Record]) -> None:
        self._numbers = numbers
        self._make = make

    @property
    def count(self) -> int:
        """How many records there are."""
        return len(self._numbers)

    def page(self, start: int, stop: int) -> bytes:
        """Records from `start` to `stop` as the inside of a JSON array."""
        return b",".join([_ENCODER.encode(self._make(n)) for n in self._numbers[start:stop]])


class Respelled:
    """Rows of a selection with some ids spelled otherwise."""

    def __init__(self, rows: Selection, spelled: Callable[[bytes], bytes]) -> None:
        self._rows = rows
        self._spelled = spelled

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._rows.count

    def page(self, start: int, stop: int) -> bytes:
        """Rows from `start` to `stop` as the inside of a JSON array."""
        return self._spelled(self._rows.page(start, stop))


def select_records(records: list[Any], wanted: Filter | None, order: Order | None) -> Selection:
    """Records that are held, filtered and sorted."""
    kept = [r for r in records if isinstance(r, dict) and wanted.keeps(r)] if wanted is not None else records
    return RecordRows(order.sort(kept) if order is not None else kept)


def select_findings(
    ids: list[bytes],
    installed: list[tuple[int, ...]],
    prepared: Sequence[PreparedRelease],
    wanted: Filter | None,
    order: Order | None,
) -> Selection:
    """Finding rows of devices given by id and installed releases.

    A filter that does not look at the device is tried once for each prepared row; one that does is tried on every row.
    """
    key, is_descending = order.keys[0] if order is not None else ("", False)
    if key in ("id", "machineId"):
        pairs = sorted(zip(ids, installed, strict=True), key=lambda p: p[0], reverse=is_descending)
        ids, installed = [p[0] for p in pairs], [p[1] for p in pairs]
    if wanted is not None and not wanted.names & {"id", "machineId"}:
        prepared = [r.only(wanted.keeps) for r in prepared]
        wanted = None
    if wanted is None and key in ("", "id", "machineId"):
        return DeviceRows(ids, installed, prepared, is_sorted=key == "id", is_descending=is_descending)
    return _list_findings(ids, installed, prepared, wanted, order)


def _list_findings(
    ids: list[bytes],
    installed: list[tuple[int, ...]],
    prepared: Sequence[PreparedRelease],
    wanted: Filter | None,
    order: Order | None,
) -> Selection:
    found = [
        (device, place, row)
        for device, places in enumerate(installed)
        for place in places
        for row, prepared_row in enumerate(prepared[place].rows)
        if wanted is None or wanted.keeps(prepared_row.of(ids[device].decode()))
    ]
    for name, is_descending in reversed(order.keys if order is not None else ()):

        def weight(at: tuple[int, int, int], name: str = name) -> tuple[int, Any]:
            values = prepared[at[1]].rows[at[2]].values
            return sortable(
                values[name].replace("\0", ids[at[0]].decode()) if name in ("id", "machineId") else values[name]
            )

        found.sort(key=weight, reverse=is_descending)
    return ListedRows(ids, prepared, found)
