from __future__ import annotations

from functools import cached_property

import ibis
import pyarrow as pa
import pytest

from riskbridge.identity.book import make_book
from riskbridge.identity.match import IdentityPlan, Judged, identify
from riskbridge.identity.rules import BUILT_IN_RULES
from riskbridge.model.target import SOURCE_ASSET
from riskbridge.store.engine import DuckDBEngine

RECORD = {c.name: c.type for c in SOURCE_ASSET if not c.name.startswith("valid_")}
LINK = {"source_asset_id": "string", "asset_id": "string"}
MERGE = dict.fromkeys(("left", "right", "said"), "string")
SPLIT = dict.fromkeys(("judgement_id", "record", "other"), "string")
SOURCES = [{"connector_id": "defender-1", "source_name": "MS Defender"}]


def as_arrow(rows: list[dict], types: dict[str, str]) -> pa.Table:
    columns = {name: [row.get(name) for row in rows] for name in types}
    return pa.table(columns, schema=ibis.schema(types).to_pyarrow())


class Estate:
    """What identification made of some records: links and assets by id, and the records that are together."""

    def __init__(self, engine: DuckDBEngine, plan: IdentityPlan) -> None:
        self.links = {row["source_asset_id"]: row for row in engine.records(plan.links)}
        self._engine, self._assets = engine, plan.assets

    @cached_property
    def assets(self) -> dict[str, dict]:
        return {row["asset_id"]: row for row in self._engine.records(self._assets)}

    @property
    def together(self) -> set[frozenset[str]]:
        ids = {link["asset_id"] for link in self.links.values()}
        return {frozenset(r for r, link in self.links.items() if link["asset_id"] == i) for i in ids}

    def asset_of(self, record: str) -> dict:
        return self.assets[self.links[record]["asset_id"]]

    @property
    def rules(self) -> dict[str, str]:
        return {record: link["rule"] for record, link in self.links.items()}

    @property
    def refusals(self) -> dict[str, list[str]]:
        return {record: link["rejected"] for record, link in self.links.items() if link["rejected"]}


@pytest.fixture(scope="session")
def connection():
    con = ibis.duckdb.connect()
    con.raw_sql("SET TimeZone='UTC'")
    return con


@pytest.fixture(scope="session")
def make_table(connection):
    """A function that makes an Ibis table on DuckDB of rows and Ibis types; columns a row lacks are null."""

    def make(rows: list[dict], types: dict[str, str]):
        return connection.create_table(ibis.util.gen_name("t"), as_arrow(rows, types), temp=True)

    return make


@pytest.fixture(scope="session")
def materialise(connection):
    """A function that computes a table once."""

    def compute(expression):
        name = ibis.util.gen_name("step")
        connection.raw_sql(f"CREATE TEMP TABLE {name} AS {ibis.to_sql(expression, dialect='duckdb')}")
        return connection.table(name)

    return compute


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    """Each identification has a fork of it: tables are numbered from 0 in each, and the same question is worded once."""
    made = DuckDBEngine(tmp_path_factory.mktemp("identity") / "w.duckdb")
    yield made
    made.close()


@pytest.fixture(scope="session")
def find(engine):
    """A function that identifies records and gives the `Estate`.

    Each record is a dictionary of columns under its source asset id. It is of the source `defender-1`, unless it says
    otherwise, and has an external id of its own.
    """

    def run(
        records: dict[str, dict],
        *,
        previous: dict[str, str] | None = None,
        rules=BUILT_IN_RULES,
        own=None,
        bounds=None,
        merges=(),
        splits=(),
        ranks=None,
    ):
        rows = [
            {"source_asset_id": i, "connector_id": "defender-1", "external_asset_id": f"x-{i}", "content_hash": ""}
            | row
            for i, row in records.items()
        ]
        links = [{"source_asset_id": record, "asset_id": asset} for record, asset in (previous or {}).items()]
        together = [{"left": a, "right": b, "said": "ana: one box"} for a, b in merges]
        apart = [{"judgement_id": f"{a}/{b}", "record": a, "other": b} for a, b in splits]
        here = engine.fork()

        def make_table(rows: list[dict], types: dict[str, str]):
            return here.from_arrow(as_arrow(rows, types), types)

        names = make_table(SOURCES, {"connector_id": "string", "source_name": "string"})
        judged = Judged(make_table(together, MERGE), make_table(apart, SPLIT)) if merges or splits else None
        plan = identify(
            make_table(rows, RECORD),
            make_table(links, LINK),
            make_book(own or {}, rules),
            here.materialise,
            bounds,
            source_names=names,
            judged=judged,
            ranks=ranks,
        )
        return Estate(here, plan)

    return run
