"""The clock that schedules go by: the machine's, or for trials a faster one."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

FASTEST = 100_000.0


class ScheduleClock:
    """Tells the time by which schedules are due; runs and everything else keep to the machine's.

    Args:
        speed: Seconds of this clock a second of the machine's; 1 is the machine's own.
        now: The machine's clock, aware UTC.
        monotonic: Its seconds that only go forward.
    """

    def __init__(
        self,
        speed: float = 1.0,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.speed = speed
        self._now, self._monotonic = now, monotonic
        self._start, self._began = now(), monotonic()

    def now(self) -> datetime:
        """The time, aware UTC."""
        if self.speed == 1.0:
            return self._now()  # a clock that is set right, or a machine that slept, is followed
        return self._start + timedelta(seconds=(self._monotonic() - self._began) * self.speed)
