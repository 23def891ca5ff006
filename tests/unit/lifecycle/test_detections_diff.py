"""What becomes of a detection that a run sees, or does not see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest

from riskbridge.lifecycle.detections import (
    ATTRIBUTES,
    COLUMNS,
    LIFE,
    Sighting,
    diff_closed,
    diff_missing,
    diff_seen,
    first_versions,
    missing,
)
from riskbridge.model.target import DETECTION
from riskbridge.store.engine import DuckDBEngine

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
BEFORE = NOW - timedelta(days=1)
LONG_AGO = NOW - timedelta(days=9)
SEEN = tuple(n for n in COLUMNS if n not in LIFE)
SIGHTING = Sighting(run=7, observed_at=NOW, previous_at=BEFORE)

BASE = {
    "detection_id": "d1",
    "finding_id": "f1",
    "asset_id": "a1",
    "source_asset_id": "s1",
    "connector_id": "c1",
    "external_finding_id": "x1",
    "cve_id": "CVE-2024-3094",
    "category": "vulnerability",
    "product_vendor": "tukaani",
    "product_name": "xz",
    "product_version": "5.6.0",
    "finding_severity": "High",
}
OPEN = BASE | {"state": "open", "first_found_at": LONG_AGO, "first_run": 1}
CLOSED = OPEN | {"state": "closed", "closed_at": BEFORE, "close_reason": "unexplained", "last_found_at": LONG_AGO}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckDBEngine]:
    opened = DuckDBEngine(tmp_path / "warehouse.duckdb")
    yield opened
    opened.close()


@pytest.fixture
def table(engine: DuckDBEngine) -> Callable[..., Any]:
    """A function: rows as a table with some columns of DETECTION."""

    def make(names: tuple[str, ...], *rows: dict[str, Any]) -> Any:
        types = {n: DETECTION.column(n).type if n in DETECTION.names else "string" for n in names}
        filled = [{n: row.get(n) for n in names} for row in rows]
        return engine.from_arrow(pa.Table.from_pylist(filled, schema=ibis.schema(types).to_pyarrow()), types)

    return make


@pytest.mark.parametrize(
    ("stored", "seen", "change", "expected"),
    [
        pytest.param(None, BASE, "new", {"state": "open", "first_found_at": NOW, "first_run": 7}, id="new"),
        pytest.param(OPEN, BASE, None, {}, id="unchanged"),
        pytest.param(
            OPEN,
            BASE | {"fixing_kb": "5055523"},
            "changed",
            {"fixing_kb": "5055523", "first_found_at": LONG_AGO, "first_run": 1},
            id="another attribute",
        ),
        pytest.param(
            OPEN | {"last_found_at": BEFORE},
            BASE,
            "confirmed",
            {"last_found_at": None, "first_run": 1},
            id="back in sight",
        ),
        pytest.param(
            CLOSED,
            BASE,
            "reopened",
            {
                "state": "open",
                "closed_at": None,
                "close_reason": None,
                "reopened_at": NOW,
                "reopened_run": 7,
                "first_found_at": LONG_AGO,
            },
            id="returned",
        ),
    ],
)
def test_what_is_seen(
    engine: DuckDBEngine,
    table: Callable[..., Any],
    stored: dict[str, Any] | None,
    seen: dict[str, Any],
    change: str | None,
    expected: dict[str, Any],
) -> None:
    current = table(COLUMNS, *([stored] if stored else []))
    versions = engine.records(diff_seen(table(SEEN, seen), current, SIGHTING))
    assert [v["change"] for v in versions] == ([change] if change else [])
    for version in versions:
        assert {n: version[n] for n in expected} == expected


def test_the_first_reading_needs_no_comparison_and_gives_the_same(
    engine: DuckDBEngine, table: Callable[..., Any]
) -> None:
    seen = table(SEEN, BASE, BASE | {"detection_id": "d2"})
    first = engine.records(first_versions(seen, SIGHTING).order_by("detection_id"))
    compared = engine.records(diff_seen(seen, table(COLUMNS), SIGHTING).drop("was_asset_id").order_by("detection_id"))
    assert first == compared


def test_what_was_last_seen_under_other_filters_does_not_close(engine: DuckDBEngine, table: Callable[..., Any]) -> None:
    sighting = Sighting(run=7, observed_at=NOW, previous_at=BEFORE, in_scope_since=BEFORE)
    rows = [
        OPEN | {"detection_id": "confirmed by the last run"},
        OPEN | {"detection_id": "seen in scope", "last_found_at": BEFORE},
        OPEN | {"detection_id": "seen before the scope", "last_found_at": LONG_AGO},
    ]
    gone = engine.records(missing(table(SEEN), table(COLUMNS, *rows), sighting))
    assert {v["detection_id"] for v in gone} == {"confirmed by the last run", "seen in scope"}


def test_a_closing_keeps_its_reason_and_the_last_sighting(engine: DuckDBEngine, table: Callable[..., Any]) -> None:
    explained = table((*COLUMNS, "evidence"), OPEN | {"close_reason": "device-silent"})
    (version,) = engine.records(diff_closed(explained, SIGHTING))
    assert version | {"first_found_at": None} == dict.fromkeys((*COLUMNS, "evidence")) | OPEN | {
        "state": "closed",
        "change": "closed",
        "close_reason": "device-silent",
        "closed_at": NOW,
        "last_found_at": BEFORE,
        "first_found_at": None,
    }


def test_a_run_that_may_not_close_writes_the_last_sighting_down_once(
    engine: DuckDBEngine, table: Callable[..., Any]
) -> None:
    rows = [OPEN, OPEN | {"detection_id": "d2", "last_found_at": LONG_AGO}, CLOSED | {"detection_id": "d3"}]
    versions = engine.records(diff_missing(missing(table(SEEN), table(COLUMNS, *rows), SIGHTING), SIGHTING))
    assert [(v["detection_id"], v["change"], v["state"], v["last_found_at"]) for v in versions] == [
        ("d1", "unseen", "open", BEFORE)
    ]


def test_attributes_are_what_may_change() -> None:
    assert {"asset_id", "finding_id", "finding_severity", "fixing_kb"} <= set(ATTRIBUTES)
    assert not set(ATTRIBUTES) & {"detection_id", "source_asset_id", *LIFE}
