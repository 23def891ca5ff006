"""Each function of a map's row, and each conversion of its result, on a source data model made for it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from riskbridge.errors import ConfigError
from riskbridge.model.source_model import Field, SourceModel
from riskbridge.transform.compile import apply
from riskbridge.transform.spec import parse_map

MODEL = SourceModel(
    "file.sample",
    "sample",
    "A file somebody uploaded.",
    (
        Field("id", "string", "Id", required=True),
        Field("a", "string", "Text"),
        Field("b", "string", "Text"),
        Field("n", "integer", "Whole number"),
        Field("x", "number", "Number"),
        Field("flag", "boolean", "Truth value"),
        Field("texts", "strings", "Texts"),
        Field("more", "strings", "Texts"),
    ),
)
HEAD = """
name = "sample"
[[stream]]
source = "file.sample"
target = "asset_draft"
row = [ { from = "id", to = "externalAssetId", identifier = true }, %s ]
"""


@pytest.fixture
def map_one(make_raw, read):
    """A function: what one row of a map makes of one raw row."""

    def map_one(row, **values):
        stream = parse_map(HEAD % row, [MODEL]).stream(MODEL.name)
        mapped = apply(stream, make_raw(MODEL, [{"id": "1"} | values]))
        (draft,) = read(mapped.drafts)
        return draft[stream.rows[1].column]

    return map_one


def at(*parts):
    return datetime(*parts, tzinfo=UTC)


NAME, DAY, TAGS, FLAG = 'to = "assetName"', 'to = "firstSeenAt"', 'to = "tags"', 'to = "isExcluded"'

CASES = [
    ('from = "a", type = "ip"', NAME, {"a": "10.20.30.42"}, "10.20.30.42"),
    ('from = "a", type = "ip"', NAME, {"a": "FE80::1%eth0"}, "fe80::1"),
    ('from = "a", type = "ip"', NAME, {"a": "::ffff:10.0.0.1"}, "::ffff:10.0.0.1"),
    ('from = "a", type = "ip"', NAME, {"a": "10.20.30.256"}, None),
    ('from = "a", type = "ip"', NAME, {"a": "host"}, None),
    ('from = "a", type = "mac"', NAME, {"a": "00-00-5E-00-53-01"}, "00005e005301"),
    ('from = "a", type = "mac"', NAME, {"a": "0000.5e00.5301"}, "00005e005301"),
    ('from = "a", type = "mac"', NAME, {"a": "00-00-5E"}, None),
    ('from = "a", type = "version"', NAME, {"a": "v10.0.26100.4061"}, "10.0.26100.4061"),
    ('from = "n", type = "version"', NAME, {"n": 7}, "7"),
    ('from = "a", type = "version"', NAME, {"a": "latest"}, None),
    ('from = "a", type = "date"', DAY, {"a": "2026-01-31T23:59:59Z"}, at(2026, 1, 31)),
    ('from = "a", type = "date", function = "parse-date"', DAY, {"a": "2026-01-31 08:00:00"}, at(2026, 1, 31)),
    ('from = "a", function = "direct"', NAME, {"a": " x "}, "x"),
    ('from = "a"', NAME, {"a": "\t\n"}, None),
    ('from = "n"', NAME, {"n": 26100}, "26100"),
    ('from = "x"', NAME, {"x": 26100.0}, "26100"),
    ('from = "x"', NAME, {"x": 0.125}, "0.125"),
    ('from = "x"', NAME, {"x": float("inf")}, None),
    ('from = "flag"', NAME, {"flag": True}, "true"),
    ('from = "flag"', NAME, {}, None),
    ('from = "a"', FLAG, {"a": "YES"}, True),
    ('from = "a"', FLAG, {"a": "0"}, False),
    ('from = "a"', FLAG, {"a": "perhaps"}, None),
    ('from = "a"', DAY, {"a": "2026-01-31 08:00:00"}, at(2026, 1, 31, 8)),
    ('from = "a"', DAY, {"a": "2026-01-31"}, at(2026, 1, 31)),
    ('from = "a"', DAY, {"a": "31 January"}, None),
    ('from = "a", function = "parse-date"', DAY, {"a": "2026-01-31T08:00:00Z"}, at(2026, 1, 31, 8)),
    ('from = "a", function = "parse-date", format = "day-first"', DAY, {"a": "1.2.2026"}, at(2026, 2, 1)),
    (
        'from = "a", function = "parse-date", format = "day-first"',
        DAY,
        {"a": "31/12/2026 08:30"},
        at(2026, 12, 31, 8, 30),
    ),
    (
        'from = "a", function = "parse-date", format = "month-first"',
        DAY,
        {"a": "12/31/2026 08:30:15"},
        at(2026, 12, 31, 8, 30, 15),
    ),
    ('from = "a", function = "parse-date", format = "month-first"', DAY, {"a": "31/12/2026"}, None),
    ('function = "constant", value = "lab"', NAME, {}, "lab"),
    ('from = "a", function = "default", value = "none"', NAME, {"a": ""}, "none"),
    ('from = "a", function = "default", value = "none"', NAME, {"a": "x"}, "x"),
    ('from = ["a", "n", "b"], function = "first-non-empty"', NAME, {"a": " ", "n": 5, "b": "x"}, "5"),
    ('from = ["a", "b"], function = "coalesce"', NAME, {"b": "x"}, "x"),
    ('from = "a", function = "lower"', NAME, {"a": "WKS-İ"}, "wks-i"),
    ('from = "a", function = "upper"', NAME, {"a": "wks"}, "WKS"),
    ('from = ["a", "b"], function = "concat"', NAME, {"a": "x", "b": "y"}, "x y"),
    ('from = ["a", "b"], function = "concat", separator = ", "', NAME, {"a": "x", "b": " "}, "x"),
    ('from = ["a", "b"], function = "concat", separator = ""', NAME, {"a": "x", "b": "y"}, "xy"),
    ('from = ["a", "b"], function = "concat", suffix = "!"', NAME, {"b": "y"}, "y !"),
    ('from = ["a", "b"], function = "concat", suffix = "!"', NAME, {}, None),
    ('from = ["a", "b"], function = "template", text = "{b} on {a}"', NAME, {"a": "x", "b": "y"}, "y on x"),
    ('from = ["a", "b"], function = "template", text = "{b} on {a}"', NAME, {"b": "y"}, "y on"),
    (
        'from = "a", function = "map-values", values = { Serious = "High", low = "Low" }',
        NAME,
        {"a": "SERIOUS"},
        "High",
    ),
    ('from = "a", function = "map-values", values = { Serious = "High" }', NAME, {"a": "other"}, "other"),
    (
        'from = "a", function = "map-values", values = { Serious = "High" }, otherwise = "Low"',
        NAME,
        {"a": "other"},
        "Low",
    ),
    ('from = "a", function = "map-values", values = { Serious = "High" }, otherwise = "Low"', NAME, {}, None),
    ('from = "a", function = "null-if", values = ["N/A", "-"]', NAME, {"a": "n/a"}, None),
    ('from = "a", function = "null-if", values = ["N/A", "-"]', NAME, {"a": "x"}, "x"),
    ('from = "a", function = "regex-extract", pattern = "v([0-9]+)", group = 1', NAME, {"a": "build v12"}, "12"),
    ('from = "a", function = "regex-extract", pattern = "v([0-9]+)"', NAME, {"a": "build"}, None),
    ('from = "a", function = "part", separator = ".", index = 1', NAME, {"a": "host.example.test"}, "example"),
    ('from = "a", function = "part", separator = ".", index = 9', NAME, {"a": "host.example.test"}, None),
    ('from = "a", function = "digits"', NAME, {"a": "kb12"}, "12"),
    ('from = "a", function = "cve-id"', NAME, {"a": "cve-2024-3094"}, "CVE-2024-3094"),
    ('from = "a", function = "other-id"', NAME, {"a": "cve-2024-3094"}, None),
    ('from = "a", function = "split"', TAGS, {"a": "b, a,,b"}, ["a", "b"]),
    ('from = "a", function = "split", separator = "|"', TAGS, {"a": "b|a"}, ["a", "b"]),
    ('from = "a", function = "split"', TAGS, {}, []),
    ('from = ["texts", "more"], function = "clean-list"', TAGS, {"texts": ["b", " "], "more": ["a", "b"]}, ["a", "b"]),
    ('from = ["texts", "more"], function = "clean-list"', TAGS, {"more": ["a"]}, ["a"]),
    ('from = ["a", "texts"], function = "collect"', TAGS, {"a": "z", "texts": ["y"]}, ["y", "z"]),
    ('from = ["a", "b"], function = "collect"', TAGS, {"b": "y"}, ["y"]),
    ('from = "texts"', TAGS, {"texts": ["b", "a"]}, ["b", "a"]),
    ('from = "texts", function = "first"', NAME, {"texts": ["", "b", "a"]}, "b"),
    ('from = "texts", function = "first"', NAME, {"texts": []}, None),
    ('from = "texts", function = "addresses"', TAGS, {"texts": ["10.0.0.2", "127.1.2.3", "::", "FE90::1"]}, ["10.0.0.2"]),
    (
        'from = ["a", "texts"], function = "first-address"',
        NAME,
        {"a": "::ffff:127.0.0.1", "texts": ["0.0.0.0", "FD00::1"]},
        "fd00::1",
    ),
    (
        'from = "texts", function = "hardware-addresses"',
        TAGS,
        {"texts": ["00-0D-3A-9A-BB-3A", "0:d:3A:9a:bb:3b", "000d.3a9a.bb3c", "0:0:0:0:0:0", "zz0d3a9abb3a", None]},
        ["000d3a9abb3a", "000d3a9abb3b", "000d3a9abb3c"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("row", "to", "values", "expected"), CASES, ids=lambda value: str(value)[:60])
def test_a_function_gives_its_value(map_one, row, to, values, expected):
    assert map_one(f"{{ {row}, {to} }}", **values) == expected


@pytest.mark.parametrize(
    ("given", "number"),
    [("9.99", 9.99), ("1e1", None), ("10", 10.0), ("1_000", None), ("NaN", None), ("", None), ("-1", None)],
)
def test_text_becomes_a_number_only_when_it_is_one(make_raw, read, given, number):
    text = """
        name = "sample"
        [[stream]]
        source = "file.sample"
        target = "cve_draft"
        row = [
          { from = "id", to = "cveId", identifier = true },
          { from = "a", to = "cvssScore", function = "within", low = 0, high = 9.995 },
        ]
    """
    text = text.replace("9.995", "10")
    mapped = apply(parse_map(text, [MODEL]).stream(MODEL.name), make_raw(MODEL, [{"id": "1", "a": given}]))

    assert read(mapped.drafts)[0]["cvss_score"] == (10.0 if given == "1e1" else number)


def test_a_refused_row_is_kept_as_json(make_raw, read):
    stream = parse_map(HEAD % "", [MODEL]).stream(MODEL.name)
    row = {"id": " ", "a": 'say "hi"\\\n', "n": 5, "x": 0.5, "flag": True, "texts": ["left out"]}

    (reject,) = read(apply(stream, make_raw(MODEL, [row])).rejects)

    assert json.loads(reject["raw"]) == {
        "id": " ",
        "a": 'say "hi"\\ ',
        "b": None,
        "n": 5,
        "x": 0.5,
        "flag": True,
    }


def test_a_long_refused_row_is_cut(make_raw, read):
    stream = parse_map(HEAD % "", [MODEL]).stream(MODEL.name)

    (reject,) = read(apply(stream, make_raw(MODEL, [{"a": "x" * 5000}])).rejects)

    assert len(reject["raw"]) == 4000


def test_staged_rows_without_a_mapped_column_are_refused_as_a_whole(make_raw):
    stream = parse_map(HEAD % '{ from = "b", to = "assetName" }', [MODEL]).stream(MODEL.name)

    with pytest.raises(ConfigError, match="have no column b") as refused:
        apply(stream, make_raw(MODEL, []).drop("b"))

    assert refused.value.code == "transform.column-missing"
