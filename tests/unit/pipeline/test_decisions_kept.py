"""Decisions go along with findings that go on under another id, and end once on their date."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest

from riskbridge.model.judgement import DECISION
from riskbridge.pipeline.decisions import COLUMNS, carry_over, end_acceptances, without_suppressed
from riskbridge.store.engine import DuckDBEngine
from riskbridge.store.warehouse.warehouse import Changes, Warehouse

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ALWAYS = {
    "is_false_positive": False,
    "is_mitigated": False,
    "decision_tags": [],
    "decided_by": "ana",
    "decided_at": NOON,
}
STORED = [
    {"finding_id": "over", "accepted_until": date(2026, 11, 20), "owner": "ben"},
    {"finding_id": "last day", "accepted_until": date(2026, 11, 21)},
    {"finding_id": "refuted", "is_false_positive": True},
    {"finding_id": "noted", "note": "x"},
]


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    engine = DuckDBEngine(tmp_path / "w.duckdb")
    made = Warehouse(engine)
    made.ensure_schema()
    engine.append(DECISION.name, as_table(engine, DECISION.types, [row | {"valid_from_run": 1} for row in STORED]))
    yield made
    engine.close()


def as_table(engine: DuckDBEngine, types: dict[str, str], rows: list[dict[str, Any]]) -> Any:
    filled = [{n: (ALWAYS | row).get(n) for n in types} for row in rows]
    return engine.from_arrow(pa.Table.from_pylist(filled, schema=ibis.schema(types).to_pyarrow()), types)


def texts(engine: DuckDBEngine, *names: str, rows: list[tuple[str, ...]]) -> Any:
    return as_table(engine, dict.fromkeys(names, "string"), [dict(zip(names, row, strict=True)) for row in rows])


def carry(warehouse: Warehouse, heirs: list[tuple[str, str]], gone: list[str]) -> Changes:
    engine, changes = warehouse.engine, Changes()
    taking = texts(engine, "finding_id", "was_finding_id", rows=heirs)
    carry_over(engine, warehouse, changes, taking, texts(engine, "finding_id", rows=[(g,) for g in gone]))
    return changes


def carried(warehouse: Warehouse, changes: Changes) -> dict[str, dict[str, Any]]:
    fresh = changes.versions.get(DECISION.name)
    return {} if fresh is None else {r["finding_id"]: r for r in warehouse.engine.records(fresh)}


def withdrawn(warehouse: Warehouse, changes: Changes) -> set[str]:
    over = changes.withdrawn.get(DECISION.name)
    return set() if over is None else {r["finding_id"] for r in warehouse.engine.records(over)}


def add_versions(warehouse: Warehouse, *rows: dict[str, Any]) -> None:
    engine = warehouse.engine
    engine.append(DECISION.name, as_table(engine, DECISION.types, list(rows)))


def test_a_decision_goes_along_with_its_finding(warehouse: Warehouse) -> None:
    changes = carry(warehouse, [("new", "over"), ("other", "undecided")], ["over", "undecided"])
    assert carried(warehouse, changes) == {"new": dict.fromkeys(COLUMNS) | ALWAYS | STORED[0] | {"finding_id": "new"}}
    assert withdrawn(warehouse, changes) == {"over"}


def test_a_finding_that_stays_where_it_was_keeps_its_decision_beside_the_one_that_left(warehouse: Warehouse) -> None:
    changes = carry(warehouse, [("new", "refuted")], [])
    assert (carried(warehouse, changes).keys(), withdrawn(warehouse, changes)) == ({"new"}, set())


def test_what_was_decided_about_a_finding_itself_stands(warehouse: Warehouse) -> None:
    changes = carry(warehouse, [("refuted", "over")], ["over"])
    assert (carried(warehouse, changes), withdrawn(warehouse, changes)) == ({}, {"over"})


def test_a_finding_that_comes_back_gets_its_decision_back_and_who_was_lent_it_gives_it_up(warehouse: Warehouse) -> None:
    own = {"finding_id": "home", "note": "mine", "valid_from_run": 2, "valid_to_run": 5}
    add_versions(warehouse, own, own | {"finding_id": "host", "valid_from_run": 5, "valid_to_run": None})
    changes = carry(warehouse, [("home", "host")], [])
    assert [(i, row["note"]) for i, row in carried(warehouse, changes).items()] == [("home", "mine")]
    assert withdrawn(warehouse, changes) == {"host"}


def test_what_was_decided_meanwhile_goes_along_with_a_finding_that_comes_back(warehouse: Warehouse) -> None:
    add_versions(
        warehouse,
        {"finding_id": "home", "note": "old", "valid_from_run": 2, "valid_to_run": 5},
        {"finding_id": "host", "note": "new", "valid_from_run": 7},
    )
    changes = carry(warehouse, [("home", "host")], [])
    assert [(i, row["note"]) for i, row in carried(warehouse, changes).items()] == [("home", "new")]
    assert withdrawn(warehouse, changes) == set()


def test_nothing_is_carried_where_nothing_was_decided(warehouse: Warehouse) -> None:
    changes = carry(warehouse, [("new", "undecided")], ["undecided"])
    assert (changes.versions, changes.withdrawn) == ({}, {})


def test_an_acceptance_ends_after_its_last_day_and_the_rest_of_the_decision_stays(warehouse: Warehouse) -> None:
    engine, changes = warehouse.engine, Changes()
    findings = texts(engine, "finding_id", "asset_id", rows=[("over", "a1"), ("last day", "a1"), ("refuted", "a2")])
    counting = without_suppressed(engine, warehouse, changes, findings, NOON.date())
    ended = end_acceptances(engine, warehouse, changes, findings, NOON)
    (row,) = engine.records(changes.versions[DECISION.name])
    (event,) = engine.records(changes.events[0])
    assert (ended, row) == (1, dict.fromkeys(COLUMNS) | ALWAYS | {"finding_id": "over", "owner": "ben"})
    assert (event["subject_id"], event["kind"], event["reason"], event["detail"]) == (
        "over", "acceptance-ended", "expired", "accepted until 2026-11-20, which is over",
    )  # fmt: skip
    assert [r["finding_id"] for r in engine.records(counting)] == ["over"]
