"""A run's progress: bars on a terminal, JSON lines on standard error for programs, nothing elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from riskbridge.cli.terminal import error_stream, make_console
from riskbridge.pipeline.progress import Phase
from riskbridge.pipeline.progress import Progress as RunProgress


@contextmanager
def show_progress(*, as_json: bool) -> Iterator[RunProgress]:
    """A run's progress for whoever watches."""
    if as_json:
        yield JsonProgress()
        return
    with Progress(
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[rows]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(elapsed_when_finished=False, compact=True),
        console=make_console(stderr=True),
    ) as bars:
        yield BarProgress(bars)


class BarProgress:
    """One bar a phase, with rows, rate and, where the number of rows is known, an estimate."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[Phase, TaskID] = {}
        self._rows: dict[Phase, int] = {}
        self._began: dict[Phase, float] = {}

    def begin(self, phase: Phase, *, expected_rows: int | None) -> None:
        """A bar for the phase."""
        self._tasks[phase] = self._bars.add_task(phase.value, total=expected_rows, rows="")
        self._rows[phase], self._began[phase] = 0, time.monotonic()

    def advance(self, phase: Phase, rows: int) -> None:
        """So many more rows."""
        self._rows[phase] += rows
        rate = self._rows[phase] / max(1e-6, time.monotonic() - self._began[phase])
        text = f"{self._rows[phase]:>11,} rows {rate:>9,.0f}/s"
        self._bars.update(self._tasks[phase], advance=rows, rows=text)

    def end(self, phase: Phase) -> None:
        """The bar is full."""
        done = max(1, self._rows[phase])
        self._bars.update(self._tasks[phase], total=done, completed=done)


class JsonProgress:
    """One JSON object a line on standard error: `phase`, `state` (begun, advanced, ended), `rows`."""

    def __init__(self) -> None:
        self._rows: dict[Phase, int] = {}
        self._stream = error_stream()  # a run tells of itself from threads of its own

    def begin(self, phase: Phase, *, expected_rows: int | None) -> None:
        """The phase has begun."""
        self._rows[phase] = 0
        self._say(phase, "begun", expected_rows=expected_rows)

    def advance(self, phase: Phase, rows: int) -> None:
        """So many more rows."""
        self._rows[phase] += rows
        self._say(phase, "advanced")

    def end(self, phase: Phase) -> None:
        """The phase is done."""
        self._say(phase, "ended")

    def _say(self, phase: Phase, state: str, *, expected_rows: int | None = None) -> None:
        line = {"phase": phase.value, "state": state, "rows": self._rows[phase], "expected_rows": expected_rows}
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()
