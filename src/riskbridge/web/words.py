"""How values are shown: numbers, times, bands, yes and no."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from riskbridge.score.bands import QDS_BANDS, TRURISK_BANDS, band_of

_COLOURS = {"Critical": "red", "Severe": "red", "High": "orange", "Medium": "yellow", "Low": "azure"}


def qds_band(score: int | None) -> str:
    """The band of a QDS, '' for none."""
    return band_of(score, QDS_BANDS).name if score else ""


def trurisk_band(score: float | None) -> str:
    """The band of a TruRisk, '' for none."""
    return "" if score is None else band_of(round(score), TRURISK_BANDS).name


def colour(band: str) -> str:
    """The colour a band is shown in, beside its name."""
    return _COLOURS.get(band, "secondary")


def moment(text: str | None) -> str:
    """An ISO time as day and minute, UTC."""
    return "-" if not text else f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M}"


def shown(value: Any) -> str:
    """Any value as a person reads it; a dash where there is none."""
    if value is None or value in ("", [], ()):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1 else f"{value:,.2f}".rstrip("0").rstrip(".")
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def seconds(value: float | None) -> str:
    """A time taken: 4.2 s, 3 min 05 s."""
    if value is None:
        return "-"
    return f"{value:.1f} s" if value < 60 else f"{int(value // 60)} min {int(value % 60):02d} s"


def spaced(name: str) -> str:
    """A name of the model in words: `operating_system_name` as operating system name."""
    return name.removeprefix("is_").removeprefix("has_").replace("_", " ").replace("-", " ")


def ago(text: str | None, now: datetime | None = None) -> str:
    """How long ago an ISO time was, in the unit that fits; '-' for none."""
    if not text:
        return "-"
    passed = ((now or datetime.now(UTC)) - datetime.fromisoformat(text)).total_seconds()
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if (number := int(passed // length)) >= 1:
            return f"{number} {unit}{'s' if number > 1 else ''} ago"
    return "just now"


NUMERIC = frozenset(
    {
        "acs", "open_findings", "critical_count", "high_count", "medium_count", "low_count", "epss", "epss_percentile",
        "cvss_score", "severity", "open_detections", "source_count", "reopened_count", "time_to_fix_days", "qvss",
    }
)  # fmt: skip
"""Columns of lists whose values stand right-aligned."""


def numeric_column(name: str) -> bool:
    """Whether a list's column holds numbers to compare."""
    return name in NUMERIC


TESTS: dict[str, Callable[..., bool]] = {"numeric_column": numeric_column}

FILTERS: dict[str, Callable[..., str]] = {
    "qds_band": qds_band,
    "trurisk_band": trurisk_band,
    "colour": colour,
    "moment": moment,
    "shown": shown,
    "seconds": seconds,
    "spaced": spaced,
    "ago": ago,
    "in_path": lambda text: quote(str(text), safe=""),
}
