"""Why what is reported no more closes, and on what evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest

from riskbridge.lifecycle.closings import ReadFacts, explain_closings, find_withdrawn
from riskbridge.lifecycle.detections import COLUMNS, LIFE
from riskbridge.model.reasons import REMEDIATED, CloseReason
from riskbridge.model.target import DETECTION, SOURCE_ASSET
from riskbridge.store.engine import DuckDBEngine

DAY = datetime(2026, 11, 20, tzinfo=UTC)
SEEN = tuple(n for n in COLUMNS if n not in LIFE)
DEVICE = ("source_asset_id", "external_asset_id", "health_status", "onboarding_status", "is_excluded",
          "exclusion_reason", "first_seen_at", "last_seen_at")  # fmt: skip
SOFTWARE = ("source_asset_id", "product_vendor", "product_name", "product_version")
XZ = {
    "detection_id": "d1",
    "finding_id": "f1",
    "asset_id": "a1",
    "source_asset_id": "s1",
    "connector_id": "c1",
    "cve_id": "CVE-2024-3094",
    "category": "vulnerability",
    "product_vendor": "tukaani",
    "product_name": "xz",
    "product_version": "5.6.0",
    "state": "open",
    "first_found_at": DAY,
    "first_run": 1,
}
KB = XZ | {"fixing_kb": "5055523"}
SYSTEM = XZ | {"product_vendor": "microsoft", "product_name": "windows_11"}
OTHER = XZ | {"detection_id": "d2", "cve_id": "CVE-2024-1000"}
ACTIVE = {"source_asset_id": "s1", "external_asset_id": "m1", "health_status": "Active", "last_seen_at": DAY}
SILENT = ACTIVE | {"health_status": "Inactive"}
HEIR = ACTIVE | {"source_asset_id": "s2", "external_asset_id": "m2", "first_seen_at": DAY}
LISTED = {n: XZ[n] for n in SOFTWARE}
NO_ROW = "no finding names xz on the device any more: removed, or brought to a version without weaknesses"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckDBEngine]:
    opened = DuckDBEngine(tmp_path / "warehouse.duckdb")
    yield opened
    opened.close()


@pytest.fixture
def table(engine: DuckDBEngine) -> Callable[..., Any]:
    """A function: rows as a table with those columns."""
    known = {**SOURCE_ASSET.types, **DETECTION.types}

    def make(names: tuple[str, ...], *rows: dict[str, Any]) -> Any:
        types = {n: known.get(n, "string") for n in names}
        filled = [{n: row.get(n) for n in names} for row in rows]
        return engine.from_arrow(pa.Table.from_pylist(filled, schema=ibis.schema(types).to_pyarrow()), types)

    return make


@pytest.mark.parametrize(
    ("gone", "read", "reason", "evidence"),
    [
        pytest.param(XZ, {}, "device-removed", "the device is not in the source's list any more", id="device gone"),
        pytest.param(
            XZ,
            {"has_device_filter": True},
            "out-of-scope",
            "the device filter does not keep the device any more, or it is gone",
            id="not kept",
        ),
        pytest.param(
            XZ,
            {"devices": [ACTIVE | {"is_excluded": True, "exclusion_reason": "Lab"}]},
            "out-of-scope",
            "the source excludes the device: Lab",
            id="excluded",
        ),
        pytest.param(
            XZ, {"devices": [SILENT]}, "device-silent", "the device's sensor sends nothing: Inactive", id="silent"
        ),
        pytest.param(
            XZ,
            {"devices": [SILENT | {"onboarding_status": "CanBeOnboarded"}]},
            "device-removed",
            "the device is offboarded and its sensor is inactive",
            id="offboarded",
        ),
        pytest.param(
            XZ,
            {"devices": [SILENT, HEIR]},
            "device-reimaged",
            "the asset reports as device m2 now, first seen after this one fell silent",
            id="re-imaged",
        ),
        pytest.param(
            XZ,
            {"devices": [SILENT, HEIR | {"first_seen_at": DAY.replace(year=2020)}]},
            "device-silent",
            "the device's sensor sends nothing: Inactive",
            id="the other device was there before",
        ),
        pytest.param(
            XZ,
            {"devices": [ACTIVE], "seen": [OTHER | {"product_version": "5.6.2"}]},
            "version-changed",
            "version on the device now: 5.6.2",
            id="another version has findings",
        ),
        pytest.param(
            XZ,
            {"devices": [ACTIVE], "software": [LISTED | {"product_version": "5.8"}]},
            "version-changed",
            "version on the device now: 5.8 (by the software inventory)",
            id="another version is installed",
        ),
        pytest.param(
            XZ,
            {"devices": [ACTIVE], "seen": [OTHER, OTHER | {"product_version": "5.6.2"}]},
            "unexplained",
            "a complete reading of the same scope did not report it",
            id="the version is still there beside another",
        ),
        pytest.param(
            KB,
            {"devices": [ACTIVE]},
            "kb-installed",
            "no row of the device asks for KB5055523",
            id="the KB is not asked",
        ),
        pytest.param(
            KB | {"product_name": "windows_11"},
            {"devices": [ACTIVE], "seen": [OTHER | {"product_name": "edge", "fixing_kb": "5055523"}]},
            "unexplained",
            "a complete reading of the same scope did not report it",
            id="the KB is still asked for",
        ),
        pytest.param(XZ, {"devices": [ACTIVE]}, "software-removed", NO_ROW, id="no row of the product"),
        pytest.param(
            XZ,
            {"devices": [ACTIVE], "seen": [OTHER | {"source_asset_id": "s2"}]},
            "software-removed",
            NO_ROW,
            id="the product is on another device",
        ),
        pytest.param(
            XZ,
            {"devices": [ACTIVE], "software": [LISTED | {"product_name": "edge"}]},
            "software-removed",
            "the software inventory of the device has no xz any more",
            id="gone from the inventory",
        ),
        pytest.param(
            XZ,
            {"devices": [ACTIVE], "software": [LISTED]},
            "unexplained",
            "a complete reading of the same scope did not report it",
            id="still in the inventory",
        ),
        pytest.param(
            XZ,
            {"devices": [ACTIVE], "has_finding_filter": True},
            "unexplained",
            "a complete reading of the same scope did not report it",
            id="a finding filter hides other rows",
        ),
        pytest.param(
            SYSTEM,
            {"devices": [ACTIVE]},
            "unexplained",
            "a complete reading of the same scope did not report it",
            id="a system is not removed",
        ),
        pytest.param(
            SYSTEM,
            {"devices": [ACTIVE], "said_fixed": [{"detection_id": "d1"}]},
            "source-said-fixed",
            "the source reported it as fixed",
            id="the source says so",
        ),
        pytest.param(
            XZ,
            {"devices": [ACTIVE], "withdrawn": [{"subject": "CVE-2024-3094", "withdrawal": "rejected"}]},
            "cve-withdrawn",
            "rejected",
            id="withdrawn",
        ),
    ],
)
def test_why_it_closes(
    engine: DuckDBEngine,
    table: Callable[..., Any],
    gone: dict[str, Any],
    read: dict[str, Any],
    reason: str,
    evidence: str,
) -> None:
    shapes = {
        "seen": SEEN, "devices": DEVICE, "software": SOFTWARE, "withdrawn": ("subject", "withdrawal"),
        "said_fixed": ("detection_id",),
    }  # fmt: skip
    links = [{"source_asset_id": s, "asset_id": "a1"} for s in ("s1", "s2")]
    always = {"seen": [], "devices": []}
    facts = {n: table(shapes[n], *rows) if n in shapes else rows for n, rows in (always | read).items()}
    explained = explain_closings(
        table(COLUMNS, gone), ReadFacts(links=table(("source_asset_id", "asset_id"), *links), **facts)
    )
    (row,) = engine.records(explained)
    assert (row["close_reason"], row["evidence"]) == (reason, evidence)
    assert {n: row[n] for n in COLUMNS if n != "close_reason"} == {
        n: gone.get(n) for n in COLUMNS if n != "close_reason"
    }


def test_ids_are_withdrawn_when_rejected_or_replaced_and_seen_nowhere(
    engine: DuckDBEngine, table: Callable[..., Any]
) -> None:
    own = XZ | {"cve_id": None}
    stored = [
        XZ | {"detection_id": "rejected"},
        XZ | {"detection_id": "rejected but seen", "cve_id": "CVE-2024-2"},
        own | {"detection_id": "renamed", "vendor_finding_id": "TVM-2020-0002"},
        own | {"detection_id": "gone", "vendor_finding_id": "TVM-2020-0003", "product_name": "edge"},
        XZ | {"detection_id": "still there", "cve_id": "CVE-2024-5", "source_asset_id": "s9"},
    ]
    seen = [
        stored[4],
        XZ | {"detection_id": "elsewhere", "cve_id": "CVE-2024-2", "source_asset_id": "s9"},
        XZ | {"detection_id": "new", "cve_id": "CVE-2020-99999"},
    ]
    cves = [
        {"cve_id": "CVE-2024-3094", "description": "Rejected reason: not a weakness."},
        {"cve_id": "CVE-2024-2", "description": "** REJECT ** Do not use."},
        {"cve_id": "CVE-2024-5", "description": "An application may reject input."},
    ]
    current = table(COLUMNS, *stored)
    beside = table(SEEN, seen[2])
    found = find_withdrawn(
        table(COLUMNS, *stored[:4]), table(SEEN, *seen), beside, current, table(("cve_id", "description"), *cves)
    )
    assert {r["subject"]: r["withdrawal"] for r in engine.records(found)} == {
        "CVE-2024-3094": "the CVE is rejected, and no device is reported with it",
        "TVM-2020-0002": "no device is reported with the id any more; the source reports CVE-2020-99999 in its place",
    }


def test_four_reasons_stop_the_clock() -> None:
    assert {r.value for r in REMEDIATED} == {"version-changed", "kb-installed", "software-removed", "source-said-fixed"}
    assert {r.value for r in CloseReason} - {r.value for r in REMEDIATED} == {
        "device-silent",
        "device-removed",
        "out-of-scope",
        "device-reimaged",
        "cve-withdrawn",
        "map-changed",
        "unexplained",
    }
