"""The tenant's clock: it stands still, runs at a speed of its own, and can be moved forward."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

SNAPSHOT_EVERY = timedelta(hours=6)


class TenantClock:
    """Tells the tenant's time.

    Args:
        start: The time it begins at, UTC.
        speed: Seconds of the tenant a second of ours; 0 stands still.
        monotonic: Seconds of ours that only go forward.
    """

    def __init__(self, start: datetime, *, speed: float = 0.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._start = start
        self._speed = speed
        self._monotonic = monotonic
        self._began = monotonic()
        self._stepped = timedelta(0)

    def now(self) -> datetime:
        """The tenant's time, UTC."""
        passed = timedelta(seconds=(self._monotonic() - self._began) * self._speed) if self._speed else timedelta(0)
        return self._start + self._stepped + passed

    def step(self, by: timedelta) -> datetime:
        """Move it forward; gives the new time."""
        self._stepped += by
        return self.now()


def boundary(at: datetime) -> datetime:
    """The time of the newest snapshot then: every six hours from midnight, UTC."""
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (at - midnight) // SNAPSHOT_EVERY * SNAPSHOT_EVERY
