"""Schedules as people work with them: set, paused, resumed, removed, and what comes next."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from riskbridge.errors import InputError
from riskbridge.model.connector import Connector, Profile
from riskbridge.model.schedule import Schedule, Timing, TimingKind
from riskbridge.schedule.timing import check_timing, describe_timing, next_moments, timing_as_dict
from riskbridge.schedule.zone import find_zone, local_zone_name, to_wall
from riskbridge.store.config.store import ConfigStore

NEXT = 5
"""Occurrences that are shown with a schedule."""
MOST_NEXT = 1_000
_EVERY = re.compile(r"(\d{1,6})\s*(h|d|w|hours?|days?|weeks?)", re.IGNORECASE)
_UNITS = {"h": TimingKind.HOURS, "d": TimingKind.DAYS, "w": TimingKind.WEEKS}


@dataclass(frozen=True, slots=True)
class TimingText:
    """A timing as typed: one of `once`, `every` and `cron`; the rest as it applies, None for what was left out.

    Attributes:
        once: `2027-01-31 06:00`, the single occurrence.
        every: `6h`, `2 days`, `1w`.
        cron: Five fields.
        at: `06:00`, of days and weeks.
        weekdays: `mon`, `thu`, of weeks; the weekday of the start without any.
        starts_at: `2027-01-31` or with a time; now without it.
        ends_at: The same; a day alone means its end.
        zone: IANA name; the machine's without it.
    """

    once: str | None = None
    every: str | None = None
    cron: str | None = None
    at: str | None = None
    weekdays: Sequence[str] = ()
    starts_at: str | None = None
    ends_at: str | None = None
    zone: str | None = None


def parse_timing(text: TimingText, now: datetime) -> Timing:
    """The timing that a person typed, checked.

    Raises:
        InputError: `schedule.*`: what cannot be, with what would.
    """
    if sum(t is not None for t in (text.once, text.every, text.cron)) != 1:
        raise InputError(
            "A schedule is a single occurrence, or goes by an interval, or by a cron expression: one of them.",
            code="schedule.bad-timing",
            remedy="Give one of --once '2027-01-31 06:00', --every 6h and --cron '0 6 * * 1-5'.",
        )
    zone = text.zone or local_zone_name()
    here = to_wall(now, find_zone(zone)).replace(second=0, microsecond=0)
    starts = _parse_wall(text.starts_at) if text.starts_at else here
    ends = _parse_wall(text.ends_at, is_end=True) if text.ends_at else None
    if text.once is not None:
        return check_timing(Timing(TimingKind.ONCE, zone, _parse_wall(text.once)), now)
    if text.cron is not None:
        return check_timing(Timing(TimingKind.CRON, zone, starts, ends, cron=text.cron), now)
    kind, every = _parse_every(text.every or "")
    days = tuple(text.weekdays) or (starts.strftime("%a"),)
    timing = Timing(kind, zone, starts, ends, every, text.at or f"{starts:%H:%M}", days)
    return check_timing(timing, now)


def set_schedule(store: ConfigStore, name: str, profile_name: str | None, timing: Timing, now: datetime) -> Schedule:
    """Let a profile run by itself from now on, in place of the schedule it had.

    Args:
        store: Where it is kept, acting as whoever sets it.
        name: The connector.
        profile_name: The profile; None for the only one, or `default`.
        timing: A checked timing.
        now: The clock of the schedules; no occurrence before it counts.

    Raises:
        InputError: `connector.unknown`, `profile.unknown`.
    """
    connector, profile = _find(store, name, profile_name)
    schedule = Schedule(
        schedule_id=uuid.uuid4().hex,
        connector_id=connector.connector_id,
        profile_id=profile.profile_id,
        timing=timing,
        is_paused=False,
        decided_until=now,
        changed_at=now,
    )
    store.schedules.save(schedule, _called(connector, profile), "schedule.set")
    return schedule


def pause_schedule(store: ConfigStore, name: str, profile_name: str | None, now: datetime) -> Schedule:
    """Let nothing run by a schedule until it is resumed; harmless where it is paused.

    Raises:
        InputError: `connector.unknown`, `profile.unknown`, `schedule.unknown`.
    """
    return _change(store, name, profile_name, now, is_paused=True)


def resume_schedule(store: ConfigStore, name: str, profile_name: str | None, now: datetime) -> Schedule:
    """Let a paused schedule go on with the next occurrence; those of the pause are left out.

    Raises:
        InputError: `connector.unknown`, `profile.unknown`, `schedule.unknown`.
    """
    return _change(store, name, profile_name, now, is_paused=False)


def remove_schedule(store: ConfigStore, name: str, profile_name: str | None) -> None:
    """Forget the schedule of a profile.

    Raises:
        InputError: `connector.unknown`, `profile.unknown`, `schedule.unknown`.
    """
    connector, profile = _find(store, name, profile_name)
    store.schedules.delete(_get(store, connector, profile), _called(connector, profile))


def get_schedule(store: ConfigStore, name: str, profile_name: str | None) -> Schedule:
    """The schedule of a profile.

    Raises:
        InputError: `connector.unknown`, `profile.unknown`, `schedule.unknown`.
    """
    return _get(store, *_find(store, name, profile_name))


def show_schedule(store: ConfigStore, schedule: Schedule, now: datetime, *, count: int = NEXT) -> dict[str, Any]:
    """A schedule as plain data: connector, profile, timing, in words, and its next times in its own zone and UTC."""
    connector = next((c for c in store.list_connectors() if c.connector_id == schedule.connector_id), None)
    profiles = store.list_profiles(schedule.connector_id)
    profile = next((p for p in profiles if p.profile_id == schedule.profile_id), None)
    is_active = profile is not None and profile.is_active
    return {
        "connector": connector.name if connector else None,
        "profile": profile.name if profile else None,
        "is_paused": schedule.is_paused,
        "is_profile_active": is_active,
        "timing": timing_as_dict(schedule.timing),
        "words": describe_timing(schedule.timing),
        "next": preview_timing(schedule.timing, now, count=count) if is_active and not schedule.is_paused else [],
        "decided_until": schedule.decided_until.isoformat(),
        "changed_at": schedule.changed_at.isoformat(),
    }


def preview_timing(timing: Timing, now: datetime, *, count: int = NEXT) -> list[dict[str, str]]:
    """The next times of a timing: `at` in UTC, and `local` as clocks of its zone show it then."""
    zone = find_zone(timing.zone)
    return [
        {"at": moment.isoformat(), "local": moment.astimezone(zone).isoformat()}
        for moment in next_moments(timing, now, min(count, MOST_NEXT))
    ]


def list_schedules(store: ConfigStore, now: datetime, *, count: int = NEXT) -> list[dict[str, Any]]:
    """Every schedule as plain data, the one that is due first first; those without a next time come last."""
    rows = [show_schedule(store, s, now, count=count) for s in store.schedules.list_schedules()]
    return sorted(rows, key=lambda r: (not r["next"], r["next"][0]["at"] if r["next"] else "", r["connector"] or ""))


def _change(store: ConfigStore, name: str, profile_name: str | None, now: datetime, *, is_paused: bool) -> Schedule:
    connector, profile = _find(store, name, profile_name)
    schedule = _get(store, connector, profile)
    if schedule.is_paused == is_paused:
        return schedule
    decided = schedule.decided_until if is_paused else now
    changed = replace(schedule, is_paused=is_paused, decided_until=decided, changed_at=now)
    action = "schedule.paused" if is_paused else "schedule.resumed"
    store.schedules.save(changed, _called(connector, profile), action)
    return changed


def _find(store: ConfigStore, name: str, profile_name: str | None) -> tuple[Connector, Profile]:
    connector = store.get_connector(name)
    return connector, store.get_profile(connector.connector_id, profile_name)


def _get(store: ConfigStore, connector: Connector, profile: Profile) -> Schedule:
    found = store.schedules.find(profile.profile_id)
    if found is None:
        raise InputError(
            f"{_called(connector, profile)} has no schedule.",
            code="schedule.unknown",
            remedy=f"Give it one with: riskbridge schedule set {connector.name!r} --every 1d --at 06:00",
        )
    return found


def _called(connector: Connector, profile: Profile) -> str:
    return f"{connector.name}/{profile.name}"


def _parse_wall(text: str, *, is_end: bool = False) -> datetime:
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is not None:
        raise InputError(
            f"'{text[:40]}' is no local time.",
            code="schedule.bad-timing",
            remedy="Give a day, or a day and a time, such as 2027-01-31 or '2027-01-31 06:00'; the zone stands apart.",
        )
    is_day = len(text.strip()) == len("2027-01-31")
    return parsed.replace(hour=23, minute=59) if is_end and is_day else parsed


def _parse_every(text: str) -> tuple[TimingKind, int]:
    match = _EVERY.fullmatch(text.strip())
    if match is None:
        raise InputError(
            f"'{text[:40]}' is no interval.",
            code="schedule.bad-timing",
            remedy="Give hours, days or weeks, such as 6h, 1d or 2w.",
        )
    return _UNITS[match[2][0].lower()], int(match[1])
