"""When a finding is due, and what its clock says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import ibis
import pyarrow as pa
import pytest

from riskbridge.model.judgement import DECISION
from riskbridge.search.clocks import Sla
from riskbridge.search.compile import compile_query
from riskbridge.search.listing import FindingTables, find_findings

COLUMNS = ("finding_id", "due_at", "sla_state", "time_to_fix_days", "verdict")
# f1 critical of 2026-11-20, f2 high of 2026-10-01, f3 fixed by another version, f4 returned, f5 information.
DECISIONS = [
    {"finding_id": "f1", "accepted_until": date(2026, 11, 21)},
    {"finding_id": "f2", "accepted_until": date(2026, 11, 20), "is_mitigated": True, "due_on": date(2026, 11, 24)},
    {"finding_id": "f4", "is_false_positive": True, "is_mitigated": True},
]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def decided(tables: FindingTables, connection: Any, now: datetime) -> FindingTables:
    """The small warehouse with three decisions, at noon of 2026-11-21."""
    types = {n: t for n, t in DECISION.types.items() if not n.startswith("valid_")}
    always = {"is_false_positive": False, "is_mitigated": False, "decision_tags": []}
    rows = [{n: (always | row).get(n) for n in types} for row in DECISIONS]
    rows = pa.Table.from_pylist(rows, schema=ibis.schema(types).to_pyarrow())
    return replace(tables, decision=connection.create_table("decided", rows, overwrite=True), now=now)


def test_days_run_from_the_first_sighting_and_a_person_s_day_ends_at_its_end(
    decided: FindingTables, records: Any, now: datetime
) -> None:
    rows = records(find_findings(decided, "", now, sort=("finding_id",), columns=COLUMNS))
    assert [tuple(r.values()) for r in rows] == [
        ("f1", moment("2026-11-27T18:00:00"), "within", None, "accepted"),
        ("f2", moment("2026-11-24T23:59:59"), "within", None, "mitigated"),
        ("f3", moment("2026-12-29T23:59:59"), "met", 31, None),
        ("f4", moment("2027-03-30T00:00:00"), "within", None, "false-positive"),
        ("f5", moment("2027-11-19T00:00:00"), "within", None, None),
    ]


@pytest.mark.parametrize(
    ("sla", "states"),
    [
        pytest.param(Sla(critical=1), {"f1": "at-risk"}, id="a critical one is at risk"),
        pytest.param(Sla(at_risk=4), {"f2": "at-risk"}, id="at risk four days ahead"),
        pytest.param(Sla(medium=31), {"f3": "missed"}, id="repaired too late"),
        pytest.param(Sla(low=20), {"f4": "breached"}, id="overdue"),
    ],
)
def test_days_by_severity_are_settings(
    decided: FindingTables, records: Any, now: datetime, sla: Sla, states: dict[str, str]
) -> None:
    usual = {"f1": "within", "f2": "within", "f3": "met", "f4": "within", "f5": "within"}
    rows = records(find_findings(replace(decided, sla=sla), "", now, columns=("finding_id", "sla_state")))
    assert {r["finding_id"]: r["sla_state"] for r in rows} == usual | states


def test_only_a_repair_stops_the_clock(decided: FindingTables, records: Any, now: datetime) -> None:
    silent = decided.finding.mutate(fix_reason=ibis.literal("device-silent"))
    rows = records(
        find_findings(replace(decided, finding=silent, sla=Sla(medium=20)), "finding.id:f3", now, columns=COLUMNS)
    )
    assert [tuple(r.values())[2:] for r in rows] == [("breached", None, None)]


def test_without_decisions_nothing_is_decided(tables: FindingTables, records: Any, now: datetime) -> None:
    rows = records(find_findings(tables, "finding.decision is null", now, columns=("finding_id",)))
    assert len(rows) == 5


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("finding.slaStatus:met", {"f3"}),
        ("finding.timeToFix >= 31", {"f3"}),
        ("finding.dueDate < 2026-11-28", {"f1", "f2"}),
        ("finding.reopenedCount > 0", {"f4"}),
        ("finding.decision:[accepted, mitigated]", {"f1", "f2"}),
        ("finding.acceptedUntilDate < 2026-11-21", {"f2"}),
    ],
)
def test_tokens_of_clocks_and_decisions(
    decided: FindingTables, records: Any, now: datetime, query: str, found: set[str]
) -> None:
    view = decided.view()
    assert {r["finding_id"] for r in records(view.filter(compile_query(query, view, "findings", now)))} == found
