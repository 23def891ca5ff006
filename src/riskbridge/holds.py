"""Held closings as a person meets them: listed, looked into, approved or rejected with a name and a reason."""

from __future__ import annotations

from typing import Any

from riskbridge.app import App
from riskbridge.errors import InputError
from riskbridge.scoring import load_score_settings


def list_holds(app: App, connector: str | None = None, *, is_all: bool = False) -> list[dict[str, Any]]:
    """Holds, newest first: those that wait for a decision, or all.

    Raises:
        InputError: `connector.unknown`.
    """
    from riskbridge.model.judgement import HOLD  # noqa: PLC0415
    from riskbridge.pipeline.holding import COLUMNS  # noqa: PLC0415 - loads Ibis

    rows = app.warehouse.current(HOLD).select(*COLUMNS)
    if connector is not None:
        rows = rows.filter(rows.connector_id == app.store.get_connector(connector).connector_id)
    if not is_all:
        rows = rows.filter(rows.state == "held")
    return app.engine.records(rows.order_by(rows.run.desc(), rows.hold_id))


def show_hold(app: App, hold_id: str, *, limit: int = 50) -> dict[str, Any]:
    """A hold with its detections by reason and the findings among them that weigh most.

    Raises:
        InputError: `hold.unknown`.
    """
    from riskbridge.model.target import ASSET, FINDING  # noqa: PLC0415
    from riskbridge.pipeline.by_hand import find_hold  # noqa: PLC0415 - loads Ibis
    from riskbridge.pipeline.holding import held_rows, out_of_sight  # noqa: PLC0415

    hold = find_hold(app.engine, app.warehouse, hold_id)
    held = held_rows(app.warehouse, str(hold["hold_id"]))
    reasons = held.group_by("close_reason").agg(detections=held.count(), evidence=held.evidence.min())
    told = held.group_by("finding_id").agg(close_reason=held.close_reason.min(), evidence=held.evidence.min())
    findings = app.warehouse.current(FINDING).select("finding_id", "asset_id", "cve_id", "title", "qds")
    names = app.warehouse.current(ASSET).select("asset_id", "asset_name")
    rows = told.join(findings, "finding_id").join(names, "asset_id")
    shown = ("finding_id", "qds", "cve_id", "title", "asset_name", "close_reason", "evidence")
    rows = rows.order_by([rows.qds.desc(), rows.finding_id]).select(*shown).limit(limit)
    return {
        "hold": hold,
        "still_out_of_sight": int(app.engine.scalar(out_of_sight(app.warehouse, held).count())),
        "reasons": app.engine.records(reasons.order_by("close_reason")),
        "findings": app.engine.records(rows),
    }


def decide_hold(app: App, hold_id: str, why: str, *, is_approved: bool) -> dict[str, Any]:
    """Approve or reject held closings; who, when and why are kept with them and in the audit log.

    Raises:
        InputError: `hold.unknown`, `hold.decided`, or `hold.no-reason`: a decision needs a reason.
    """
    from riskbridge.pipeline.by_hand import begin, judge_hold  # noqa: PLC0415 - loads Ibis

    if not why.strip():
        raise InputError("A decision needs a reason.", code="hold.no-reason", remedy="Give one with --why.")
    work = begin(app.engine, app.warehouse, load_score_settings(app.store), app.now().replace(microsecond=0))
    decided = judge_hold(work, hold_id, is_approved=is_approved, by=app.store.actor, why=why.strip())
    detail = {"closed": decided["closed"], "why": why.strip()}
    app.store.record(f"hold.{decided['state']}", str(decided["hold_id"]), detail)
    return decided
