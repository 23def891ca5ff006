"""Changes may come in any order, more than once, and from before what they are applied to."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import examples

from riskbridge.model.source_model import VULNERABILITY_CHANGES
from riskbridge.model.target import DETECTION
from riskbridge.pipeline.changes import fold_changes
from riskbridge.source.defender.shapes import staged_schema
from riskbridge.store.engine import DuckDBEngine
from riskbridge.transform.spec import load_map

STREAM = load_map("defender").stream(VULNERABILITY_CHANGES.name)
LINKS = {"external_asset_id": "string", "source_asset_id": "string", "asset_id": "string"}

event = st.tuples(
    st.sampled_from(("d1", "d2")), st.sampled_from(("1.0", "2.0")), st.sampled_from(("CVE-2024-1000", "CVE-2024-1001")),
    st.sampled_from(("New", "Fixed", "Updated")), st.integers(0, 3),
)  # fmt: skip


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBEngine]:
    made = DuckDBEngine(Path(tmp_path_factory.mktemp("laws")) / "laws.duckdb")
    yield made
    made.close()


def staged(engine: DuckDBEngine, events: list[Any]) -> Any:
    schema = staged_schema(VULNERABILITY_CHANGES)
    rows = [
        dict.fromkeys(schema.names)
        | {
            "id": f"{device}_v_p_{version}_{cve}",
            "deviceId": device,
            "softwareVendor": "v",
            "softwareName": "p",
            "softwareVersion": version,
            "cveId": cve,
            "status": status,
            "eventTimestamp": f"2026-11-20 {at * 6:02}:00:00",
            "page": 0,
            "row": number,
        }
        for number, (device, version, cve, status, at) in enumerate(events)
    ]
    return engine.from_arrow(pa.Table.from_pylist(rows, schema=schema), VULNERABILITY_CHANGES.staged_types)


def outcome(engine: DuckDBEngine, events: list[Any]) -> tuple[list[Any], list[Any]]:
    # A fork numbers its tables from 0, so that the same question is put into SQL once.
    engine = engine.fork()
    links = engine.from_arrow(
        pa.table({"external_asset_id": ["d1", "d2"], "source_asset_id": ["s1", "s2"], "asset_id": ["a1", "a2"]}), LINKS
    )
    current = engine.empty({c.name: c.type for c in DETECTION if not c.name.startswith("valid_")})
    folded = fold_changes(engine, STREAM, staged(engine, events), links, current, "c", None)
    there = engine.records(folded.records.select("source_asset_id", "product_version", "cve_id"))
    gone = engine.records(folded.said_fixed)
    engine.close()
    return sorted(tuple(r.values()) for r in there), sorted(str(r["detection_id"]) for r in gone)


@settings(max_examples=examples(15), deadline=None, suppress_health_check=list(HealthCheck))
@given(events=st.lists(event, max_size=12), seed=st.integers(0, 99))
def test_changes_in_any_order_and_repeated_give_what_the_newest_of_each_says(
    engine: DuckDBEngine, events: list[Any], seed: int
) -> None:
    newest: dict[Any, tuple[int, bool]] = {}
    for device, version, cve, status, at in events:
        key = (f"s{device[1]}", version, cve)
        newest[key] = max(newest.get(key, (-1, False)), (at, status != "Fixed"))
    expected = sorted(key for key, (_, is_there) in newest.items() if is_there)
    shuffled = events * 2
    random.Random(seed).shuffle(shuffled)
    first, again = outcome(engine, events), outcome(engine, shuffled)
    assert first == again
    assert first[0] == expected
    assert len(first[1]) == len(newest) - len(expected)
