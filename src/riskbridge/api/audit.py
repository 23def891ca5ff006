"""The record of changes over REST: who changed what, and when. It can be read and nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from riskbridge.api.access import Asked, Served
from riskbridge.api.plain import Values
from riskbridge.api.shapes import Rows

router = APIRouter(tags=["audit"])


class ChangeShown(BaseModel):
    """One change: `detail` has the new values by field, a secret as `changed`."""

    at: datetime
    actor: str
    action: str
    object: str
    detail: Values


@router.get("/audit")
def list_changes(
    _: Asked, service: Served, limit: Annotated[int, Query(description="Changes at most", ge=1, le=1_000)] = 100
) -> Rows[ChangeShown]:
    """What people changed, newest first."""
    found = service.app.store.list_audit(limit=limit)
    return Rows.of([ChangeShown.model_validate(entry, from_attributes=True) for entry in found])
