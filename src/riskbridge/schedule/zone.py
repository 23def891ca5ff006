"""Local time of a named zone as moments, right where clocks go forward or back."""

from __future__ import annotations

import difflib
import os
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from riskbridge.errors import InputError

_SECOND = timedelta(seconds=1)


@cache
def find_zone(name: str) -> ZoneInfo:
    """The zone of an IANA name.

    Raises:
        InputError: `schedule.unknown-zone`, with the nearest names.
    """
    known = _zone_names()
    if name in known:
        return ZoneInfo(name)
    by_key = {n.casefold(): n for n in sorted(known)} | {n.rpartition("/")[2].casefold(): n for n in sorted(known)}
    near = difflib.get_close_matches(name.strip().casefold(), by_key, n=3, cutoff=0.7)
    hint = (
        f"Did you mean: {', '.join(dict.fromkeys(by_key[n] for n in near))}?" if near else "Such as Europe/Amsterdam."
    )
    raise InputError(
        f"'{name[:80]}' is no time zone.", code="schedule.unknown-zone", remedy=f"Give an IANA name. {hint}"
    )


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def local_zone_name() -> str:
    """The name of this machine's zone; UTC where it has none."""
    named = os.environ.get("TZ", "").removeprefix(":")
    linked = str(Path("/etc/localtime").resolve()).partition("/zoneinfo/")[2]
    return next((n for n in (named, linked) if n in _zone_names()), "UTC")


def to_moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which clocks of a zone show a time, UTC.

    A time that comes twice, as clocks go back, is its first moment. One that never comes, as clocks go forward, is the
    first moment after it: the one at which they go forward.

    Args:
        wall: What the clocks show; without a zone.
        zone: The zone.
    """
    moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if to_wall(moment, zone) == wall:
        return moment
    # The offset before the change leads behind it, the one after leads before it; between them is the change.
    return _change_within(wall.replace(tzinfo=zone, fold=1).astimezone(UTC), moment, zone)


def to_wall(moment: datetime, zone: ZoneInfo) -> datetime:
    """What the clocks of a zone show at a moment; without a zone."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _change_within(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first moment in `(before, after]` with another offset than `before`, to the second."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + _SECOND * ((after - before) // _SECOND // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
