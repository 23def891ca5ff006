"""Begins the runs that are due: each occurrence once, those that were missed once for all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from riskbridge.model.connector import Connector, Profile
from riskbridge.model.run import RunRecord
from riskbridge.model.schedule import Schedule
from riskbridge.schedule.clock import ScheduleClock
from riskbridge.schedule.runs import new_run
from riskbridge.schedule.timing import newest_moment, next_moments
from riskbridge.store.config.store import ConfigStore

LOOK_EVERY_S = 1.0
CLOCK_WAS_WRONG_BY = timedelta(days=1)
"""A schedule decided so far ahead of the clock was decided by a wrong one, or by a trial's faster one."""
_log = structlog.get_logger(__name__)


class Scheduler:
    """Looks every second what is due. An occurrence is decided in one transaction with the run it leads to.

    An occurrence that comes while a run of the same profile is under way, waits or is paused is that run; one whose
    profile is inactive is left out.

    Args:
        store: Schedules and runs.
        clock: The schedules' time.
        now: The machine's time, for the records of runs.
        begin: Called with each run that is to begin, once it is saved.
    """

    def __init__(
        self,
        store: ConfigStore,
        clock: ScheduleClock,
        now: Callable[[], datetime],
        begin: Callable[[RunRecord], object],
    ) -> None:
        self._store, self._clock, self._now, self._begin = store, clock, now, begin
        self._next: dict[tuple[str, datetime, datetime], datetime | None] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, name="schedules", daemon=True)

    def start(self) -> None:
        """Look from now on, in a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def begin_due(self) -> int:
        """Begin what is due by the clock; gives the number of runs."""
        now = self._clock.now()
        known = self._store.schedules.list_schedules()
        self._forget({_key(s) for s in known})
        return sum(self._decide(s, now) for s in known if not s.is_paused)

    def _look(self) -> None:
        every_s = LOOK_EVERY_S if self._clock.speed == 1.0 else LOOK_EVERY_S / 5
        while not self._stopped.wait(every_s):
            try:
                self.begin_due()
            except Exception:  # noqa: BLE001 - what is not decided is due still at the next look
                _log.exception("schedule.not-decided")

    def _decide(self, schedule: Schedule, now: datetime) -> bool:
        if schedule.decided_until > now + CLOCK_WAS_WRONG_BY:
            self._store.schedules.decide(schedule, now, None)
            return False
        due_at = self._next_of(schedule)
        if due_at is None or due_at > now:
            return False
        due_at = newest_moment(schedule.timing, schedule.decided_until, now) or due_at
        run = self._run_of(schedule, due_at)
        if not self._store.schedules.decide(schedule, due_at, run) or run is None:
            return False
        self._begin(run)
        return True

    def _next_of(self, schedule: Schedule) -> datetime | None:
        key = _key(schedule)
        if key not in self._next:
            self._next[key] = next(iter(next_moments(schedule.timing, schedule.decided_until, 1)), None)
        return self._next[key]

    def _run_of(self, schedule: Schedule, due_at: datetime) -> RunRecord | None:
        connector, profile = self._find(schedule)
        if connector is None or profile is None or not profile.is_active:
            return None
        if any(r.profile_id == profile.profile_id for r in self._store.list_open(connector.connector_id)):
            _log.info("schedule.run-under-way", connector=connector.name, profile=profile.name)
            return None
        return new_run(connector, profile, self._now(), trigger="schedule", due_at=due_at)

    def _find(self, schedule: Schedule) -> tuple[Connector | None, Profile | None]:
        connectors = (c for c in self._store.list_connectors() if c.connector_id == schedule.connector_id)
        profiles = (p for p in self._store.list_profiles(schedule.connector_id) if p.profile_id == schedule.profile_id)
        return next(connectors, None), next(profiles, None)

    def _forget(self, kept: set[tuple[str, datetime, datetime]]) -> None:
        self._next = {key: due for key, due in self._next.items() if key in kept}


def _key(schedule: Schedule) -> tuple[str, datetime, datetime]:
    return schedule.schedule_id, schedule.decided_until, schedule.changed_at
