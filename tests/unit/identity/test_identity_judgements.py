from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from riskbridge.identity.join import Bounds
from riskbridge.identity.rules import BUILT_IN_RULES, Rule
from riskbridge.identity.survivorship import SourceRanks

ONE, TWO, THREE = ({"connector_id": f"file-{i}"} for i in (1, 2, 3))
OLD, NEW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
SAME = {"serial_number": "s"}


def groups(estate) -> set[str]:
    return {"".join(sorted(group)) for group in estate.together}


def test_what_a_person_put_together_is_one_asset_whatever_speaks_against_it(find):
    estate = find({"a": {"serial_number": "s1"}, "b": {"serial_number": "s2"}, "c": {}}, merges=[("a", "b")])
    assert groups(estate) == {"ab", "c"}
    assert (estate.links["a"]["rule"], estate.links["a"]["matched_on"]) == ("merged-by-hand", "ana: one box")
    assert estate.asset_of("a")["source_count"] == 2


def test_merges_by_hand_reach_across_and_rules_go_on_from_there(find):
    records = {"a": {"serial_number": "s1"}, "b": {"serial_number": "s2"}, "c": {}, "d": {"serial_number": "s2"} | ONE}
    assert groups(find(records, merges=[("a", "b"), ("c", "b")])) == {"abcd"}


def test_a_record_taken_away_stays_away_and_the_others_stay_together(find):
    records = {"a": SAME, "b": SAME | ONE, "c": SAME | TWO}
    estate = find(records, splits=[("c", "a"), ("c", "b")])
    assert groups(estate) == {"ab", "c"}


def test_two_records_taken_away_do_not_meet_again(find):
    records = {"a": SAME, "b": SAME | ONE, "c": SAME | TWO}
    assert groups(find(records, splits=[("c", "a"), ("c", "b"), ("b", "a")])) == {"a", "b", "c"}


def test_no_third_record_brings_back_what_was_taken_apart(find):
    records = {
        "a": {"mac_addresses": ["00005e005301"]},
        "b": {"mac_addresses": ["00005e005302"]} | ONE,
        "c": {"mac_addresses": ["00005e005301", "00005e005302"]} | TWO,
    }
    estate = find(records, splits=[("b", "a")])
    assert groups(estate) == {"a", "b", "c"}
    assert estate.refusals["c"][-1].endswith("taken apart by a person")


def test_a_record_taken_away_still_meets_new_ones_by_what_is_its_own(find):
    records = {"a": SAME, "b": SAME | ONE | {"hardware_uuid": "u"}, "c": {"hardware_uuid": "u"} | TWO}
    assert groups(find(records, splits=[("b", "a")])) == {"a", "bc"}


def test_judgements_of_records_that_are_gone_do_nothing(find):
    assert groups(find({"a": {}, "b": {}}, merges=[("a", "z")], splits=[("y", "b")])) == {"a", "b"}


def test_a_value_that_too_many_records_share_matches_nothing_and_others_still_match(find):
    mac = {"mac_addresses": ["00005e005301"]}
    crowd = {f"r{i}": mac | {"connector_id": f"c{i}", "asset_name": "w"} for i in range(6)}
    pair = {"r1": crowd["r1"] | SAME, "r2": crowd["r2"] | SAME}
    estate = find(crowd | pair, bounds=Bounds(max_records_per_asset=4))
    assert {g for g in groups(estate) if len(g) > 2} == {"r1r2"}
    assert estate.refusals["r0"][0] == "host-name: w: would put 6 records together"
    assert "mac: 00005e005301: would put 6 records together" in estate.refusals["r0"]


def off(name: str) -> list[Rule]:
    return [replace(rule, is_on=False) if rule.name == name else rule for rule in BUILT_IN_RULES]


def on(*added: Rule) -> list[Rule]:
    return [*(replace(rule, is_on=True) for rule in BUILT_IN_RULES), *added]


MAC = {"mac_addresses": ["00005e005301"]}


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param({}, {"ab"}, id="both have it on"),
        pytest.param({"file-1": off("mac")}, {"a", "b"}, id="one turned it off"),
        pytest.param({"file-1": off("fqdn")}, {"ab"}, id="another rule is off"),
    ],
)
def test_a_rule_turned_off_for_one_source_holds_for_its_records(find, own, expected):
    assert groups(find({"a": MAC, "b": MAC | ONE}, own=own)) == expected


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param({"file-1": on()}, {"ab", "c", "d"}, id="one asks for it"),
        pytest.param({"file-1": on(), "file-2": off("mac")}, {"abc", "d"}, id="off from the start refuses nothing"),
        pytest.param({"file-2": on()}, {"ac", "b", "d"}, id="the other one asks"),
    ],
)
def test_a_rule_off_from_the_start_counts_where_one_side_asks_for_it(find, own, expected):
    address = {"ip_addresses": ["192.0.2.7"]}
    other = {"ip_addresses": ["192.0.2.8"]}
    records = {
        "a": address,
        "b": address | ONE if "file-1" in own else other | ONE,
        "c": address | TWO,
        "d": other | THREE,
    }
    if own.keys() == {"file-1"}:
        records["c"] = {} | TWO
    assert groups(find(records, own=own)) == expected


def test_an_own_rule_joins_by_all_its_attributes(find):
    rule = Rule("name-and-address", ("host_name", "ip_address"))
    address = {"ip_addresses": ["192.0.2.7"]}
    records = {
        "a": {"asset_name": "w.a.test"} | address,
        "b": {"asset_name": "w"} | address | ONE,
        "c": {"asset_name": "v"} | address | TWO,
    }
    estate = find(records, own={"file-1": [rule, *off("host-name")]})
    assert (groups(estate), estate.links["b"]["rule"]) == ({"ab", "c"}, "name-and-address")


@pytest.mark.parametrize(
    ("ranks", "name", "system", "origins"),
    [
        pytest.param(None, "new", ("Linux", None), ["risk_level=a"], id="freshness"),
        pytest.param(
            SourceRanks(("defender-1",)), "old", ("Windows11", "24H2"), ["exposure_level=b"], id="the source ranked first"
        ),
        pytest.param(
            SourceRanks((), {"operating_system_name": ("defender-1",)}), "new", ("Windows11", "24H2"),
            ["operating_system_name=a", "operating_system_version=a", "risk_level=a"], id="one attribute's own order",
        ),
    ],
)  # fmt: skip
def test_the_order_of_sources_comes_before_freshness(find, ranks, name, system, origins):
    windows = {"operating_system_name": "Windows11", "operating_system_version": "24H2"}
    records = {
        "a": SAME | windows | {"asset_name": "old", "risk_level": "High", "last_seen_at": OLD},
        "b": SAME
        | ONE
        | {"asset_name": "new", "exposure_level": "Low", "operating_system_name": "Linux", "last_seen_at": NEW},
    }
    asset = find(records, ranks=ranks).asset_of("a")
    found = (asset["operating_system_name"], asset["operating_system_version"])
    assert (asset["asset_name"], found, asset["attribute_origins"]) == (name, system, origins)
