"""Decisions of people about findings: one finding, or all that a query describes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from riskbridge.app import App
from riskbridge.errors import InputError
from riskbridge.scoring import load_score_settings

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from riskbridge.pipeline.decisions import Decision

LONGEST_ACCEPTANCE = timedelta(days=3653)


def decide(app: App, decision: Decision, *, finding_id: str | None = None, query: str | None = None) -> dict[str, Any]:
    """Decide about one finding or about all that a query describes; gives how many, and the run it is published under.

    The decision is one published change: events tell of it, scores follow, the audit log names the person and the query.

    Args:
        app: The home.
        decision: What is decided; who and when are filled in here.
        finding_id: The finding's id, or the beginning of it.
        query: QQL; blank is refused, since it would mean every finding.

    Raises:
        InputError: `decision.*`, `finding.unknown`, or `qql.*`.
    """
    from riskbridge.model.judgement import DECISION  # noqa: PLC0415
    from riskbridge.model.target import FINDING  # noqa: PLC0415
    from riskbridge.pipeline.by_hand import begin, publish  # noqa: PLC0415 - loads Ibis
    from riskbridge.pipeline.decisions import decision_events, new_decisions  # noqa: PLC0415

    decision = replace(decision, by=app.store.actor, at=app.now().replace(microsecond=0))
    _check(decision)
    work = begin(app.engine, app.warehouse, load_score_settings(app.store), decision.at)
    engine, warehouse = app.engine, app.warehouse
    chosen = engine.materialise(_chosen(app, finding_id, query), "chosen")
    number = int(engine.scalar(chosen.count()))
    if not number:
        raise InputError(
            "No finding matches, so nothing was decided.",
            code="decision.nothing",
            remedy="Try the query with: riskbridge findings QUERY",
        )
    stored = warehouse.current(DECISION)
    work.changes.versions[DECISION.name] = engine.materialise(new_decisions(chosen, stored, decision), "decision")
    subjects = warehouse.current(FINDING).semi_join(chosen, "finding_id").select("finding_id", "asset_id")
    work.changes.events.append(engine.materialise(decision_events(subjects, decision), "decided"))
    work.score_again()
    run = publish(work, f"finding.{decision.kind}")
    detail = {"findings": number, "query": query, "decision": decision.text(), "run": run}
    app.store.record(f"finding.{decision.kind}", finding_id or query or "", detail)
    return {"findings": number, "run": run, "decision": decision.text()}


def _chosen(app: App, finding_id: str | None, query: str | None) -> ir.Table:
    from riskbridge.moment import Moment  # noqa: PLC0415 - loads Ibis
    from riskbridge.search.listing import select_findings  # noqa: PLC0415
    from riskbridge.sla import load_sla  # noqa: PLC0415

    if (finding_id is None) == (not (query or "").strip()):
        raise InputError(
            "A decision is about one finding, or about those that a query describes.",
            code="decision.no-subject",
            remedy="Name a finding's id, or give --where with a query that is not empty.",
        )
    tables = Moment(app.warehouse, app.now(), load_sla(app.store), sources=app.source_names()).finding_tables()
    if finding_id is None:
        return select_findings(tables, query or "", app.now())
    found = app.find_finding(finding_id)["finding_id"]
    view = tables.view({"finding_id"})
    return view.filter(view.finding_id == found)


def _check(decision: Decision) -> None:
    verdicts = [decision.accepted_until is not None, decision.is_false_positive, decision.is_mitigated]
    if sum([*verdicts, decision.is_undone]) > 1:
        raise InputError(
            "A finding is accepted, a false positive or mitigated, or the decision is undone: one of them.",
            code="decision.contradiction",
            remedy="Give one of --accept-until, --false-positive, --mitigated and --undo.",
        )
    if decision.kind == "annotated" and decision.text() == f", by {decision.by}":
        raise InputError(
            "Nothing was decided.", code="decision.empty", remedy="See what can be: riskbridge decide --help"
        )
    if any(verdicts) and not (decision.why or "").strip():
        raise InputError("A verdict needs a reason.", code="decision.no-reason", remedy="Give one with --why.")
    until, today = decision.accepted_until, decision.at.date()
    if until is not None and not today <= until <= today + LONGEST_ACCEPTANCE:
        raise InputError(
            f"A risk cannot be accepted until {until}.",
            code="decision.bad-date",
            remedy=f"Give a day from {today} on, within ten years.",
        )
