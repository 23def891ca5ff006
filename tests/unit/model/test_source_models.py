from __future__ import annotations

import json

import pytest

from riskbridge.errors import InputError
from riskbridge.model.source_model import MACHINES, SOURCE_MODELS, Field, SourceModel, parse_model

SCANNER = {
    "name": "scanner",
    "description": "Findings of the lab's scanner",
    "fields": [
        {"name": "CVSS v3.0 Base Score", "kind": "number", "example": "7.5"},
        {"name": "Host", "required": True},
        {"name": "hardware", "kind": "object", "children": [{"name": "mac", "kind": "mac"}]},
        {"name": "links", "kind": "objects", "children": [{"name": "url"}]},
    ],
}


def test_a_model_that_a_person_made_comes_from_plain_data():
    assert parse_model(SCANNER) == SourceModel(
        "scanner",
        "scanner",
        "Findings of the lab's scanner",
        (
            Field("CVSS v3.0 Base Score", "number", "", "7.5"),
            Field("Host", "string", "", required=True),
            Field("hardware", "object", "", children=(Field("mac", "mac", ""),)),
            Field("links", "objects", "", children=(Field("url", "string", ""),)),
        ),
        is_read_only=False,
    )


@pytest.mark.parametrize("model", SOURCE_MODELS, ids=lambda m: m.name)
def test_a_model_survives_its_way_through_json(model):
    again = parse_model(json.loads(json.dumps(model.as_dict())))

    assert (again.name, again.stream, again.fields) == (model.name, model.stream, model.fields)


def test_paths_name_every_single_value():
    assert list(parse_model(SCANNER).paths) == ["CVSS v3.0 Base Score", "Host", "hardware.mac", "links[].url"]
    assert MACHINES.paths["ipAddresses[].ipAddress"].kind == "string"


def test_everything_wrong_with_a_model_is_told_at_once():
    with pytest.raises(InputError) as refused:
        parse_model(
            {
                "name": "my model",
                "fields": [
                    {"name": "row"},
                    {"name": ""},
                    {"name": "a", "kind": "text"},
                    {"name": "b"},
                    {"name": "b"},
                    {"name": "c", "kind": "object"},
                    {"name": "d", "kind": "object", "children": [{"name": "e", "kind": "objects"}]},
                    {"name": "f\x00"},
                ],
            }
        )

    assert refused.value.code == "model.invalid"
    for words in (
        "'my model' is no name",
        "'row' cannot name a field",
        "a field has no name",
        "'a' is of no kind 'text'",
        "the field 'b' comes twice",
        "'c' is an object and has no members",
        "'d.e' is of no kind 'objects'",
        "'f\x00' cannot name a field",
    ):
        assert words in refused.value.message


@pytest.mark.parametrize("fields", [None, "a", {"name": "a"}, [], 5])
def test_a_model_needs_a_list_of_fields(fields):
    with pytest.raises(InputError, match="cannot be used"):
        parse_model({"name": "scanner", "fields": fields})


def test_a_model_of_more_than_a_thousand_fields_is_refused():
    with pytest.raises(InputError, match="1,001 fields, and 1,000 are the most"):
        parse_model({"name": "scanner", "fields": [{"name": f"f{n}"} for n in range(1001)]})
