from __future__ import annotations

import pytest

from riskbridge.errors import InputError
from riskbridge.search.printing import render_query
from riskbridge.search.qql import DEEPEST, LONGEST, parse
from riskbridge.search.query import (
    And,
    Comparison,
    Everything,
    Group,
    IsNull,
    Match,
    Name,
    Not,
    Or,
    Query,
    Range,
    Value,
)


def is_a(column: int = 0) -> Match:
    return Match(Name("a", column), (Value("x", "bare", column + 2, 1),))


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        pytest.param(" ", Everything(), id="nothing asked"),
        pytest.param("a:x", is_a(), id="bare"),
        pytest.param('a : "x y"', Match(Name("a", 0), (Value("x y", "phrase", 4, 5),)), id="phrase, blanks"),
        pytest.param("a: `x y` ", Match(Name("a", 0), (Value("x y", "exact", 3, 5),)), id="exact"),
        pytest.param("a:x  y", Match(Name("a", 0), (Value("x y", "bare", 2, 4),)), id="several words"),
        pytest.param("a:or", Match(Name("a", 0), (Value("or", "bare", 2, 2),)), id="a value that is a boolean's name"),
        pytest.param(
            "a:[x,`y`]",
            Match(Name("a", 0), (Value("x", "bare", 3, 1), Value("y", "exact", 5, 3))),
            id="list",
        ),
        pytest.param("a.b>=1", Comparison(Name("a.b", 0), ">=", Value("1", "bare", 5, 1)), id="comparison"),
        pytest.param("a = 1", Comparison(Name("a", 0), "=", Value("1", "bare", 4, 1)), id="equals"),
        pytest.param(
            "a:[1..2]",
            Range(Name("a"), Value("1", "bare"), Value("2", "bare"), has_low=True, has_high=True),
            id="inclusive range",
        ),
        pytest.param(
            "a:(1 .. 2)",
            Range(Name("a"), Value("1", "bare"), Value("2", "bare"), has_low=False, has_high=False),
            id="exclusive range",
        ),
        pytest.param(
            "a:(1 .. 2]",
            Range(Name("a"), Value("1", "bare"), Value("2", "bare"), has_low=False, has_high=True),
            id="range with one end included",
        ),
        pytest.param(
            "a:[1 .. )",
            Range(Name("a"), Value("1", "bare"), None, has_low=True, has_high=False),
            id="range without end",
        ),
        pytest.param(
            "a:(.. `2`]",
            Range(Name("a"), None, Value("2", "exact"), has_low=False, has_high=True),
            id="without a start",
        ),
        pytest.param('a:"x ""y"""', Match(Name("a"), (Value('x "y"', "phrase"),)), id="a quotation mark in a phrase"),
        pytest.param("a:`x``y`", Match(Name("a"), (Value("x`y", "exact"),)), id="a backtick in an exact value"),
        pytest.param("a Is Null", IsNull(Name("a", 0)), id="null"),
        pytest.param("a is not null", Not(IsNull(Name("a", 0))), id="not null"),
        pytest.param("p:(a:x)", Group(Name("p", 0), is_a(3)), id="group"),
        pytest.param("Not a:x", Not(is_a(4)), id="not"),
        pytest.param("not not a:x", is_a(8), id="not twice"),
        pytest.param("a:x AND a:x and a:x", And((is_a(), is_a(8), is_a(16))), id="and"),
        pytest.param("a:x or not a:x and a:x", Or((is_a(), And((Not(is_a(11)), is_a(19))))), id="precedence"),
        pytest.param("(a:x or a:x) and a:x", And((Or((is_a(1), is_a(8))), is_a(17))), id="parentheses"),
    ],
)
def test_text_becomes_a_query_and_text_again(text, condition):
    assert parse(text) == Query(text, condition)
    assert parse(render_query(condition)).condition == condition


def test_names_and_values_know_their_places():
    group = parse("p : (a:[`x y`, z] or b > 1)").condition
    assert isinstance(group, Group)
    assert isinstance(group.condition, Or)
    match, comparison = group.condition.conditions
    assert [(n.text, n.offset) for n in (group.name, match.name, comparison.name)] == [("p", 0), ("a", 5), ("b", 21)]
    assert [(v.offset, v.length) for v in (*match.values, comparison.value)] == [(8, 5), (15, 1), (25, 1)]


@pytest.mark.parametrize(
    ("text", "column", "cause"),
    [
        ("windows", 1, "'windows' is followed by no condition"),
        ("windows server", 1, "'windows' is followed by no condition"),
        ("a:", 3, "a value is missing"),
        ("a >", 4, "a value is missing"),
        ("a:[x, ]", 7, "']' cannot stand here: a value is missing"),
        ("a:[x", 5, "a list or range is not closed"),
        ("a:(b:x", 7, "a parenthesis is not closed"),
        ("a:x)", 4, "no parenthesis is open"),
        ('a:"x', 3, 'The quotation mark " is not closed'),
        ("a:x b:y", 5, "'and' or 'or' is missing"),
        ("a:x, y", 4, "'and' or 'or' is missing"),
        ("a:1..2", 4, "a range needs brackets"),
        ("a:[ .. ]", 8, "a value is missing"),
        ("a:(1 .. 2", 10, "a list or range is not closed"),
        ("a is here", 6, "'null' or 'not null' is missing"),
        ("a:x and", 8, "a condition begins with a token"),
        ("and a:x", 1, "a condition begins with a token"),
        ("a:x\x00", 4, "The query holds a control character"),
        ("(" * (DEEPEST + 1), DEEPEST + 1, f"More than {DEEPEST} parentheses are open"),
        ("a:" + "x" * LONGEST, LONGEST + 1, "10,000 are allowed"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)
def test_a_mistake_is_told_with_its_place(text, column, cause):
    with pytest.raises(InputError) as refused:
        parse(text)

    error = refused.value
    assert (error.code, error.context["line"], error.context["column"]) == ("qql.syntax", 1, column)
    assert cause in error.message


def test_a_mistake_shows_its_own_line_with_a_caret():
    with pytest.raises(InputError) as refused:
        parse("finding.qds > 70 and\nfinding.cveId finding.title:x\nand a:b")

    assert str(refused.value) == (
        "'finding.cveId' is followed by no condition (column 1).\n"
        "  finding.cveId finding.title:x\n"
        "  ^^^^^^^^^^^^^\n"
        " Write a token, a colon and a value, for instance finding.title:finding.cveId."
    )
    assert refused.value.context["line"] == 2


def test_a_mistake_far_into_a_line_is_shown_in_a_window():
    with pytest.raises(InputError) as refused:
        parse(" or ".join(["a:x"] * 100) + " b:y c:z")

    _, line, caret, _ = refused.value.message.split("\n")
    assert line[caret.index("^") :] == "b:y c:z"
    assert len(line) <= 102
