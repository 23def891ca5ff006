"""When a profile runs by itself. Values only; `riskbridge.schedule` computes with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TimingKind(StrEnum):
    """How the times of a schedule are given."""

    ONCE = "once"
    HOURS = "hours"
    DAYS = "days"
    WEEKS = "weeks"
    CRON = "cron"


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of a schedule, as people say them: what clocks of a time zone show.

    Attributes:
        kind: Once, every so many hours, days or weeks, or by a cron expression.
        zone: IANA name of the time zone.
        starts_at: Nothing before that; the time of a single occurrence; hours are counted from it. Without a zone.
        ends_at: Nothing after that; None for no end. Without a zone.
        every: Hours, days or weeks from one occurrence to the next.
        at: Time of the day, `06:00`; of days and weeks.
        weekdays: Words of `WEEKDAYS`, in their order; of weeks.
        cron: Five fields; of cron.
    """

    kind: TimingKind
    zone: str
    starts_at: datetime
    ends_at: datetime | None = None
    every: int = 1
    at: str | None = None
    weekdays: tuple[str, ...] = ()
    cron: str | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """When one profile runs by itself; a profile has one at most.

    Attributes:
        schedule_id: Its id.
        connector_id: The profile's connector.
        profile_id: What runs.
        timing: When.
        is_paused: Nothing runs by it; what would have been meanwhile is left out.
        decided_until: Occurrences up to then have led to a run, or were left out; aware UTC.
        changed_at: When a person last changed it; aware UTC.
    """

    schedule_id: str
    connector_id: str
    profile_id: str
    timing: Timing
    is_paused: bool
    decided_until: datetime
    changed_at: datetime
