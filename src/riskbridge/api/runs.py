"""Runs over REST: begun, watched, paused, resumed, cancelled, and what became of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, status
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette.sse import EventSourceResponse

from riskbridge.api.access import Asked, Served
from riskbridge.api.connectors import run_as_dict
from riskbridge.api.run_shapes import STREAMED, ProgressShown, RunShown
from riskbridge.api.shapes import Rows
from riskbridge.schedule.progress import RunProgress

router = APIRouter(tags=["runs"])
NEWS_EVERY_S = 0.4
"""How often at most a watcher is told of progress."""
NEWS_AT_LEAST_EVERY_S = 5.0
"""A run that waits for the API's limits has no news but the time that is left."""
NOTHING_KNOWN: Final[dict[str, Any]] = {"calls": None, "quotas": [], "phases": []}
"""What is told of a run whose progress the server does not hold."""
Limit = Annotated[int, Query(ge=1, le=1_000)]


class Stopping(BaseModel):
    """What becomes of the run at its next step."""

    state: Annotated[str, Field(description="cancelling or pausing")]


class RunShape(BaseModel):
    """A run to begin: which profile, where there are several, and whether a large drop is real."""

    model_config = ConfigDict(extra="forbid")

    profile: Annotated[str, Field(max_length=200)] | None = None
    accept_drop: bool = False


@router.post(
    "/connectors/{name}/runs",
    status_code=status.HTTP_202_ACCEPTED,
    response_model=ProgressShown,
    response_model_exclude_unset=True,
)
def start_run(_: Asked, service: Served, name: str, shape: RunShape | None = None) -> dict[str, Any]:
    """Begin a run; watch it at `/connectors/{name}/progress`."""
    wanted = shape or RunShape()
    return service.start_run(name, wanted.profile, is_drop_accepted=wanted.accept_drop).as_dict()


@router.delete("/connectors/{name}/runs/current", status_code=status.HTTP_202_ACCEPTED)
def cancel_run(_: Asked, service: Served, name: str) -> Stopping:
    """Cancel the run that is under way, waits or is paused; nothing of it is published."""
    service.cancel_run(name)
    return Stopping(state="cancelling")


@router.post("/connectors/{name}/runs/current/pause", status_code=status.HTTP_202_ACCEPTED)
def pause_run(_: Asked, service: Served, name: str) -> Stopping:
    """Pause the run at its next step; what was read is kept."""
    service.pause_run(name)
    return Stopping(state="pausing")


@router.post(
    "/connectors/{name}/runs/current/resume",
    status_code=status.HTTP_202_ACCEPTED,
    response_model=ProgressShown,
    response_model_exclude_unset=True,
)
def resume_run(_: Asked, service: Served, name: str) -> dict[str, Any]:
    """Let the paused run go on where it was."""
    return service.resume_run(name).as_dict()


@router.get(
    "/connectors/{name}/progress",
    response_model=ProgressShown,
    response_model_exclude_unset=True,
    responses=STREAMED,
)
async def watch(request: Request, _: Asked, service: Served, name: str) -> Any:
    """The newest run's progress: as JSON, or as server-sent events for who accepts `text/event-stream`."""
    progress = await asyncio.to_thread(service.find_progress, name)
    return _told(request, progress, {"connector": name, "state": "none"} | NOTHING_KNOWN)


@router.get("/runs", response_model=Rows[RunShown], response_model_exclude_unset=True)
def list_runs(_: Asked, service: Served, connector: str | None = None, limit: Limit = 50) -> dict[str, Any]:
    """Runs, newest first."""
    connector_id = service.app.store.get_connector(connector).connector_id if connector else None
    rows = [run_as_dict(r) for r in service.app.store.list_runs(connector_id, limit=limit)]
    return {"count": len(rows), "rows": rows}


@router.get("/runs/{run_id}", response_model=RunShown, response_model_exclude_unset=True)
def show_run(_: Asked, service: Served, run_id: str) -> dict[str, Any]:
    """One run, by its id or the beginning of it."""
    return run_as_dict(service.app.store.get_run(run_id))


@router.get(
    "/runs/{run_id}/progress",
    response_model=ProgressShown,
    response_model_exclude_unset=True,
    responses=STREAMED,
)
async def watch_run(request: Request, _: Asked, service: Served, run_id: str) -> Any:
    """One run's progress, as JSON or server-sent events; without phases once the server has forgotten them."""
    record = await asyncio.to_thread(service.app.store.get_run, run_id)
    known = service.find_run_progress(record.run_id)
    return _told(request, known, {"connector": record.connector_name, "state": record.outcome.value} | NOTHING_KNOWN)


def _told(request: Request, progress: RunProgress | None, otherwise: dict[str, Any]) -> Any:
    if "text/event-stream" not in request.headers.get("accept", ""):
        return otherwise if progress is None else progress.as_dict()
    return EventSourceResponse(_news(progress) if progress else _once(otherwise))


async def _news(progress: RunProgress) -> AsyncIterator[dict[str, str]]:
    version = -1
    while True:
        version = await asyncio.to_thread(progress.wait, version, NEWS_AT_LEAST_EVERY_S)
        yield {"event": "progress", "data": json.dumps(progress.as_dict())}
        if progress.is_over:
            return
        await asyncio.sleep(NEWS_EVERY_S)


async def _once(state: dict[str, Any]) -> AsyncIterator[dict[str, str]]:
    yield {"event": "progress", "data": json.dumps(state)}
