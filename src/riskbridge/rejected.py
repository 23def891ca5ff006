"""Rows that runs could not use: of any published run, counted by reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from riskbridge.app import App
from riskbridge.errors import InputError
from riskbridge.model.run import RunRecord

MOST_REASONS = 1_000
_LONGEST_NUMBER = 9
"""Digits of a run's number; what is longer is the beginning of an id."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """What a run could not use.

    Attributes:
        run: Its number; None where it published nothing, 0 where there is none yet.
        count: Rejects in all.
        reasons: `stream`, `reason` and `rejects`, the most frequent first.
        rows: Some of them: by stream, reason, page and row.
    """

    run: int | None
    count: int
    reasons: list[dict[str, Any]]
    rows: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return {"run": self.run, "count": self.count, "reasons": self.reasons, "rows": self.rows}


def show_rejects(app: App, run: int | None = None, *, limit: int = 50) -> Rejected:
    """What a run could not use.

    Args:
        app: The home.
        run: Its number; None takes the newest that read a source.
        limit: Rows to show; reasons are counted over all.
    """
    from riskbridge.model.target import RUN_REJECT  # noqa: PLC0415

    number = app.warehouse.last_read() if run is None else run
    table = app.warehouse.table(RUN_REJECT)
    of_run = table.filter(table.run == number)
    counted = of_run.group_by("stream", "reason").agg(rejects=of_run.count())
    counted = counted.order_by([counted.rejects.desc(), "stream", "reason"])
    reasons = app.engine.records(counted)
    count = sum(int(row["rejects"]) for row in reasons)
    return Rejected(number, count, reasons[:MOST_REASONS], app.list_rejects(run=number, limit=limit))


def find_rejects(app: App, wanted: str, *, limit: int = 50) -> Rejected:
    """What a run could not use, by its number, its id or the beginning of that; nothing of one that was not published.

    Raises:
        InputError: `run.unknown`.
    """
    if not wanted.isascii() or not wanted.isdigit() or len(wanted) > _LONGEST_NUMBER:
        return rejects_of(app, app.store.get_run(wanted), limit=limit)
    newest = app.warehouse.last_run()
    if not 1 <= int(wanted) <= newest:
        raise InputError(
            f"There is no run {wanted}; the newest that is published is {newest}.",
            code="run.unknown",
            remedy="List runs and their ids with: riskbridge runs",
        )
    return show_rejects(app, int(wanted), limit=limit)


def rejects_of(app: App, record: RunRecord, *, limit: int = 50) -> Rejected:
    """What a run could not use; nothing of one that was not published."""
    return Rejected(None, 0, [], []) if record.run is None else show_rejects(app, record.run, limit=limit)
