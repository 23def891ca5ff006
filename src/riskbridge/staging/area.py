"""Where the raw rows of runs are kept, and for how long."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path

from riskbridge.staging.disk import disk_errors
from riskbridge.staging.stream import CLOSED, StagedStream

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_DOOMED = ".doomed-"


class StagingArea:
    """A folder with one folder a run and, in it, one a stream.

    Args:
        root: The folder; made when first written to.
        now: The clock, aware UTC.
    """

    def __init__(self, root: Path, *, now: Callable[[], datetime] | None = None) -> None:
        self._root = root
        self._now = now

    def stream(self, run_id: str, stream: str) -> StagedStream:
        """The stream of a run, as far as it is staged.

        Raises:
            ValueError: A name that is no plain file name.
            FatalError: `staging.unwritable`, `staging.disk-full`.
        """
        for name in (run_id, stream):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a run or stream")
        return StagedStream(self._root / run_id / stream, now=self._now)

    def find_closed(self, run_id: str, stream: str) -> StagedStream | None:
        """The stream of a run that was read to its end; None when it was not, or its rows are kept no more."""
        folder = self._root / run_id / stream
        known = _NAME.fullmatch(run_id) and _NAME.fullmatch(stream) and (folder / CLOSED).is_file()
        return StagedStream(folder, now=self._now) if known else None

    def runs(self) -> list[str]:
        """The ids of runs with staged rows, newest first."""
        if not self._root.is_dir():
            return []
        folders = [p for p in self._root.iterdir() if p.is_dir() and not p.name.startswith(".")]
        return [p.name for p in sorted(folders, key=lambda p: (_begun_at(p), p.name), reverse=True)]

    def prune(self, *, keep_runs: int, protect: Collection[str] = ()) -> list[str]:
        """Remove the raw rows of runs older than the newest `keep_runs` that were closed; gives the ids removed.

        A run counts as closed when each of its streams is. Runs that were not are kept for as long as they are newer
        than the oldest closed one that is kept; protected ones always are. A kill in the middle leaves a run whole or
        gone.
        """
        self._remove_doomed()
        kept_closed = 0
        removed = []
        for run in self.runs():
            if kept_closed >= keep_runs and run not in protect:
                removed.append(run)
                with disk_errors(self._root):
                    (self._root / run).rename(self._root / f"{_DOOMED}{run}")
            elif _is_closed(self._root / run):
                kept_closed += 1
        self._remove_doomed()
        return removed

    def _remove_doomed(self) -> None:
        if self._root.is_dir():
            for folder in self._root.glob(f"{_DOOMED}*"):
                shutil.rmtree(folder, ignore_errors=True)


def _is_closed(run: Path) -> bool:
    streams = [p for p in run.iterdir() if p.is_dir()]
    return bool(streams) and all((s / CLOSED).exists() for s in streams)


def _begun_at(run: Path) -> int:
    """When the run's last stream was begun: its folder changes only when one is added."""
    return run.stat().st_mtime_ns
