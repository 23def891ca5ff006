"""Runs as OpenAPI describes them: the record of one, its progress, and what was read of each stream."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from riskbridge.api.plain import Counts, Moment
from riskbridge.model.connector import RunOutcome

_PHASE: dict[str, JsonValue] = {
    "name": "findings",
    "state": "running",
    "rows": 12_000,
    "expected_rows": 60_000,
    "seconds": 4.0,
    "rows_per_s": 3_000,
    "remaining_s": 16.0,
}
_QUOTA: dict[str, JsonValue] = {
    "endpoint": "machines",
    "used_minute": 3,
    "used_hour": 12,
    "minute": 100,
    "hour": 1_500,
    "minute_left": 97,
    "hour_left": 1_488,
    "wait_s": 0.0,
}
_PROGRESS: dict[str, JsonValue] = {
    "connector": "Contoso",
    "profile": "default",
    "trigger": "manual",
    "due_at": None,
    "state": "running",
    "error": None,
    "run_id": "3df71236a68d405bb29c59e2d506fb5c",
    "calls": 12,
    "quotas": [_QUOTA],
    "phases": [_PHASE],
}
_STREAM: dict[str, JsonValue] = {
    "stream": "machinesVulnerabilities",
    "strategy": "paged",
    "why": "the profile says so",
    "looks": 1,
    "pages": 1,
    "received": 1_063,
    "rows": 1_063,
    "rejects": 0,
    "duplicates": 0,
    "server_count": 1_063,
    "is_complete": True,
    "reasons": [],
}


class FailureShown(BaseModel):
    """Why a run failed: the same code, message and remedy as everywhere; ids may come along."""

    model_config = ConfigDict(extra="allow")

    kind: Annotated[str, Field(description="config, retryable, fatal or input; error for what nobody foresaw")] = (
        "error"
    )
    code: Annotated[str, Field(examples=["defender.wrong-secret"])]
    message: str
    remedy: str


class StreamRead(BaseModel):
    """How a stream was read, and what speaks for or against its being complete."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [_STREAM]})

    stream: str
    strategy: Annotated[str | None, Field(description="How, where there is a choice")] = None
    why: Annotated[str | None, Field(description="Why so")] = None
    looks: Annotated[int | None, Field(description="How often it was read from the beginning")] = None
    pages: int | None = None
    received: Annotated[int | None, Field(description="Rows as they came")] = None
    rows: Annotated[int | None, Field(description="Rows that can be used, each once")] = None
    rejects: int | None = None
    duplicates: int | None = None
    server_count: Annotated[int | None, Field(description="How many there are by the source's own word")] = None
    is_complete: bool | None = None
    reasons: Annotated[list[str], Field(description="What speaks against it")] = []


class RunShown(BaseModel):
    """One execution of a profile."""

    run_id: Annotated[str, Field(description="Stable, also where a killed run went on")]
    run: Annotated[int | None, Field(description="Its number once it is published")]
    connector_id: str
    connector_name: Annotated[str, Field(description="As it was called when the run began")]
    profile_id: str
    outcome: RunOutcome
    trigger: Annotated[str, Field(description="manual, schedule or remap")]
    due_at: Annotated[Moment | None, Field(description="The occurrence of its schedule that it is for")]
    started_at: Moment
    observed_at: Annotated[Moment, Field(description="The time that all its sightings carry")]
    ended_at: Moment | None
    seconds: Annotated[float | None, Field(description="How long it took; null while it runs")]
    phase: Annotated[str | None, Field(description="The phase it had reached when it was last saved")]
    calls: Annotated[int, Field(description="Calls to the source")]
    counts: Counts
    warnings: list[str]
    error: FailureShown | None
    streams: list[StreamRead]
    map_version: Annotated[str, Field(description="`name/version` of its transform map", examples=["defender/4"])]
    is_resumed: Annotated[bool, Field(description="It was killed and taken up again")]
    is_drop_accepted: Annotated[bool, Field(description="A person has said that a large drop is real")]
    scope_hash: Annotated[str, Field(description="What it reads; only a run of the same may close by absence")]
    pid: Annotated[int, Field(description="The process that works or worked on it")]


class PhaseShown(BaseModel):
    """How far a phase of a run is."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PHASE]})

    name: str
    state: Annotated[str, Field(description="waiting, running or done")]
    rows: int
    expected_rows: Annotated[int | None, Field(description="Null where nobody knows")]
    seconds: Annotated[float, Field(description="How long it took so far")]
    rows_per_s: float | None
    remaining_s: Annotated[float | None, Field(description="An estimate; null where there is none")]


class QuotaShown(BaseModel):
    """What an endpoint of the source has been asked, and what it allows still; null where no limit is stated."""

    model_config = ConfigDict(json_schema_extra={"examples": [_QUOTA]})

    endpoint: str
    used_minute: Annotated[int, Field(description="Calls in the last minute")]
    used_hour: Annotated[int, Field(description="Calls in the last hour")]
    minute: Annotated[int | None, Field(description="Calls allowed in any minute")]
    hour: Annotated[int | None, Field(description="Calls allowed in any hour")]
    minute_left: int | None
    hour_left: int | None
    wait_s: Annotated[float, Field(description="Seconds until the next call may be made; 0: now")]


class ProgressShown(BaseModel):
    """How far a run is, phase by phase; each server-sent event carries the same."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PROGRESS]})

    connector: str
    state: Annotated[str, Field(description="none (it never ran), queued, running, or how it ended")]
    phases: Annotated[list[PhaseShown], Field(description="Those that have begun, in order")]
    calls: Annotated[int | None, Field(description="Calls to the source so far; null before the first")] = None
    quotas: Annotated[list[QuotaShown], Field(description="Of the endpoints asked within the hour")] = []
    profile: str | None = None
    trigger: str | None = None
    due_at: Moment | None = None
    error: FailureShown | None = None
    run_id: str | None = None


class Remapped(BaseModel):
    """The run that mapped everything anew."""

    run_id: str
    run: int | None
    connector_name: str
    trigger: str
    map_version: str
    outcome: RunOutcome
    calls: Annotated[int, Field(description="Always 0: the source is not asked")]
    counts: Counts
    warnings: list[str]


STREAMED: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string", "description": "Events named `progress`"}}}}
}
"""What a progress route answers with beside JSON."""
