from __future__ import annotations

from datetime import UTC, datetime

import pytest

from riskbridge.identity.book import make_book
from riskbridge.identity.match import identify
from riskbridge.identity.survivorship import COLUMNS
from riskbridge.model.target import ASSET, ASSET_LINK, SOURCE_ASSET

OLD, NEW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
SAME = {"serial_number": "s"}


def test_a_lone_record_is_its_asset(find):
    estate = find({"a": {"asset_name": "WKS-1", "tags": ["x"], "first_seen_at": OLD, "last_seen_at": NEW}})
    asset = {name: value for name, value in estate.asset_of("a").items() if value is not None}
    assert asset == {
        "asset_id": estate.links["a"]["asset_id"],
        "asset_name": "WKS-1",
        "ip_addresses": [],
        "mac_addresses": [],
        "tags": ["x"],
        "first_seen_at": OLD,
        "last_seen_at": NEW,
        "sources": ["MS Defender"],
        "source_count": 1,
        "primary_source_asset_id": "a",
        "attribute_origins": [],
    }


def test_an_asset_of_several_records_carries_what_each_adds(find):
    estate = find(
        {
            "a": SAME | {"asset_name": "old", "risk_level": "High", "ip_addresses": ["2"], "first_seen_at": OLD},
            "b": SAME | {"asset_name": "New", "last_seen_at": NEW, "tags": ["x"], "ip_addresses": ["1", "2"]},
            "c": SAME | {"connector_id": "file-1", "tags": ["a", "x"], "last_seen_at": OLD},
        }
    )
    asset = {name: value for name, value in estate.asset_of("a").items() if value is not None}
    assert asset == {
        "asset_id": estate.links["a"]["asset_id"],
        "asset_name": "New",
        "risk_level": "High",
        "serial_number": "s",
        "ip_addresses": ["1", "2"],
        "mac_addresses": [],
        "tags": ["a", "x"],
        "first_seen_at": OLD,
        "last_seen_at": NEW,
        "sources": ["MS Defender", "file-1"],
        "source_count": 3,
        "primary_source_asset_id": "b",
        "attribute_origins": ["risk_level=a"],
    }


@pytest.mark.parametrize(
    ("a", "b", "winner"),
    [
        pytest.param(
            {"merged_into_external_id": "x-b", "last_seen_at": NEW}, {"last_seen_at": OLD}, "b", id="merged away"
        ),
        pytest.param({"health_status": "Inactive", "last_seen_at": NEW}, {"last_seen_at": OLD}, "b", id="inactive"),
        pytest.param({"last_seen_at": OLD}, {"last_seen_at": NEW}, "b", id="seen earlier"),
        pytest.param({}, {"last_seen_at": OLD}, "b", id="never seen"),
        pytest.param({}, {}, "a", id="all equal: the smallest id"),
    ],
)
def test_the_best_record_gives_the_name(find, a, b, winner):
    asset = find({"a": SAME | {"asset_name": "a"} | a, "b": SAME | {"asset_name": "b"} | b}).asset_of("a")
    assert (asset["asset_name"], asset["primary_source_asset_id"]) == (winner, winner)


def test_attributes_that_belong_together_come_from_one_record(find):
    asset = find(
        {
            "a": SAME | {"operating_system_name": "Windows11", "last_seen_at": NEW},
            "b": SAME | {"operating_system_name": "Linux", "operating_system_version": "6.1", "last_seen_at": OLD},
        }
    ).asset_of("a")
    assert (asset["operating_system_name"], asset["operating_system_version"]) == ("Windows11", None)


def test_an_asset_is_not_merged_away_because_one_of_its_records_is(find):
    assert find({"a": {"merged_into_external_id": "x-b"}, "b": {}}).asset_of("a")["merged_into_external_id"] is None


def test_the_results_have_the_types_of_the_target_model(materialise, make_table):
    rows = [{"source_asset_id": i, "connector_id": i, "external_asset_id": i, "serial_number": "s"} for i in "ab"]
    plan = identify(
        make_table([*rows, rows[0] | {"source_asset_id": "c", "serial_number": None}], SOURCE_ASSET.types),
        make_table([], {"source_asset_id": "string", "asset_id": "string"}),
        make_book({}),
        materialise,
        source_names=make_table([], {"connector_id": "string", "source_name": "string"}),
    )
    links = {name: str(type_) for name, type_ in plan.links.schema().items()}
    assets = {name: str(type_) for name, type_ in plan.assets.schema().items()}
    assert links == {c.name: c.type for c in ASSET_LINK if not c.name.startswith("valid_")}
    assert assets == {c.name: c.type for c in ASSET if c.name in COLUMNS}


def asset_ids(estate) -> dict[str, str]:
    return {record: link["asset_id"] for record, link in estate.links.items()}


def test_an_asset_keeps_its_id_from_run_to_run(find):
    records = {"a": SAME, "b": SAME, "c": {}}
    first = asset_ids(find(records))
    assert asset_ids(find(records, previous=first)) == first


def test_an_id_given_before_is_kept_whatever_it_was_made_from(find):
    assert asset_ids(find({"a": {}}, previous={"a": "asset-of-old"})) == {"a": "asset-of-old"}


def test_a_merge_lives_on_under_the_smaller_id(find):
    previous = {"a": "id-2", "b": "id-1"}
    assert asset_ids(find({"a": SAME, "b": SAME}, previous=previous)) == {"a": "id-1", "b": "id-1"}


def test_a_merge_that_is_undone_gives_both_ids_back(find):
    apart = asset_ids(find({"a": {}, "b": {}}))
    merged = asset_ids(find({"a": SAME, "b": SAME}, previous=apart))
    assert asset_ids(find({"a": {}, "b": {}}, previous=merged)) == apart


def test_the_part_that_holds_the_smallest_record_keeps_an_id_made_of_none(find):
    ids = asset_ids(find({"a": {}, "b": {}}, previous={"a": "old", "b": "old"}))
    assert ids["a"] == "old"
    assert ids["b"] != "old"


def test_a_record_that_comes_back_does_not_take_an_id_that_lives_on(find):
    first = asset_ids(find({"a": SAME, "b": SAME}))
    gone = asset_ids(find({"b": SAME}, previous=first))
    back = asset_ids(find({"a": {}, "b": SAME}, previous=gone))
    assert gone["b"] == back["b"] == first["a"]
    assert back["a"] != back["b"]
