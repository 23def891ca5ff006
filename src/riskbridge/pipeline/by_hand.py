"""Changes that a person makes to what is stored, published like a run so that one place writes the warehouse."""

from __future__ import annotations

import uuid
from datetime import datetime

import ibis
import ibis.expr.types as ir

from riskbridge.enrich.facts import Feeds
from riskbridge.errors import InputError
from riskbridge.lifecycle.detections import COLUMNS as DETECTION_COLUMNS
from riskbridge.lifecycle.detections import Sighting
from riskbridge.model.judgement import HOLD
from riskbridge.model.reasons import HoldState
from riskbridge.model.target import ASSET, CVE, DETECTION
from riskbridge.pipeline.holding import COLUMNS, add_version, decide, held_rows, out_of_sight
from riskbridge.pipeline.identifying import IdentityInputs
from riskbridge.pipeline.reconcile import Reconciliation
from riskbridge.score.settings import ScoreSettings
from riskbridge.store.engine import DuckDBEngine
from riskbridge.store.warehouse.warehouse import PublishedRun, Warehouse

BY_HAND = "by-hand"
"""Strategy of a published change that no source was read for; its connector's id is empty."""


def begin(
    engine: DuckDBEngine,
    warehouse: Warehouse,
    settings: ScoreSettings,
    at: datetime,
    identity: IdentityInputs | None = None,
) -> Reconciliation:
    """The computation of a change by hand; `identity` is needed where source records are put together anew.

    Raises:
        InputError: `run.under-way`: a run is being computed, and would not know of it.
    """
    with engine.turn.taken():
        pass  # whoever has the turn now would publish first, and this would be in vain
    sighting = Sighting(warehouse.last_run() + 1, at, None)
    work = Reconciliation(engine, warehouse, "", identity or IdentityInputs(), sighting, settings)
    work.begin_by_hand()
    return work


def rescore(work: Reconciliation, feeds: Feeds, why: str) -> dict[str, int]:
    """Enrich and score everything anew, and publish it; gives the run number and how many findings and assets moved."""
    work.rescore(feeds)
    run = publish(work, why, has_facts=True)
    assets = work.engine.scalar(work.changes.versions[ASSET.name].count())
    return {"run": run, "findings": work.counts.get("findings_rescored", 0), "assets": int(assets)}


def publish(work: Reconciliation, what: str, *, has_facts: bool = False) -> int:
    """Publish a change by hand; gives its run number. `has_facts`: the facts of CVEs are new, too."""
    at = work.sighting.observed_at
    if not has_facts:
        work.changes.contents.pop(CVE.name, None)
    work.warehouse.publish(
        work.sighting.run,
        PublishedRun(
            run_id=uuid.uuid4().hex,
            connector_id="",
            connector_name=what,
            observed_at=at,
            published_at=at,
            is_complete=False,
            scope_hash="",
            map_version="",
            strategy=BY_HAND,
            reflects_at=at,
            catalogue_at=None,
        ),
        work.changes,
    )
    return work.sighting.run


def find_hold(engine: DuckDBEngine, warehouse: Warehouse, hold_id: str) -> dict[str, object]:
    """The hold whose id begins so.

    Raises:
        InputError: `hold.unknown`: no hold's id does, or several do.
    """
    holds = warehouse.current(HOLD)
    found = engine.records(holds.filter(holds.hold_id.startswith(hold_id)).select(*COLUMNS).limit(2)) if hold_id else []
    if len(found) == 1:
        return found[0]
    problem = "is the beginning of more than one" if found else "is no"
    raise InputError(
        f"'{hold_id}' {problem} id of held closings.",
        code="hold.unknown",
        remedy="List the ids with: riskbridge held list --all",
    )


def judge_hold(work: Reconciliation, hold_id: str, *, is_approved: bool, by: str, why: str) -> dict[str, object]:
    """Approve or reject held closings, and publish it; gives the hold as it stands then, with `closed` detections.

    What was seen again since stays open. An approved closing keeps the reason and the evidence found when it was held,
    and the name of who approved it; a rejected one stays open until it is seen again or a complete run closes it.

    Raises:
        InputError: `hold.unknown`, or `hold.decided`: somebody or a later run decided already.
    """
    hold = find_hold(work.engine, work.warehouse, hold_id)
    if hold["state"] != HoldState.HELD.value:
        raise InputError(
            f"The closings held under {hold['hold_id']} are {hold['state']} already, by {hold['decided_by']}.",
            code="hold.decided",
            remedy="See what is still held with: riskbridge held list",
        )
    state = HoldState.APPROVED if is_approved else HoldState.REJECTED
    after = decide(hold, state, work.sighting.observed_at, by, why)
    add_version(work, after)
    if not is_approved:
        publish(work, "closings rejected")
        return after | {"closed": 0}
    versions = _approved(work, str(hold["hold_id"]), by, why)
    work.changes.versions[DETECTION.name] = versions
    work.score(versions)
    publish(work, "closings approved")
    return after | {"closed": int(work.engine.scalar(versions.count()))}


def _approved(work: Reconciliation, hold_id: str, by: str, why: str) -> ir.Table:
    rows = held_rows(work.warehouse, hold_id)
    stored = out_of_sight(work.warehouse, rows).drop("close_reason")
    told = rows.select("detection_id", "close_reason", "evidence")
    both = stored.join(told, "detection_id")
    closed = both.mutate(
        state=ibis.literal("closed"),
        closed_at=ibis.literal(work.sighting.observed_at, "timestamp('UTC', 6)"),
        change=ibis.literal("closed"),
        evidence=both.evidence + ibis.literal(f"; approved by {by}: {why}"),
    )
    return work.engine.materialise(closed.select(*DETECTION_COLUMNS, "change", "evidence"), "approved")
