"""How values are shown: numbers, times, bands, yes and no."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
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
    if value is None or value in ("", []):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1 else f"{value:,.10g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def seconds(value: float | None) -> str:
    """A time taken: 4.2 s, 3 min 05 s."""
    if value is None:
        return "-"
    return f"{value:.1f} s" if value < 60 else f"{int(value // 60)} min {int(value % 60):02d} s"


FILTERS: dict[str, Callable[..., str]] = {
    "qds_band": qds_band,
    "trurisk_band": trurisk_band,
    "colour": colour,
    "moment": moment,
    "shown": shown,
    "seconds": seconds,
    "in_path": lambda text: quote(str(text), safe=""),
}
