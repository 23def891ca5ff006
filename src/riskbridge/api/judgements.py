"""What people decide, over REST: about findings, and about closings that are held for them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from riskbridge.api.access import Asked, Served
from riskbridge.api.shapes import DecisionShape, QueryDecisionShape, ReasonShape, Rows
from riskbridge.api.tables import FindingRow, HoldRow
from riskbridge.decisions import decide
from riskbridge.holds import decide_hold, list_holds, show_hold
from riskbridge.service import Service

router = APIRouter(tags=["judgements"])


class Decided(BaseModel):
    """How many findings were decided about, the run it is published under, and the decision in words."""

    findings: int
    run: int
    decision: str


class HeldReason(BaseModel):
    """Why held detections would close, how many, and an example of the evidence."""

    close_reason: str
    detections: int
    evidence: str


class HoldShown(BaseModel):
    """A hold: its detections by reason, how many are still out of sight, and the findings that weigh most."""

    hold: HoldRow
    still_out_of_sight: int
    reasons: list[HeldReason]
    findings: list[FindingRow]


class Judged(BaseModel):
    """A hold as it stands after a person judged it, and how many detections closed."""

    model_config = ConfigDict(extra="allow")

    hold_id: str
    state: str
    decided_by: str
    why: str
    closed: int


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
def decide_finding(caller: Asked, service: Served, finding_id: str, shape: DecisionShape) -> Decided:
    """Decide about one finding; no run overwrites it."""
    return Decided.model_validate(take(service, caller.account.name, shape, finding_id=finding_id))


@router.post("/decisions")
def decide_findings(caller: Asked, service: Served, shape: QueryDecisionShape) -> Decided:
    """Decide about every finding that a query describes."""
    return Decided.model_validate(take(service, caller.account.name, shape, query=shape.query))


@router.get("/holds")
def list_held(_: Asked, service: Served, connector: str | None = None, *, is_all: bool = False) -> Rows[HoldRow]:
    """Closings that wait for a person, or all there ever were; newest first."""
    with service.reading() as app:
        return Rows.of([HoldRow(row) for row in list_holds(app, connector, is_all=is_all)])


@router.get("/holds/{hold_id}")
def show_held(_: Asked, service: Served, hold_id: str) -> HoldShown:
    """One hold: its detections by reason, and the findings among them that weigh most."""
    with service.reading() as app:
        return HoldShown.model_validate(show_hold(app, hold_id))


@router.post("/holds/{hold_id}/{verdict}")
def judge_held(
    caller: Asked, service: Served, hold_id: str, verdict: Literal["approve", "reject"], shape: ReasonShape
) -> Judged:
    """Approve held closings, which then close, or reject them, which keeps everything open."""
    with service.changing(caller.account.name) as app:
        return Judged.model_validate(decide_hold(app, hold_id, shape.why, is_approved=verdict == "approve"))
