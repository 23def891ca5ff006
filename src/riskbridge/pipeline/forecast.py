"""What a run will ask of the source before it asks: calls by stream, and how long the source's limits make them take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class Windows(Protocol):
    """An endpoint's limit."""

    def spread_s(self, calls: int, used: int = 0) -> float:
        """Seconds that so many calls take at least, after `used` in the last hour."""


@dataclass(frozen=True, slots=True)
class StreamForecast:
    """One stream of a run.

    Attributes:
        stream: Its name.
        rows: Rows expected, as the last reading had; None where nobody knows.
        calls: Calls for them; None likewise.
        used: Calls to the endpoint in the last hour.
        least_s: Seconds that the limits make them take at least.
    """

    stream: str
    rows: int | None
    calls: int | None
    used: int
    least_s: float


def forecast(
    rows: Mapping[str, int | None],
    page_rows: Mapping[str, int],
    limits: Mapping[str, Windows | None],
    used: Mapping[str, int],
) -> list[StreamForecast]:
    """A line for each stream.

    Args:
        rows: Rows expected by stream, in the order of reading.
        page_rows: Rows a call gives.
        limits: The endpoints' limits; None for none.
        used: Calls in the last hour.
    """
    lines = []
    for stream, expected in rows.items():
        calls = None if expected is None else max(1, math.ceil(expected / page_rows[stream]))
        limit, before = limits.get(stream), used.get(stream, 0)
        least_s = limit.spread_s(calls, before) if limit is not None and calls is not None else 0.0
        lines.append(StreamForecast(stream, expected, calls, before, least_s))
    return lines
