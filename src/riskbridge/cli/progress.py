"""A run's progress: bars on a terminal, JSON lines on standard error for programs, nothing elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from riskbridge.cli.terminal import error_stream, make_console
from riskbridge.pipeline.progress import Phase
from riskbridge.pipeline.progress import Progress as RunProgress
from riskbridge.source.budget import Spending

_WIDE = 140
"""Columns of a terminal on which calls have room beside the rest."""
_ASKING = (Phase.MACHINES, Phase.FINDINGS, Phase.SOFTWARE, Phase.CATALOGUE)


@contextmanager
def show_progress(*, as_json: bool) -> Iterator[RunProgress]:
    """A run's progress for whoever watches."""
    if as_json:
        yield JsonProgress()
        return
    console = make_console(stderr=True)
    # What phases are called and their numbers stay whole on a narrow terminal; calls are told where there is room.
    told = [TextColumn("{task.fields[calls]}", table_column=Column(no_wrap=True))] if console.width >= _WIDE else []
    with Progress(
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description:<9}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=30 if told else 12),
        TextColumn("{task.fields[rows]}", table_column=Column(no_wrap=True)),
        *told,
        TimeElapsedColumn(),
        TimeRemainingColumn(elapsed_when_finished=False, compact=True),
        console=console,
    ) as bars:
        yield BarProgress(bars)


class BarProgress:
    """One bar a phase, with rows, rate and, where the number of rows is known, an estimate."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[Phase, TaskID] = {}
        self._rows: dict[Phase, int] = {}
        self._began: dict[Phase, float] = {}
        self._expected: dict[Phase, int | None] = {}
        self._before: dict[Phase, int] = {}
        self._spending: Callable[[], Spending] = Spending

    def begin(self, phase: Phase, *, expected_rows: int | None, done_rows: int = 0) -> None:
        """A bar for the phase."""
        self._tasks[phase] = self._bars.add_task(
            phase.value, total=expected_rows, completed=done_rows, rows="", calls=""
        )
        self._rows[phase], self._before[phase], self._began[phase] = done_rows, done_rows, time.monotonic()
        self._expected[phase] = expected_rows

    def expect(self, phase: Phase, rows: int) -> None:
        """The bar is so much longer."""
        self._expected[phase] = (self._expected[phase] or 0) + rows
        self._bars.update(self._tasks[phase], total=self._expected[phase])

    def advance(self, phase: Phase, rows: int) -> None:
        """So many more rows."""
        self._rows[phase] += rows
        rate = (self._rows[phase] - self._before[phase]) / max(1e-6, time.monotonic() - self._began[phase])
        text = f"{self._rows[phase]:>11,} rows {rate:>9,.0f}/s"
        calls = _calls_in_words(self._spending()) if phase in _ASKING else ""
        self._bars.update(self._tasks[phase], advance=rows, rows=text, calls=calls)

    def end(self, phase: Phase) -> None:
        """The bar is full."""
        done = max(1, self._rows[phase])
        self._bars.update(self._tasks[phase], total=done, completed=done)

    def follow(self, spending: Callable[[], Spending]) -> None:
        """Calls are told beside the rows that they brought."""
        self._spending = spending


class JsonProgress:
    """One JSON object a line on standard error.

    `phase`, `state` (begun, expected, advanced, ended), `rows`, `expected_rows`; `calls` so far and the `quotas` of the
    endpoints that were asked.
    """

    def __init__(self) -> None:
        self._rows: dict[Phase, int] = {}
        self._expected: dict[Phase, int | None] = {}
        self._spending: Callable[[], Spending] = Spending
        self._stream = error_stream()  # a run tells of itself from threads of its own

    def begin(self, phase: Phase, *, expected_rows: int | None, done_rows: int = 0) -> None:
        """The phase has begun."""
        self._rows[phase], self._expected[phase] = done_rows, expected_rows
        self._say(phase, "begun")

    def expect(self, phase: Phase, rows: int) -> None:
        """So many more rows are to come."""
        self._expected[phase] = (self._expected[phase] or 0) + rows
        self._say(phase, "expected")

    def advance(self, phase: Phase, rows: int) -> None:
        """So many more rows."""
        self._rows[phase] += rows
        self._say(phase, "advanced")

    def end(self, phase: Phase) -> None:
        """The phase is done."""
        self._say(phase, "ended")

    def follow(self, spending: Callable[[], Spending]) -> None:
        """Calls are told in every line."""
        self._spending = spending

    def _say(self, phase: Phase, state: str) -> None:
        spent = self._spending()
        line = {
            "phase": phase.value,
            "state": state,
            "rows": self._rows[phase],
            "expected_rows": self._expected[phase],
            "calls": spent.calls,
            "quotas": [q.as_dict() for q in spent.quotas],
        }
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()


def _calls_in_words(spent: Spending) -> str:
    if not spent.calls:
        return ""
    words, quota = f"{spent.calls:,} call{'' if spent.calls == 1 else 's'}", spent.scarcest
    if quota is not None:
        words += f", {quota.hour_left:,} of {quota.endpoint} left this hour"
    return words if quota is None or not quota.wait_s else f"{words}, next in {quota.wait_s:.0f} s"
