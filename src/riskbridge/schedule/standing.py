"""Where a connector stands, and what a person should do about it. Pure: everything is an argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from riskbridge.model.connector import Connector, ConnectorState, Profile, RunOutcome
from riskbridge.model.run import RunRecord
from riskbridge.model.schedule import Schedule
from riskbridge.schedule.timing import describe_timing, newest_moment, next_moments

MISSED_AFTER = timedelta(minutes=5)
"""How late a run by schedule may be before a person should look; a server begins it within a second."""
SECRET_ENDS_SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Concern:
    """Something to do: a stable code, what happened, and the remedy in the imperative."""

    code: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a connector stands.

    Attributes:
        state: As a person sees it.
        concerns: What wants attention, the gravest first; without one the state is not Attention.
        next_run_at: When the next run by schedule is due, aware UTC; None without one.
        last_run_at: When the newest run ended, aware UTC; None before the first.
    """

    state: ConnectorState
    concerns: tuple[Concern, ...] = ()
    next_run_at: datetime | None = None
    last_run_at: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """The standing as plain data."""
        return {
            "state": self.state.value,
            "attention": [asdict(c) for c in self.concerns],
            "next_run_at": self.next_run_at.isoformat() if self.next_run_at else None,
            "last_run_at": self.last_run_at.isoformat() if self.last_run_at else None,
        }


def stand(
    connector: Connector,
    profiles: Sequence[Profile],
    schedules: Sequence[Schedule],
    runs: Sequence[RunRecord],
    now: datetime,
    *,
    is_processing: bool,
    held: int,
) -> Standing:
    """Where a connector stands.

    Processing while a run is under way or waits for its turn; Attention while there is something to do; Processed once
    the newest run of every profile that ever ran has published what it read; Scheduled while an active profile waits for
    its first time; else Registered.

    Args:
        connector: The connector.
        profiles: Its profiles.
        schedules: Theirs.
        runs: Its runs, newest first.
        now: The clock of the schedules.
        is_processing: The owner of the home works on a run of it, or will.
        held: Closings of it that wait for a person.
    """
    newest = _newest_by_profile(profiles, runs)
    waiting = {s.profile_id: due for s in _working(schedules, profiles) if (due := _next(s, now)) is not None}
    concerns = () if is_processing else (*_of_runs(connector, newest, profiles), *_of_left(connector, runs))
    concerns += _of_held(connector, held)
    if not is_processing:
        concerns += _of_schedules(_working(schedules, profiles), profiles, now)
    concerns += _of_secret(connector, now)
    done = any(r.outcome in (RunOutcome.SUCCEEDED, RunOutcome.PARTIAL) for r in runs)
    if is_processing:
        state = ConnectorState.PROCESSING
    elif concerns:
        state = ConnectorState.ATTENTION
    elif done:
        state = ConnectorState.PROCESSED
    else:
        state = ConnectorState.SCHEDULED if waiting else ConnectorState.REGISTERED
    ended = [r.ended_at for r in runs if r.ended_at is not None]
    return Standing(state, concerns, min(waiting.values(), default=None), max(ended, default=None))


def _newest_by_profile(profiles: Sequence[Profile], runs: Sequence[RunRecord]) -> Mapping[str, RunRecord]:
    """A run that a person cancelled says nothing; the one before it does."""
    known = {p.profile_id for p in profiles}
    newest: dict[str, RunRecord] = {}
    for run in runs:
        if run.profile_id in known and not run.outcome.is_open and run.outcome is not RunOutcome.CANCELLED:
            newest.setdefault(run.profile_id, run)
    return newest


def _working(schedules: Sequence[Schedule], profiles: Sequence[Profile]) -> list[Schedule]:
    active = {p.profile_id for p in profiles if p.is_active}
    return [s for s in schedules if not s.is_paused and s.profile_id in active]


def _next(schedule: Schedule, now: datetime) -> datetime | None:
    return next(iter(next_moments(schedule.timing, now, 1)), None)


def _of_runs(connector: Connector, newest: Mapping[str, RunRecord], profiles: Sequence[Profile]) -> tuple[Concern, ...]:
    names = {p.profile_id: f" of profile '{p.name}'" if len(profiles) > 1 else "" for p in profiles}
    found = []
    for profile_id, run in newest.items():
        what = f"The newest run{names[profile_id]}"
        if run.outcome is RunOutcome.FAILED:
            error = run.error or {}
            message, remedy = str(error.get("message", "")), str(error.get("remedy", "Run it again."))
            found.append(Concern("attention.run-failed", f"{what} failed: {message}", remedy))
        elif run.outcome is RunOutcome.PARTIAL:
            why = f": {run.warnings[0]}" if run.warnings else "."
            remedy = f"A complete run settles it: riskbridge run {connector.name!r}"
            found.append(Concern("attention.run-partial", f"{what} was partial{why}", remedy))
        elif run.outcome is RunOutcome.INTERRUPTED:
            remedy = f"Run it again: riskbridge run {connector.name!r}"
            found.append(Concern("attention.run-interrupted", f"{what} was stopped before its end.", remedy))
    return tuple(found)


def _of_left(connector: Connector, runs: Sequence[RunRecord]) -> tuple[Concern, ...]:
    for run in runs:
        if run.outcome is RunOutcome.PAUSED:
            remedy = (
                f"Let it go on: riskbridge resume {connector.name!r}, or end it: riskbridge cancel {connector.name!r}"
            )
            return (Concern("attention.run-paused", "A run is paused; nothing else of this connector runs.", remedy),)
        if run.outcome.is_open:
            remedy = (
                f"It goes on where it was with: riskbridge run {connector.name!r}, or as soon as riskbridge serve runs"
            )
            return (Concern("attention.run-left", "A run was left before its end.", remedy),)
    return ()


def _of_held(connector: Connector, held: int) -> tuple[Concern, ...]:
    if not held:
        return ()
    remedy = f"See why, then approve or reject: riskbridge held list {connector.name!r}"
    return (Concern("attention.closings-held", f"{held:,} sets of closings wait for a person.", remedy),)


def _of_schedules(schedules: Sequence[Schedule], profiles: Sequence[Profile], now: datetime) -> tuple[Concern, ...]:
    names = {p.profile_id: p.name for p in profiles}
    found = []
    for schedule in schedules:
        missed = newest_moment(schedule.timing, schedule.decided_until, now - MISSED_AFTER)
        if missed is not None:
            found.append(
                Concern(
                    "attention.schedule-missed",
                    f"The run of profile '{names[schedule.profile_id]}' that was due at {missed:%Y-%m-%d %H:%M} UTC "
                    f"({describe_timing(schedule.timing)}) has not begun: nothing serves this home.",
                    "Start it, and it runs once for all it missed: riskbridge serve",
                )
            )
    return tuple(found)


def _of_secret(connector: Connector, now: datetime) -> tuple[Concern, ...]:
    if not connector.secret_expires_on:
        return ()
    left = date.fromisoformat(connector.secret_expires_on) - now.date()
    if left > SECRET_ENDS_SOON:
        return ()
    when = f"ends in {left.days} days" if left.days > 0 else "ends today" if not left.days else "has ended"
    remedy = (
        f"Make a new one in Entra and save it: riskbridge connector change {connector.name!r} --client-secret …"
        " --secret-expires DAY"
    )
    return (Concern("attention.secret-ends", f"The secret {when} ({connector.secret_expires_on}).", remedy),)
