"""Rows that a run could not use, over REST, with the reason of each."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from riskbridge.api.access import Asked, Served
from riskbridge.api.shapes import Rows
from riskbridge.api.tables import RejectRow

router = APIRouter(tags=["runs"])


@router.get("/runs/{run_id}/rejects")
def list_rejects_of_run(
    _: Asked, service: Served, run_id: str, limit: Annotated[int, Query(ge=1, le=1_000)] = 50
) -> Rows[RejectRow]:
    """Rows that one run could not use, with their reasons; none of a run that published nothing."""
    record = service.app.store.get_run(run_id)
    if record.run is None:
        return Rows.of([])
    with service.reading() as app:
        return Rows.of([RejectRow(row) for row in app.list_rejects(run=record.run, limit=limit)])
