"""Ten years of time zones: no recurring schedule fires twice or skips."""

# ruff: noqa: DTZ001 - local times stand beside their zone

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import examples

from riskbridge.model.schedule import WEEKDAYS, Timing, TimingKind
from riskbridge.schedule.timing import moments, newest_moment

YEARS = 10
SECOND = timedelta(seconds=1)
LOST_A_DAY = {"Pacific/Apia", "Pacific/Fakaofo"}
"""They went over the date line; the day that never was has its moment with the next one's beginning, which may be its own."""
zones = st.sampled_from(sorted(available_timezones() - LOST_A_DAY))
starts = st.datetimes(datetime(2005, 1, 1), datetime(2027, 1, 1)).map(lambda d: d.replace(second=0, microsecond=0))
times = st.times().map(lambda t: f"{t:%H:%M}")
few = settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def of_ten_years(timing: Timing) -> list[datetime]:
    until = timing.starts_at.replace(tzinfo=UTC) + timedelta(days=366 * YEARS)
    begin = timing.starts_at.replace(tzinfo=UTC) - timedelta(days=2)
    return list(takewhile(lambda m: m < until, moments(timing, begin)))


def reaches(moment: datetime, wall: datetime, zone: ZoneInfo) -> bool:
    """Whether clocks show that time, or one after it, for the first time at that moment: said without looking for it."""
    now, before = (m.astimezone(zone) for m in (moment, moment - SECOND))
    is_first = now.fold == 0 or now.replace(tzinfo=None) != wall
    return now.replace(tzinfo=None) >= wall > before.replace(tzinfo=None) and is_first


def check(timing: Timing, dates: list[date]) -> None:
    """Every date has its moment, no moment is of no date, and they are in order."""
    zone, at = ZoneInfo(timing.zone), time.fromisoformat(timing.at or "00:00")
    found = of_ten_years(timing)
    walls = [w for d in dates if (w := datetime.combine(d, at)) >= timing.starts_at][: len(found)]
    assert len(walls) == len(found)
    assert all(a < b for a, b in pairwise(found))
    assert [(m, w) for m, w in zip(found, walls, strict=True) if not reaches(m, w, zone)] == []


@few
@given(zone=zones, start=starts, at=times, every=st.integers(1, 9))
def test_days_are_neither_doubled_nor_left_out(zone: str, start: datetime, at: str, every: int) -> None:
    timing = Timing(TimingKind.DAYS, zone, start, every=every, at=at)
    check(timing, [start.date() + timedelta(days=n) for n in range(0, 366 * YEARS + 9, every)])


@few
@given(zone=zones, start=starts, at=times, every=st.integers(1, 4), days=st.sets(st.sampled_from(WEEKDAYS), min_size=1))
def test_weeks_are_neither_doubled_nor_left_out(
    zone: str, start: datetime, at: str, every: int, days: set[str]
) -> None:
    timing = Timing(TimingKind.WEEKS, zone, start, every=every, at=at, weekdays=tuple(sorted(days, key=WEEKDAYS.index)))
    monday = start.date() - timedelta(days=start.weekday())
    whole = [monday + timedelta(days=n) for n in range(366 * YEARS + 20) if n // 7 % every == 0]
    check(timing, [d for d in whole if WEEKDAYS[d.weekday()] in days])


@few
@given(zone=zones, start=starts, minute=st.integers(0, 59), hour=st.integers(0, 23))
def test_cron_by_the_day_is_the_same_as_every_day(zone: str, start: datetime, minute: int, hour: int) -> None:
    by_cron = Timing(TimingKind.CRON, zone, start, cron=f"{minute} {hour} * * *")
    by_days = Timing(TimingKind.DAYS, zone, start, at=f"{hour:02}:{minute:02}")
    assert of_ten_years(by_cron) == of_ten_years(by_days)


@few
@given(zone=zones, start=starts, every=st.integers(1, 50))
def test_hours_are_as_far_apart_as_they_say(zone: str, start: datetime, every: int) -> None:
    found = of_ten_years(Timing(TimingKind.HOURS, zone, start, every=every))
    assert {b - a for a, b in pairwise(found)} == {timedelta(hours=every)}


@settings(max_examples=examples(10), deadline=None)
@given(zone=zones, start=starts, minute=st.sampled_from(["0", "30", "*/15"]))
def test_cron_by_the_hour_follows_what_clocks_show_at_every_moment(zone: str, start: datetime, minute: str) -> None:
    found = moments(Timing(TimingKind.CRON, zone, start, cron=f"{minute} * * * *"), start.replace(tzinfo=UTC))
    named = range(0, 60, 15) if minute.startswith("*") else [int(minute)]
    until = start.replace(tzinfo=UTC) + timedelta(days=60)
    every_minute = (start.replace(tzinfo=UTC) + timedelta(days=2, minutes=n) for n in range(58 * 24 * 60))
    expected = [m for m in every_minute if m.minute % 15 == 0 or _is_odd(m, zone)]
    shown = [m for m in expected if (w := m.astimezone(ZoneInfo(zone))).minute in named and w.second == 0]
    begin = start.replace(tzinfo=UTC) + timedelta(days=2)
    got = [m for m in takewhile(lambda m: m < until, found) if m >= begin and m.second == 0]
    assert [m for m in got if m < until] == [m for m in shown if m < until]


def _is_odd(moment: datetime, zone: str) -> bool:
    """Whether a zone's offset is not a whole number of quarters of an hour, as before 1972 in Liberia."""
    return (moment.astimezone(ZoneInfo(zone)).utcoffset() or timedelta(0)) % timedelta(minutes=15) != timedelta(0)


@few
@given(
    zone=zones,
    start=starts,
    at=times,
    every=st.integers(1, 9),
    days=st.tuples(st.integers(0, 900), st.integers(0, 900)),
)
def test_the_newest_moment_is_the_last_before(
    zone: str, start: datetime, at: str, every: int, days: tuple[int, int]
) -> None:
    timing = Timing(TimingKind.DAYS, zone, start, every=every, at=at)
    after, until = (start.replace(tzinfo=UTC) + timedelta(days=d) for d in sorted(days))
    between = list(takewhile(lambda m: m <= until, moments(timing, after)))
    assert newest_moment(timing, after, until) == (between[-1] if between else None)
