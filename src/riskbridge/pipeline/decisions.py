"""What people decided about findings: changed by hand, ended on its date, and taken account of in scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.model.judgement import DECISION
from riskbridge.model.target import EVENT_COLUMNS
from riskbridge.store.engine import DuckDBEngine
from riskbridge.store.warehouse.warehouse import Changes, Warehouse

COLUMNS = tuple(n for n in DECISION.names if not n.startswith("valid_"))
_AT = "timestamp('UTC', 6)"
_NO = ibis.literal(value=False)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person says about some findings; what is None stays as it was.

    Attributes:
        by: The person.
        at: When, UTC.
        why: The reason; None where none is needed.
        accepted_until: Last day on which the risk is accepted.
        is_false_positive: It is none.
        is_mitigated: It is mitigated otherwise.
        is_undone: Accepted, false positive and mitigated are taken back.
        owner: Who is to see to it; empty for nobody.
        due_on: By when; `date.max` for the day by severity again.
        note: A note; empty for none.
        tags: Tags to add.
        untags: Tags to take away.
    """

    by: str
    at: datetime
    why: str | None = None
    accepted_until: date | None = None
    is_false_positive: bool = False
    is_mitigated: bool = False
    is_undone: bool = False
    owner: str | None = None
    due_on: date | None = None
    note: str | None = None
    tags: Sequence[str] = ()
    untags: Sequence[str] = ()

    @property
    def kind(self) -> str:
        """The one word for it in an event."""
        words = {
            "accepted": self.accepted_until is not None,
            "false-positive": self.is_false_positive,
            "mitigated": self.is_mitigated,
            "undone": self.is_undone,
        }
        return next((word for word, holds in words.items() if holds), "annotated")

    def text(self) -> str:
        """What was decided, in words."""
        parts = [
            f"accepted until {self.accepted_until}" if self.accepted_until else "",
            "false positive" if self.is_false_positive else "",
            "mitigated" if self.is_mitigated else "",
            "verdict taken back" if self.is_undone else "",
            "" if self.owner is None else f"owner {self.owner or 'nobody'}",
            "" if self.due_on is None else "due by severity" if self.due_on == date.max else f"due {self.due_on}",
            "" if self.note is None else f"note: {self.note}",
            f"tags {', '.join(sorted(self.tags))}" if self.tags else "",
            f"without tags {', '.join(sorted(self.untags))}" if self.untags else "",
        ]
        said = "; ".join(p for p in parts if p) + f", by {self.by}"
        return f"{said}: {self.why}" if self.why else said


def new_decisions(findings: ir.Table, stored: ir.Table, decision: Decision) -> ir.Table:
    """Rows of DECISION, without validity, after a decision about some findings.

    Args:
        findings: `finding_id`, one row each.
        stored: Current rows of DECISION.
        decision: What is decided.
    """
    was = stored.rename({f"was_{n}": n for n in COLUMNS})
    rows = findings.select("finding_id").left_join(was, [("finding_id", "was_finding_id")])
    has_verdict = decision.kind != "annotated"
    is_false, is_mitigated = (
        ibis.literal(value=given) if has_verdict else rows[f"was_{name}"].fill_null(_NO)
        for name, given in (
            ("is_false_positive", decision.is_false_positive),
            ("is_mitigated", decision.is_mitigated),
        )
    )
    accepted = ibis.literal(decision.accepted_until, "date") if has_verdict else rows.was_accepted_until
    due = rows.was_due_on
    if decision.due_on is not None:
        due = ibis.literal(None if decision.due_on == date.max else decision.due_on, "date")
    none: Any = _texts(())
    tags = rows.was_decision_tags.fill_null(none).concat(_texts(decision.tags)).unique().sort()
    if decision.untags:
        tags = tags.filter(lambda tag: ~tag.isin(list(decision.untags)))
    return rows.select(
        finding_id="finding_id",
        accepted_until=accepted,
        is_false_positive=is_false,
        is_mitigated=is_mitigated,
        owner=_given(decision.owner, rows.was_owner),
        due_on=due,
        decision_tags=tags,
        note=_given(decision.note, rows.was_note),
        why=rows.was_why if decision.why is None else ibis.literal(decision.why, "string"),
        decided_by=ibis.literal(decision.by, "string"),
        decided_at=ibis.literal(decision.at, _AT),
    ).select(*COLUMNS)


def decision_events(findings: ir.Table, decision: Decision) -> ir.Table:
    """An event for every finding decided about: `EVENT_COLUMNS` of EVENT.

    Args:
        findings: `finding_id`, `asset_id`.
        decision: What was decided.
    """
    return _events(findings, decision.at, "decided", decision.kind, ibis.literal(decision.text()))


def end_acceptances(
    engine: DuckDBEngine, warehouse: Warehouse, changes: Changes, findings: ir.Table, at: datetime
) -> int:
    """End, once, the acceptances whose last day is over; gives how many. Nothing else that people decided is touched.

    Args:
        engine: Executes.
        warehouse: What is stored.
        changes: Takes the new versions and the events.
        findings: Current rows of FINDING.
        at: The run's time, UTC.
    """
    stored = warehouse.current(DECISION)
    over = stored.filter(stored.accepted_until < ibis.literal(at.date()))
    fresh = changes.versions.get(DECISION.name)
    over = over if fresh is None else over.anti_join(fresh, "finding_id")
    if int(engine.scalar(over.count())) == 0:
        return 0
    ended = engine.materialise(over.mutate(accepted_until=ibis.null("date")).select(*COLUMNS), "ended")
    _add(changes, ended)
    told = over.select("finding_id", "accepted_until").join(findings.select("finding_id", "asset_id"), "finding_id")
    detail = ibis.literal("accepted until ") + told.accepted_until.cast("string") + ", which is over"
    changes.events.append(engine.materialise(_events(told, at, "acceptance-ended", "expired", detail), "ended"))
    return int(engine.scalar(ended.count()))


def without_suppressed(
    engine: DuckDBEngine, warehouse: Warehouse, changes: Changes, findings: ir.Table, today: date
) -> ir.Table:
    """Findings but those that are accepted that day or false positives, as decisions stand after the changes.

    Costs a count where nobody decided anything.
    """
    stored, fresh = warehouse.current(DECISION), changes.versions.get(DECISION.name)
    over = changes.withdrawn.get(DECISION.name)
    if over is not None:
        stored = stored.anti_join(over, "finding_id")
    if fresh is not None:
        stored = stored.anti_join(fresh, "finding_id").select(*COLUMNS).union(fresh.select(*COLUMNS))
    is_accepted = (stored.accepted_until >= ibis.literal(today)).fill_null(_NO)
    silenced = engine.materialise(
        stored.filter(stored.is_false_positive | is_accepted).select("finding_id"), "silenced"
    )
    if int(engine.scalar(silenced.count())) == 0:
        return findings
    return findings.anti_join(silenced, "finding_id")


def carry_over(engine: DuckDBEngine, warehouse: Warehouse, changes: Changes, heirs: ir.Table, gone: ir.Table) -> None:
    """Let decisions go along with findings that go on under another id, since their device went to another asset.

    A finding that was decided about itself keeps that. One that comes back, because its device does, gets back what was
    decided about it before; unless somebody decided meanwhile where it was, which then goes along. What a finding had
    been carried alone for the time of a merge, it gives up again.

    Args:
        engine: Executes.
        warehouse: What is stored.
        changes: Takes the new versions; those of findings that are no more are withdrawn.
        heirs: `finding_id`, `was_finding_id` of findings that took detections over from others.
        gone: `finding_id` of findings that are no more.
    """
    versions = warehouse.table(DECISION)
    if int(engine.scalar(versions.count())) == 0:
        return
    stored = versions.filter(versions.valid_to_run.isnull())
    open_heirs = heirs.anti_join(stored, "finding_id")
    own = _last_of_each(versions.filter(versions.valid_to_run.notnull()).semi_join(open_heirs, "finding_id"))
    own = engine.materialise(own, "own_decisions")
    now = stored.select(*COLUMNS[1:], of="finding_id", since="valid_from_run", decided_about="finding_id").join(
        open_heirs, [("of", "was_finding_id")]
    )
    ended = own.select(owner_id="finding_id", ended="valid_to_run", own_at="decided_at", own_by="decided_by")
    both = engine.materialise(now.left_join(ended, [("finding_id", "owner_id")]), "decisions_there")
    is_newer = both.ended.isnull() | (both.since > both.ended)
    taken = both.filter(is_newer).select(*COLUMNS)
    back = own.anti_join(taken, "finding_id").select(*COLUMNS)
    carried = engine.materialise(taken.union(back), "carried")
    lent = both.filter((both.since == both.ended) & (both.decided_at == both.own_at) & (both.decided_by == both.own_by))
    over = stored.semi_join(gone, "finding_id").select("finding_id")
    over = engine.materialise(over.union(lent.select(finding_id="decided_about")).distinct(), "moved_decisions")
    if engine.scalar(carried.count()):
        _add(changes, carried)
    if engine.scalar(over.count()):
        changes.withdrawn[DECISION.name] = over


def _last_of_each(versions: ir.Table) -> ir.Table:
    ranked = versions.mutate(
        place=ibis.row_number().over(group_by="finding_id", order_by=versions.valid_from_run.desc())
    )
    return ranked.filter(ranked.place == 0).drop("place")


def _add(changes: Changes, rows: ir.Table) -> None:
    """Besides what this change decides already, which stands."""
    fresh = changes.versions.get(DECISION.name)
    if fresh is not None:
        rows = fresh.select(*COLUMNS).union(rows.anti_join(fresh, "finding_id"))
    changes.versions[DECISION.name] = rows


def _events(rows: ir.Table, at: datetime, kind: str, reason: str, detail: ir.StringValue) -> ir.Table:
    return rows.select(
        at=ibis.literal(at, _AT),
        kind=ibis.literal(kind),
        subject_id=rows.finding_id,
        asset_id=rows.asset_id,
        reason=ibis.literal(reason),
        detail=detail,
    ).select(*EVENT_COLUMNS)


def _given(text: str | None, stored: ir.StringValue) -> ir.StringValue:
    return stored if text is None else ibis.literal(text or None, "string")


def _texts(words: Sequence[str]) -> ir.ArrayValue:
    found: ir.ArrayValue = ibis.literal(list(words), "array<string>")
    return found
