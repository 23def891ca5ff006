"""Tables that are too large to be compared at once, a part at a time: ids are hashes, so their beginnings part rows evenly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import ibis.expr.types as ir

from riskbridge.store.engine import DuckDBEngine

ROWS_AT_ONCE = 300_000
"""Rows of wide tables that are compared in one statement, for which the smallest memory limit is enough."""
_BEGINNINGS = 256


@dataclass(frozen=True, slots=True)
class IdRange:
    """Ids from one beginning up to another that is left out; None is open."""

    lowest: str | None = None
    below: str | None = None

    def of(self, rows: ir.Table, key: str) -> ir.Table:
        """The rows whose id lies in it."""
        if self.lowest is not None:
            rows = rows.filter(rows[key] >= self.lowest)
        return rows if self.below is None else rows.filter(rows[key] < self.below)


def id_ranges(rows: int, at_once: int = ROWS_AT_ONCE) -> list[IdRange]:
    """Ranges that part so many rows into parts of about `at_once`, and have every id in one of them, once."""
    parts = min(_BEGINNINGS, max(1, -(-rows // at_once)))
    edges = [f"{_BEGINNINGS * n // parts:02x}" for n in range(1, parts)]
    return [IdRange(lowest, below) for lowest, below in zip([None, *edges], [*edges, None], strict=True)]


def materialise_in_parts(
    engine: DuckDBEngine, rows: int, make: Callable[[IdRange], ir.Table], name: str, *, at_once: int = ROWS_AT_ONCE
) -> ir.Table:
    """Compute a table a range of ids at a time.

    Args:
        engine: Executes.
        rows: About how many there are.
        make: Gives a range's part; the parts' columns are the same.
        name: Of the temporary table.
        at_once: Rows of a part.
    """
    first, *others = id_ranges(rows, at_once)
    made = engine.materialise(make(first), name)
    for other in others:
        engine.append(made.get_name(), make(other))
    return made
