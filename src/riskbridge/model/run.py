"""The record of a run, as the config store keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from riskbridge.model.connector import RunOutcome


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One execution of a profile.

    Attributes:
        run_id: Stable over resumption.
        connector_id: The connector.
        connector_name: Its name when the run began.
        profile_id: The profile.
        outcome: How it ended, or that it has not.
        started_at: When it began, or was queued while it waits; aware UTC.
        observed_at: The time all its sightings carry, aware UTC.
        scope_hash: What it reads; a killed run is taken up again only by the same.
        pid: Process that works or worked on it.
        ended_at: When it ended; None while it runs.
        run: Its number in the warehouse once published.
        calls: Calls to the API.
        counts: Numbers by name.
        warnings: Sentences.
        error: The failure as plain data; None without one.
        is_resumed: It was killed and taken up again.
        trigger: What began it: `manual`, `remap` or `schedule`.
        due_at: The occurrence of its schedule that it is for, aware UTC; None without a schedule.
        is_drop_accepted: A person has said that a large drop is real.
        phase: The phase it had reached when the record was last saved; None before the first.
        streams: How each stream was read and what speaks for its being complete, as plain data.
        map_version: `name/version` of the transform map it works with; empty where none was chosen yet.
    """

    run_id: str
    connector_id: str
    connector_name: str
    profile_id: str
    outcome: RunOutcome
    started_at: datetime
    observed_at: datetime
    scope_hash: str
    pid: int
    ended_at: datetime | None = None
    run: int | None = None
    calls: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    error: dict[str, object] | None = None
    is_resumed: bool = False
    trigger: str = "manual"
    phase: str | None = None
    streams: tuple[dict[str, object], ...] = ()
    due_at: datetime | None = None
    is_drop_accepted: bool = False
    map_version: str = ""
