"""Schedules over REST: what there is, with the next times; set, paused, resumed, removed; a timing tried out."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import available_timezones

from fastapi import APIRouter, Query, Response, status
from pydantic import BaseModel, ConfigDict, Field

from riskbridge.api.access import Asked, Served
from riskbridge.api.etag import IfMatch, require_match, set_tag
from riskbridge.api.schedule_shapes import ScheduleShown, SchedulesShown, TimingTried, ZonesShown
from riskbridge.errors import InputError
from riskbridge.model.schedule import Schedule
from riskbridge.schedule.timing import describe_timing, timing_as_dict
from riskbridge.schedule.zone import local_zone_name
from riskbridge.schedules import (
    NEXT,
    TimingText,
    get_schedule,
    list_schedules,
    parse_timing,
    pause_schedule,
    preview_timing,
    remove_schedule,
    resume_schedule,
    set_schedule,
    show_schedule,
)
from riskbridge.service import Service
from riskbridge.store.config.store import ConfigStore

router = APIRouter(tags=["schedules"])
_Short = Annotated[str, Field(max_length=200)]
ProfileName = Annotated[str | None, Query(max_length=200, description="Left out: the only one, or `default`")]


class TimingShape(BaseModel):
    """When: one of `once`, `every` and `cron`, and what goes with it. Times are local to `zone`."""

    model_config = ConfigDict(extra="forbid")

    once: _Short | None = None
    every: _Short | None = None
    cron: _Short | None = None
    at: _Short | None = None
    weekdays: Annotated[list[_Short], Field(max_length=7)] = []
    starts_at: _Short | None = None
    ends_at: _Short | None = None
    zone: _Short | None = None

    def to_text(self) -> TimingText:
        """The same as the command line takes it."""
        return TimingText(**self.model_dump())


@router.get("/schedules", response_model=SchedulesShown, response_model_exclude_unset=True)
def list_all(
    _: Asked, service: Served, count: Annotated[int, Query(ge=1, le=100, description="Next times each")] = NEXT
) -> dict[str, Any]:
    """Every schedule with its next times, the one that is due first first; `now` is the clock they go by."""
    rows = list_schedules(service.app.store, service.clock.now(), count=count)
    return {"count": len(rows), "now": service.clock.now().isoformat(), "speed": service.clock.speed, "rows": rows}


@router.post("/schedules/preview", response_model=TimingTried, response_model_exclude_unset=True)
def preview(
    _: Asked, service: Served, shape: TimingShape, count: Annotated[int, Query(ge=1, le=1_000)] = NEXT
) -> dict[str, Any]:
    """The next times of a timing and what it says in words; nothing is stored."""
    now = service.clock.now()
    timing = parse_timing(shape.to_text(), now)
    next_times = preview_timing(timing, now, count=count)
    return {"timing": timing_as_dict(timing), "words": describe_timing(timing), "next": next_times}


@router.get("/time-zones", response_model=ZonesShown)
def list_zones(_: Asked) -> dict[str, Any]:
    """Names of time zones, and this machine's."""
    return {"local": local_zone_name(), "zones": sorted(available_timezones())}


@router.get("/connectors/{name}/schedule", response_model=ScheduleShown, response_model_exclude_unset=True)
def show(_: Asked, service: Served, name: str, response: Response, profile: ProfileName = None) -> dict[str, Any]:
    """When a profile runs by itself, with its next five times."""
    return _shown(service, get_schedule(service.app.store, name, profile), response)


@router.put("/connectors/{name}/schedule", response_model=ScheduleShown, response_model_exclude_unset=True)
def put(
    caller: Asked,
    service: Served,
    name: str,
    shape: TimingShape,
    response: Response,
    profile: ProfileName = None,
    if_match: IfMatch = None,
) -> dict[str, Any]:
    """Let a profile run by itself. A schedule that is there is replaced with `If-Match`; without one none is needed."""
    now = service.clock.now()
    timing = parse_timing(shape.to_text(), now)
    with service.editing(caller.account.name) as store:
        old = _find(store, name, profile)
        if old is not None:
            _require_match(store, if_match, old, name)
        return _shown(service, set_schedule(store, name, profile, timing, now), response)


@router.delete("/connectors/{name}/schedule", status_code=status.HTTP_204_NO_CONTENT)
def delete(caller: Asked, service: Served, name: str, profile: ProfileName = None, if_match: IfMatch = None) -> None:
    """Forget a profile's schedule."""
    with service.editing(caller.account.name) as store:
        _require_match(store, if_match, get_schedule(store, name, profile), name)
        remove_schedule(store, name, profile)


@router.post("/connectors/{name}/schedule/pause", response_model=ScheduleShown, response_model_exclude_unset=True)
def pause(caller: Asked, service: Served, name: str, response: Response, profile: ProfileName = None) -> dict[str, Any]:
    """Let nothing run by it until it is resumed."""
    with service.editing(caller.account.name) as store:
        return _shown(service, pause_schedule(store, name, profile, service.clock.now()), response)


@router.post("/connectors/{name}/schedule/resume", response_model=ScheduleShown, response_model_exclude_unset=True)
def resume(
    caller: Asked, service: Served, name: str, response: Response, profile: ProfileName = None
) -> dict[str, Any]:
    """Let it go on with its next time; those of the pause are left out."""
    with service.editing(caller.account.name) as store:
        return _shown(service, resume_schedule(store, name, profile, service.clock.now()), response)


def _kept(schedule: Schedule) -> dict[str, Any]:
    """What a person edits of it: not how far it has come."""
    return {"timing": timing_as_dict(schedule.timing), "is_paused": schedule.is_paused}


def _shown(service: Service, schedule: Schedule, response: Response) -> dict[str, Any]:
    set_tag(response, _kept(schedule))
    return show_schedule(service.app.store, schedule, service.clock.now())


def _require_match(store: ConfigStore, if_match: str | None, schedule: Schedule, name: str) -> None:
    connector = store.get_connector(name)
    profiles = store.list_profiles(connector.connector_id)
    profile = next(p.name for p in profiles if p.profile_id == schedule.profile_id)
    change = store.find_change("schedule", f"{connector.name}/{profile}")
    require_match(if_match, _kept(schedule), f"The schedule of '{connector.name}'", change=change)


def _find(store: ConfigStore, name: str, profile: str | None) -> Schedule | None:
    try:
        return get_schedule(store, name, profile)
    except InputError as error:
        if error.code == "schedule.unknown":
            return None
        raise
