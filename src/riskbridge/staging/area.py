"""Where the raw rows of runs are kept, and for how long."""

from __future__ import annotations

import shutil
from pathlib import Path

from riskbridge.staging.stream import StagedStream


class StagingArea:
    """A folder with one folder a run and, in it, one a stream."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def stream(self, run_id: str, stream: str) -> StagedStream:
        """The stream of a run, as far as it is staged."""
        return StagedStream(self._root / run_id / stream)

    def prune(self, *, keep_runs: int) -> None:
        """Remove the raw rows of all but the newest runs."""
        runs = sorted((p for p in self._root.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime, reverse=True)
        for run in runs[keep_runs:]:
            shutil.rmtree(run, ignore_errors=True)
