"""What people decide, over REST: about findings, and about closings that are held for them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from fastapi import APIRouter

from riskbridge.api.access import Asked, Served
from riskbridge.api.shapes import DecisionShape, QueryDecisionShape, ReasonShape
from riskbridge.decisions import decide
from riskbridge.holds import decide_hold, list_holds, show_hold
from riskbridge.service import Service

router = APIRouter(tags=["judgements"])


def take(
    service: Service, actor: str, shape: DecisionShape, *, finding_id: str | None = None, query: str | None = None
) -> dict[str, Any]:
    """Decide as that person.

    Raises:
        InputError: `decision.*`, `finding.unknown`, `qql.*`, `run.under-way`.
    """
    from riskbridge.pipeline.decisions import Decision  # noqa: PLC0415 - loads Ibis

    values = shape.model_dump(exclude={"query", "tags", "untags"})
    decision = Decision(by="", at=datetime.now(UTC), tags=tuple(shape.tags), untags=tuple(shape.untags), **values)
    with service.changing(actor) as app:
        return decide(app, decision, finding_id=finding_id, query=query)


@router.post("/findings/{finding_id}/decision")
def decide_finding(caller: Asked, service: Served, finding_id: str, shape: DecisionShape) -> dict[str, Any]:
    """Decide about one finding; no run overwrites it."""
    return take(service, caller.account.name, shape, finding_id=finding_id)


@router.post("/decisions")
def decide_findings(caller: Asked, service: Served, shape: QueryDecisionShape) -> dict[str, Any]:
    """Decide about every finding that a query describes."""
    return take(service, caller.account.name, shape, query=shape.query)


@router.get("/holds")
def list_held(_: Asked, service: Served, connector: str | None = None, *, is_all: bool = False) -> dict[str, Any]:
    """Closings that wait for a person, or all there ever were; newest first."""
    with service.reading() as app:
        rows = list_holds(app, connector, is_all=is_all)
    return {"count": len(rows), "rows": rows}


@router.get("/holds/{hold_id}")
def show_held(_: Asked, service: Served, hold_id: str) -> dict[str, Any]:
    """One hold: its detections by reason, and the findings among them that weigh most."""
    with service.reading() as app:
        return show_hold(app, hold_id)


@router.post("/holds/{hold_id}/{verdict}")
def judge_held(
    caller: Asked, service: Served, hold_id: str, verdict: Literal["approve", "reject"], shape: ReasonShape
) -> dict[str, Any]:
    """Approve held closings, which then close, or reject them, which keeps everything open."""
    with service.changing(caller.account.name) as app:
        return decide_hold(app, hold_id, shape.why, is_approved=verdict == "approve")
