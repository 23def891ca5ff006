from __future__ import annotations

from datetime import UTC, datetime, timedelta

import ibis
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.examples import examples

from riskbridge.errors import InputError
from riskbridge.model.target import WAREHOUSE
from riskbridge.search.compile import compile_query, read_query
from riskbridge.search.completion import find_place, suggest
from riskbridge.search.listing import FindingTables
from riskbridge.search.printing import render_query
from riskbridge.search.qql import parse
from riskbridge.search.query import And, Comparison, Group, IsNull, Match, Name, Not, Or, Query, Range, Value
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
    st.builds("{}:({} .. ]".format, names, values),
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


token_names = st.sampled_from(["a", "b.c", "finding.qds", "notes", "or_x"]).map(Name)
bare = st.sampled_from(["5", "x", "x y", "now-7d", "2026-01-31", "x*", "or"])
any_value = st.one_of(
    bare.map(lambda t: Value(t, "bare")),
    st.builds(
        Value, st.text(st.characters(exclude_categories=("C",)), max_size=8), st.sampled_from(["phrase", "exact"])
    ),
)
one_word = any_value.filter(lambda v: v.style != "bare" or " " not in v.text)
ends = st.tuples(st.none() | one_word, st.none() | one_word).filter(any)
plain_conditions = st.one_of(
    st.builds(lambda n, v: Match(n, (v,)), token_names, any_value),
    st.builds(lambda n, v: Match(n, tuple(v)), token_names, st.lists(one_word, min_size=2, max_size=4)),
    st.builds(Comparison, token_names, st.sampled_from([">", ">=", "<", "<=", "="]), one_word),
    st.builds(lambda n, e, a, b: Range(n, *e, has_low=a, has_high=b), token_names, ends, st.booleans(), st.booleans()),
    st.builds(IsNull, token_names),
)
conditions = st.recursive(
    plain_conditions,
    lambda inner: st.one_of(
        inner.filter(lambda c: not isinstance(c, Not)).map(Not),
        st.builds(Group, token_names, inner),
        st.lists(inner, min_size=2, max_size=3).map(lambda c: And(tuple(c))),
        st.lists(inner, min_size=2, max_size=3).map(lambda c: Or(tuple(c))),
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def view():
    con = ibis.duckdb.connect()
    stored = {t.name: con.create_table(t.name, schema=ibis.schema(t.types)) for t in WAREHOUSE}
    beside = {n: stored[n] for n in ("detection", "software")} | {"detail": stored["detection_detail"]}
    tables = FindingTables(*(stored[n] for n in ("finding", "asset", "cve", "cve_score", "run")), **beside)
    empty = con.create_table("empty", schema=tables.view().schema())
    return con, empty.filter(empty.finding_id.notnull()), tables.elements_of("findings")


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
@settings(max_examples=examples(60), deadline=None)
def test_every_well_formed_query_runs_or_is_refused_for_a_value(view, query):
    con, rows, elements = view
    try:
        condition = compile_query(query, rows, "findings", NOW, elements)
    except InputError as error:
        assert error.code == "qql.bad-value"  # noqa: PT017
    else:
        assert con.to_pyarrow(rows.filter(condition).count()).as_py() == 0


@given(queries)
def test_a_query_printed_and_read_is_the_same_query(query):
    parsed = parse(query).condition
    printed = render_query(parsed)
    assert parse(printed).condition == parsed
    assert render_query(parse(printed).condition) == printed


@given(conditions)
@example(Range(Name("a", 0), Value('"', "phrase", 0, 0), None, has_low=False, has_high=False))
@example(Range(Name("a", 0), Value("`", "exact", 0, 0), None, has_low=False, has_high=False))
def test_any_query_that_can_be_is_read_as_it_was_printed(condition):
    assert parse(render_query(condition)).condition == condition


@given(st.sampled_from(["findings", "assets"]), st.lists(PIECES, max_size=12).map(" ".join), st.integers(0, 80))
def test_completion_answers_at_any_place_of_any_text(subject, text, cursor):
    place = find_place(text, cursor, subject)
    assert 0 <= place.start <= place.end <= len(text)
    assert suggest(place, subject, []) is not None


@given(queries)
@settings(max_examples=examples(60), deadline=None)
def test_queries_of_one_shape_differ_in_constants_alone(view, query):
    con, rows, elements = view
    try:
        read = read_query(query, "findings", NOW)
        marked = con.compile(rows.filter(read.expression(rows, elements, lambda name: ibis.literal(f"<{name}>"))))
    except InputError:
        return
    again = read_query(query, "findings", NOW + timedelta(days=1))
    assert again.shape == read.shape
    assert again.constants.keys() == read.constants.keys()
    for name in read.constants:
        assert f"'<{name}>'" in marked or "*" in query


def _is_query_or_refused(text: str) -> bool:
    try:
        return isinstance(parse(text), Query)
    except InputError as error:
        return error.code == "qql.syntax" and isinstance(error.context["column"], int) and str(error) != ""
