from __future__ import annotations

import pytest

from riskbridge.errors import ConfigError
from riskbridge.model.source_model import MACHINES
from riskbridge.transform.functions import FUNCTIONS
from riskbridge.transform.rows import camel_case, snake_case, source_types
from riskbridge.transform.spec import list_maps, load_map, parse_map

GOOD = """
name = "mine"
version = "7"
description = "My devices"
[[stream]]
source = "defender.machines"
target = "asset_draft"
row = [
  { from = "id", to = "externalAssetId", identifier = true },
  { from = "computerDnsName", to = "assetName", function = "lower" },
]
"""


def with_row(row: str) -> str:
    return GOOD.replace("\n]\n", f"\n  {row},\n]\n")


def test_the_built_in_map_is_read_only_and_maps_every_stream():
    built_in = load_map("defender")

    assert list_maps() == ["csv", "defender", "mde-portal", "qualys", "rapid7", "tenable", "wiz"]
    assert (built_in.name, built_in.is_read_only) == ("defender", True)
    assert [(s.source.name, s.target.name) for s in built_in.streams] == [
        ("defender.machines", "asset_draft"),
        ("defender.machinesVulnerabilities", "detection_draft"),
        ("defender.softwareVulnerabilitiesByMachine", "detection_draft"),
        ("defender.softwareVulnerabilitiesByMachine", "detection_detail_draft"),
        ("defender.softwareVulnerabilitiesExport", "detection_draft"),
        ("defender.softwareVulnerabilitiesExport", "detection_detail_draft"),
        ("defender.softwareVulnerabilityChangesByMachine", "detection_draft"),
        ("defender.softwareVulnerabilityChangesByMachine", "detection_detail_draft"),
        ("defender.vulnerabilities", "cve_draft"),
        ("defender.softwareInventoryByMachine", "software_draft"),
    ]


def test_a_clone_can_be_changed_and_has_the_same_rows():
    built_in = load_map("defender")
    clone = built_in.clone("mine")

    assert (clone.name, clone.is_read_only, clone.streams) == ("mine", False, built_in.streams)


@pytest.mark.parametrize("name", ["defender", "", "My map", "../x"])
def test_a_clone_needs_a_name_of_its_own(name):
    with pytest.raises(ConfigError, match="cannot name a clone"):
        load_map("defender").clone(name)


@pytest.mark.parametrize("name", ["nessus", "", "../../secrets", "defender.toml"])
def test_an_unknown_map_is_refused_with_the_known_ones(name):
    with pytest.raises(ConfigError, match="The built-in maps are: csv, defender") as refused:
        load_map(name)

    assert refused.value.code == "transform.unknown-map"


def test_a_map_is_read_from_its_text():
    found = parse_map(GOOD)

    assert (found.name, found.version, found.description, found.is_read_only) == ("mine", "7", "My devices", False)
    assert [(r.sources, r.target, r.type, r.is_identifier) for r in found.streams[0].rows] == [
        (("id",), "externalAssetId", "string", True),
        (("computerDnsName",), "assetName", "string", False),
    ]


def test_a_map_says_nothing_of_other_streams():
    with pytest.raises(ConfigError, match=r"says nothing of 'defender.vulnerabilities'") as refused:
        parse_map(GOOD).stream("defender.vulnerabilities")

    assert refused.value.code == "transform.no-stream"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("name =", "it is not TOML", id="no TOML"),
        pytest.param('name = "mine"', "it has no stream", id="no stream"),
        pytest.param(GOOD.replace('"mine"', '"My map"'), "'My map' is no name", id="name"),
        pytest.param(GOOD.replace('"defender.machines"', '"x"'), "a stream maps 'x' to 'asset_draft'", id="source"),
        pytest.param(GOOD.replace('"asset_draft"', '"asset"'), "to 'asset'; one of them does not exist", id="target"),
        pytest.param(GOOD + GOOD.split("\n", 4)[4], "2 streams map 'defender.machines'", id="stream twice"),
        pytest.param('name = "mine"\nstream = 5', "'stream' must be a list of tables", id="stream is no table"),
        pytest.param(
            with_row('{ from = "osPlatfrom", to = "operatingSystemName" }'),
            "there is no source field 'osPlatfrom'; did you mean 'osPlatform'?",
            id="unknown source field",
        ),
        pytest.param(
            with_row('{ from = "osPlatform", to = "operatingSystemNam" }'),
            "there is no target field 'operatingSystemNam'; did you mean 'operatingSystemName'?",
            id="unknown target field",
        ),
        pytest.param(with_row('{ from = "osBuild", to = "rawPage" }'), "no target field 'rawPage'", id="provenance"),
        pytest.param(
            with_row('{ from = "osPlatform", to = "operatingSystemName", function = "lowr" }'),
            "there is no function 'lowr'; did you mean 'lower'?",
            id="unknown function",
        ),
        pytest.param(
            with_row('{ from = "osPlatform", to = "operatingSystemName", function = "lower", size = 3 }'),
            "lower does not take size",
            id="unknown argument",
        ),
        pytest.param(
            with_row('{ from = "osPlatform", to = "domain", function = "part", separator = 3 }'),
            "part: Expected `str`, got `int`",
            id="wrong argument",
        ),
        pytest.param(
            with_row('{ from = "osPlatform", to = "domain", function = "part" }'),
            "missing required field `separator`",
            id="missing argument",
        ),
        pytest.param(
            with_row('{ from = "osPlatform", to = "domain", function = "regex-extract", pattern = "(?<=x)" }'),
            "look-around",
            id="expression no engine shares",
        ),
        pytest.param(
            with_row('{ from = "osPlatform", to = "domain", function = "regex-extract", pattern = "(" }'),
            "is no regular expression",
            id="broken expression",
        ),
        pytest.param(
            with_row('{ from = "osPlatform", to = "domain", function = "regex-extract", pattern = "x", group = 1 }'),
            "has no group 1",
            id="missing group",
        ),
        pytest.param(
            with_row('{ from = "osPlatform", to = "domain", type = "text" }'), "no data type 'text'", id="data type"
        ),
        pytest.param(
            with_row('{ from = "osPlatform", to = "domain", type = "integer" }'),
            "'domain' takes a string, and its row gives a integer",
            id="type of the target",
        ),
        pytest.param(
            with_row('{ from = "machineTags", to = "domain" }'), "a list cannot become a string", id="conversion"
        ),
        pytest.param(
            with_row('{ from = "machineTags", to = "domain", function = "lower" }'),
            "'machineTags' is a list, which the function cannot take",
            id="type of a source field",
        ),
        pytest.param(
            with_row('{ from = ["osPlatform", "machineTags"], to = "domain", function = "coalesce" }'),
            "of different types",
            id="mixed types",
        ),
        pytest.param(
            with_row('{ from = ["osPlatform", "version"], to = "domain" }'),
            "the function takes 1 source fields, not 2",
            id="too many source fields",
        ),
        pytest.param(
            with_row('{ to = "domain", function = "concat" }'),
            "the function takes 1 or more source fields, not 0",
            id="no source field",
        ),
        pytest.param(
            with_row('{ from = "osPlatform", to = "domain", function = "template", text = "{version}" }'),
            "{version} is not among its fields",
            id="template",
        ),
        pytest.param(
            with_row('{ from = "osPlatform", to = "assetName" }'),
            "2 rows feed the target field 'assetName'",
            id="twice",
        ),
        pytest.param(
            GOOD.replace('"externalAssetId"', '"domain"'),
            "no row feeds 'externalAssetId', which may not be empty",
            id="not fed",
        ),
        pytest.param(GOOD.replace(", identifier = true", ""), "no row is marked as identifier", id="no identifier"),
        pytest.param(
            GOOD.replace('"asset_draft"', '"asset_draft"\nrequire = [{ any_of = ["idd"], reason = "x" }]'),
            "there is no required field 'idd'; did you mean 'id'?",
            id="requirement",
        ),
        pytest.param(
            GOOD.replace('"asset_draft"', '"asset_draft"\nrequire = [{ reason = "x" }]'),
            "a requirement is wrong",
            id="requirement of nothing",
        ),
    ],
)
def test_a_map_that_cannot_be_used_is_refused_with_what_is_wrong(text, problem):
    with pytest.raises(ConfigError) as refused:
        parse_map(text)

    assert refused.value.code == "transform.invalid"
    assert problem in refused.value.message


def test_everything_that_is_wrong_is_told_at_once():
    text = with_row('{ from = "a", to = "b" }, { from = "c", to = "assetName" }')

    with pytest.raises(ConfigError) as refused:
        parse_map(text)

    for part in ("source field 'a'", "target field 'b'", "source field 'c'", "2 rows feed"):
        assert part in refused.value.message


def test_every_path_of_a_data_model_that_can_be_mapped_has_a_type():
    types = source_types(MACHINES)

    assert types["ipAddresses[].ipAddress"] == "list"
    assert types["vmMetadata.vmId"] == "string"
    assert types["machineTags"] == "list"
    assert types["firstSeen"] == "string"
    assert {"ipAddresses", "vmMetadata"}.isdisjoint(types)


def test_names_go_between_camel_and_snake_case():
    assert (snake_case("externalAssetId"), camel_case("external_asset_id")) == ("external_asset_id", "externalAssetId")


def test_every_function_says_what_it_does():
    assert [name for name, kind in FUNCTIONS.items() if not (kind.__doc__ or "").strip()] == []
