"""The documented call quotas: so many calls a minute and so many an hour, by API."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable

LIMITS = {
    "machines": (100, 1500),
    "machineVulnerabilities": (50, 1500),
    "machinesVulnerabilities": (100, 1500),
    "vulnerabilities": (100, 1500),
    "softwareVulnerabilitiesByMachine": (30, 1000),
    "softwareVulnerabilityChangesByMachine": (30, 1000),
    "softwareInventoryByMachine": (30, 1000),
    "softwareVulnerabilitiesExport": (5, 20),
    "softwareInventoryExport": (5, 20),
    "findByTag": (100, 1500),
}
"""Calls a minute and an hour. Where the service states none, its general limit stands."""
_WINDOWS = ((60.0, "00:01:00"), (3600.0, "01:00:00"))


class Quota:
    """Counts calls over sliding windows; there is one application and one tenant, so the API is the whole key.

    Args:
        scale: Factor on the calls allowed; at least one stays.
        speed: Factor on the clock.
        clock: Seconds that only go forward.
    """

    def __init__(self, *, scale: float, speed: float, clock: Callable[[], float]) -> None:
        self._scale = scale
        self._speed = speed
        self._clock = clock
        self._calls: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def refusal(self, api: str) -> tuple[int, str] | None:
        """None when the call is allowed, and counted; else whole seconds to wait and the refusal's sentence."""
        now = self._clock() * self._speed
        with self._lock:
            calls = self._calls.setdefault(api, deque())
            while calls and calls[0] <= now - 3600:
                calls.popleft()
            for calls_allowed, (window_s, name) in zip(LIMITS[api], _WINDOWS, strict=True):
                limit = max(1, int(calls_allowed * self._scale))
                if len(calls) >= limit and calls[-limit] > now - window_s:
                    wait_s = max(1, math.ceil((calls[-limit] + window_s - now) / self._speed))
                    return wait_s, (
                        f"API calls quota exceeded! Maximum allowed {limit} per {name} for the key "
                        f"Destination+TenantID+AppID. You can send requests again in {wait_s} seconds."
                    )
            calls.append(now)
        return None
