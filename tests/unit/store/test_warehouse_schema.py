from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from riskbridge.errors import ConfigError
from riskbridge.model.layout import LAYOUTS
from riskbridge.model.target import DETECTION, EVENT, FINDING, WAREHOUSE
from riskbridge.store.engine import DuckDBEngine
from riskbridge.store.warehouse.narrow import create
from riskbridge.store.warehouse.warehouse import SCHEMA_VERSION, Warehouse

FIRST_RUN = """
CREATE TABLE riskbridge_schema (version INTEGER NOT NULL);
INSERT INTO riskbridge_schema VALUES (1);
CREATE TABLE run (run BIGINT, run_id VARCHAR, connector_id VARCHAR, connector_name VARCHAR, observed_at TIMESTAMPTZ,
    published_at TIMESTAMPTZ, is_complete BOOLEAN, scope_hash VARCHAR, map_version VARCHAR);
INSERT INTO run VALUES (1, 'r', 'c', 'tenant', '2026-11-20 12:00:00+00', '2026-11-20 12:01:00+00', true, 's', 'm');
"""


def make_wide(engine: DuckDBEngine, version: int) -> None:
    """A warehouse as releases before the narrow tables left it, of today's columns, empty."""
    engine.execute(f"CREATE TABLE riskbridge_schema AS SELECT {version}::INTEGER AS version")
    for table in WAREHOUSE:
        engine.execute(create(table))


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
    make_wide(engine, 2)
    for column in ("last_fixed_at", "reopened_count"):
        engine.execute(f"ALTER TABLE finding DROP COLUMN {column}")
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


SOME_ROWS = """
INSERT INTO detection BY NAME SELECT format('d{}', n) AS detection_id, 'f' AS finding_id, format('dev-{}-row', n) AS
    external_finding_id, 'CVE-2024-3094' AS cve_id, 'vulnerability' AS category, NULL AS fixing_kb, 'open' AS state,
    1 AS valid_from_run, CASE WHEN n = 1 THEN 2 END AS valid_to_run FROM range(3) AS r (n);
INSERT INTO finding BY NAME SELECT format('f{}', n) AS finding_id, 'a' AS asset_id, format('title {}', n % 2) AS title,
    3 AS severity, 'CVE-2024-3094|' AS score_key, 50 + n AS qds, 1 AS valid_from_run FROM range(3) AS r (n);
INSERT INTO event BY NAME SELECT left(md5(concat_ws(chr(31), '1', 'found', format('f{}', n))), 20) AS event_id,
    1 AS run, 'found' AS kind, format('f{}', n) AS subject_id, 'a' AS asset_id FROM range(3) AS r (n);
"""


def test_tables_that_were_stored_wide_read_the_same_when_stored_narrow(tmp_path: Path) -> None:
    engine = DuckDBEngine(tmp_path / "w.duckdb")
    make_wide(engine, 6)
    engine.connection.execute(SOME_ROWS)
    before = {t.name: engine.records(engine.table(t.name).order_by(t.key[0])) for t in (DETECTION, FINDING, EVENT)}
    engine.close()
    for _ in range(2):
        engine = DuckDBEngine(tmp_path / "w.duckdb")
        Warehouse(engine).ensure_schema()
        after = {t.name: engine.records(engine.table(t.name).order_by(t.key[0])) for t in (DETECTION, FINDING, EVENT)}
        kinds = engine.execute(f"SELECT count(*) FROM {LAYOUTS[FINDING.name].kinds.name}").fetchone()
        wide = engine.execute(
            "SELECT count(*) FROM duckdb_tables() WHERE table_name IN ('detection', 'finding')"
        ).fetchone()
        engine.close()
        assert after == before
        assert (kinds, wide) == ((2,), (0,))


def test_storing_tables_narrow_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    engine = DuckDBEngine(tmp_path / "w.duckdb")
    make_wide(engine, 6)
    engine.connection.execute(SOME_ROWS)
    Warehouse(engine).ensure_schema()
    before = {t.name: engine.records(engine.table(t.name).order_by(t.key[0])) for t in (DETECTION, FINDING, EVENT)}
    # As it stands when all but the last table were carried over.
    engine.execute(f"CREATE TABLE kept AS FROM {EVENT.name}")
    engine.execute(f"DROP VIEW {EVENT.name}")
    engine.execute(f"DROP TABLE {LAYOUTS[EVENT.name].rows.name}")
    engine.execute(f"ALTER TABLE kept RENAME TO {EVENT.name}")
    engine.execute("UPDATE riskbridge_schema SET version = 6")
    engine.close()
    engine = DuckDBEngine(tmp_path / "w.duckdb")
    Warehouse(engine).ensure_schema()
    after = {t.name: engine.records(engine.table(t.name).order_by(t.key[0])) for t in (DETECTION, FINDING, EVENT)}
    version = engine.execute("SELECT version FROM riskbridge_schema").fetchone()
    engine.close()
    assert (after, version) == (before, (SCHEMA_VERSION,))
