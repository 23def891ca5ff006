"""Maps as text and data: they come back as they went, and everything wrong with one is told with its place."""

from __future__ import annotations

import json

import pytest

from riskbridge.errors import ConfigError
from riskbridge.model.source_model import Field, SourceModel
from riskbridge.transform.compile import apply
from riskbridge.transform.functions import FUNCTIONS
from riskbridge.transform.patterns import check_pattern
from riskbridge.transform.plain import describe_functions, map_as_dict, map_as_toml
from riskbridge.transform.spec import load_map, parse_map, parse_values

MODEL = SourceModel(
    "scanner",
    "scanner",
    "A scanner's file",
    (Field("id", "string", ""), Field("CVSS v3.0 Score", "number", ""), Field("host", "string", "")),
)
ROWS = [
    {"from": "id", "to": "externalFindingId", "identifier": True},
    {"from": "host", "to": "externalAssetId", "identifier": True},
    {"to": "category", "function": "constant", "value": "vulnerability"},
    {"from": "host", "to": "fixingKb", "type": "ip", "strict": True},
    {
        "from": "id",
        "to": "findingSeverity",
        "function": "map-values",
        "values": {"Ünïcode \x7f\"'": "High", "3": "Low"},
    },
    {"from": ["CVSS v3.0 Score", "id"], "to": "findingName", "function": "template", "text": "{CVSS v3.0 Score} {id}"},
]
PLAIN = {
    "name": "mine",
    "stream": [
        {
            "source": "scanner",
            "target": "detection_draft",
            "row": ROWS,
            "require": [{"any_of": ["id"], "reason": "x"}],
            "pass_over_without": ["id", "host"],
        }
    ],
}


def faults_of(values):
    with pytest.raises(ConfigError) as refused:
        parse_values(values, [MODEL])
    assert refused.value.code == "transform.invalid"
    return refused.value.context["faults"]


@pytest.mark.parametrize("whole", [load_map("defender"), parse_values(PLAIN, [MODEL])], ids=lambda m: m.name)
def test_a_map_comes_back_from_toml_and_json_as_it_was(whole):
    models = [s.source for s in whole.streams]

    assert parse_map(map_as_toml(whole), models).streams == whole.streams
    assert parse_map(json.dumps(map_as_dict(whole)), models).streams == whole.streams


def test_a_column_with_dots_in_its_name_is_read(make_raw, read):
    mapped = apply(
        parse_values(PLAIN, [MODEL]).streams[0], make_raw(MODEL, [{"id": "3", "CVSS v3.0 Score": 7.5, "host": "::1"}])
    )

    (draft,) = read(mapped.drafts)
    assert (draft["finding_name"], draft["finding_severity"], draft["fixing_kb"]) == ("7.5 3", "Low", "::1")


def test_a_strict_row_refuses_what_it_can_make_nothing_of(make_raw, read):
    raw = make_raw(MODEL, [{"id": "1", "host": "10.0.0.1"}, {"id": "2", "host": "web"}])

    mapped = apply(parse_values(PLAIN, [MODEL]).streams[0], raw)

    assert [r["raw_row"] for r in read(mapped.drafts)] == [0]
    assert [(r["row"], r["reason"], r["detail"]) for r in read(mapped.rejects)] == [
        (1, "value-unfit", "fixingKb can be made nothing of host (rule 4: ip)")
    ]


def test_each_fault_names_its_stream_row_field_and_remedy():
    rows = [*ROWS, {"from": "hosst", "to": "productName"}, {"from": "host", "to": "productVersion", "function": "lowr"}]
    rows.append({"from": "host", "to": "fixingKb"})

    assert faults_of(PLAIN | {"stream": [PLAIN["stream"][0] | {"row": rows}]}) == [
        {
            "message": "'productVersion': there is no function 'lowr'; did you mean 'lower'?",
            "remedy": "Write 'lower'.",
            "stream": "scanner > detection_draft",
            "row": 8,
            "target": "productVersion",
        },
        {
            "message": "there is no source field 'hosst'; did you mean 'host'?",
            "remedy": "Write 'host'.",
            "stream": "scanner > detection_draft",
            "row": 7,
            "target": "productName",
        },
        {
            "message": "2 rows feed the target field 'fixingKb'; one must go",
            "remedy": "Take one out, or make them one row with first-non-empty.",
            "stream": "scanner > detection_draft",
            "row": 9,
            "target": "fixingKb",
        },
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"row": [{**ROWS[0], "from": "externalFindingId"}, *ROWS[1:]]}, "rows read source fields alone", id="cycle"),
        pytest.param({"row": [{**ROWS[0], "from": {"a": 1}}, *ROWS[1:]]}, "no list of names", id="from is a table"),
        pytest.param({"row": [{**ROWS[0], "identifier": "yes"}, *ROWS[1:]]}, "true or false", id="flag"),
        pytest.param({"row": [{**ROWS[0], "identifier": False}, *ROWS[1:]]}, "is not marked", id="key not marked"),
        pytest.param({"row": [{**ROWS[0], "from": ["id"] * 51}, *ROWS[1:]]}, "too many", id="sources"),
        pytest.param({"row": ROWS * 200}, "1,000 are the most", id="rows"),
        pytest.param({"rows": ROWS}, "a stream has no 'rows'", id="unknown word"),
        pytest.param({"source": "scaner"}, "a stream maps 'scaner'", id="model"),
        pytest.param(
            {"row": [*ROWS[:3], {"to": "fixingKb", "function": "constant", "value": "a" * 4001}]}, "4,000", id="argument"
        ),
    ],
)  # fmt: skip
def test_a_stream_that_cannot_be_used_is_refused(change, message):
    found = faults_of(PLAIN | {"stream": [PLAIN["stream"][0] | change]})

    assert any(message in f["message"] for f in found)
    assert all(f["remedy"] for f in found)


def test_a_map_that_is_nested_without_end_or_too_large_is_refused():
    deep: list = []
    for _ in range(200):
        deep = [deep]
    assert "levels deep" in faults_of({"name": "mine", "stream": deep})[0]["message"]
    for text, words in (("[" * 100_000, "not TOML"), ('{"a":' * 100_000, "not JSON"), ("#" * 1_000_001, "larger than")):
        with pytest.raises(ConfigError, match=words):
            parse_map(text)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(a+)+", "repeats what repeats"),
        ("(a*)*b", "repeats what repeats"),
        ("(?:x(a+)){2,}", "repeats what repeats"),
        ("([^a]+|b)*", "repeats what repeats"),
        ("(a{1,}){50}", "repeats what repeats"),
        ("((a{10}){10}){20}", "more than 1,000 times"),
        ("a{1001}", "more than 1,000 times"),
        ("a" * 501, "501"),
        ("(?<=x)a", "look-around"),
        (r"(a)\1", "back-references"),
        ("a++", "possessive"),
        ("(?P<n>a)", "named groups"),
        ("(", "no regular expression"),
        ("\x00", "NUL"),
    ],
)
def test_a_pattern_that_an_engine_may_choke_on_is_refused(pattern, message):
    with pytest.raises(ValueError, match=message):
        check_pattern(pattern, 0)


@pytest.mark.parametrize(
    "pattern",
    [
        r"^([^.]+)\.(.*)$",
        r"CVE-\d{4}-\d{4,}",
        "(?i)kb([0-9]+)",
        "[]+*)]+x",
        r"(\(a\)+)?",
        "(ab){3}",
        "a{2}(b{3}){4}",
        "([(+*]x){2}",
    ],
)
def test_patterns_of_daily_use_are_taken(pattern):
    check_pattern(pattern, 0)


def test_every_function_can_be_chosen_from_a_list():
    described = {f["name"]: f for f in describe_functions()}

    assert list(described) == list(FUNCTIONS)
    assert described["part"] == {
        "name": "part",
        "description": "One of the parts of a text between separators, counted from 0; null past the last.",
        "takes": ["string"],
        "gives": "string",
        "sources": {"least": 1, "most": 1},
        "arguments": [
            {"name": "separator", "type": "str", "required": True, "default": None},
            {"name": "index", "type": "int", "required": False, "default": 0},
        ],
    }
