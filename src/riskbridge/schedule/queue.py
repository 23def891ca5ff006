"""The queue of runs: one run at a time, in the order in which they were asked for, and what became of the newest."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Final

import structlog

from riskbridge.errors import RiskbridgeError
from riskbridge.model.connector import RunOutcome
from riskbridge.model.run import RunRecord
from riskbridge.schedule.progress import RunProgress
from riskbridge.schedule.runs import StopRun, broken
from riskbridge.store.priority import yield_to_others

STOP_WITHIN_S = 20.0
KEPT: Final = 200
"""Runs whose progress is kept in memory after their end."""
_log = structlog.get_logger(__name__)


class RunQueue:
    """Works on runs in a thread of its own, one after the other: so no connector ever has two, and all have one in all.

    A run computes its changes against what is stored and then publishes them, so two at once would not know of each other.

    Args:
        perform: Works on a run to its end; gives its record.
        settle: Called after each, when everybody knows how it ended.
    """

    def __init__(
        self, perform: Callable[[RunProgress], RunRecord], *, settle: Callable[[], None] = lambda: None
    ) -> None:
        self._perform, self._settle = perform, settle
        self._wanted: queue.Queue[RunProgress | None] = queue.Queue()
        self._lock = threading.Lock()
        self._known: dict[str, RunProgress] = {}
        self._is_closing = False
        self._worker = threading.Thread(target=self._work, name="runs", daemon=True)

    def start(self) -> None:
        """Work from now on."""
        self._worker.start()

    def close(self) -> None:
        """Stop: a run that is under way is left where it is, and goes on when a queue starts with it again."""
        with self._lock:
            self._is_closing = True
            for progress in self._known.values():
                progress.stop(RunOutcome.RUNNING)
        self._wanted.put(None)
        self._worker.join(STOP_WITHIN_S)

    def add(self, progress: RunProgress) -> None:
        """Let a run wait for its turn."""
        with self._lock:
            self._known[progress.record.run_id] = progress
            over = [run_id for run_id, known in self._known.items() if known.is_over]
            for run_id in over[: max(0, len(self._known) - KEPT)]:
                del self._known[run_id]
        self._wanted.put(progress)

    def find(self, run_id: str) -> RunProgress | None:
        """A run by its id."""
        with self._lock:
            return self._known.get(run_id)

    def find_newest(self, connector_id: str) -> RunProgress | None:
        """The run of a connector that is under way, else the one that waits, else the one that ended last."""
        with self._lock:
            of_it = [p for p in self._known.values() if p.record.connector_id == connector_id]
        under_way = [p for p in of_it if p.state == RunOutcome.RUNNING.value]
        chosen = under_way or [p for p in of_it if not p.is_over][:1] or of_it[-1:]
        return chosen[0] if chosen else None

    def list_open(self, connector_id: str | None = None) -> list[RunProgress]:
        """Runs that are under way or wait, in order; of one connector or of all."""
        with self._lock:
            known = list(self._known.values())
        return [p for p in known if not p.is_over and connector_id in (None, p.record.connector_id)]

    def _work(self) -> None:
        yield_to_others()
        while (progress := self._wanted.get()) is not None:
            if self._is_closing:
                continue
            if progress.wanted is not None:
                if not progress.is_over:
                    progress.move(progress.wanted.value)
                continue
            progress.move(RunOutcome.RUNNING.value)
            self._work_on(progress)
            try:
                self._settle()
            except Exception:  # noqa: BLE001 - what is only prepared may fail
                _log.exception("run.unsettled", connector=progress.connector)

    def _work_on(self, progress: RunProgress) -> None:
        try:
            record = self._perform(progress)
        except RiskbridgeError as error:
            progress.failure = error
            progress.move(RunOutcome.FAILED.value, error=error.as_dict())
        except StopRun as stop:
            progress.move("stopped" if stop.outcome is RunOutcome.RUNNING else stop.outcome.value)
        except Exception as error:  # noqa: BLE001 - it ends this run, not the server
            _log.exception("run.broken", connector=progress.connector)
            progress.failure = error
            progress.move(RunOutcome.FAILED.value, error=broken(error))
        else:
            progress.move(record.outcome.value, record=record)
