"""The app as a server needs it: many readers, one run at a time, and progress that anyone may watch."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import structlog

from riskbridge.app import App
from riskbridge.errors import InputError, RiskbridgeError
from riskbridge.model.connector import ConnectorState, RunOutcome
from riskbridge.model.run import RunRecord
from riskbridge.pipeline.progress import Phase
from riskbridge.security.accounts import Accounts
from riskbridge.store.config.store import ConfigStore

READERS = 4
"""Database connections for readers; more requests than that wait for one another."""
STOP_WITHIN_S = 20.0
CHANGE_WAIT_S = 3.0
"""How long a person's change waits for a run to end."""
_log = structlog.get_logger(__name__)


class _StoppedError(BaseException):
    """The server is going down; the run goes on when it comes back."""


class _CancelledError(KeyboardInterrupt):
    """A person cancelled the run."""


@dataclass(slots=True)
class PhaseProgress:
    """How far a phase of a run is: `state` is waiting, running or done; `seconds` is how long it took so far."""

    name: str
    state: str = "waiting"
    rows: int = 0
    expected_rows: int | None = None
    seconds: float = 0.0


@dataclass(slots=True)
class RunProgress:
    """A run that is under way or waits for its turn, and whoever waits for news of it. Threads may share it."""

    connector: str
    state: str = "queued"
    phases: dict[str, PhaseProgress] = field(default_factory=dict)
    error: dict[str, object] | None = None
    record: RunRecord | None = None
    version: int = 0
    is_cancelled: bool = False
    is_stopped: bool = False
    _news: threading.Condition = field(default_factory=threading.Condition)
    _began: dict[str, float] = field(default_factory=dict)

    def begin(self, phase: Phase, *, expected_rows: int | None) -> None:
        """A phase has begun."""
        self._check()
        with self._news:
            self._began[phase.value] = time.monotonic()
            self.phases[phase.value] = PhaseProgress(phase.value, "running", expected_rows=expected_rows)
            self._tell()

    def advance(self, phase: Phase, rows: int) -> None:
        """So many more rows."""
        self._check()
        with self._news:
            at = self.phases[phase.value]
            at.rows += rows
            at.seconds = time.monotonic() - self._began[phase.value]
            self._tell()

    def end(self, phase: Phase) -> None:
        """The phase is done."""
        with self._news:
            at = self.phases[phase.value]
            at.state, at.seconds = "done", time.monotonic() - self._began[phase.value]
            self._tell()

    def move(self, state: str, *, record: RunRecord | None = None, error: dict[str, object] | None = None) -> None:
        """The run is in another state."""
        with self._news:
            self.state, self.record, self.error = state, record or self.record, error
            self._tell()

    def wait(self, version: int, timeout_s: float) -> int:
        """Wait for news after that version; gives the version there is."""
        with self._news:
            self._news.wait_for(lambda: self.version != version, timeout_s)
            return self.version

    def as_dict(self) -> dict[str, Any]:
        """The state as plain data."""
        with self._news:
            return {
                "connector": self.connector,
                "state": self.state,
                "error": self.error,
                "run_id": self.record.run_id if self.record else None,
                "phases": [
                    {
                        "name": p.name,
                        "state": p.state,
                        "rows": p.rows,
                        "expected_rows": p.expected_rows,
                        "seconds": round(p.seconds, 1),
                        "rows_per_s": round(p.rows / p.seconds) if p.seconds > 0 else None,
                    }
                    for p in self.phases.values()
                ],
            }

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.state not in ("queued", "running")

    def _check(self) -> None:
        if self.is_stopped:
            raise _StoppedError
        if self.is_cancelled:
            raise _CancelledError

    def _tell(self) -> None:
        self.version += 1
        self._news.notify_all()


class Service:
    """Readers, the worker that runs connectors one after the other, and the accounts.

    A run that a kill or a stop left is taken up again when the service starts.

    Args:
        app: The home; the service closes what it opened of it, and leaves the app to its owner.
    """

    def __init__(self, app: App) -> None:
        self.app = app
        self.accounts = Accounts(app.store.accounts, app.now)
        self._readers: queue.LifoQueue[App] = queue.LifoQueue()
        self._forks = [app.fork() for _ in range(READERS)]
        for fork in self._forks:
            self._readers.put(fork)
        self._wanted: queue.Queue[RunProgress | None] = queue.Queue()
        self._lock = threading.Lock()
        self._publishing = threading.Lock()
        self._editing = threading.RLock()
        self._progress: dict[str, RunProgress] = {}
        self._worker = threading.Thread(target=self._work, name="runs", daemon=True)
        self._worker.start()
        for connector in app.store.list_connectors():
            if app.store.list_running(connector.connector_id):
                self.start_run(connector.name)

    def close(self) -> None:
        """Stop: a run that is under way is left where it is, and goes on when a service starts again."""
        with self._lock:
            for progress in self._progress.values():
                progress.is_stopped = True
        self._wanted.put(None)
        self._worker.join(STOP_WITHIN_S)
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
        if not self._publishing.acquire(timeout=CHANGE_WAIT_S):
            raise InputError(
                "A run is under way, and what it publishes would not know of the change.",
                code="run.under-way",
                remedy="Try again when it has ended, or cancel it.",
            )
        try:
            fork = self.app.fork()
            fork.store = self.app.store.acting_as(actor)
            try:
                yield fork
            finally:
                fork.close()
        finally:
            self._publishing.release()

    @contextmanager
    def editing(self, actor: str) -> Iterator[ConfigStore]:
        """The config store for a person's edit of what is set up, one edit after the other.

        What is compared with `If-Match` and what is then saved are of one state, since no other edit comes between.
        """
        with self._editing:
            yield self.app.store.acting_as(actor)

    def start_run(self, name: str) -> RunProgress:
        """Begin a run of a connector, or wait for one that is under way.

        Raises:
            InputError: `connector.unknown`; `run.under-way`: the connector has a run already.
        """
        connector = self.app.store.get_connector(name)
        with self._lock:
            known = self._progress.get(connector.connector_id)
            if known is not None and not known.is_over:
                raise InputError(
                    f"'{connector.name}' has a run under way.",
                    code="run.under-way",
                    remedy="Watch it, or cancel it first.",
                )
            progress = RunProgress(connector.name)
            self._progress[connector.connector_id] = progress
        self._wanted.put(progress)
        return progress

    def find_progress(self, name: str) -> RunProgress | None:
        """The newest run of a connector that this service began; None when it began none.

        Raises:
            InputError: `connector.unknown`.
        """
        connector = self.app.store.get_connector(name)
        with self._lock:
            return self._progress.get(connector.connector_id)

    def cancel_run(self, name: str) -> None:
        """Stop a run at its next step; nothing is published. One that is publishing ends as it would have.

        Raises:
            InputError: `connector.unknown`; `run.not-under-way`.
        """
        progress = self.find_progress(name)
        if progress is None or progress.is_over:
            raise InputError(
                f"'{name}' has no run under way.", code="run.not-under-way", remedy="There is nothing to cancel."
            )
        progress.is_cancelled = True

    def state_of(self, connector_name: str) -> ConnectorState:
        """Where a connector stands; Processing while it runs."""
        progress = self.find_progress(connector_name)
        if progress is not None and not progress.is_over:
            return ConnectorState.PROCESSING
        return self.app.state_of(self.app.store.get_connector(connector_name))

    def _work(self) -> None:
        while (progress := self._wanted.get()) is not None:
            if progress.is_stopped:
                continue
            if progress.is_cancelled:
                progress.move("cancelled")
                continue
            self._run(progress)

    def _run(self, progress: RunProgress) -> None:
        with self._publishing:
            self._run_alone(progress)

    def _run_alone(self, progress: RunProgress) -> None:
        fork = self.app.fork()
        progress.move("running")
        try:
            record = fork.run(progress.connector, progress=progress)
        except RiskbridgeError as error:
            progress.move(RunOutcome.FAILED.value, error=error.as_dict())
        except _CancelledError:
            progress.move("cancelled")
        except _StoppedError:
            progress.move("stopped")
        except Exception as error:  # noqa: BLE001 - a fault of ours ends this run, not the server
            _log.exception("run.broken", connector=progress.connector)
            progress.move(
                RunOutcome.FAILED.value,
                error={
                    "code": "run.broken",
                    "message": f"The run met a fault of ours: {error}.",
                    "remedy": "See the log.",
                },
            )
        else:
            progress.move(record.outcome.value, record=record)
        finally:
            with suppress(Exception):
                fork.close()
