"""Maps are total: whatever a source sends ends in drafts or rejects, once, and nothing fails."""

from __future__ import annotations

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples

from riskbridge.model.source_model import MACHINES, MACHINES_VULNERABILITIES, VULNERABILITIES, Field
from riskbridge.model.target import REJECT
from riskbridge.transform.compile import apply, apply_by_kind
from riskbridge.transform.spec import load_map

texts = st.one_of(
    st.none(),
    st.sampled_from(
        ["", " ", "CVE-2024-3094", "KB1", "2024-01-25T18:45:56.688814Z", "0001-01-01T00:00:00Z", "fe80::1"]
    ),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=30),
)


def values(field: Field) -> st.SearchStrategy:
    match field.kind:
        case "integer":
            return st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))
        case "number":
            return st.one_of(st.none(), st.floats())
        case "boolean":
            return st.one_of(st.none(), st.booleans())
        case "strings":
            return st.one_of(st.none(), st.lists(texts, max_size=4))
        case "objects":
            return st.one_of(st.none(), st.lists(members(field), max_size=4))
        case "object":
            return st.one_of(st.none(), members(field))
        case _:
            return texts


def members(field: Field) -> st.SearchStrategy:
    return st.fixed_dictionaries({c.name: values(c) for c in field.children})


def rows_of(model):
    return st.lists(st.fixed_dictionaries({f.name: values(f) for f in model.fields}), max_size=6)


@pytest.fixture(scope="module", params=[MACHINES, MACHINES_VULNERABILITIES, VULNERABILITIES], ids=lambda m: m.stream)
def run(request):
    """A function: drafts and rejects of raw rows under the built-in map; the map is compiled once."""
    model = request.param
    con = ibis.duckdb.connect()
    con.raw_sql("SET TimeZone='UTC'")
    schema = ibis.schema(model.staged_types).to_pyarrow()
    mapped = apply(load_map("defender").stream(model.name), con.create_table("raw", schema=model.staged_types))
    drafts, rejects = con.compile(mapped.drafts), con.compile(mapped.rejects)

    def run(rows):
        filled = [dict.fromkeys(model.staged_types) | row | {"page": 0, "row": n} for n, row in enumerate(rows)]
        con.create_table("raw", pa.Table.from_pylist(filled, schema=schema), overwrite=True)
        return con.raw_sql(drafts).to_arrow_table(), con.raw_sql(rejects).to_arrow_table()

    return model, run


@given(data=st.data())
@settings(max_examples=examples(60), deadline=None)
def test_every_raw_row_becomes_one_draft_or_one_reject(run, data):
    model, map_rows = run
    target = load_map("defender").stream(model.name).target
    rows = data.draw(rows_of(model))

    drafts, rejects = map_rows(rows)

    assert tuple(drafts.column_names) == target.names
    assert tuple(rejects.column_names) == REJECT.names
    assert drafts.num_rows + rejects.num_rows == len(rows)
    if "raw_row" in drafts.column_names:
        kept = [*drafts["raw_row"].to_pylist(), *rejects["row"].to_pylist()]
        assert sorted(kept) == list(range(len(rows)))
    assert [c.name for c in target.columns if not c.nullable and drafts[c.name].null_count] == []


@settings(max_examples=examples(40), deadline=None)
@given(rows=rows_of(MACHINES_VULNERABILITIES))
def test_a_map_applied_by_kind_gives_the_same_drafts(rows):
    stream = load_map("defender").stream(MACHINES_VULNERABILITIES.name)
    types = stream.source.staged_types
    con = ibis.duckdb.connect()
    filled = [{n: row.get(n) for n in types} | {"page": 0, "row": place} for place, row in enumerate([*rows, *rows])]
    raw = con.create_table("raw", pa.Table.from_pylist(filled, schema=ibis.schema(types).to_pyarrow()))
    by_kind = apply_by_kind(stream, raw, lambda t: con.create_table(ibis.util.gen_name("t"), t), first_kind=7)
    whole = by_kind.rows.join(by_kind.kinds, "kind").select(*stream.target.names).order_by("raw_row")
    expected = con.to_pyarrow(apply(stream, raw).drafts.order_by("raw_row")).to_pylist()
    assert con.to_pyarrow(whole).to_pylist() == expected
    assert all(kind >= 7 for kind in con.to_pyarrow(by_kind.kinds.kind).to_pylist())
