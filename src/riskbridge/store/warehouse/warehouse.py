"""Reading the warehouse's current state and publishing a run's changes to it.

Every versioned table keeps `valid_from_run` and `valid_to_run`; a row is current while `valid_to_run` is null.
Publishing closes the versions that were replaced and inserts the new ones, so an unchanged estate is not rewritten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.errors import ConfigError, RetryableError
from riskbridge.model.judgement import DECISION, HELD, HOLD
from riskbridge.model.layout import IS_FOUND, KIND, LAYOUTS
from riskbridge.model.schema import Table
from riskbridge.model.target import (
    ASSET,
    ASSET_LINK,
    CVE,
    CVE_CLAIM,
    CVE_PAST,
    CVE_SCORE,
    CVE_SCORE_PAST,
    DETECTION,
    DETECTION_DETAIL,
    EVENT,
    EVENT_COLUMNS,
    FINDING,
    RUN,
    RUN_REJECT,
    SOFTWARE,
    SOURCE_ASSET,
    WAREHOUSE,
)
from riskbridge.store.engine import DuckDBEngine
from riskbridge.store.warehouse.narrow import create, create_narrow, narrow, whole

SCHEMA_VERSION = 7

_TO_VERSION_2 = (
    "ALTER TABLE run ADD COLUMN IF NOT EXISTS strategy VARCHAR",
    "ALTER TABLE run ADD COLUMN IF NOT EXISTS reflects_at TIMESTAMPTZ",
    "ALTER TABLE run ADD COLUMN IF NOT EXISTS catalogue_at TIMESTAMPTZ",
    "UPDATE run SET strategy = 'paged', reflects_at = observed_at WHERE strategy IS NULL",
)
"""A run before there were strategies read the live list page by page."""

_TO_VERSION_3 = (
    "ALTER TABLE finding ADD COLUMN IF NOT EXISTS last_fixed_at TIMESTAMPTZ",
    "ALTER TABLE finding ADD COLUMN IF NOT EXISTS reopened_count BIGINT",
    "UPDATE finding SET last_fixed_at = fixed_at WHERE last_fixed_at IS NULL",
    "UPDATE finding SET reopened_count = CASE WHEN reopened_run IS NULL THEN 0 ELSE 1 END WHERE reopened_count IS NULL",
)
"""Of the returns of a finding the last alone was kept before."""

_CVE_COLUMNS_4 = {
    "cvss_from_vector": "DOUBLE",
    "is_cvss_disputed": "BOOLEAN",
    "epss_rise": "DOUBLE",
    "exploit_modules": "VARCHAR[]",
    "has_exploit_module": "BOOLEAN",
    "ssvc_exploitation": "VARCHAR",
    "ssvc_automatable": "VARCHAR",
    "ssvc_technical_impact": "VARCHAR",
}
_TO_VERSION_4 = tuple(
    f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {name} {kind}"
    for table in ("cve", "cve_past")
    for name, kind in _CVE_COLUMNS_4.items()
)
_TO_VERSION_4 += (
    "ALTER TABLE asset ADD COLUMN IF NOT EXISTS multiplier DOUBLE",
    "ALTER TABLE asset ADD COLUMN IF NOT EXISTS score_rules VARCHAR[]",
    "UPDATE asset SET multiplier = 1, score_rules = [] WHERE multiplier IS NULL",
)
"""What feeds of exploit modules and CVSS tell, null until the next enrichment; and rules, of which there were none."""

_TO_VERSION_5 = (
    "ALTER TABLE asset ADD COLUMN IF NOT EXISTS attribute_origins VARCHAR[]",
    "UPDATE asset SET attribute_origins = [] WHERE attribute_origins IS NULL",
)
"""Which record gave an attribute is known from the next run on."""

_TO_VERSION_6 = (
    "ALTER TABLE asset ADD COLUMN IF NOT EXISTS source_tags VARCHAR[]",
    "UPDATE asset SET source_tags = tags WHERE source_tags IS NULL",
)
"""Before people gave tags, all were of sources."""

_NARROW_SINCE = 7
"""Before, the tables of `model.layout` were stored as they are seen."""

_STEPS = (
    (2, _TO_VERSION_2),
    (3, _TO_VERSION_3),
    (4, _TO_VERSION_4),
    (5, _TO_VERSION_5),
    (6, _TO_VERSION_6),
)
"""The version that each step leads to; a step that was cut off is taken again."""

_VERSIONED = (SOURCE_ASSET, ASSET_LINK, ASSET, DETECTION, DETECTION_DETAIL, SOFTWARE, FINDING, DECISION, HOLD)
_UNIQUE = {
    SOURCE_ASSET.name: (
        "source_asset_id",
        "external_asset_id",
        "asset_name",
        "ip_address",
        "entra_device_id",
        "content_hash",
    ),
    ASSET_LINK.name: ("source_asset_id", "asset_id", "matched_on"),
    ASSET.name: ("asset_id", "asset_name", "ip_address", "entra_device_id", "primary_source_asset_id"),
}
"""Text columns that hardly repeat, of tables whose others do: every way of compressing would be tried on each of them."""

_REPLACED: tuple[tuple[Table, Table | None], ...] = ((CVE, CVE_PAST), (CVE_SCORE, CVE_SCORE_PAST), (CVE_CLAIM, None))
"""Tables that are replaced whole, and where their past rows go; what sources claimed before is not kept."""


@dataclass(frozen=True, slots=True)
class PublishedRun:
    """What the warehouse keeps of a run; see the RUN table. `observed_at` is the UTC time that all its sightings carry."""

    run_id: str
    connector_id: str
    connector_name: str
    observed_at: datetime
    published_at: datetime
    is_complete: bool
    scope_hash: str
    map_version: str
    strategy: str
    reflects_at: datetime
    catalogue_at: datetime | None


@dataclass(slots=True)
class Changes:
    """What a run changes: new versions by versioned table, new contents of small tables, and rows to append.

    Attributes:
        versions: Rows to write by table, without validity columns; each replaces the current version with its key.
        withdrawn: Keys whose current version ends with nothing in its place, by table.
        kinds: What the versions of a table have in common, by table: `kind_id`, which those versions have too, and what
            makes a kind in its layout; for versions that are known by such numbers.
        all_of_kinds: Tables all of whose versions are known by such numbers.
        contents: The whole new contents of `cve`, `cve_score` and `cve_claim`, where they changed.
        events: `EVENT_COLUMNS` of EVENT.
        rejects: REJECT rows.
        held: HELD rows.
    """

    versions: dict[str, ir.Table] = field(default_factory=dict)
    withdrawn: dict[str, ir.Table] = field(default_factory=dict)
    kinds: dict[str, ir.Table] = field(default_factory=dict)
    all_of_kinds: set[str] = field(default_factory=set)
    contents: dict[str, ir.Table] = field(default_factory=dict)
    events: list[ir.Table] = field(default_factory=list)
    rejects: list[ir.Table] = field(default_factory=list)
    held: list[ir.Table] = field(default_factory=list)


class Warehouse:
    """The tables of one DuckDB file. One process writes; `publish` is the only writer."""

    def __init__(self, engine: DuckDBEngine) -> None:
        self.engine = engine

    def ensure_schema(self) -> None:
        """Every table of the warehouse exists, in this release's form; what is stored stays.

        Raises:
            ConfigError: `warehouse.newer`: a newer release wrote it.
        """
        self.engine.execute("CREATE TABLE IF NOT EXISTS riskbridge_schema (version INTEGER NOT NULL)")
        self.engine.execute(
            f"INSERT INTO riskbridge_schema SELECT {SCHEMA_VERSION} WHERE NOT EXISTS (FROM riskbridge_schema)"
        )
        version = self._version()
        is_wide = version < _NARROW_SINCE
        is_narrow = {n for n, kept in LAYOUTS.items() if not is_wide or self._is_there(kept.rows.name)}
        for table in WAREHOUSE:
            if table.name not in is_narrow:
                unique = _UNIQUE.get(table.name, ())
                repeated = [c.name for c in table if unique and c.type == "string" and c.name not in unique]
                self.engine.execute(create(table, unique=unique, repeated=repeated))
        for layout in LAYOUTS.values():  # their views are over others
            if layout.table.name in is_narrow:
                create_narrow(self.engine, layout)
        self._migrate(version)
        if is_wide:
            self._make_narrow()
            self.engine.execute(f"UPDATE riskbridge_schema SET version = {SCHEMA_VERSION}")

    def _version(self) -> int:
        found = self.engine.execute("SELECT max(version) FROM riskbridge_schema").fetchone()
        version = int(found[0]) if found else SCHEMA_VERSION
        if version > SCHEMA_VERSION:
            raise ConfigError(
                f"The warehouse {self.engine.path} was written by a newer riskbridge (schema {version}).",
                code="warehouse.newer",
                remedy="Upgrade riskbridge. The warehouse was not changed.",
            )
        return version

    def _migrate(self, version: int) -> None:
        # A transaction a step: DuckDB refuses to alter a table that the same transaction has altered and then written.
        for since, statements in _STEPS:
            if version >= since:
                continue
            with self.engine.transaction():
                for statement in statements:
                    self.engine.execute(statement)
                self.engine.execute(f"UPDATE riskbridge_schema SET version = {since}")

    def _make_narrow(self) -> None:
        """Tables that were stored wide are stored as `model.layout` says; a table a transaction, nothing half done."""
        for layout in LAYOUTS.values():
            name = layout.table.name
            if not self._is_there(name):  # a step that was cut off is taken again, without what it had done
                continue
            with self.engine.transaction():
                self.engine.execute(f'ALTER TABLE "{name}" RENAME TO "{name}_wide"')
                create_narrow(self.engine, layout)
                wide = self.engine.table(f"{name}_wide")
                self.engine.append(layout.rows.name, narrow(self.engine, layout, wide))
                self.engine.execute(f'DROP TABLE "{name}_wide"')

    def _is_there(self, name: str) -> bool:
        found = self.engine.execute(f"SELECT 1 FROM duckdb_tables() WHERE table_name = '{name}' AND NOT temporary")
        return found.fetchone() is not None

    def current(self, table: Table) -> ir.Table:
        """The current rows of a table, without the validity columns where it has them."""
        rows = self.engine.table(table.name)
        if "valid_to_run" not in table.names:
            return rows
        return rows.filter(rows.valid_to_run.isnull()).drop("valid_from_run", "valid_to_run")

    def table(self, table: Table) -> ir.Table:
        """All rows of a table, past versions included."""
        return self.engine.table(table.name)

    def with_kinds(self, table: Table) -> ir.Table:
        """All rows of a table, and `kind_id` where what they have in common is stored once; see `model.layout`."""
        layout = LAYOUTS.get(table.name)
        if layout is None or not layout.shared:
            return self.table(table)
        return self.engine.kept(f"{table.name} with kinds", lambda: whole(self.engine, layout, (*table.names, KIND)))

    def kinds(self, table: Table) -> ir.Table:
        """What rows of a table have in common, by `kind_id`; of one that is stored so."""
        return self.engine.table(LAYOUTS[table.name].kinds.name)

    def rows(self, table: Table) -> ir.Table:
        """What is stored of each row of such a table besides: its other columns, and `kind_id`."""
        return self.engine.table(LAYOUTS[table.name].rows.name)

    def last_run(self) -> int:
        """The number of the newest published run; 0 before the first."""
        found = self.engine.execute('SELECT coalesce(max("run"), 0) FROM "run"').fetchone()
        return int(found[0]) if found else 0

    def count_rows(self) -> dict[str, int]:
        """How much is stored: assets, findings, detections, events, rejects of the newest run."""
        counted = {}
        for name in ("asset", "finding", "detection"):
            found = self.engine.execute(f"SELECT count(*) FROM {name} WHERE valid_to_run IS NULL").fetchone()
            counted[f"{name}s"] = int(found[0]) if found else 0
        found = self.engine.execute("SELECT count(*) FROM event").fetchone()
        counted["events"] = int(found[0]) if found else 0
        newest = self.last_read()
        found = self.engine.execute(f"SELECT count(*) FROM run_reject WHERE run = {newest}").fetchone()
        counted["rejects"] = int(found[0]) if found else 0
        return counted

    def last_read(self) -> int:
        """The number of the newest published run that read a source; 0 before the first."""
        found = self.engine.execute('SELECT coalesce(max("run"), 0) FROM "run" WHERE connector_id <> \'\'').fetchone()
        return int(found[0]) if found else 0

    def find_run(self, run_id: str) -> int | None:
        """The run number under which a run was published; None when it was not."""
        runs = self.table(RUN)
        found = self.engine.scalar(runs.filter(runs.run_id == run_id).run.max())
        return None if found is None else int(found)

    def last_scope(self, connector_id: str) -> str | None:
        """The scope hash of the connector's newest published run; None before the first."""
        runs = self.table(RUN)
        newest = runs.filter(runs.connector_id == connector_id).order_by(ibis.desc("run")).limit(1)
        return next((str(row["scope_hash"]) for row in self.engine.records(newest.select("scope_hash"))), None)

    def runs_of(self, connector_id: str) -> list[dict[str, Any]]:
        """The connector's published runs, newest first: the columns of RUN."""
        runs = self.table(RUN)
        return self.engine.records(
            runs.filter(runs.connector_id == connector_id).order_by(ibis.desc("run")).limit(1000)
        )

    def scope_since(self, connector_id: str, scope_hash: str) -> datetime | None:
        """Since when every published run of the connector has had this scope, UTC; None when the newest has not."""
        runs = self.table(RUN)
        runs = runs.filter(runs.connector_id == connector_id)
        last_other = self.engine.scalar(runs.filter(runs.scope_hash != scope_hash).run.max())
        since = self.engine.scalar(runs.filter(runs.run > (last_other or 0)).observed_at.min())
        return since if isinstance(since, datetime) else None

    def publish(
        self, run: int, published: PublishedRun, changes: Changes, *, is_written: Callable[[str], None] = lambda _: None
    ) -> None:
        """Write a run's changes in one transaction; a reader sees the state before or after.

        Publishing a `run_id` that is there already changes nothing, so a resumed run may call it again. `is_written` is
        told each table's name as it is done.

        Raises:
            RetryableError: `warehouse.moved-on`: something else was published since this was computed.
            InputError: `run.under-way`: a run is being computed, and would not know of this.
        """
        with self.engine.turn.taken():
            self._publish(run, published, changes, is_written)

    def _publish(self, run: int, published: PublishedRun, changes: Changes, is_written: Callable[[str], None]) -> None:
        if self.find_run(published.run_id) is not None:
            return
        if run <= self.last_run():
            raise RetryableError(
                f"Something else was published while '{published.connector_name}' was computed; nothing was changed.",
                code="warehouse.moved-on",
                remedy="Do it again.",
            )
        with self.engine.transaction():
            for table in _VERSIONED:
                self._replace_versions(table, run, changes)
                is_written(table.name)
            for table, past in _REPLACED:
                if table.name in changes.contents:
                    if past is not None:
                        self._keep_replaced(table, past, changes.contents[table.name], run)
                    self.engine.execute(f'DELETE FROM "{table.name}"')
                    self.engine.append(table.name, changes.contents[table.name].select(*table.names))
            for events in changes.events:
                self._append(EVENT, events.select(*EVENT_COLUMNS).mutate(run=_int(run)))
            for rejects in changes.rejects:
                self.engine.append(RUN_REJECT.name, rejects.mutate(run=_int(run)).select(*RUN_REJECT.names))
            for held in changes.held:
                self.engine.append(HELD.name, held.select(*HELD.names))
            self._insert_run(run, published)
            is_written(EVENT.name)

    def _replace_versions(self, table: Table, run: int, changes: Changes) -> None:
        key, stored = table.key[0], _stored_name(table)
        has_rows = self.engine.execute(f'SELECT count(*) > 0 FROM "{stored}"').fetchone()
        for rows in (changes.versions.get(table.name), changes.withdrawn.get(table.name)):
            if rows is not None and has_rows and has_rows[0]:
                self.engine.execute(
                    f'UPDATE "{stored}" SET valid_to_run = {run} '
                    f'WHERE valid_to_run IS NULL AND "{key}" IN ({self.engine.sql(rows.select(key))})'
                )
        if table.name in changes.versions:
            kinds = changes.kinds.get(table.name)
            rows = changes.versions[table.name].mutate(valid_from_run=_int(run))
            names = [n for n in table.names if n != "valid_to_run"]
            known = [] if kinds is None else [KIND, *LAYOUTS[table.name].begin]
            known += [n for n in (IS_FOUND,) if n in rows.columns]
            is_all = table.name in changes.all_of_kinds
            self._append(table, rows.select(*names, *known), kinds, is_all=is_all)

    def _append(self, table: Table, rows: ir.Table, kinds: ir.Table | None = None, *, is_all: bool = False) -> None:
        layout = LAYOUTS.get(table.name)
        if layout is not None:
            rows = narrow(self.engine, layout, rows, kinds, is_all=is_all)
        self.engine.append(_stored_name(table), rows)

    def _keep_replaced(self, table: Table, past: Table, fresh: ir.Table, run: int) -> None:
        """Keep the rows that a run replaces by others, for looking back."""
        stored = self.table(table)
        same = [stored[n].identical_to(fresh[n]) for n in table.names]
        self.engine.append(past.name, stored.anti_join(fresh, same).mutate(valid_to_run=_int(run)).select(*past.names))

    def _insert_run(self, run: int, published: PublishedRun) -> None:
        values: dict[str, Any] = {
            "run": run,
            "run_id": published.run_id,
            "connector_id": published.connector_id,
            "connector_name": published.connector_name,
            "observed_at": published.observed_at,
            "published_at": published.published_at,
            "is_complete": published.is_complete,
            "scope_hash": published.scope_hash,
            "map_version": published.map_version,
            "strategy": published.strategy,
            "reflects_at": published.reflects_at,
            "catalogue_at": published.catalogue_at,
        }
        self.engine.append(RUN.name, self.engine.from_records([values], RUN.types))


def _int(number: int) -> ir.IntegerScalar:
    return ibis.literal(number, "int64")


def _stored_name(table: Table) -> str:
    layout = LAYOUTS.get(table.name)
    return table.name if layout is None else layout.rows.name
