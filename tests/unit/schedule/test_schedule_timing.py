"""The moments of timings, where clocks stand still, go forward and go back."""

# ruff: noqa: DTZ001 - local times stand beside their zone

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from riskbridge.errors import InputError
from riskbridge.model.schedule import Timing, TimingKind
from riskbridge.schedule.timing import check_timing, describe_timing, moments, newest_moment, next_moments
from riskbridge.schedules import TimingText, parse_timing

NEW_YEAR = datetime(2027, 1, 1)
SPRING = datetime(2027, 3, 27, 12, tzinfo=UTC)
"""The day before clocks go forward in Amsterdam, at 02:00 of the 28th."""
AUTUMN = datetime(2027, 10, 30, 12, tzinfo=UTC)
"""The day before they go back, at 03:00 of the 31st."""


def timing(kind: str, *, now: datetime = SPRING, zone: str = "Europe/Amsterdam", **values: Any) -> Timing:
    values = {"starts_at": NEW_YEAR} | values
    return check_timing(Timing(kind=TimingKind(kind), zone=zone, **values), now)


def shown(made: Timing, after: datetime, count: int) -> list[str]:
    return [m.strftime("%m-%d %H:%M") for m in next_moments(made, after, count)]


@pytest.mark.parametrize(
    ("made", "after", "expected"),
    [
        pytest.param({"kind": "days", "at": "02:30"}, SPRING, ["03-28 01:00", "03-29 00:30"], id="never shown: as clocks jump"),
        pytest.param({"kind": "days", "at": "02:30"}, AUTUMN, ["10-31 00:30", "11-01 01:30"], id="shown twice: the first time"),
        pytest.param({"kind": "days", "at": "06:00", "every": 3}, SPRING, ["03-29 04:00", "04-01 04:00"], id="every third day"),
        pytest.param(
            {"kind": "weeks", "at": "06:00", "every": 2, "weekdays": ("thu", "mon")}, SPRING,
            ["04-05 04:00", "04-08 04:00", "04-19 04:00"], id="every other week on two days",
        ),
        pytest.param({"kind": "hours", "every": 6}, SPRING, ["03-27 17:00", "03-27 23:00", "03-28 05:00"], id="hours pass alike"),
        pytest.param({"kind": "once", "starts_at": datetime(2027, 3, 28, 2, 15)}, SPRING, ["03-28 01:00"], id="never shown"),
        pytest.param({"kind": "cron", "cron": "30 2 * * *"}, AUTUMN, ["10-31 00:30", "11-01 01:30"], id="cron by the day, once"),
        pytest.param(
            {"kind": "cron", "cron": "30 * * * *"}, datetime(2027, 10, 31, 0, tzinfo=UTC),
            ["10-31 00:30", "10-31 01:30", "10-31 02:30"], id="cron by the hour, every hour",
        ),
        pytest.param(
            {"kind": "cron", "cron": "*/30 1-3 * * *"}, datetime(2027, 3, 28, tzinfo=UTC),
            ["03-28 00:30", "03-28 01:00", "03-28 01:30", "03-28 23:00"], id="three times that are one moment",
        ),
        pytest.param({"kind": "cron", "cron": "0 6 13 * fri"}, SPRING, ["04-02 04:00", "04-09 04:00", "04-13 04:00"], id="or"),
        pytest.param({"kind": "cron", "cron": "0 6 29 2 *"}, SPRING, ["02-29 05:00"], id="the leap day"),
        pytest.param({"kind": "cron", "cron": "@weekly", "zone": "UTC"}, SPRING, ["03-28 00:00", "04-04 00:00"], id="a word"),
        pytest.param(
            {"kind": "days", "at": "09:00", "zone": "Pacific/Apia", "now": datetime(2011, 12, 29, tzinfo=UTC),
             "starts_at": datetime(2011, 1, 1)},
            datetime(2011, 12, 29, tzinfo=UTC), ["12-29 19:00", "12-30 10:00", "12-30 19:00"], id="a day that never was",
        ),
    ],
)  # fmt: skip
def test_the_next_moments_are(made: dict[str, Any], after: datetime, expected: list[str]) -> None:
    assert shown(timing(**made), after, len(expected)) == expected


def test_a_schedule_keeps_to_its_start_and_its_end() -> None:
    made = timing("days", at="06:00", starts_at=datetime(2027, 4, 2, 7), ends_at=datetime(2027, 4, 4, 6))
    assert shown(made, SPRING, 9) == ["04-03 04:00", "04-04 04:00"]
    assert list(moments(made, datetime(2027, 4, 4, 4, tzinfo=UTC))) == []


@pytest.mark.parametrize(
    ("values", "code", "word"),
    [
        pytest.param({"once": "2027-01-01 06:00"}, "schedule.in-the-past", "later", id="past"),
        pytest.param({"every": "1d", "at": "06:00", "ends_at": "2027-01-01"}, "schedule.end-before-start", "after", id="end"),
        pytest.param({"every": "1d", "at": "25:00"}, "schedule.bad-timing", "06:00", id="no time"),
        pytest.param({"every": "0d", "at": "06:00"}, "schedule.bad-timing", "1 to", id="every no day"),
        pytest.param({"every": "3 fortnights"}, "schedule.bad-timing", "6h", id="no unit"),
        pytest.param({"every": "1w", "at": "06:00", "weekdays": ("mon", "noday")}, "schedule.bad-timing", "tue", id="no weekday"),
        pytest.param({"every": "1d", "zone": "Europe/Amsterdm"}, "schedule.unknown-zone", "Europe/Amsterdam", id="zone"),
        pytest.param({"every": "1d", "at": "06:00", "zone": "../etc/passwd"}, "schedule.unknown-zone", "IANA", id="path as zone"),
        pytest.param({"every": "1d", "once": "2027-06-01"}, "schedule.bad-timing", "one of", id="two kinds"),
        pytest.param({}, "schedule.bad-timing", "--every", id="no kind"),
        pytest.param({"once": "2027-06-01T06:00+02:00"}, "schedule.bad-timing", "zone stands apart", id="time with a zone"),
        pytest.param({"cron": "0 6 * *"}, "schedule.bad-cron", "five", id="four fields"),
        pytest.param({"cron": "60 6 * * *"}, "schedule.bad-cron", "0 to 59", id="minute 60"),
        pytest.param({"cron": "0 6 * * 5-1"}, "schedule.bad-cron", "smaller first", id="range backwards"),
        pytest.param({"cron": "0 6 * * */0"}, "schedule.bad-cron", "a step", id="step of nothing"),
        pytest.param({"cron": "0 6 * * L"}, "schedule.bad-cron", "a list", id="what other crons know"),
        pytest.param({"cron": "0 6 30 2 *"}, "schedule.never", "months", id="30th of February"),
        pytest.param({"cron": "0 6 * * * " + "x" * 500}, "schedule.bad-cron", "five", id="long"),
    ],
)  # fmt: skip
def test_a_timing_that_cannot_be_is_refused_with_what_would(values: dict[str, Any], code: str, word: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_timing(TimingText(**{"zone": "UTC"} | values), SPRING)
    assert (caught.value.code, word in f"{caught.value.message} {caught.value.remedy}") == (code, True)


def test_what_is_left_out_is_taken_from_the_clock() -> None:
    typed = TimingText(every="1w", zone="Europe/Amsterdam")
    expected = Timing(TimingKind.WEEKS, "Europe/Amsterdam", datetime(2027, 3, 27, 13), None, 1, "13:00", ("sat",))
    assert parse_timing(typed, SPRING) == expected


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"kind": "days", "at": "6:00"}, "every day at 06:00 (UTC) from 2027-01-01 00:00"),
        ({"kind": "hours", "every": 6, "ends_at": datetime(2028, 1, 1)},
         "every 6 hours (UTC) from 2027-01-01 00:00 until 2028-01-01 00:00"),
        ({"kind": "once", "starts_at": datetime(2027, 6, 1, 6)}, "once at 2027-06-01 06:00 (UTC)"),
        ({"kind": "weeks", "every": 2, "at": "06:00", "weekdays": ("fri", "mon", "wed")},
         "every 2 weeks on Monday, Wednesday and Friday at 06:00 (UTC) from 2027-01-01 00:00"),
        ({"kind": "cron", "cron": "0  6 * * 1-5"}, "by cron 0 6 * * 1-5 (UTC) from 2027-01-01 00:00"),
    ],
)  # fmt: skip
def test_a_timing_is_said_in_words(made: dict[str, Any], words: str) -> None:
    assert describe_timing(timing(**made, zone="UTC")) == words


@pytest.mark.parametrize("days", [0.01, 1, 40, 4000])
def test_the_newest_moment_is_the_last_of_all_that_were_missed(days: float) -> None:
    made = timing("cron", cron="*/7 3 * * *", starts_at=datetime(2010, 1, 1))
    after = datetime.fromtimestamp(SPRING.timestamp() - days * 86_400, UTC)
    missed = (
        [m for m in moments(made, after) if m <= SPRING] if days < 100 else [datetime(2027, 3, 27, 2, 56, tzinfo=UTC)]
    )
    assert newest_moment(made, after, SPRING) == (missed[-1] if missed else None)
