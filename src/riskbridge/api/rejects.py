"""Rows that runs could not use, over REST, with the reason of each, and the reasons counted."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from riskbridge.api.access import Asked, Served
from riskbridge.api.tables import RejectRow
from riskbridge.rejected import Rejected, rejects_of, show_rejects

router = APIRouter(tags=["runs"])
Limit = Annotated[int, Query(description="Rows at most", ge=1, le=1_000)]


class ReasonCount(BaseModel):
    """How many rows of a stream could not be used for one reason."""

    stream: str
    reason: str
    rejects: int


class RejectsShown(BaseModel):
    """What a run could not use: how much in all, by reason, and some of the rows."""

    run: Annotated[
        int | None, Field(description="Number of the run; null where it published nothing, 0 before the first")
    ]
    count: Annotated[int, Field(description="Rejects in all, of which `rows` has some")]
    reasons: Annotated[list[ReasonCount], Field(description="The most frequent first")]
    rows: list[RejectRow]


@router.get("/rejects")
def list_rejects(_: Asked, service: Served, limit: Limit = 50) -> RejectsShown:
    """Rows the newest published run could not use, with their reasons."""
    with service.reading() as app:
        return _shown(show_rejects(app, limit=limit))


@router.get("/runs/{run_id}/rejects")
def list_rejects_of_run(_: Asked, service: Served, run_id: str, limit: Limit = 50) -> RejectsShown:
    """Rows that one run could not use, with their reasons; none of a run that published nothing."""
    record = service.app.store.get_run(run_id)
    with service.reading() as app:
        return _shown(rejects_of(app, record, limit=limit))


def _shown(rejected: Rejected) -> RejectsShown:
    return RejectsShown.model_validate(rejected.as_dict())
