"""When to ask again: after throttling as told, after faults a few times with growing waits, else not at all."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Protocol, TypeVar

from riskbridge.errors import RetryableError

T = TypeVar("T")


class ThrottledError(RetryableError):
    """The server asked for patience: `wait_s` seconds, None when it did not say how long.

    `is_for_load` says that it was not for the number of calls but for what they cost the server.
    """

    def __init__(
        self, message: str, *, code: str, remedy: str, wait_s: float | None, is_for_load: bool = False
    ) -> None:
        super().__init__(message, code=code, remedy=remedy)
        self.wait_s = wait_s
        self.is_for_load = is_for_load


class StoppedError(Exception):
    """Nobody wants the answer any more; met only inside the thread that was fetching it."""


class Clock(Protocol):
    """Time, so that a test need not spend any."""

    def now(self) -> datetime:
        """The current time, aware UTC."""

    def wait(self, seconds: float, stop: Event) -> None:
        """Return after so many seconds, or as soon as `stop` is set."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The current time, aware UTC."""
        return datetime.now(UTC)

    def wait(self, seconds: float, stop: Event) -> None:
        """Wait on the event."""
        stop.wait(seconds)


@dataclass(slots=True)
class Traffic:
    """What a source has asked of the outside so far. Written by the thread that fetches, readable from any.

    Attributes:
        calls: Requests sent to the API, repeated ones included; requests to the login host are not counted.
        retries: Requests repeated after a fault.
        throttle_waits: Times the API asked for patience (429).
        throttle_wait_s: Seconds waited for it.
        budget_waits: Times a call was put off to keep the API's limits.
        budget_wait_s: Seconds that took.
        received_bytes: Bytes of bodies as sent, compressed.
        decoded_bytes: Bytes of bodies decoded.
    """

    calls: int = 0
    retries: int = 0
    throttle_waits: int = 0
    throttle_wait_s: float = 0.0
    budget_waits: int = 0
    budget_wait_s: float = 0.0
    received_bytes: int = 0
    decoded_bytes: int = 0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient to be.

    Attributes:
        attempts: Requests in all for one answer where the outside is at fault (5xx, cut connections, half bodies).
        first_wait_s: Seconds before the second attempt; doubled each time, cut by up to half at random.
        longest_wait_s: The most such a wait grows to.
        throttle_patience_s: Seconds of throttling borne for one answer; Defender's longest window is an hour.
    """

    attempts: int = 6
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    throttle_patience_s: float = 7200.0

    def backoff_s(self, failures: int, chance: float) -> float:
        """Seconds to wait after so many failures (from 1); `chance` is 0 to 1."""
        longest: float = min(self.longest_wait_s, self.first_wait_s * 2.0 ** (failures - 1))
        return longest * (0.5 + chance / 2)


class Retries:
    """Runs a call until it succeeds or patience ends. Throttling does not use up the attempts."""

    def __init__(self, policy: RetryPolicy, clock: Clock, traffic: Traffic) -> None:
        self._policy = policy
        self._clock = clock
        self._traffic = traffic
        self._random = random.Random()  # noqa: S311 - spreads waits, keeps no secret

    def run(self, call: Callable[[], T], stop: Event) -> T:
        """The call's result.

        Raises:
            RetryableError: The last one, once attempts or patience have run out, with the time to try again.
            StoppedError: `stop` was set during a wait.
        """
        failures, throttles, borne_s = 0, 0, 0.0
        while True:
            try:
                return call()
            except ThrottledError as error:
                throttles += 1
                wait_s = error.wait_s if error.wait_s is not None else self._backoff_s(throttles)
                borne_s += wait_s
                if borne_s > self._policy.throttle_patience_s:
                    error.retry_at = self._clock.now() + timedelta(seconds=wait_s)
                    raise
                self._traffic.throttle_waits += 1
                self._traffic.throttle_wait_s += wait_s
            except RetryableError:
                failures += 1
                if failures >= self._policy.attempts:
                    raise
                self._traffic.retries += 1
                wait_s = self._backoff_s(failures)
            self._clock.wait(wait_s, stop)
            if stop.is_set():
                raise StoppedError

    def _backoff_s(self, failures: int) -> float:
        return self._policy.backoff_s(failures, self._random.random())
