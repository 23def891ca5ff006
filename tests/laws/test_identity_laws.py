from __future__ import annotations

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples

from riskbridge.identity.book import make_book
from riskbridge.identity.join import Bounds
from riskbridge.identity.match import Judged, identify
from riskbridge.identity.naming import name_assets
from riskbridge.model.target import SOURCE_ASSET
from riskbridge.store.engine import DuckDBEngine

RECORD = {c.name: c.type for c in SOURCE_ASSET if not c.name.startswith("valid_")}
LINK = {"source_asset_id": "string", "asset_id": "string"}
MERGE = dict.fromkeys(("left", "right", "said"), "string")
SPLIT = dict.fromkeys(("judgement_id", "record", "other"), "string")
IDS = "abcdefgh"

descriptions = st.fixed_dictionaries(
    {
        "connector_id": st.sampled_from(["one", "two", "three"]),
        "serial_number": st.sampled_from([None, None, "s1", "s2"]),
        "entra_device_id": st.sampled_from([None, None, "e1", "e2"]),
        "asset_name": st.sampled_from([None, "w1", "w1.a.test", "w2", "w2.a.test"]),
        "mac_addresses": st.lists(st.sampled_from(["00005e000001", "00005e000002", "00005e000003"]), max_size=2),
        "health_status": st.sampled_from(["Active", "Inactive"]),
    }
)
estates = st.lists(st.dictionaries(st.sampled_from(IDS), descriptions, min_size=2), min_size=5, max_size=20)
groupings = st.dictionaries(st.sampled_from(IDS), st.sampled_from("vwxyz"), min_size=1)


def side_by_side(estates: list[dict[str, dict]]) -> dict[str, dict]:
    """Many small estates in one, with nothing in common, since one identification of all costs as much as of one."""
    return {f"{n}-{i}": apart(str(n), row) for n, estate in enumerate(estates) for i, row in estate.items()}


def apart(n: str, row: dict) -> dict:
    changed = {name: row[name] and f"{row[name]}-{n}" for name in ("serial_number", "entra_device_id")}
    name = row["asset_name"] and f"h{n}{row['asset_name']}"
    macs = [f"{mac[:6]}{int(n):04x}{mac[-2:]}" for mac in row["mac_addresses"]]
    return row | changed | {"asset_name": name, "mac_addresses": macs}


def as_arrow(rows: list[dict], types: dict[str, str]) -> pa.Table:
    columns = {name: [row.get(name) for row in rows] for name in types}
    return pa.table(columns, schema=ibis.schema(types).to_pyarrow())


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    made = DuckDBEngine(tmp_path_factory.mktemp("laws") / "laws.duckdb")
    yield made
    made.close()


@pytest.fixture(scope="module")
def asset_ids(engine):
    """A function from records and stored links to the asset id of each record."""

    def run(records: dict[str, dict], previous: dict[str, str] | None = None, merges=(), splits=()) -> dict[str, str]:
        # A fork numbers its tables from 0, so that the same question is put into SQL once.
        here = engine.fork()

        def table(rows: list[dict], types: dict[str, str]):
            return here.from_arrow(as_arrow(rows, types), types)

        names = table([], {"connector_id": "string", "source_name": "string"})
        rows = [{"source_asset_id": i, "external_asset_id": i} | row for i, row in records.items()]
        links = [{"source_asset_id": i, "asset_id": asset} for i, asset in (previous or {}).items()]
        bounds = Bounds(max_records_per_asset=5)
        judged = Judged(
            table([{"left": a, "right": b, "said": "x"} for a, b in merges], MERGE),
            table([{"judgement_id": a + b, "record": a, "other": b} for a, b in splits], SPLIT),
        )
        plan = identify(
            table(rows, RECORD),
            table(links, LINK),
            make_book({}),
            here.materialise,
            bounds,
            source_names=names,
            judged=judged,
        )
        found = here.records(plan.links.select("source_asset_id", "asset_id"))
        here.close()
        assert len(found) == len(records)
        return {row["source_asset_id"]: row["asset_id"] for row in found}

    return run


@settings(max_examples=examples(4), deadline=None)
@given(estates=estates, data=st.data())
def test_the_order_of_rows_and_earlier_runs_do_not_decide_who_belongs_together(asset_ids, estates, data):
    records = side_by_side(estates)
    once = asset_ids(records)
    shuffled = dict(data.draw(st.permutations(list(records.items()))))
    assert asset_ids(shuffled, once) == once


def together(ids: dict[str, str]) -> set[frozenset[str]]:
    return {frozenset(r for r, asset in ids.items() if asset == i) for i in ids.values()}


@settings(max_examples=examples(2), deadline=None)
@given(estates=estates, data=st.data())
def test_which_run_saw_what_first_does_not_decide_who_belongs_together(asset_ids, estates, data):
    records = side_by_side(estates)
    seen = data.draw(st.sets(st.sampled_from(sorted(records)), min_size=1))
    ids = asset_ids({i: records[i] for i in seen})
    assert together(asset_ids(records, ids)) == together(asset_ids(records))


@settings(max_examples=examples(2), deadline=None)
@given(estates=estates, data=st.data())
def test_what_a_person_put_together_stays_so_and_what_they_took_apart_too(asset_ids, estates, data):
    records = side_by_side(estates)
    pairs = [tuple(sorted(r for r in records if r.startswith(f"{n}-"))[:3]) for n in range(len(estates))]
    merges = [(a, b) for a, b, *_ in data.draw(st.lists(st.sampled_from(pairs), unique=True))]
    splits = [(a, b) for a, b, *_ in pairs if (a, b) not in merges]
    ids = asset_ids(records, None, merges, splits)
    assert {ids[a] == ids[b] for a, b in merges} <= {True}
    assert {ids[a] == ids[b] for a, b in splits} <= {False}


@settings(max_examples=examples(20), deadline=None)
@given(history=st.lists(groupings, min_size=2, max_size=4))
def test_through_any_history_an_asset_has_one_id_and_no_other_asset_has_it(engine, history):
    ids: dict[str, str] = {}
    for groups in history:
        heads = {group: min(i for i, g in groups.items() if g == group) for group in groups.values()}
        rows = [{"source_asset_id": i, "component": heads[group]} for i, group in groups.items()]
        links = [{"source_asset_id": i, "asset_id": asset} for i, asset in ids.items()]
        here = engine.fork()
        types = {"source_asset_id": "string", "component": "string"}
        components, known = (here.from_arrow(as_arrow(r, t), t) for r, t in ((rows, types), (links, LINK)))
        named = here.records(name_assets(components, known))
        here.close()
        ids = {row["source_asset_id"]: row["asset_id"] for row in named}
        pairs = {(row["component"], row["asset_id"]) for row in named}
        assert len(pairs) == len({head for head, _ in pairs}) == len({asset for _, asset in pairs})
        assert ids.keys() == groups.keys()
