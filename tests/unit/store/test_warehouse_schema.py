from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from riskbridge.errors import ConfigError
from riskbridge.store.engine import DuckDBEngine
from riskbridge.store.warehouse.warehouse import SCHEMA_VERSION, Warehouse

FIRST_RUN = """
CREATE TABLE riskbridge_schema (version INTEGER NOT NULL);
INSERT INTO riskbridge_schema VALUES (1);
CREATE TABLE run (run BIGINT, run_id VARCHAR, connector_id VARCHAR, connector_name VARCHAR, observed_at TIMESTAMPTZ,
    published_at TIMESTAMPTZ, is_complete BOOLEAN, scope_hash VARCHAR, map_version VARCHAR);
INSERT INTO run VALUES (1, 'r', 'c', 'tenant', '2026-11-20 12:00:00+00', '2026-11-20 12:01:00+00', true, 's', 'm');
"""


def test_a_warehouse_of_the_first_form_is_carried_over_once(tmp_path: Path) -> None:
    engine = DuckDBEngine(tmp_path / "w.duckdb")
    engine.connection.execute(FIRST_RUN)
    for _ in range(2):
        Warehouse(engine).ensure_schema()
    (run,) = Warehouse(engine).runs_of("c")
    version = engine.execute("SELECT version FROM riskbridge_schema").fetchone()
    engine.close()
    assert (run["strategy"], run["reflects_at"]) == ("paged", datetime(2026, 11, 20, 12, tzinfo=UTC))
    assert run["catalogue_at"] is None
    assert version == (SCHEMA_VERSION,)


def test_a_warehouse_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    engine = DuckDBEngine(tmp_path / "w.duckdb")
    engine.connection.execute(FIRST_RUN.replace("(1);", "(99);", 1))
    with pytest.raises(ConfigError) as refused:
        Warehouse(engine).ensure_schema()
    tables = engine.execute("SELECT count(*) FROM duckdb_tables()").fetchone()
    engine.close()
    assert refused.value.code == "warehouse.newer"
    assert tables == (2,)


def test_findings_of_the_second_form_get_their_last_fix_and_one_return(tmp_path: Path) -> None:
    engine = DuckDBEngine(tmp_path / "w.duckdb")
    Warehouse(engine).ensure_schema()
    for column in ("last_fixed_at", "reopened_count"):
        engine.execute(f"ALTER TABLE finding DROP COLUMN {column}")
    engine.execute("UPDATE riskbridge_schema SET version = 2")
    engine.execute(
        "INSERT INTO finding (finding_id, fixed_at, reopened_run) VALUES "
        "('fixed', '2026-11-20 12:00:00+00', NULL), ('returned', NULL, 3), ('open', NULL, NULL)"
    )
    Warehouse(engine).ensure_schema()
    columns = ("finding_id", "last_fixed_at", "reopened_count")
    rows = engine.records(engine.table("finding").select(*columns).order_by("finding_id"))
    engine.close()
    assert [tuple(r.values()) for r in rows] == [
        ("fixed", datetime(2026, 11, 20, 12, tzinfo=UTC), 0),
        ("open", None, 0),
        ("returned", None, 1),
    ]


def test_assets_of_the_third_form_are_carried_over_step_by_step(tmp_path: Path) -> None:
    engine = DuckDBEngine(tmp_path / "w.duckdb")
    Warehouse(engine).ensure_schema()
    for column in ("multiplier", "score_rules", "attribute_origins", "source_tags"):
        engine.execute(f"ALTER TABLE asset DROP COLUMN {column}")
    engine.execute("UPDATE riskbridge_schema SET version = 3")
    engine.execute("INSERT INTO asset BY NAME SELECT 'a' AS asset_id, ['x'] AS tags")
    engine.close()
    engine = DuckDBEngine(tmp_path / "w.duckdb")
    Warehouse(engine).ensure_schema()
    columns = "multiplier, score_rules, attribute_origins, source_tags"
    found = engine.execute(f"SELECT {columns} FROM asset").fetchone()
    version = engine.execute("SELECT version FROM riskbridge_schema").fetchone()
    engine.close()
    assert found == (1.0, [], [], ["x"])
    assert version == (SCHEMA_VERSION,)
