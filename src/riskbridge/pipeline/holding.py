"""Closings held back for a person: written down when a run may not close, settled by what later runs see."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.forms import hash_id
from riskbridge.model.judgement import HELD, HOLD
from riskbridge.model.reasons import CloseReason, HoldCause, HoldState
from riskbridge.model.target import DETECTION
from riskbridge.pipeline.gate import Verdict
from riskbridge.pipeline.reconcile import Reconciliation
from riskbridge.store.warehouse.warehouse import Warehouse

_AT = "timestamp('UTC', 6)"
COLUMNS = tuple(n for n in HOLD.names if not n.startswith("valid_"))
NEXT = "See them with: riskbridge held list. Approve or reject them there, or let a complete run settle them."


def hold_closings(work: Reconciliation, verdict: Verdict, connector_name: str) -> str | None:
    """Write down what would have closed, where it went out of sight in this run.

    Returns:
        The sentence that says so; None when nothing new is missing.
    """
    if work.explained is None or verdict.cause is None:
        return None
    engine, sighting = work.engine, work.sighting
    held_id = hash_id(str(sighting.run), work.connector_id, "hold")
    rows = work.explained.filter(work.explained.last_found_at.isnull())
    if verdict.cause is HoldCause.SCOPE:
        rows = rows.mutate(
            close_reason=ibis.literal(CloseReason.OUT_OF_SCOPE.value),
            evidence=ibis.literal("last seen in a wider scope: " + verdict.reasons[0]),
        )
    rows = engine.materialise(rows.mutate(hold_id=held_id).select(*HELD.names), "held")
    number = int(engine.scalar(rows.count()))
    if not number:
        return None
    of_findings, of_assets = int(engine.scalar(rows.finding_id.nunique())), int(engine.scalar(rows.asset_id.nunique()))
    work.changes.held.append(rows)
    none = ibis.null("string")
    hold = rows.limit(1).select(
        hold_id="hold_id",
        run=ibis.literal(sighting.run, "int64"),
        held_at=ibis.literal(sighting.observed_at, _AT),
        connector_id=ibis.literal(work.connector_id),
        connector_name=ibis.literal(connector_name),
        cause=ibis.literal(verdict.cause.value),
        message=ibis.literal(" ".join(verdict.reasons)),
        detections=ibis.literal(number, "int64"),
        findings=ibis.literal(of_findings, "int64"),
        assets=ibis.literal(of_assets, "int64"),
        state=ibis.literal(HoldState.HELD.value),
        decided_at=ibis.null(_AT),
        decided_by=none,
        why=none,
    )
    work.changes.versions[HOLD.name] = engine.materialise(hold, "hold")
    work.counts["held"] = number
    return (
        f"{of_findings:,} findings on {of_assets:,} assets would have closed and are held: nothing was closed. {NEXT}"
    )


def settle(work: Reconciliation, versions: ir.Table) -> None:
    """Settle the connector's holds of which nothing is out of sight any more, after this run's versions of detections."""
    engine, warehouse = work.engine, work.warehouse
    holds = warehouse.current(HOLD)
    mine = (holds.connector_id == work.connector_id) & (holds.state == HoldState.HELD.value)
    waiting = engine.records(holds.filter(mine).select(*COLUMNS))
    left_open = len(waiting) + (1 if work.counts.get("held") else 0)
    for hold in waiting:
        rows = held_rows(warehouse, hold["hold_id"])
        after = versions.filter(versions.change.notin(("unseen", "moved"))).select("detection_id", "state")
        touched = rows.join(after, "detection_id")
        closed = int(engine.scalar((touched.state == "closed").sum().fill_null(0)))
        left = out_of_sight(warehouse, rows).anti_join(after, "detection_id")
        if int(engine.scalar(left.count())) == 0:
            seen = hold["detections"] - closed
            why = f"{seen:,} were seen again or closed before, {closed:,} closed for their own reason"
            by = f"run {work.sighting.run}"
            decided = decide(hold, HoldState.SETTLED, work.sighting.observed_at, by, why)
            add_version(work, decided)
            left_open -= 1
    if left_open:
        work.counts["holds_open"] = left_open


def add_version(work: Reconciliation, hold: dict[str, Any]) -> None:
    """Publish a hold as it stands now, beside the others of this run."""
    names = {n: ibis.literal(hold[n], HOLD.column(n).type) for n in COLUMNS}
    row = work.engine.materialise(work.warehouse.table(HOLD).limit(1).select(**names), "hold")
    others = work.changes.versions.get(HOLD.name)
    work.changes.versions[HOLD.name] = row if others is None else others.select(*COLUMNS).union(row)


def decide(hold: dict[str, Any], state: HoldState, at: datetime, by: str, why: str) -> dict[str, Any]:
    """A hold after a decision."""
    return hold | {"state": state.value, "decided_at": at, "decided_by": by, "why": why}


def held_rows(warehouse: Warehouse, hold_id: str) -> ir.Table:
    """The HELD rows of a hold."""
    rows = warehouse.table(HELD)
    return rows.filter(rows.hold_id == hold_id)


def out_of_sight(warehouse: Warehouse, rows: ir.Table) -> ir.Table:
    """Current detections among HELD rows that are open and were not seen since."""
    stored = warehouse.current(DETECTION).semi_join(rows, "detection_id")
    return stored.filter((stored.state == "open") & stored.last_found_at.notnull())
