"""What a person decided and by when a finding is to be fixed, as columns of a view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.model.reasons import REMEDIATED

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Sla:
    """Days from the first sighting in which a finding is to be fixed, by severity, and how soon before it is at risk."""

    critical: int = 7
    high: int = 30
    medium: int = 90
    low: int = 180
    information: int = 365
    at_risk: int = 3

    def days(self) -> tuple[tuple[int, int], ...]:
        """Severity, 5 to 1, with its days."""
        return ((5, self.critical), (4, self.high), (3, self.medium), (2, self.low), (1, self.information))


def is_accepted(decision: ir.Table, at: ir.TimestampValue) -> ir.BooleanValue:
    """Whether the risk is accepted at that moment; the last day counts."""
    accepted: ir.BooleanValue = (decision.accepted_until >= at.date()).fill_null(ibis.literal(value=False))
    return accepted


def decision_facts(decision: ir.Table, at: ir.TimestampValue) -> ir.Table:
    """Decisions as a list shows them: `verdict` is `accepted`, `false-positive`, `mitigated` or null; `key` the finding.

    Args:
        decision: DECISION, current rows.
        at: The moment, UTC; an acceptance that ended before is none.
    """
    verdict = ibis.cases(
        (decision.is_false_positive, "false-positive"),
        (is_accepted(decision, at), "accepted"),
        (decision.is_mitigated, "mitigated"),
        else_=ibis.null("string"),
    )
    told = ("accepted_until", "owner", "due_on", "decision_tags", "note", "why", "decided_by")
    return decision.select(*told, verdict=verdict, key="finding_id")


def clock(rows: ir.Table, due_on: Any, at: ir.TimestampValue, sla: Sla) -> dict[str, ir.Value]:
    """`due_at`, `sla_state` and `time_to_fix_days` of findings.

    A finding is due so many days after its first sighting, or at the end of the day that a person chose. Only a closing
    that is a repair stops the clock: then the state is `met` or `missed`. Otherwise it is `within`, `at-risk` or
    `breached`, also for a finding that closed because its device fell silent.

    Args:
        rows: FINDING, current rows.
        due_on: The day that a person chose, a column beside them; None where nobody did.
        at: The moment, UTC.
        sla: Days by severity.
    """
    by_severity = ibis.cases(
        *((rows.severity == number, rows.first_found_at + ibis.interval(days=days)) for number, days in sla.days()),
        else_=rows.first_found_at + ibis.interval(days=sla.information),
    )
    due = by_severity
    if due_on is not None:
        due = (due_on.cast("timestamp('UTC', 6)") + ibis.interval(seconds=DAY_S - 1)).coalesce(by_severity)
    is_repaired = (rows.state == "fixed") & rows.fix_reason.isin([r.value for r in REMEDIATED])
    seconds = rows.fixed_at.epoch_seconds() - rows.first_found_at.epoch_seconds()
    state = ibis.cases(
        (is_repaired & (rows.fixed_at <= due), "met"),
        (is_repaired, "missed"),
        (at > due, "breached"),
        (at > due - ibis.interval(days=sla.at_risk), "at-risk"),
        else_="within",
    )
    days = ibis.ifelse(is_repaired, (seconds / DAY_S).floor().cast("int64"), ibis.null("int64"))
    return {"due_at": due, "sla_state": state, "time_to_fix_days": days}
