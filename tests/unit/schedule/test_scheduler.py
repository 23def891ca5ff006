"""The scheduler on a clock of the test's own: what is due begins once, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from riskbridge.errors import InputError
from riskbridge.model.connector import Connector, Profile, RunOutcome
from riskbridge.model.run import RunRecord
from riskbridge.model.schedule import Schedule
from riskbridge.schedule.clock import ScheduleClock
from riskbridge.schedule.scheduler import Scheduler
from riskbridge.schedules import (
    TimingText,
    get_schedule,
    list_schedules,
    parse_timing,
    pause_schedule,
    remove_schedule,
    resume_schedule,
    set_schedule,
)
from riskbridge.store.config.store import ConfigStore

HOUR = timedelta(hours=1)


@dataclass
class World:
    """A config store with a connector of two profiles, and a clock that the test moves."""

    path: Path
    store: ConfigStore
    now: datetime = datetime(2027, 3, 27, 12, tzinfo=UTC)
    begun: list[RunRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A server begins, knowing no more than what is stored."""
        clock = ScheduleClock(now=lambda: self.now)
        self.scheduler = Scheduler(self.store, clock, lambda: self.now, self.begun.append)

    def set(self, *, profile: str = "daily", **typed: str) -> Schedule:
        timing = parse_timing(TimingText(**{"zone": "Europe/Amsterdam"} | typed), self.now)
        return set_schedule(self.store, "Lab", profile, timing, self.now)

    def let_pass(self, by: timedelta, *, step: timedelta = HOUR) -> list[str]:
        """Look every step; gives what came due, and ends the runs."""
        before = len(self.begun)
        until = self.now + by
        while self.now < until:
            self.now = min(until, self.now + step)
            self.scheduler.begin_due()
            self.end()
        return [f"{r.due_at:%m-%d %H:%M}" for r in self.begun[before:] if r.due_at]

    def end(self) -> None:
        for left in self.store.list_open():
            self.store.save_run(replace(left, outcome=RunOutcome.SUCCEEDED, ended_at=self.now))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store = ConfigStore(tmp_path / "config.db", actor="ada")
    store.save_connector(Connector("c1", "Lab"))
    store.save_profile(Profile("p1", "c1", "daily"))
    store.save_profile(Profile("p2", "c1", "weekly"))
    yield World(tmp_path, store)
    store.close()


def test_each_occurrence_begins_one_run(world: World) -> None:
    world.set(every="1d", at="02:30")
    assert world.let_pass(timedelta(days=3)) == ["03-28 01:00", "03-29 00:30", "03-30 00:30"]
    assert {(r.trigger, r.outcome) for r in world.begun} == {("schedule", RunOutcome.QUEUED)}


def test_looking_often_begins_nothing_twice(world: World) -> None:
    world.set(every="6h")
    assert world.let_pass(timedelta(hours=13), step=timedelta(minutes=7)) == ["03-27 18:00", "03-28 00:00"]


def test_what_was_missed_runs_once_on_recovery(world: World) -> None:
    world.set(every="6h")
    world.now += timedelta(days=4, hours=1)
    world.start()
    assert world.let_pass(timedelta(hours=7)) == ["03-31 12:00", "03-31 18:00"]


def test_a_single_occurrence_that_was_missed_runs_and_no_more(world: World) -> None:
    world.set(once="2027-03-28 02:30")
    world.now += timedelta(days=40)
    world.start()
    assert world.let_pass(timedelta(days=2)) == ["03-28 01:00"]


def test_a_run_and_its_occurrence_are_kept_together(world: World) -> None:
    schedule = world.set(every="1h")
    world.now += HOUR
    assert world.scheduler.begin_due() == 1
    world.start()  # killed before the run began
    assert world.scheduler.begin_due() == 0
    assert [(r.run_id, r.due_at) for r in world.store.list_open()] == [(world.begun[0].run_id, world.now)]
    assert not world.store.schedules.decide(schedule, world.now, None)


def test_an_occurrence_during_a_run_of_its_profile_is_that_run(world: World) -> None:
    world.set(every="1h")
    world.set(every="1h", profile="weekly")
    world.now += HOUR
    assert world.scheduler.begin_due() == 2
    world.now += HOUR
    assert world.scheduler.begin_due() == 0
    world.end()
    assert world.scheduler.begin_due() == 0
    world.now += HOUR
    assert world.scheduler.begin_due() == 2


def test_what_came_during_a_pause_is_left_out(world: World) -> None:
    world.set(every="1h")
    pause_schedule(world.store, "Lab", "daily", world.now)
    assert world.let_pass(5 * HOUR) == []
    world.now += timedelta(minutes=30)
    resume_schedule(world.store, "Lab", "daily", world.now)
    assert world.let_pass(HOUR) == ["03-27 18:00"]


def test_an_inactive_profile_runs_by_no_schedule(world: World) -> None:
    world.set(every="1h")
    world.store.save_profile(Profile("p1", "c1", "daily", is_active=False))
    assert world.let_pass(3 * HOUR) == []
    world.store.save_profile(Profile("p1", "c1", "daily"))
    assert world.let_pass(HOUR) == ["03-27 16:00"]


def test_a_new_schedule_takes_the_place_of_the_old(world: World) -> None:
    world.set(every="1h")
    world.set(every="2h")
    assert world.let_pass(4 * HOUR) == ["03-27 14:00", "03-27 16:00"]
    assert len(list_schedules(world.store, world.now)) == 1


def test_a_removed_schedule_and_that_of_a_deleted_profile_are_gone(world: World) -> None:
    world.set(every="1h")
    world.set(every="1h", profile="weekly")
    remove_schedule(world.store, "Lab", "daily")
    world.store.delete_profile("c1", "weekly")
    assert world.let_pass(3 * HOUR) == []
    with pytest.raises(InputError) as caught:
        get_schedule(world.store, "Lab", "daily")
    assert (caught.value.code, "riskbridge schedule set 'Lab'" in caught.value.remedy) == ("schedule.unknown", True)


def test_a_clock_that_was_far_ahead_stops_nothing(world: World) -> None:
    schedule = world.set(every="1h")
    world.store.schedules.decide(schedule, world.now + timedelta(days=900), None)
    assert world.let_pass(3 * HOUR) == ["03-27 14:00", "03-27 15:00"]


def test_what_people_change_is_in_the_audit_log(world: World) -> None:
    world.set(every="1d", at="06:00")
    pause_schedule(world.store, "Lab", "daily", world.now)
    pause_schedule(world.store, "Lab", "daily", world.now)
    resume_schedule(world.store, "Lab", "daily", world.now)
    remove_schedule(world.store, "Lab", "daily")
    entries = [(e.actor, e.action, e.object) for e in world.store.list_audit(limit=4)]
    actions = ["schedule.removed", "schedule.resumed", "schedule.paused", "schedule.set"]
    assert entries == [("ada", action, "Lab/daily") for action in actions]


def test_a_faster_clock_begins_where_the_machines_is() -> None:
    start, seconds = datetime(2027, 1, 1, tzinfo=UTC), iter([100.0, 100.0, 102.0])
    clock = ScheduleClock(3600, now=lambda: start, monotonic=lambda: next(seconds))
    assert [clock.now(), clock.now()] == [start, start + 2 * HOUR]
