from __future__ import annotations

from datetime import UTC, datetime

import ibis
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from riskbridge.errors import InputError
from riskbridge.model.target import WAREHOUSE
from riskbridge.search.compile import compile_query
from riskbridge.search.listing import FindingTables
from riskbridge.search.qql import parse
from riskbridge.search.query import Query
from riskbridge.search.tokens import TOKENS

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PIECES = st.sampled_from(
    [
        *'()[],:"`><=ax5*\n',
        "..",
        "...",
        ">=",
        "<=",
        "not",
        "AND",
        "or",
        "is",
        "null",
        "finding.qds",
        "inventory",
        "now-7d",
    ]
)
names = st.sampled_from(sorted(n for t in TOKENS["findings"] for n in (t.name, *t.aliases)))
plain = st.text(st.characters(exclude_characters='"`', exclude_categories=("C",)), max_size=12)
values = st.one_of(
    st.sampled_from(["5", "0.5", "true", "2026-01-31", "now-7d", "x*", "*x*", "*", "a.b", "MS"]),
    plain.map(lambda t: f'"{t}"'),
    plain.map(lambda t: f"`{t}`"),
)
leaves = st.one_of(
    st.builds("{}:{}".format, names, values),
    st.builds("{} {} {}".format, names, st.sampled_from([">", "<=", "="]), values),
    st.builds("{}:[{} .. {}]".format, names, values, values),
    st.builds("{}:({} .. {})".format, names, values, values),
    st.builds("{}:[{}, {}]".format, names, values, values),
    st.builds("{} is null".format, names),
)
queries = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map("not {}".format),
        st.builds("({}) and {}".format, inner, inner),
        st.builds("{} or {}".format, inner, inner),
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def view():
    con = ibis.duckdb.connect()
    stored = {t.name: con.create_table(t.name, schema=ibis.schema(t.types)) for t in WAREHOUSE}
    tables = FindingTables(*(stored[n] for n in ("finding", "asset", "cve", "cve_score", "run")))
    empty = con.create_table("empty", schema=tables.view().schema())
    return con, empty.filter(empty.finding_id.notnull())


@given(st.text(max_size=300))
@example("inventory: (source: `MS Defender`)")
@example("\ud800")
def test_any_text_is_a_query_or_refused(text):
    assert _is_query_or_refused(text)


@given(st.lists(PIECES, max_size=40).map(" ".join))
@example("( " * 5000)
@example("not " * 2400 + "a:b")
@example("a:b or " * 1400 + "a:b")
@example("a:" + "b " * 4000)
@example("(" + "a" * 9_000)
@example("a:(" + "1" * 9_000)
def test_any_sequence_of_pieces_is_a_query_or_refused(text):
    assert _is_query_or_refused(text)


@given(queries)
@settings(max_examples=60, deadline=None)
def test_every_well_formed_query_runs_or_is_refused_for_a_value(view, query):
    con, rows = view
    try:
        condition = compile_query(query, rows, "findings", NOW)
    except InputError as error:
        assert error.code in ("qql.bad-value", "qql.unknown-token")  # noqa: PT017
    else:
        assert con.to_pyarrow(rows.filter(condition).count()).as_py() == 0


def _is_query_or_refused(text: str) -> bool:
    try:
        return isinstance(parse(text), Query)
    except InputError as error:
        return error.code == "qql.syntax" and isinstance(error.context["column"], int) and str(error) != ""
