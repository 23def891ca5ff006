"""Whatever runs see: a detection has the documented transitions and no others, and dates never contradict each other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import examples

from riskbridge.lifecycle.closings import ReadFacts, explain_closings
from riskbridge.lifecycle.detections import (
    COLUMNS,
    LIFE,
    Sighting,
    diff_closed,
    diff_missing,
    diff_seen,
    missing,
)
from riskbridge.model.reasons import CloseReason
from riskbridge.model.target import DETECTION, SOURCE_ASSET
from riskbridge.store.engine import DuckDBEngine

START = datetime(2026, 11, 1, tzinfo=UTC)
NUMBER = 3
SEEN = tuple(n for n in COLUMNS if n not in LIFE)
DEVICE = ("source_asset_id", "external_asset_id", "health_status", "onboarding_status", "is_excluded",
          "exclusion_reason", "first_seen_at", "last_seen_at")  # fmt: skip
OUTCOMES = (*COLUMNS, "change")

# What each run sees of each detection (0: nothing, 1: it, 2: it with another severity), and whether it may close.
run = st.tuples(st.lists(st.integers(0, 2), min_size=NUMBER, max_size=NUMBER), st.booleans())


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBEngine]:
    made = DuckDBEngine(Path(tmp_path_factory.mktemp("laws")) / "laws.duckdb")
    yield made
    made.close()


def as_table(engine: DuckDBEngine, names: tuple[str, ...], rows: list[dict[str, Any]]) -> Any:
    types = {n: {**SOURCE_ASSET.types, **DETECTION.types}[n] for n in names}
    filled = [{n: row.get(n) for n in names} for row in rows]
    return engine.from_arrow(pa.Table.from_pylist(filled, schema=ibis.schema(types).to_pyarrow()), types)


def sighting(number: int) -> Sighting:
    at = START + timedelta(days=number)
    return Sighting(number, at, at - timedelta(days=1) if number > 1 else None)


def seen_row(identity: int, what: int) -> dict[str, Any]:
    return {
        "detection_id": f"d{identity}",
        "finding_id": f"f{identity}",
        "asset_id": "a1",
        "source_asset_id": "s1",
        "connector_id": "c1",
        "external_finding_id": f"x{identity}",
        "cve_id": f"CVE-2024-{identity}",
        "category": "vulnerability",
        "product_name": f"p{identity}",
        "finding_severity": "High" if what == 1 else "Low",
    }


def step(engine: DuckDBEngine, stored: list[dict[str, Any]], sights: list[int], number: int, *, may_close: bool) -> Any:
    """New versions of detections by id, as the stages give them."""
    at = sighting(number)
    # A fork numbers its tables from 0, so that the same question is put into SQL once.
    engine = engine.fork()
    seen = as_table(engine, SEEN, [seen_row(i, what) for i, what in enumerate(sights) if what])
    current = as_table(engine, COLUMNS, stored)
    gone = engine.materialise(missing(seen, current, at))
    parts = [diff_seen(seen, current, at).select(*OUTCOMES)]
    if may_close:
        devices = [{"source_asset_id": "s1", "external_asset_id": "m1", "health_status": "Active"}]
        links = engine.from_arrow(
            pa.table({"source_asset_id": ["s1"], "asset_id": ["a1"]}),
            {"source_asset_id": "string", "asset_id": "string"},
        )
        facts = ReadFacts(seen=seen, devices=as_table(engine, DEVICE, devices), links=links)
        parts.append(diff_closed(engine.materialise(explain_closings(gone, facts)), at).select(*OUTCOMES))
    else:
        parts.append(diff_missing(gone, at).select(*OUTCOMES))
    found = engine.records(ibis.union(*parts))
    engine.close()
    assert len({r["detection_id"] for r in found}) == len(found)
    return {r["detection_id"]: r for r in found}


def expected(
    was: dict[str, Any] | None, what: int, number: int, *, may_close: bool
) -> tuple[str, dict[str, Any]] | None:
    """The table of transitions, once more: the change and what it writes; None for none."""
    at = sighting(number)
    if what:
        severity = seen_row(0, what)["finding_severity"]
        if was is None:
            fresh = dict.fromkeys(LIFE) | {"state": "open", "first_found_at": at.observed_at, "first_run": number}
            return "new", fresh
        here = {"state": "open", "last_found_at": None, "closed_at": None, "close_reason": None}
        kept = {n: was[n] for n in LIFE} | here
        if was["state"] == "closed":
            return "reopened", kept | {"reopened_at": at.observed_at, "reopened_run": number}
        if was["finding_severity"] != severity:
            return "changed", kept
        return ("confirmed", kept) if was["last_found_at"] is not None else None
    if was is None or was["state"] == "closed":
        return None
    kept = {n: was[n] for n in LIFE} | {"last_found_at": was["last_found_at"] or at.previous_at}
    if may_close:
        reason = CloseReason.SOFTWARE_REMOVED.value
        return "closed", kept | {"state": "closed", "closed_at": at.observed_at, "close_reason": reason}
    return None if was["last_found_at"] is not None else ("unseen", kept)


@settings(max_examples=examples(25), deadline=None, suppress_health_check=list(HealthCheck))
@given(runs=st.lists(run, min_size=1, max_size=6))
def test_a_detection_has_the_documented_transitions_and_no_others(engine: DuckDBEngine, runs: list[Any]) -> None:
    stored: dict[str, dict[str, Any]] = {}
    for number, (sights, may_close) in enumerate(runs, start=1):
        found = step(engine, list(stored.values()), sights, number, may_close=may_close)
        wanted = {
            f"d{i}": outcome
            for i, what in enumerate(sights)
            if (outcome := expected(stored.get(f"d{i}"), what, number, may_close=may_close)) is not None
        }
        assert {i: (r["change"], {n: r[n] for n in LIFE}) for i, r in found.items()} == wanted
        stored |= {i: {n: r[n] for n in COLUMNS} for i, r in found.items()}
        for row in stored.values():
            assert (row["state"] == "closed") == (row["closed_at"] is not None) == (row["close_reason"] is not None)
            dates = [row["first_found_at"], row["reopened_at"], row["last_found_at"], row["closed_at"]]
            assert row["first_found_at"] == min(d for d in dates if d is not None)
            assert row["closed_at"] is None or row["last_found_at"] < row["closed_at"]


@settings(max_examples=examples(10), deadline=None, suppress_health_check=list(HealthCheck))
@given(sights=run)
def test_a_run_taken_again_changes_nothing(engine: DuckDBEngine, sights: Any) -> None:
    seen, may_close = sights
    stored: dict[str, dict[str, Any]] = {}
    for number, what in enumerate(([1] * NUMBER, seen, seen), start=1):
        found = step(engine, list(stored.values()), what, number, may_close=may_close)
        stored |= {i: {n: r[n] for n in COLUMNS} for i, r in found.items()}
    assert found == {}
