"""Schedules in the config store, and the runs that they begin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from riskbridge.errors import InputError
from riskbridge.model.run import RunRecord
from riskbridge.model.schedule import Schedule, Timing, TimingKind
from riskbridge.store.config.database import Database
from riskbridge.store.config.tables import RunRow, ScheduleRow

Audit = Callable[[Session, str, str, dict[str, Any]], None]


class ConfigSchedules:
    """Keeps when profiles run by themselves. Threads may share it.

    Args:
        database: Where.
        audit: Adds an audit entry in a session: action, name of the object, detail.
    """

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit

    def save(self, schedule: Schedule, name: str, action: str) -> None:
        """Keep a schedule, in place of the one its profile had.

        Args:
            schedule: What is kept.
            name: What the audit log calls it: connector and profile.
            action: Such as `schedule.set`.

        Raises:
            InputError: `profile.unknown`: the profile is gone.
        """
        try:
            with self._database.writing() as session:
                old = session.scalar(select(ScheduleRow).where(ScheduleRow.profile_id == schedule.profile_id))
                if old is not None and old.schedule_id != schedule.schedule_id:
                    session.delete(old)
                    session.flush()
                values = asdict(schedule) | {"timing": _timing_values(schedule.timing)}
                session.merge(ScheduleRow(**values))
                self._audit(session, action, name, values["timing"] | {"is_paused": schedule.is_paused})
        except IntegrityError as error:
            raise InputError(
                f"{name} is gone, so it has no schedule.",
                code="profile.unknown",
                remedy="See what there is with: riskbridge connector list",
            ) from error

    def find(self, profile_id: str) -> Schedule | None:
        """The schedule of a profile, or None."""
        with self._database.reading() as session:
            row = session.scalar(select(ScheduleRow).where(ScheduleRow.profile_id == profile_id))
            return None if row is None else _schedule(row)

    def list_schedules(self, connector_id: str | None = None) -> list[Schedule]:
        """Schedules in a fixed order; of one connector or of all."""
        query = select(ScheduleRow).order_by(ScheduleRow.connector_id, ScheduleRow.schedule_id)
        if connector_id is not None:
            query = query.where(ScheduleRow.connector_id == connector_id)
        with self._database.reading() as session:
            return [_schedule(row) for row in session.scalars(query)]

    def delete(self, schedule: Schedule, name: str) -> None:
        """Forget a schedule; harmless when it is gone."""
        with self._database.writing() as session:
            row = session.get(ScheduleRow, schedule.schedule_id)
            if row is not None:
                session.delete(row)
                self._audit(session, "schedule.removed", name, {})

    def decide(self, schedule: Schedule, until: datetime, run: RunRecord | None) -> bool:
        """Occurrences up to then are decided: they lead to a run, or to none.

        It is one transaction, so that no kill doubles or loses a run.

        Args:
            schedule: As it was read.
            until: The occurrence.
            run: What it leads to; None to leave it out.

        Returns:
            False where a person changed or removed the schedule meanwhile; nothing was done then.
        """
        with self._database.writing() as session:
            row = session.get(ScheduleRow, schedule.schedule_id)
            if row is None or (row.changed_at, row.decided_until) != (schedule.changed_at, schedule.decided_until):
                return False
            row.decided_until = until
            if run is not None:
                session.add(run_row(run))
            return True


def run_row(record: RunRecord) -> RunRow:
    """A run's record as the row that keeps it."""
    lists = {"warnings": list(record.warnings), "streams": list(record.streams), "outcome": record.outcome.value}
    return RunRow(**asdict(record) | lists)


def _timing_values(timing: Timing) -> dict[str, Any]:
    values = {n: v for n, v in asdict(timing).items() if v not in (None, ())}
    times = {n: values[n].isoformat() for n in ("starts_at", "ends_at") if n in values}
    return values | times | {"kind": timing.kind.value} | ({"weekdays": [*timing.weekdays]} if timing.weekdays else {})


def _schedule(row: ScheduleRow) -> Schedule:
    kept = row.timing
    ends = kept.get("ends_at")
    timing = Timing(
        kind=TimingKind(kept["kind"]),
        zone=kept["zone"],
        starts_at=datetime.fromisoformat(kept["starts_at"]),
        ends_at=datetime.fromisoformat(ends) if ends else None,
        every=kept.get("every", 1),
        at=kept.get("at"),
        weekdays=tuple(kept.get("weekdays", ())),
        cron=kept.get("cron"),
    )
    return Schedule(
        schedule_id=row.schedule_id,
        connector_id=row.connector_id,
        profile_id=row.profile_id,
        timing=timing,
        is_paused=row.is_paused,
        decided_until=row.decided_until,
        changed_at=row.changed_at,
    )
