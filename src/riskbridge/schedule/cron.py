"""Cron expressions of five fields, as the days and times of day they name."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from riskbridge.errors import InputError

_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_DAYS = {n: i for i, n in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_MONTHS = {
    n: i
    for i, n in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1)
}
_PART = re.compile(r"(?P<low>\*|\w+)(?:-(?P<high>\w+))?(?:/(?P<step>\d+))?")
LONGEST = 200
YEARS_AHEAD = 41
"""The 29th of February on one weekday comes every 28 years, and once after 40 around a year such as 2100."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: dict[str, int]


_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of the month", 1, 31, {}),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 7, _DAYS),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """What the five fields allow; weekdays count from Sunday as 0.

    A day must match the day of the month and the weekday where one of them is `*`, and either of them where both are
    given, as in every cron.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    is_any_day: bool
    is_any_weekday: bool

    @property
    def is_every_hour(self) -> bool:
        """Whether it goes by the hour, and not by times of the day."""
        return len(self.hours) == 24

    def has_day(self, day: date) -> bool:
        """Whether it names times on that day."""
        if day.month not in self.months:
            return False
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return of_month and of_week if self.is_any_day or self.is_any_weekday else of_month or of_week

    def walls(self, after: datetime) -> Iterator[datetime]:
        """Local times it names from `after` on, that one included, in order."""
        for day in self.dates(after.date()):
            for hour in self.hours:
                for minute in self.minutes:
                    wall = datetime.combine(day, time(hour, minute))
                    if wall >= after:
                        yield wall

    def dates(self, first: date) -> Iterator[date]:
        """Days it names times on, from one on, in order."""
        day, last = first, min(first.year + YEARS_AHEAD, 9998)
        while day.year <= last:
            if day.month not in self.months:
                day = day.replace(day=monthrange(day.year, day.month)[1]) + timedelta(days=1)
                continue
            if self.has_day(day):
                yield day
            day += timedelta(days=1)


def parse_cron(text: str) -> Cron:
    """The meaning of a cron expression: minute, hour, day of the month, month, day of the week.

    Raises:
        InputError: `schedule.bad-cron`, with the field that is wrong; `schedule.never` where no date is such.
    """
    words = _MACROS.get(text.strip().casefold(), text).split() if len(text) <= LONGEST else []
    if len(words) != len(_FIELDS):
        raise _bad(text, f"has {len(words) or 'too many'} fields", "Give five: minute, hour, day, month, weekday.")
    found = [_parse_field(text, word, field) for word, field in zip(words, _FIELDS, strict=True)]
    cron = Cron(
        minutes=tuple(sorted(found[0])),
        hours=tuple(sorted(found[1])),
        days=frozenset(found[2]),
        months=frozenset(found[3]),
        weekdays=frozenset(n % 7 for n in found[4]),
        is_any_day=words[2].startswith("*"),
        is_any_weekday=words[4].startswith("*"),
    )
    if next(cron.walls(datetime(2000, 1, 1)), None) is None:  # noqa: DTZ001 - what clocks show
        raise InputError(
            f"No date is ever such as '{text}' says.",
            code="schedule.never",
            remedy="Choose a day that one of its months has.",
        )
    return cron


def _parse_field(text: str, word: str, field: _Field) -> set[int]:
    return {n for part in word.split(",") for n in _parse_part(text, part, field)}


def _parse_part(text: str, part: str, field: _Field) -> range:
    match = _PART.fullmatch(part)
    if match is None or (match["low"] == "*" and match["high"] is not None):
        raise _bad(text, f"has '{part}' as {field.name}", f"Give {_allowed(field)}.")
    step = int(match["step"] or 1)
    if match["low"] == "*":
        low, high = field.low, min(field.high, 6) if field.names is _DAYS else field.high
    else:
        low = _number(text, match["low"], field)
        # As in other crons, `5/15` means from 5 on.
        high = _number(text, match["high"], field) if match["high"] else field.high if match["step"] else low
    if field.names is _DAYS and match["high"] and high == 0:
        high = 7  # Friday to Sunday
    if high < low or not 1 <= step <= field.high:
        raise _bad(text, f"has '{part}' as {field.name}", f"Give {_allowed(field)}, the smaller first.")
    return range(low, high + 1, step)


def _number(text: str, word: str, field: _Field) -> int:
    number = field.names.get(word.casefold(), int(word) if word.isascii() and word.isdigit() else -1)
    if not field.low <= number <= field.high:
        raise _bad(text, f"has '{word}' as {field.name}", f"Give {_allowed(field)}.")
    return number


def _allowed(field: _Field) -> str:
    names = f" or {'-'.join([*field.names][:2])}…" if field.names else ""
    return f"*, {field.low} to {field.high}{names}, a range such as {field.low}-{field.high}, a list, or a step such as */2"


def _bad(text: str, what: str, remedy: str) -> InputError:
    return InputError(f"The cron expression '{text[:80]}' {what}.", code="schedule.bad-cron", remedy=remedy)
