"""The app as a server needs it: many readers, one run at a time, and progress that anyone may watch."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from riskbridge.app import App
from riskbridge.errors import InputError, RetryableError, RiskbridgeError
from riskbridge.model.connector import Connector, ConnectorState, RunOutcome
from riskbridge.model.run import RunRecord
from riskbridge.pipeline.progress import Progress
from riskbridge.schedule.clock import ScheduleClock
from riskbridge.schedule.progress import RunProgress
from riskbridge.schedule.queue import RunQueue
from riskbridge.schedule.runs import end_run, find_paused, new_run
from riskbridge.schedule.scheduler import Scheduler
from riskbridge.schedule.standing import Standing
from riskbridge.security.accounts import Accounts
from riskbridge.store.config.store import ConfigStore
from riskbridge.whatif import OFFERED_FIXES, rank_fixes

READERS = 4
"""Database connections for readers; more requests than that wait for one another."""


class Service:
    """Readers, the queue of runs, the schedules that feed it, and the accounts.

    Runs that a kill or a stop left are taken up again when the service starts, before those that waited.

    Args:
        app: The home; the service closes what it opened of it, and leaves the app to its owner.
        clock: What schedules go by; None takes the app's.
    """

    def __init__(self, app: App, *, clock: ScheduleClock | None = None) -> None:
        self.app = app
        app.is_serving = True
        self.clock = clock or ScheduleClock(now=app.now)
        app.schedule_now = self.clock.now
        self.accounts = Accounts(app.store.accounts, app.now)
        self._readers: queue.LifoQueue[App] = queue.LifoQueue()
        self._forks = [app.fork() for _ in range(READERS)]
        for fork in self._forks:
            self._readers.put(fork)
        self._editing = threading.RLock()
        self._starting = threading.RLock()
        self._runs = RunQueue(self._perform, settle=self._look_ahead)
        for left in sorted(app.store.list_open(), key=lambda r: r.outcome is RunOutcome.QUEUED):
            if left.outcome is not RunOutcome.PAUSED:
                self._add(left)
        self._runs.start()
        self._scheduler = Scheduler(app.store, self.clock, app.now, self._add)
        self._scheduler.start()

    def close(self) -> None:
        """Stop: a run that is under way is left where it is, and goes on when a service starts again."""
        self._scheduler.close()
        self._runs.close()
        for fork in self._forks:
            fork.close()

    @contextmanager
    def reading(self) -> Iterator[App]:
        """A reader of one's own for as long as it is needed."""
        reader = self._readers.get()
        try:
            yield reader
        finally:
            self._readers.put(reader)

    @contextmanager
    def changing(self, actor: str) -> Iterator[App]:
        """The app for a person's change of what is published; runs and other changes wait meanwhile.

        Raises:
            InputError: `run.under-way`: a run is publishing, or about to.
        """
        with self.app.engine.turn.taken():
            fork = self.app.fork()
            fork.store = self.app.store.acting_as(actor)
            try:
                yield fork
            finally:
                fork.close()

    @contextmanager
    def editing(self, actor: str) -> Iterator[ConfigStore]:
        """The config store for a person's edit of what is set up, one edit after the other.

        What is compared with `If-Match` and what is then saved are of one state, since no other edit comes between.
        """
        with self._editing:
            yield self.app.store.acting_as(actor)

    def start_run(self, name: str, profile_name: str | None = None, *, is_drop_accepted: bool = False) -> RunProgress:
        """Begin a run of a connector, or let it wait for another connector's.

        Raises:
            InputError: `connector.unknown`, `profile.unknown`, `profile.inactive`; `run.under-way`, `run.paused`: the connector
                has a run already.
        """
        connector = self.app.store.get_connector(name)
        profile = self.app.store.get_profile(connector.connector_id, profile_name)
        profile.require_active()
        with self._starting:
            self._require_idle(connector)
            run = new_run(connector, profile, self.app.now(), is_drop_accepted=is_drop_accepted)
            self.app.store.save_run(run)
            return self._add(run)

    def find_progress(self, name: str) -> RunProgress | None:
        """The run of a connector that is under way or waits, else the newest that this service worked on; None without.

        Raises:
            InputError: `connector.unknown`.
        """
        return self._runs.find_newest(self.app.store.get_connector(name).connector_id)

    def find_run_progress(self, run_id: str) -> RunProgress | None:
        """The progress of one run that this service worked on, by its whole id; None without."""
        return self._runs.find(run_id)

    def cancel_run(self, name: str) -> None:
        """Stop a connector's run at its next step; nothing is published. One that is publishing ends as it would have.

        One that waits or is paused ends at once.

        Raises:
            InputError: `connector.unknown`; `run.not-under-way`.
        """
        self._stop(name, RunOutcome.CANCELLED)

    def pause_run(self, name: str) -> None:
        """Stop a connector's run at its next step and keep what was read, to go on later.

        Raises:
            InputError: `connector.unknown`; `run.not-under-way`.
        """
        self._stop(name, RunOutcome.PAUSED)

    def resume_run(self, name: str) -> RunProgress:
        """Let a connector's paused run go on where it was.

        Raises:
            InputError: `connector.unknown`; `run.not-paused`.
        """
        connector = self.app.store.get_connector(name)
        with self._starting:
            return self._add(find_paused(self.app.store, connector))

    def state_of(self, connector_name: str) -> ConnectorState:
        """Where a connector stands; Processing while it runs."""
        return self.standing_of(connector_name).state

    def standing_of(self, connector_name: str) -> Standing:
        """Where a connector stands, and what a person should do about it.

        Raises:
            InputError: `connector.unknown`.
        """
        connector = self.app.store.get_connector(connector_name)
        # Asked for before what is stored: a run that ends in between is told as under way, never as done too early.
        is_processing = self.is_processing(connector.connector_id)
        with self.reading() as reader:
            return reader.standing_of(connector, is_processing=is_processing)

    def is_processing(self, connector_id: str) -> bool:
        """Whether a run of a connector is under way or waits for its turn."""
        return bool(self._runs.list_open(connector_id))

    def _add(self, run: RunRecord) -> RunProgress:
        profiles = self.app.store.list_profiles(run.connector_id)
        profile = next((p.name for p in profiles if p.profile_id == run.profile_id), "")
        progress = RunProgress(run.connector_name, run, profile)
        self._runs.add(progress)
        return progress

    def _find_paused(self, connector: Connector) -> RunRecord | None:
        left = self.app.store.list_open(connector.connector_id)
        return next((r for r in left if r.outcome is RunOutcome.PAUSED), None)

    def _require_idle(self, connector: Connector) -> None:
        if self._runs.list_open(connector.connector_id):
            raise InputError(
                f"'{connector.name}' has a run under way.",
                code="run.under-way",
                remedy="Watch it, or cancel it first.",
            )
        if self._find_paused(connector) is not None:
            raise InputError(
                f"'{connector.name}' has a paused run.",
                code="run.paused",
                remedy=f"Let it go on: riskbridge resume {connector.name!r}, or end it: riskbridge cancel {connector.name!r}",
            )

    def _stop(self, name: str, outcome: RunOutcome) -> None:
        connector = self.app.store.get_connector(name)
        with self._starting:
            progress = self.find_progress(name)
            if progress is not None and progress.state == RunOutcome.RUNNING.value:
                progress.stop(outcome)
                return
            if progress is not None and not progress.is_over:
                progress.stop(outcome)
                self._save_stopped(progress.record, outcome)
                progress.move(outcome.value)
                return
            paused = self._find_paused(connector)
            if paused is None or outcome is RunOutcome.PAUSED:
                raise InputError(
                    f"'{connector.name}' has no run under way.",
                    code="run.not-under-way",
                    remedy="There is nothing to cancel."
                    if outcome is RunOutcome.CANCELLED
                    else "There is nothing to pause.",
                )
            self._save_stopped(paused, outcome)

    def _save_stopped(self, record: RunRecord, outcome: RunOutcome) -> None:
        if outcome.is_open:
            self.app.store.save_run(replace(record, outcome=outcome))
        else:
            end_run(self.app.store, record, outcome, self.app.now())

    def _look_ahead(self) -> None:
        """Work out what takes seconds before anybody asks for it."""
        if len(self._runs.list_open()) == 0 and self.app.warehouse.last_read():
            fork = self.app.fork()
            try:
                rank_fixes(fork, OFFERED_FIXES)
            finally:
                fork.close()

    def _perform(self, progress: RunProgress) -> RunRecord:
        fork = self.app.fork()
        try:
            with fork.engine.turn.taken(wait_s=None):
                return fork.run(progress.connector, progress=progress, record=progress.record)
        except RiskbridgeError as error:
            left = self.app.store.get_run(progress.record.run_id)
            if left.outcome.is_open:  # it failed before it began, as where its profile is gone
                end_run(self.app.store, left, RunOutcome.FAILED, self.app.now(), error=error.as_dict())
            raise
        finally:
            with suppress(Exception):
                fork.close()


class Follower:
    """Runs connectors in a service's queue for one caller, and tells the caller's progress; see `Runner`.

    Args:
        service: The service.
        is_watched: Whether the caller is there still; the run is interrupted once not.
    """

    def __init__(self, service: Service, is_watched: Callable[[], bool]) -> None:
        self._service, self._is_watched = service, is_watched

    def run(self, name: str, profile_name: str | None, progress: Progress, *, is_drop_accepted: bool) -> RunRecord:
        """Run a connector and wait for its end; a run of that profile that is paused goes on.

        Raises:
            RiskbridgeError: The run failed, was paused or cancelled by somebody else, or cannot begin.
            KeyboardInterrupt: The caller is gone.
        """
        store = self._service.app.store
        connector = store.get_connector(name)
        profile = store.get_profile(connector.connector_id, profile_name)
        left = store.list_open(connector.connector_id)
        if any(r.outcome is RunOutcome.PAUSED and r.profile_id == profile.profile_id for r in left):
            return self.resume(name, progress)
        return self._follow(self._service.start_run(name, profile_name, is_drop_accepted=is_drop_accepted), progress)

    def resume(self, name: str, progress: Progress) -> RunRecord:
        """Let a paused run go on and wait for its end; raises as `run` does."""
        return self._follow(self._service.resume_run(name), progress)

    def pause_run(self, name: str) -> None:
        """Stop a run at its next step, to go on later."""
        self._service.pause_run(name)

    def cancel_run(self, name: str) -> None:
        """End a run at its next step."""
        self._service.cancel_run(name)

    def is_processing(self, connector_id: str) -> bool:
        """Whether a run of a connector is under way or waits for its turn."""
        return self._service.is_processing(connector_id)

    def _follow(self, run: RunProgress, watcher: Progress) -> RunRecord:
        run.watch(watcher)
        version = -1
        while not run.is_over:
            version = run.wait(version, 0.5)
            if not self._is_watched():
                run.stop(RunOutcome.INTERRUPTED)
        return _end_of(run)


def _end_of(progress: RunProgress) -> RunRecord:
    if progress.failure is not None:
        raise progress.failure
    if progress.state == RunOutcome.INTERRUPTED.value:
        raise KeyboardInterrupt
    if progress.state in ("stopped", RunOutcome.PAUSED.value, RunOutcome.CANCELLED.value):
        raise RetryableError(
            f"The run of '{progress.connector}' was {progress.state} by somebody else.",
            code="run.stopped",
            remedy=f"See why with: riskbridge connector show {progress.connector!r}",
        )
    return progress.record
