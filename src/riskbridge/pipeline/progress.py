"""How a run tells where it is."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from riskbridge.source.budget import Spending


class Phase(StrEnum):
    """The phases of a run, in order."""

    TEST = "test"
    MACHINES = "machines"
    FINDINGS = "findings"
    SOFTWARE = "software"
    CATALOGUE = "catalogue"
    MAP = "map"
    IDENTIFY = "identify"
    LIFECYCLE = "lifecycle"
    SCORE = "score"
    PUBLISH = "publish"


class Progress(Protocol):
    """Told of each phase as it begins, advances and ends.

    Devices are mapped and identified in a second thread while findings are read, so calls may come from two threads.
    """

    def begin(self, phase: Phase, *, expected_rows: int | None, done_rows: int = 0) -> None:
        """A phase has begun; `expected_rows` is None where nobody can know, `done_rows` were done before a stop."""

    def expect(self, phase: Phase, rows: int) -> None:
        """So many more rows of the phase are to come than were expected."""

    def advance(self, phase: Phase, rows: int) -> None:
        """So many more rows of the phase are done."""

    def end(self, phase: Phase) -> None:
        """The phase is done."""

    def follow(self, spending: Callable[[], Spending]) -> None:
        """The run's calls are told there from now on, to any thread."""


class NoProgress:
    """Tells nobody."""

    def begin(self, phase: Phase, *, expected_rows: int | None, done_rows: int = 0) -> None:
        """Nothing."""

    def expect(self, phase: Phase, rows: int) -> None:
        """Nothing."""

    def advance(self, phase: Phase, rows: int) -> None:
        """Nothing."""

    def end(self, phase: Phase) -> None:
        """Nothing."""

    def follow(self, spending: Callable[[], Spending]) -> None:
        """Nothing."""
