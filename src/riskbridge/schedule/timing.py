"""The moments that a timing names, in words and in order. Pure: the clock is an argument."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import islice, product
from typing import Any
from zoneinfo import ZoneInfo

from riskbridge.errors import InputError
from riskbridge.model.schedule import WEEKDAYS, Timing, TimingKind
from riskbridge.schedule.cron import Cron, parse_cron
from riskbridge.schedule.zone import find_zone, to_moment, to_wall

MOST = {TimingKind.HOURS: 24 * 366, TimingKind.DAYS: 3660, TimingKind.WEEKS: 520}
"""The longest intervals; nobody means a longer one."""
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_ALMOST_NEVER = datetime(9990, 1, 1, tzinfo=UTC)
_AT = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_NAMES = dict(
    zip(WEEKDAYS, ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), strict=True)
)


def check_timing(timing: Timing, now: datetime) -> Timing:
    """The timing in its one form: weekdays in order, no more than its kind needs.

    Args:
        timing: As typed.
        now: The clock; a single occurrence must be later.

    Raises:
        InputError: `schedule.*`: what cannot be, with what would.
    """
    zone = find_zone(timing.zone)
    if timing.starts_at.tzinfo or (timing.ends_at is not None and timing.ends_at.tzinfo):
        raise _bad("A time carries a zone of its own", "Give local times; the time zone stands beside them.")
    checked = _CHECKS[timing.kind](timing)
    if checked.ends_at is not None and checked.ends_at < checked.starts_at:
        raise InputError(
            f"The schedule ends at {checked.ends_at:%Y-%m-%d %H:%M}, before it starts at {checked.starts_at:%Y-%m-%d %H:%M}.",
            code="schedule.end-before-start",
            remedy="Give an end after the start, or none.",
        )
    if next(moments(checked, now), None) is None:
        shown = f"{to_wall(now, zone):%Y-%m-%d %H:%M}"
        raise InputError(
            f"Nothing would ever run: it is {shown} in {timing.zone}, and the schedule names no time after that.",
            code="schedule.in-the-past",
            remedy="Give a later time or end.",
        )
    return checked


def moments(timing: Timing, after: datetime) -> Iterator[datetime]:
    """The moments of a timing after one, in order, none of them twice; UTC.

    Times of the day are what clocks show: one that comes twice, as clocks go back, is its first moment, and one that
    never comes is the moment at which clocks go forward. What goes by the hour goes by passed time, so that clocks that
    change neither double nor leave out an hour.

    Args:
        timing: A checked timing.
        after: Aware; that moment itself is left out.
    """
    zone = find_zone(timing.zone)
    ends = to_moment(timing.ends_at, zone) if timing.ends_at is not None else _ALMOST_NEVER
    begins = max(after + timedelta(microseconds=1), to_moment(timing.starts_at, zone))
    last = None
    for moment in _unbounded(timing, zone, begins):
        if moment > ends:
            return
        if moment >= begins and moment != last:
            last = moment
            yield moment


def next_moments(timing: Timing, after: datetime, count: int) -> list[datetime]:
    """So many moments after one, or as many as there are."""
    return list(islice(moments(timing, after), count))


def newest_moment(timing: Timing, after: datetime, until: datetime) -> datetime | None:
    """The newest moment in `(after, until]`; None where there is none. Years of missed moments cost no more than days."""
    span = timedelta(hours=1)
    while after < until:
        begin = max(after, until - span)
        newest = None
        for moment in moments(timing, begin):
            if moment > until:
                break
            newest = moment
        if newest is not None or begin == after:
            return newest
        until, span = begin, span * 8
    return None


def describe_timing(timing: Timing) -> str:
    """A timing in words, such as `every 2 weeks on Monday and Thursday at 06:00 (Europe/Amsterdam)`."""
    parts = [_describe_rule(timing), f"({timing.zone})"]
    if timing.kind is not TimingKind.ONCE:
        parts.append(f"from {timing.starts_at:%Y-%m-%d %H:%M}")
    if timing.ends_at is not None:
        parts.append(f"until {timing.ends_at:%Y-%m-%d %H:%M}")
    return " ".join(parts)


def timing_as_dict(timing: Timing) -> dict[str, Any]:
    """A timing as plain data: times as `2027-01-31T06:00`, what its kind does not use left out."""
    values: dict[str, Any] = {
        "kind": timing.kind.value,
        "zone": timing.zone,
        "starts_at": timing.starts_at.isoformat(timespec="minutes"),
        "ends_at": timing.ends_at.isoformat(timespec="minutes") if timing.ends_at else None,
        "every": timing.every if timing.kind in MOST else None,
        "at": timing.at,
        "weekdays": list(timing.weekdays) or None,
        "cron": timing.cron,
    }
    return {name: value for name, value in values.items() if value is not None}


def _unbounded(timing: Timing, zone: ZoneInfo, begins: datetime) -> Iterator[datetime]:
    if timing.kind is TimingKind.ONCE:
        yield to_moment(timing.starts_at, zone)
    elif timing.kind is TimingKind.HOURS:
        yield from _by_hours(to_moment(timing.starts_at, zone), timing.every, begins)
    elif timing.kind is TimingKind.CRON and _cron(timing).is_every_hour:
        yield from _by_passed_time(_cron(timing), zone, begins)
    else:
        # A day earlier: where clocks go forward, a time before `begins` may be a moment after it.
        earliest = max(timing.starts_at, to_wall(begins, zone) - _DAY)
        for wall in _walls(timing, earliest):
            if wall.year >= _ALMOST_NEVER.year:
                return
            yield to_moment(wall, zone)


def _by_hours(anchor: datetime, hours: int, begins: datetime) -> Iterator[datetime]:
    step = timedelta(hours=hours)
    moment = anchor + max(0, (begins - anchor) // step) * step
    while moment < _ALMOST_NEVER:
        yield moment
        moment += step


def _by_passed_time(cron: Cron, zone: ZoneInfo, begins: datetime) -> Iterator[datetime]:
    """Moments at which clocks show what the expression names, whether for the first time or the second."""
    for day in cron.dates(to_wall(begins, zone).date()):
        found = set()
        for hour, minute, fold in product(cron.hours, cron.minutes, (0, 1)):
            wall = datetime.combine(day, time(hour, minute))
            moment = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
            if to_wall(moment, zone) == wall:
                found.add(moment)
        yield from sorted(found)


def _walls(timing: Timing, earliest: datetime) -> Iterator[datetime]:
    if timing.kind is TimingKind.CRON:
        yield from _cron(timing).walls(earliest)
        return
    at, first = time.fromisoformat(timing.at or "00:00"), timing.starts_at.date()
    if timing.kind is TimingKind.DAYS:
        day = first + max(0, (earliest.date() - first).days // timing.every) * timing.every * _DAY
        while day.year < _ALMOST_NEVER.year:
            yield datetime.combine(day, at)
            day += timing.every * _DAY
        return
    monday, week = first - first.weekday() * _DAY, 7 * timing.every * _DAY
    monday += max(0, (earliest.date() - monday) // week) * week
    while monday.year < _ALMOST_NEVER.year:
        for weekday in timing.weekdays:
            yield datetime.combine(monday + WEEKDAYS.index(weekday) * _DAY, at)
        monday += week


@lru_cache(maxsize=256)
def _parsed(text: str) -> Cron:
    return parse_cron(text)


def _cron(timing: Timing) -> Cron:
    return _parsed(timing.cron or "")


def _plain(timing: Timing, **more: Any) -> Timing:
    starts = timing.starts_at.replace(second=0, microsecond=0)
    return Timing(kind=timing.kind, zone=timing.zone, starts_at=starts, ends_at=timing.ends_at, **more)


def _check_once(timing: Timing) -> Timing:
    return Timing(TimingKind.ONCE, timing.zone, timing.starts_at.replace(second=0, microsecond=0))


def _check_hours(timing: Timing) -> Timing:
    return _plain(timing, every=_every(timing))


def _check_days(timing: Timing) -> Timing:
    return _plain(timing, every=_every(timing), at=_at(timing))


def _check_weeks(timing: Timing) -> Timing:
    days = tuple(dict.fromkeys(d.strip().casefold()[:3] for d in timing.weekdays))
    unknown = [d for d in days if d not in WEEKDAYS]
    if unknown or not days:
        what = f"'{unknown[0]}' is no weekday" if unknown else "A schedule by the week names no weekday"
        raise _bad(what, f"Give one or more of {', '.join(WEEKDAYS)}.")
    return _plain(timing, every=_every(timing), at=_at(timing), weekdays=tuple(sorted(days, key=WEEKDAYS.index)))


def _check_cron(timing: Timing) -> Timing:
    text = " ".join((timing.cron or "").split())
    parse_cron(text)
    return _plain(timing, cron=text)


_CHECKS = {
    TimingKind.ONCE: _check_once,
    TimingKind.HOURS: _check_hours,
    TimingKind.DAYS: _check_days,
    TimingKind.WEEKS: _check_weeks,
    TimingKind.CRON: _check_cron,
}


def _every(timing: Timing) -> int:
    most = MOST[timing.kind]
    if not 1 <= timing.every <= most:
        raise _bad(f"Every {timing.every} {timing.kind} cannot be", f"Give 1 to {most:,} {timing.kind}.")
    return timing.every


def _at(timing: Timing) -> str:
    match = _AT.fullmatch((timing.at or "").strip())
    if match is None:
        raise _bad(f"'{timing.at or ''}' is no time of the day", "Give hours and minutes, such as 06:00.")
    return f"{int(match[1]):02}:{match[2]}"


def _describe_rule(timing: Timing) -> str:
    if timing.kind is TimingKind.ONCE:
        return f"once at {timing.starts_at:%Y-%m-%d %H:%M}"
    if timing.kind is TimingKind.CRON:
        return f"by cron {timing.cron}"
    unit = timing.kind.value if timing.every > 1 else timing.kind.value.removesuffix("s")
    words = ["every", *([str(timing.every)] if timing.every > 1 else []), unit]
    if timing.weekdays:
        *first, final = [_NAMES[d] for d in timing.weekdays]
        words += ["on", f"{', '.join(first)} and {final}" if first else final]
    return " ".join([*words, *(["at", timing.at] if timing.at else [])])


def _bad(what: str, remedy: str) -> InputError:
    return InputError(f"{what}.", code="schedule.bad-timing", remedy=remedy)
