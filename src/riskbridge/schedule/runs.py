"""Runs as records: how one comes to be, waits, begins or is taken up again, and ends."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from riskbridge.errors import InputError, RiskbridgeError
from riskbridge.model.connector import Connector, Profile, RunOutcome
from riskbridge.model.run import RunRecord
from riskbridge.pipeline.progress import Progress
from riskbridge.store.config.store import ConfigStore

RESUME_WITHIN = timedelta(hours=6)
"""A killed run is taken up again while Defender's snapshot may still be the one it was reading."""
RUNS_LOOKED_AT = 20
"""The newest runs, among which one that read the same is looked for."""


class StopRun(BaseException):
    """The run stops at its next step.

    Args:
        outcome: What its record says then: `cancelled`, `paused`, or still `running`, to go on at the next start.
    """

    def __init__(self, outcome: RunOutcome) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome


def new_run(
    connector: Connector,
    profile: Profile,
    now: datetime,
    *,
    trigger: str = "manual",
    due_at: datetime | None = None,
    is_drop_accepted: bool = False,
) -> RunRecord:
    """A run that waits for its turn; nothing is saved."""
    return RunRecord(
        run_id=uuid.uuid4().hex,
        connector_id=connector.connector_id,
        connector_name=connector.name,
        profile_id=profile.profile_id,
        outcome=RunOutcome.QUEUED,
        started_at=now,
        observed_at=now.replace(microsecond=0),
        scope_hash=scope_of(connector, profile),
        pid=os.getpid(),
        trigger=trigger,
        due_at=due_at,
        is_drop_accepted=is_drop_accepted,
    )


def take_up_run(
    store: ConfigStore,
    connector: Connector,
    profile_name: str | None,
    record: RunRecord | None,
    now: datetime,
    *,
    is_drop_accepted: bool,
) -> tuple[RunRecord, Profile]:
    """The run that is to be worked on now, under way by its record, and its profile.

    Args:
        store: Where records are.
        connector: The connector.
        profile_name: The profile, where no record names it; None for the only one, or `default`.
        record: The run that waits or was left; None takes up what was left of the profile, or makes one.
        now: The clock.
        is_drop_accepted: A large drop is real.

    Raises:
        InputError: `profile.unknown`, `run.paused`.
    """
    if record is not None:
        profile = find_profile(store, connector, record.profile_id)
    else:
        profile = store.get_profile(connector.connector_id, profile_name)
        profile.require_active()
        record = find_left(store, connector, profile, now) or new_run(connector, profile, now)
    record = replace(record, is_drop_accepted=record.is_drop_accepted or is_drop_accepted)
    return begin_run(store, record, connector, profile, now), profile


@contextmanager
def recording_end(store: ConfigStore, record: RunRecord, now: Callable[[], datetime]) -> Iterator[None]:
    """Whatever ends the run in there before its end is on record: a failure, Ctrl-C, a cancellation or pause."""
    try:
        yield
    except RiskbridgeError as error:
        end_run(store, record, RunOutcome.FAILED, now(), error=error.as_dict())
        raise
    except Exception as error:
        # A fault of ours; it is raised further, but nobody shall take up again what would only fail again.
        end_run(store, record, RunOutcome.FAILED, now(), error=broken(error))
        raise
    except KeyboardInterrupt:
        end_run(store, record, RunOutcome.INTERRUPTED, now())
        raise
    except StopRun as stop:
        if stop.outcome.is_open:
            store.save_run(replace(record, outcome=stop.outcome))
        else:
            end_run(store, record, stop.outcome, now())
        raise


def broken(error: Exception) -> dict[str, object]:
    """A fault of ours as the plain data of a failure."""
    message = f"The run met a fault of ours: {error}."
    return {"code": "run.broken", "message": message, "remedy": "See the log."}


def end_run(store: ConfigStore, record: RunRecord, outcome: RunOutcome, now: datetime, **changes: Any) -> RunRecord:
    """The record of a run that has ended, saved, with what else is known of it then."""
    ended = replace(record, outcome=outcome, ended_at=now, **changes)
    store.save_run(ended)
    return ended


def find_left(store: ConfigStore, connector: Connector, profile: Profile, now: datetime) -> RunRecord | None:
    """The run of a profile that a kill, a pause or the end of a server left open; None without one.

    Call it as the home's owner, while no run of the connector is being worked on. Runs of the connector that a kill left
    and that nobody will take up again are ended as interrupted.

    Raises:
        InputError: `run.paused`: another profile's run is paused.
    """
    chosen = None
    for left in store.list_open(connector.connector_id):
        is_same = left.profile_id == profile.profile_id
        if left.outcome is RunOutcome.QUEUED:
            chosen = left if is_same and chosen is None else chosen
        elif is_same and _may_go_on(left, connector, profile, now):
            chosen = left
        elif not is_same and left.outcome is RunOutcome.PAUSED:
            raise InputError(
                f"'{connector.name}' has a run of another profile that is paused, and one connector runs once at a time.",
                code="run.paused",
                remedy=f"Let it go on, or end it: riskbridge cancel {connector.name!r}",
            )
        else:
            store.save_run(replace(left, outcome=RunOutcome.INTERRUPTED, ended_at=now))
    return chosen


def begin_run(
    store: ConfigStore, record: RunRecord, connector: Connector, profile: Profile, now: datetime
) -> RunRecord:
    """The record as a run that is under way, saved: begun, or taken up again where it was.

    One that is too old to be taken up again, or whose profile reads something else by now, ends as interrupted, and a new
    one begins in its place.
    """
    if record.outcome is not RunOutcome.QUEUED and _may_go_on(record, connector, profile, now):
        begun = replace(record, outcome=RunOutcome.RUNNING, pid=os.getpid(), is_resumed=True)
    else:
        if record.outcome is not RunOutcome.QUEUED:
            store.save_run(replace(record, outcome=RunOutcome.INTERRUPTED, ended_at=now))
            record = replace(record, run_id=uuid.uuid4().hex)
        begun = replace(
            record,
            outcome=RunOutcome.RUNNING,
            started_at=now,
            observed_at=now.replace(microsecond=0),
            scope_hash=scope_of(connector, profile),
            pid=os.getpid(),
        )
    store.save_run(begun)
    return begun


def find_paused(store: ConfigStore, connector: Connector) -> RunRecord:
    """The connector's paused run.

    Raises:
        InputError: `run.not-paused`.
    """
    for left in store.list_open(connector.connector_id):
        if left.outcome is RunOutcome.PAUSED:
            return left
    raise InputError(
        f"'{connector.name}' has no paused run.",
        code="run.not-paused",
        remedy=f"Begin one with: riskbridge run {connector.name!r}",
    )


class Runner(Protocol):
    """Works on runs in the place of whoever asks: a server's queue."""

    def run(self, name: str, profile_name: str | None, progress: Progress, *, is_drop_accepted: bool) -> RunRecord:
        """Run a connector to its end; raises as `App.run` does."""

    def resume(self, name: str, progress: Progress) -> RunRecord:
        """Let a paused run go on to its end."""

    def pause_run(self, name: str) -> None:
        """Stop a run at its next step, to go on later."""

    def cancel_run(self, name: str) -> None:
        """End a run at its next step."""

    def is_processing(self, connector_id: str) -> bool:
        """Whether a run of a connector is under way or waits for its turn."""


def find_profile(store: ConfigStore, connector: Connector, profile_id: str) -> Profile:
    """The profile of that id.

    Raises:
        InputError: `profile.unknown`: it was deleted.
    """
    for profile in store.list_profiles(connector.connector_id):
        if profile.profile_id == profile_id:
            return profile
    raise InputError(
        f"The profile that '{connector.name}' was to run is gone.",
        code="profile.unknown",
        remedy=f"See what there is with: riskbridge connector show {connector.name!r}",
    )


def rows_read_before(store: ConfigStore, run: RunRecord) -> dict[str, int]:
    """Rows by stream that the newest good run of the same scope read; empty before the first."""
    for earlier in store.list_runs(run.connector_id, limit=RUNS_LOOKED_AT):
        is_good = earlier.outcome in (RunOutcome.SUCCEEDED, RunOutcome.PARTIAL)
        if is_good and earlier.streams and earlier.scope_hash == run.scope_hash:
            return {str(s["stream"]): int(str(s["received"])) for s in earlier.streams if s.get("received") is not None}
    return {}


def scope_of(connector: Connector, profile: Profile) -> str:
    """What a profile reads, and how, as one text: a run is taken up again only by the same."""
    filters = [profile.device_filter, profile.finding_filter, profile.page_size]
    files = [connector.file.as_dict()] if connector.file is not None else []
    return json.dumps([*filters, profile.transform_map, profile.strategy, *files])


def _may_go_on(record: RunRecord, connector: Connector, profile: Profile, now: datetime) -> bool:
    return record.scope_hash == scope_of(connector, profile) and now - record.started_at < RESUME_WITHIN
