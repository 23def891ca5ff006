"""Values of a query by the kind of their token: numbers, truth values, days and moments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?Z?")
_RELATIVE = re.compile(r"now(?:\s*([+-])\s*(\d{1,5})([smhdwMy]))?", re.IGNORECASE)
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "M": timedelta(days=30),
    "y": timedelta(days=365),
}


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, `start` included and `end` excluded, UTC; a moment has `end` None."""

    start: datetime
    end: datetime | None = None

    @property
    def day(self) -> Span:
        """The whole day a moment lies in; a stretch as it is."""
        return self if self.end else _day_of(self.start)


def parse_number(text: str) -> int | float | None:
    """The number a text is; None when it is none, or has more than 15 digits on a side of the point."""
    if not _NUMBER.fullmatch(text):
        return None
    return float(text) if "." in text else int(text)


def parse_boolean(text: str) -> bool | None:
    """True or false in any letter case; None for all else."""
    return {"true": True, "false": False}.get(text.lower())


def parse_span(text: str, now: datetime) -> Span | None:
    """The day `yyyy-mm-dd`, or the moment `yyyy-mm-ddThh:mm:ssZ`, `now` or `now-7d`; None when it is none of them.

    Units are s, m (minutes), h, d, w, M (30 days) and y (365 days). All times are UTC.
    """
    try:
        if _DAY.fullmatch(text):
            return _day_of(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC))
        if _MOMENT.fullmatch(text):
            return Span(datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC))
        relative = _RELATIVE.fullmatch(text)
        if relative is None:
            return None
        sign, amount, unit = relative.groups()
        unit = unit if unit in _UNITS else (unit or "s").lower()
        offset = int(amount or 0) * _UNITS[unit]
        return Span(now + offset if sign == "+" else now - offset)
    except (ValueError, OverflowError):
        return None


def _day_of(moment: datetime) -> Span:
    start = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return Span(start, start + timedelta(days=1))
