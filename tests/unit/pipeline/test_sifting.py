from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import ibis
import pyarrow as pa

from riskbridge.lifecycle.detections import COLUMNS, Sighting, first_versions
from riskbridge.model.layout import KIND, LAYOUTS
from riskbridge.model.target import DETECTION
from riskbridge.pipeline.mapping import SEEN
from riskbridge.pipeline.sifting import one_after_another, sift
from riskbridge.store.engine import DuckDBEngine
from riskbridge.store.warehouse.warehouse import Changes, PublishedRun, Warehouse

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
LAYOUT = LAYOUTS[DETECTION.name]
(BEGIN,), (END,) = LAYOUT.begin, LAYOUT.end
KINDS = [
    {
        "connector_id": "c",
        "cve_id": "CVE-2024-3094",
        "category": "vulnerability",
        "product_name": "xz",
        "finding_severity": "High",
        END: "-xz",
    },
    {"connector_id": "c", "cve_id": None, "category": "vulnerability", "product_name": None, END: ""},
]


def table(engine: DuckDBEngine, rows: list[dict[str, Any]], types: dict[str, str]) -> ibis.Table:
    return engine.from_arrow(pa.Table.from_pylist(rows, schema=ibis.schema(types).to_pyarrow()), types)


def kinds_of(engine: DuckDBEngine, kinds: list[dict[str, Any]], first: int) -> ibis.Table:
    rows = [dict.fromkeys(LAYOUT.kinds.names) | kind | {KIND: first + n} for n, kind in enumerate(kinds)]
    return table(engine, rows, LAYOUT.kinds.types)


def seen_of(engine: DuckDBEngine, kinds: ibis.Table, rows: list[dict[str, Any]]) -> ibis.Table:
    """Sightings of devices: their `kind_id`, and what it means."""
    given = {n: DETECTION.types[n] for n in ("detection_id", "finding_id", "asset_id", "source_asset_id")}
    own = table(engine, rows, given | {KIND: "int64", BEGIN: "string"})
    joined = own.join(kinds, KIND)
    return joined.mutate(external_finding_id=joined[BEGIN] + joined[END]).select(*SEEN, KIND, BEGIN)


def sighting_of(name: str, kind: int, **more: str) -> dict[str, Any]:
    ids = {"detection_id": f"d{name}", "finding_id": f"f{name}", "asset_id": "a", "source_asset_id": "s"}
    return ids | {KIND: kind, BEGIN: f"device-{name}"} | more


def publish(warehouse: Warehouse, seen: ibis.Table, kinds: ibis.Table) -> None:
    versions = first_versions(seen, Sighting(1, AT, None)).mutate(evidence=ibis.null("string"))
    changes = Changes(versions={DETECTION.name: versions}, kinds={DETECTION.name: kinds})
    run = PublishedRun("r", "c", "tenant", AT, AT, True, "s", "m", "paged", AT, None)
    warehouse.publish(1, run, changes)


def test_a_reading_that_finds_the_same_leaves_nothing_to_look_at_however_its_kinds_are_numbered(
    warehouse: Warehouse,
) -> None:
    engine = warehouse.engine
    kinds = kinds_of(engine, KINDS, 0)
    publish(warehouse, seen_of(engine, kinds, [sighting_of("1", 0), sighting_of("2", 1)]), kinds)
    again = kinds_of(engine, KINDS[::-1], 40)
    seen = seen_of(engine, again, [sighting_of("1", 41), sighting_of("2", 40)])
    assert engine.records(sift(engine, warehouse, "c", seen, again)) == []


def test_what_is_new_or_says_something_else_or_is_on_another_asset_is_looked_at(warehouse: Warehouse) -> None:
    engine = warehouse.engine
    kinds = kinds_of(engine, KINDS, 0)
    publish(warehouse, seen_of(engine, kinds, [sighting_of(n, 0) for n in "1234"]), kinds)
    now = kinds_of(engine, [*KINDS, KINDS[0] | {"finding_severity": "Low"}], 0)
    rows = [sighting_of("1", 0), sighting_of("2", 2), sighting_of("3", 0, asset_id="b"), sighting_of("5", 1)]
    found = engine.records(sift(engine, warehouse, "c", seen_of(engine, now, rows), now))
    assert sorted(r["detection_id"] for r in found) == ["d2", "d3", "d5"]


def test_row_ids_are_stored_in_two_parts_and_read_whole(warehouse: Warehouse) -> None:
    engine = warehouse.engine
    kinds = kinds_of(engine, KINDS, 0)
    publish(warehouse, seen_of(engine, kinds, [sighting_of("1", 0), sighting_of("2", 1)]), kinds)
    ids = engine.records(engine.table("detection").select("external_finding_id").order_by("external_finding_id"))
    begins = engine.records(engine.table(LAYOUT.rows.name).select(BEGIN).order_by(BEGIN))
    assert [r["external_finding_id"] for r in ids] == ["device-1-xz", "device-2"]
    assert [r[BEGIN] for r in begins] == ["device-1", "device-2"]


def test_versions_without_a_kind_are_stored_by_what_they_say(warehouse: Warehouse) -> None:
    engine = warehouse.engine
    kinds = kinds_of(engine, KINDS, 0)
    known = first_versions(seen_of(engine, kinds, [sighting_of("1", 0)]), Sighting(1, AT, None))
    other = engine.materialise(known.mutate(detection_id=ibis.literal("d9")).select(*COLUMNS, "change"))
    both = one_after_another([known, other], (*COLUMNS, "change", KIND, BEGIN))
    run = PublishedRun("r", "c", "tenant", AT, AT, True, "s", "m", "paged", AT, None)
    warehouse.publish(1, run, Changes(versions={DETECTION.name: both}, kinds={DETECTION.name: kinds}))
    rows = engine.records(warehouse.current(DETECTION).drop("detection_id").distinct())
    assert [(r["external_finding_id"], r["product_name"]) for r in rows] == [("device-1-xz", "xz")]
    assert engine.scalar(warehouse.table(DETECTION).count()) == 2
