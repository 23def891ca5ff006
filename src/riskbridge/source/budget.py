"""How many calls an API allows, kept over runs and restarts, and waited for before a call rather than after a refusal."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock

MINUTE_S, HOUR_S = 60.0, 3600.0
_SLOWEST_S = 60.0
_FIRST_PAUSE_S = 1.0
_EASED = 0.7
_HELD = "!"
"""Marks a line of the file that says until when an endpoint asked for patience."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Calls that an endpoint allows in any minute and in any hour."""

    minute: int
    hour: int

    def capped(self, per_minute: int | None) -> Limit:
        """The same, but no more than so many a minute."""
        if per_minute is None:
            return self
        return Limit(min(self.minute, per_minute), min(self.hour, per_minute * 60))

    def wait_s(self, calls: deque[float], now: float) -> float:
        """Seconds until one more call keeps both windows; `calls` are the times of those before, oldest first."""
        waits = [0.0]
        for allowed, window_s in ((self.minute, MINUTE_S), (self.hour, HOUR_S)):
            if len(calls) >= allowed:
                waits.append(calls[-allowed] + window_s - now)
        return max(waits)

    @property
    def is_stated(self) -> bool:
        """Whether the API, or a person, said so at all."""
        return self.hour < UNSTATED.hour

    def spread_s(self, calls: int, used: int = 0) -> float:
        """Seconds that so many calls take at least, were they answered at once, after `used` in the last hour."""
        by_minute = max(0, math.ceil((used + calls) / self.minute) - 1) * MINUTE_S if calls else 0.0
        by_hour = max(0, math.ceil((used + calls) / self.hour) - 1) * HOUR_S if calls else 0.0
        return max(by_minute, by_hour)


UNSTATED = Limit(1_000_000, 1_000_000)
"""The limit of an endpoint whose documentation names none."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What an endpoint has been asked, and what it allows still.

    Attributes:
        endpoint: Its name.
        used_minute: Calls in the last minute.
        used_hour: Calls in the last hour.
        minute: Calls allowed in any minute; None where no limit is stated.
        hour: Calls allowed in any hour; None likewise.
        wait_s: Seconds until the next call may be made; 0 where it may be made now.
    """

    endpoint: str
    used_minute: int
    used_hour: int
    minute: int | None
    hour: int | None
    wait_s: float = 0.0

    @property
    def minute_left(self) -> int | None:
        """Calls that the minute still allows; None where no limit is stated."""
        return None if self.minute is None else max(0, self.minute - self.used_minute)

    @property
    def hour_left(self) -> int | None:
        """Calls that the hour still allows; None where no limit is stated."""
        return None if self.hour is None else max(0, self.hour - self.used_hour)

    def as_dict(self) -> dict[str, object]:
        """The quota as plain data."""
        left = {"minute_left": self.minute_left, "hour_left": self.hour_left}
        return asdict(self) | left | {"wait_s": round(self.wait_s, 1)}


@dataclass(frozen=True, slots=True)
class Spending:
    """Calls that a source has made so far, and the quotas of the endpoints it has asked within the hour."""

    calls: int = 0
    quotas: tuple[Quota, ...] = ()

    @property
    def scarcest(self) -> Quota | None:
        """The quota with the least left of its hour; None where no endpoint states a limit."""
        stated = [q for q in self.quotas if q.hour_left is not None]
        return min(stated, key=lambda q: q.hour_left or 0, default=None)


class CallBudget:
    """Counts calls by endpoint over sliding windows. Safe to share among threads.

    The times of calls are appended to a file, a line each, so that the next run and the next process know of them; a
    line torn by a kill is passed over. After a refusal for processor time calls are spaced out, and drawn together again
    as they succeed.

    Args:
        limits: What each endpoint allows.
        path: Where calls are remembered; None remembers them in memory alone.
        per_minute: The most a person allows, for every endpoint; None leaves the API's own limits.
    """

    def __init__(self, limits: Mapping[str, Limit], path: Path | None = None, *, per_minute: int | None = None) -> None:
        self._limits = {name: limit.capped(per_minute) for name, limit in limits.items()}
        self._path = path
        self._lock = Lock()
        self._calls: dict[str, deque[float]] = {}
        self._held: dict[str, float] = {}
        self._pause_s = 0.0
        if path is not None:
            self._load(path)

    def take(self, endpoint: str, now: float) -> float:
        """Remember a call that is made now and give 0, or give the seconds to wait before asking again.

        Looking and remembering are one step, so that two threads never take the last call both. `now` is in seconds
        since 1970. That the file cannot be written keeps no call from being made.
        """
        with self._lock:
            wait_s = self._wait_s(endpoint, now)
            if wait_s <= 0:
                self._remember(endpoint, now)
            return wait_s

    def wait_s(self, endpoint: str, now: float) -> float:
        """Seconds to wait before a call to the endpoint; `now` in seconds since 1970."""
        with self._lock:
            return self._wait_s(endpoint, now)

    def note(self, endpoint: str, now: float) -> None:
        """Remember a call that could not wait."""
        with self._lock:
            self._remember(endpoint, now)

    def hold(self, endpoint: str, until: float) -> None:
        """The API asked for patience with the endpoint until then, seconds since 1970: the next process keeps to it.

        This one waits for it where it met the refusal.
        """
        with self._lock:
            self._write(f"{until:.3f} {_HELD}{endpoint}\n")

    def _wait_s(self, endpoint: str, now: float) -> float:
        limit = self._limits.get(endpoint)
        calls = self._recent(endpoint, now)
        pause_s = calls[-1] + self._pause_s - now if self._pause_s and calls else 0.0
        # No window is longer than an hour; a longer wait can only come of a clock that was set back.
        held_s = self._held.get(endpoint, 0.0) - now
        held_s = held_s if held_s <= HOUR_S else 0.0
        return max(0.0, pause_s, held_s, limit.wait_s(calls, now) if limit is not None else 0.0)

    def _remember(self, endpoint: str, now: float) -> None:
        self._recent(endpoint, now).append(now)
        self._write(f"{now:.3f} {endpoint}\n")

    def _write(self, line: str) -> None:
        if self._path is not None:
            with suppress(OSError), self._path.open("a", encoding="utf-8") as file:
                file.write(line)

    def used(self, endpoint: str, now: float) -> int:
        """Calls to the endpoint in the last hour."""
        with self._lock:
            return len(self._recent(endpoint, now))

    def quotas(self, now: float) -> tuple[Quota, ...]:
        """The quotas of the endpoints that were asked in the last hour, by name; `now` in seconds since 1970."""
        with self._lock:
            return tuple(self._quota(name, now) for name in sorted(self._calls) if self._recent(name, now))

    def _quota(self, endpoint: str, now: float) -> Quota:
        calls, limit = self._recent(endpoint, now), self._limits.get(endpoint)
        is_stated = limit is not None and limit.is_stated
        return Quota(
            endpoint,
            used_minute=sum(at > now - MINUTE_S for at in calls),
            used_hour=len(calls),
            minute=limit.minute if limit is not None and is_stated else None,
            hour=limit.hour if limit is not None and is_stated else None,
            wait_s=self._wait_s(endpoint, now),
        )

    def limit(self, endpoint: str) -> Limit | None:
        """What the endpoint allows, capped; None for an endpoint without a limit."""
        return self._limits.get(endpoint)

    def slow_down(self) -> None:
        """A call was refused for processor time: leave more room between calls."""
        with self._lock:
            self._pause_s = min(_SLOWEST_S, max(_FIRST_PAUSE_S, self._pause_s * 2))

    def ease(self) -> None:
        """A call succeeded: leave less room."""
        with self._lock:
            self._pause_s = self._pause_s * _EASED if self._pause_s > _FIRST_PAUSE_S / 4 else 0.0

    def _recent(self, endpoint: str, now: float) -> deque[float]:
        calls = self._calls.setdefault(endpoint, deque())
        while calls and calls[0] <= now - HOUR_S:
            calls.popleft()
        if calls and calls[-1] > now:
            # The clock was set back: what seems yet to come was at the latest now, so no window is waited out twice.
            calls = self._calls[endpoint] = deque(min(at, now) for at in calls)
        return calls

    def _load(self, path: Path) -> None:
        with suppress(OSError):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            found = sorted(parsed for parsed in map(_parse, lines) if parsed is not None)
            newest = found[-1][0] if found else 0.0
            kept = [(at, endpoint) for at, endpoint in found if at > newest - HOUR_S]
            for at, endpoint in kept:
                if endpoint.startswith(_HELD):
                    self._held[endpoint.removeprefix(_HELD)] = at
                else:
                    self._calls.setdefault(endpoint, deque()).append(at)
            if len(kept) < len(lines):
                fresh = path.with_suffix(".partial")
                fresh.write_text("".join(f"{at:.3f} {endpoint}\n" for at, endpoint in kept), encoding="utf-8")
                fresh.replace(path)


def _parse(line: str) -> tuple[float, str] | None:
    at, _, endpoint = line.partition(" ")
    try:
        return (float(at), endpoint) if endpoint else None
    except ValueError:
        return None
