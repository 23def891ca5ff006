"""Schedules as OpenAPI describes them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from riskbridge.api.plain import Moment
from riskbridge.model.schedule import TimingKind

_TIMING: dict[str, JsonValue] = {
    "kind": "weeks",
    "zone": "Europe/Amsterdam",
    "starts_at": "2026-11-25T06:00",
    "every": 1,
    "at": "06:00",
    "weekdays": ["mon", "thu"],
}


class TimingShown(BaseModel):
    """When: local times of a zone; what its kind does not use is left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [_TIMING]})

    kind: TimingKind
    zone: Annotated[str, Field(description="IANA name")]
    starts_at: Annotated[str, Field(description="Local; of a single occurrence the time itself")]
    ends_at: Annotated[str, Field(description="Local")] = ""
    every: Annotated[int, Field(description="So many hours, days or weeks")] = 1
    at: Annotated[str, Field(description="Time of the day", examples=["06:00"])] = ""
    weekdays: list[str] = []
    cron: Annotated[str, Field(description="Five fields", examples=["0 6 * * 1-5"])] = ""


class Occurrence(BaseModel):
    """A time at which a run begins."""

    at: Moment
    local: Annotated[str, Field(description="As clocks of its zone show it then, with their difference to UTC")]


class ScheduleShown(BaseModel):
    """When a profile runs by itself, with its next times; none while it is paused or its profile is inactive."""

    connector: str | None
    profile: str | None
    is_paused: bool
    is_profile_active: bool
    timing: TimingShown
    words: Annotated[str, Field(examples=["every day at 06:00 (Europe/Amsterdam) from 2026-11-25 06:00"])]
    next: list[Occurrence]
    decided_until: Annotated[Moment, Field(description="Occurrences up to then have run or are left out")]
    changed_at: Moment


class SchedulesShown(BaseModel):
    """Every schedule, the one that is due first first."""

    count: int
    now: Annotated[Moment, Field(description="The clock that schedules go by")]
    speed: Annotated[float, Field(description="Seconds of that clock in a second; 1 but for trials")]
    rows: list[ScheduleShown]


class TimingTried(BaseModel):
    """A timing as it would be kept, in words, and its next times."""

    timing: TimingShown
    words: str
    next: list[Occurrence]


class ZonesShown(BaseModel):
    """Names of time zones."""

    local: Annotated[str, Field(description="This machine's")]
    zones: list[str]
