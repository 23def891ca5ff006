"""The documented call quotas, by API and application: so many a minute, so many an hour."""

from __future__ import annotations

import math
from collections import deque

LIMITS = {"machines": (100, 1500), "machinesVulnerabilities": (100, 1500), "vulnerabilities": (100, 1500)}


class Quota:
    """Counts calls over sliding windows."""

    def __init__(self) -> None:
        self._calls: dict[str, deque[float]] = {}

    def wait_s(self, api: str, now_s: float) -> tuple[int, str] | None:
        """None when the call is allowed (and counted), else seconds to wait and the sentence of the refusal."""
        calls = self._calls.setdefault(api, deque())
        while calls and calls[0] <= now_s - 3600:
            calls.popleft()
        for limit, window_s, name in zip(LIMITS[api], (60, 3600), ("00:01:00", "01:00:00"), strict=True):
            recent = [c for c in calls if c > now_s - window_s]
            if len(recent) >= limit:
                wait_s = max(1, math.ceil(recent[-limit] + window_s - now_s))
                return wait_s, (
                    f"API calls quota exceeded! Maximum allowed {limit} per {name} for the key "
                    f"Destination+TenantID+AppID. You can send requests again in {wait_s} seconds."
                )
        calls.append(now_s)
        return None
