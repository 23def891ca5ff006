"""The progress of runs in memory, for whoever watches, and the wish of a person that one stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from riskbridge.model.connector import RunOutcome
from riskbridge.model.run import RunRecord
from riskbridge.pipeline.progress import Phase, Progress
from riskbridge.schedule.runs import StopRun
from riskbridge.source.budget import Spending

_ORDER = {phase.value: place for place, phase in enumerate(Phase)}


@dataclass(slots=True)
class PhaseProgress:
    """How far a phase of a run is.

    Attributes:
        name: The phase.
        state: `waiting`, `running` or `done`.
        rows: Rows done, those before a stop among them.
        expected_rows: Rows in all; None where nobody can know.
        seconds: How long it took so far.
        done_before: Rows that were done before the run was taken up again.
    """

    name: str
    state: str = "waiting"
    rows: int = 0
    expected_rows: int | None = None
    seconds: float = 0.0
    done_before: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The phase as plain data: with rows a second, and seconds that are left where the number of rows is known."""
        rate = (self.rows - self.done_before) / self.seconds if self.seconds > 0 else None
        is_told = self.state == "running" and rate and self.expected_rows
        return {
            "name": self.name,
            "state": self.state,
            "rows": self.rows,
            "expected_rows": self.expected_rows,
            "seconds": round(self.seconds, 1),
            "rows_per_s": None if rate is None else round(rate),
            "remaining_s": round(max(0, (self.expected_rows or 0) - self.rows) / rate, 1) if is_told and rate else None,
        }


@dataclass(slots=True)
class RunProgress:
    """A run that is under way or waits for its turn, and whoever waits for news of it. Threads may share it.

    Attributes:
        connector: Name of its connector.
        record: Its record as it was last saved.
        profile: Name of its profile.
        state: `queued`, `running`, or how it ended.
        phases: Those that have begun, by name.
        error: The failure as plain data.
        failure: The failure itself.
        version: Counts the news.
    """

    connector: str
    record: RunRecord
    profile: str = ""
    state: str = RunOutcome.QUEUED.value
    phases: dict[str, PhaseProgress] = field(default_factory=dict)
    error: dict[str, object] | None = None
    failure: BaseException | None = None
    version: int = 0
    _wanted: RunOutcome | None = None
    _watchers: list[Progress] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)
    _began: dict[str, float] = field(default_factory=dict)
    _spending: Callable[[], Spending] | None = None
    _spent: Spending | None = None

    def begin(self, phase: Phase, *, expected_rows: int | None, done_rows: int = 0) -> None:
        """A phase has begun."""
        self._check()
        with self._news:
            self._began[phase.value] = time.monotonic()
            self.phases[phase.value] = PhaseProgress(
                phase.value, "running", done_rows, expected_rows, done_before=done_rows
            )
            self._tell()
            for watcher in self._watchers:
                _tell_one(lambda w=watcher: w.begin(phase, expected_rows=expected_rows, done_rows=done_rows))

    def expect(self, phase: Phase, rows: int) -> None:
        """So many more rows are to come."""
        with self._news:
            at = self.phases[phase.value]
            at.expected_rows = (at.expected_rows or 0) + rows
            self._tell()
            for watcher in self._watchers:
                _tell_one(lambda w=watcher: w.expect(phase, rows))

    def advance(self, phase: Phase, rows: int) -> None:
        """So many more rows."""
        self._check()
        with self._news:
            at = self.phases[phase.value]
            at.rows += rows
            at.seconds = time.monotonic() - self._began[phase.value]
            self._tell()
            for watcher in self._watchers:
                _tell_one(lambda w=watcher: w.advance(phase, rows))

    def end(self, phase: Phase) -> None:
        """The phase is done."""
        with self._news:
            at = self.phases[phase.value]
            at.state, at.seconds = "done", time.monotonic() - self._began[phase.value]
            self._tell()
            for watcher in self._watchers:
                _tell_one(lambda w=watcher: w.end(phase))

    def follow(self, spending: Callable[[], Spending]) -> None:
        """The run's calls are told there from now on."""
        with self._news:
            self._spending = spending
            self._tell()
            for watcher in self._watchers:
                _tell_one(lambda w=watcher: w.follow(spending))

    def move(self, state: str, *, record: RunRecord | None = None, error: dict[str, object] | None = None) -> None:
        """The run is in another state."""
        with self._news:
            self.state, self.record, self.error = state, record or self.record, error
            if self.is_over and self._spending is not None:
                # What was spent is kept, and the source behind it is not.
                self._spent, self._spending = self._spending(), None
            self._tell()

    def watch(self, watcher: Progress) -> None:
        """Tell a watcher of what was and of what comes; one that fails does not disturb the run."""
        with self._news:
            if self._spending is not None:
                _tell_one(lambda s=self._spending: watcher.follow(s))
            for at in self.phases.values():
                phase = Phase(at.name)
                _tell_one(
                    lambda p=phase, a=at: watcher.begin(p, expected_rows=a.expected_rows, done_rows=a.done_before)
                )
                _tell_one(lambda p=phase, a=at: watcher.advance(p, a.rows - a.done_before))
                if at.state == "done":
                    _tell_one(lambda p=phase: watcher.end(p))
            self._watchers.append(watcher)

    def wait(self, version: int, timeout_s: float) -> int:
        """Wait for news after that version; gives the version there is."""
        with self._news:
            self._news.wait_for(lambda: self.version != version, timeout_s)
            return self.version

    def stop(self, outcome: RunOutcome) -> None:
        """Let the run stop at its next step, with that outcome; one that is publishing ends as it would have."""
        self._wanted = outcome

    @property
    def wanted(self) -> RunOutcome | None:
        """How somebody wants the run to stop; None while nobody does."""
        return self._wanted

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.state not in (RunOutcome.QUEUED.value, RunOutcome.RUNNING.value)

    def as_dict(self) -> dict[str, Any]:
        """The state as plain data: phases in their order, calls so far (None before the first), quotas of the endpoints."""
        with self._news:
            spent = self._spending() if self._spending is not None else self._spent
            return {
                "connector": self.connector,
                "profile": self.profile,
                "trigger": self.record.trigger,
                "due_at": self.record.due_at.isoformat() if self.record.due_at else None,
                "state": self.state,
                "error": self.error,
                "run_id": self.record.run_id,
                "calls": spent.calls if spent is not None else None,
                "quotas": [q.as_dict() for q in spent.quotas] if spent is not None else [],
                "phases": [p.as_dict() for p in sorted(self.phases.values(), key=lambda p: _ORDER[p.name])],
            }

    def _check(self) -> None:
        if self._wanted is not None:
            raise StopRun(self._wanted)

    def _tell(self) -> None:
        self.version += 1
        self._news.notify_all()


def _tell_one(call: Any) -> None:
    """A watcher's terminal may be gone; its command finds out by itself."""
    with suppress(OSError, KeyError):
        call()
