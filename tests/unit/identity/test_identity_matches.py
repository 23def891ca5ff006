from __future__ import annotations

import random

import pytest

from riskbridge.identity.join import Bounds
from riskbridge.identity.rules import BUILT_IN_RULES, Rule

FILE = {"connector_id": "file-1"}
OTHER = {"connector_id": "file-2"}
MAC, MAC_2 = "00005e005301", "00005e005302"
APART = {frozenset({"a"}), frozenset({"b"})}
TOGETHER = {frozenset({"a", "b"})}
WITH_IP = (*BUILT_IN_RULES[:-1], Rule("ip", ("ip_address",)))


@pytest.mark.parametrize(
    ("a", "b", "rule", "matched_on"),
    [
        pytest.param(
            {"merged_into_external_id": "x-b"}, {}, "merged-in-source", "defender-1 x-b", id="merged in the source"
        ),
        pytest.param(
            {"cloud_instance_id": "I-0A"}, {"cloud_instance_id": " i-0a "}, "cloud-instance-id", "i-0a", id="cloud id"
        ),
        pytest.param(
            {"entra_device_id": "6F0C0F6E-1"}, {"entra_device_id": "6f0c0f6e-1"}, "entra-device-id", "6f0c0f6e-1",
            id="Entra id",
        ),
        pytest.param(
            {"hardware_uuid": "{4C4C4544-00AA}"}, {"hardware_uuid": "4c4c4544-00aa"}, "hardware-uuid", "4c4c4544-00aa",
            id="BIOS UUID, braces do not count",
        ),
        pytest.param({"serial_number": "PF1"}, {"serial_number": "pf1"} | FILE, "serial-number", "pf1", id="serial"),
        pytest.param(
            {"mac_addresses": [MAC, MAC_2], "asset_name": "WKS-1.example.test"},
            {"mac_addresses": [MAC], "asset_name": "wks-1"},
            "mac-and-host-name", f"{MAC} + wks-1", id="MAC and host name",
        ),
        pytest.param(
            {"asset_name": "wks-1.Example.test"}, {"asset_name": "WKS-1.example.test."}, "fqdn", "wks-1.example.test",
            id="full name in any letter case",
        ),
        pytest.param(
            {"mac_addresses": ["00:00:5E:00:53:01"]}, {"mac_addresses": ["00-00-5e-00-53-01"]} | FILE, "mac", MAC,
            id="MAC in any form",
        ),
        pytest.param(
            {"netbios_name": "WKS-1", "domain": "CORP"}, {"netbios_name": "wks-1", "domain": "corp"} | FILE,
            "netbios-name-and-domain", "wks-1 + corp", id="NetBIOS name and domain",
        ),
        pytest.param(
            {"asset_name": "WKS-1.example.test"}, {"asset_name": "wks-1"} | FILE, "host-name", "wks-1", id="host name"
        ),
    ],
)  # fmt: skip
def test_records_that_agree_on_what_a_rule_compares_are_one_asset(find, a, b, rule, matched_on):
    estate = find({"a": a, "b": b})
    assert estate.together == TOGETHER
    assert [(link["rule"], link["matched_on"]) for link in estate.links.values()] == [(rule, matched_on)] * 2


@pytest.mark.parametrize(
    ("a", "b"),
    [
        pytest.param({"asset_name": "VMFromImage.a.test"}, {"asset_name": "fromImage.a.test"}, id="a common ending"),
        pytest.param({"asset_name": "wks-1"}, {"asset_name": "wks-10"}, id="a common beginning"),
        pytest.param(
            {"netbios_name": "w", "domain": "A"}, {"netbios_name": "w", "domain": "B"} | FILE, id="half a key"
        ),
        pytest.param({"netbios_name": "w"}, {"netbios_name": "w"} | FILE, id="an attribute of two is missing"),
        pytest.param({"ip_addresses": ["10.0.0.1"]}, {"ip_addresses": ["10.0.0.1"]} | FILE, id="an address: off"),
        pytest.param({"external_asset_id": "7"}, {"external_asset_id": "7"} | FILE, id="the same id in two sources"),
        pytest.param({"merged_into_external_id": "x-b"}, FILE, id="merged into an id of another source"),
        pytest.param({}, FILE, id="nothing at all"),
    ],
)
def test_records_that_agree_on_nothing_a_rule_compares_stay_apart(find, a, b):
    estate = find({"a": a, "b": b})
    assert (estate.together, set(estate.rules.values())) == (APART, {"new"})


PLACEHOLDERS = {
    "MAC of zeros": {"mac_addresses": ["000000000000"]},
    "broadcast MAC": {"mac_addresses": ["FF:FF:FF:FF:FF:FF"]},
    "container network's MAC": {"mac_addresses": ["0242f5bbd085"]},
    "MAC made from a private address": {"mac_addresses": ["42010a800fe0"]},
    "VPN client's MAC": {"mac_addresses": ["00059a3c7a00"]},
    "half a MAC": {"mac_addresses": ["0000"]},
    "localhost": {"asset_name": "localhost"},
    "localhost with a domain": {"asset_name": "localhost.localdomain"},
    "a phone's factory name": {"asset_name": "iPhone"},
    "an address for a name": {"asset_name": "10.0.0.1"},
    "a version 6 address for a name": {"asset_name": "fe80::1"},
    "empty name": {"asset_name": ""},
    "unknown": {"asset_name": "Unknown"},
    "firmware's request": {"serial_number": "To be filled by O.E.M."},
    "firmware's default": {"serial_number": "Default string"},
    "none": {"serial_number": "None"},
    "serial of zeros": {"serial_number": "0000000"},
    "UUID of zeros": {"hardware_uuid": "00000000-0000-0000-0000-000000000000"},
    "UUID of ones": {"hardware_uuid": "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"},
    "mainboard maker's UUID": {"hardware_uuid": "03000200-0400-0500-0006-000700080009"},
    "Entra id of zeros": {"entra_device_id": "00000000-0000-0000-0000-000000000000"},
    "loopback": {"ip_addresses": ["127.0.0.1", "::1"]},
    "link-local": {"ip_addresses": ["fe80::1", "169.254.1.1"]},
    "merged into nothing": {"merged_into_external_id": ""},
}


@pytest.fixture(scope="module")
def estate_of_placeholders(find):
    """Two records with each placeholder, of two sources."""
    records = {f"a: {name}": row for name, row in PLACEHOLDERS.items()}
    others = {f"b: {name}": row | FILE for name, row in PLACEHOLDERS.items()}
    return find(records | others, rules=WITH_IP)


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_placeholders_never_count(estate_of_placeholders, name):
    links = estate_of_placeholders.links
    assert [links[f"{side}: {name}"]["rule"] for side in "ab"] == ["new", "new"]


def test_an_address_counts_once_its_rule_is_on(find):
    address = {"ip_addresses": ["10.0.0.1"]}
    assert find({"a": address, "b": address | FILE}, rules=WITH_IP).rules == {"a": "ip", "b": "ip"}


def test_a_rule_that_is_off_does_not_count(find):
    rules = [Rule(rule.name, rule.attributes, is_on=False) for rule in BUILT_IN_RULES]
    assert find({"a": {"serial_number": "1"}, "b": {"serial_number": "1"}}, rules=rules).together == APART


def test_the_first_rule_that_matches_is_the_evidence(find):
    same = {"serial_number": "PF1", "asset_name": "wks-1.example.test", "mac_addresses": [MAC]}
    assert find({"a": same, "b": same | FILE}).rules == {"a": "serial-number", "b": "serial-number"}


@pytest.mark.parametrize(
    ("a", "b", "refusals"),
    [
        pytest.param(
            {"asset_name": "w.a.test", "cloud_instance_id": "i-1"},
            {"asset_name": "w.a.test", "cloud_instance_id": "i-2"} | FILE,
            ["fqdn: w.a.test: different cloud instance ids (i-1, i-2)",
             "host-name: w: different cloud instance ids (i-1, i-2)"],
            id="two cloud instances",
        ),
        pytest.param(
            {"serial_number": "s", "hardware_uuid": "u1"}, {"serial_number": "s", "hardware_uuid": "u2"} | FILE,
            ["serial-number: s: different hardware UUIDs (u1, u2)"], id="two BIOS UUIDs",
        ),
        pytest.param(
            {"hardware_uuid": "u", "entra_device_id": "e1"}, {"hardware_uuid": "u", "entra_device_id": "e2"} | FILE,
            ["hardware-uuid: u: different Entra device ids (e1, e2)"], id="two Entra devices",
        ),
        pytest.param(
            {"mac_addresses": [MAC], "serial_number": "s1"}, {"mac_addresses": [MAC], "serial_number": "s2"} | FILE,
            [f"mac: {MAC}: different serial numbers (s1, s2)"], id="two serial numbers behind one dock",
        ),
        pytest.param(
            {"asset_name": "w.a.test"}, {"asset_name": "w.b.test"} | FILE,
            ["host-name: w: different full names (w.a.test, w.b.test)"], id="one short name in two domains",
        ),
        pytest.param(
            {"asset_name": "w"}, {"asset_name": "w"},
            ["host-name: w: several active devices of one source"], id="two active devices of one source by name",
        ),
        pytest.param(
            {"mac_addresses": [MAC]}, {"mac_addresses": [MAC]},
            [f"mac: {MAC}: several active devices of one source"], id="two active devices of one source by MAC",
        ),
    ],
)  # fmt: skip
def test_a_match_that_something_stronger_speaks_against_is_refused_and_shown(find, a, b, refusals):
    estate = find({"a": a, "b": b})
    assert (estate.together, estate.refusals) == (APART, {"a": refusals, "b": refusals})


@pytest.mark.parametrize(
    ("a", "b"),
    [
        pytest.param({"asset_name": "w", "health_status": "Inactive"}, {"asset_name": "w"}, id="one is inactive"),
        pytest.param({"asset_name": "w", "merged_into_external_id": "gone"}, {"asset_name": "w"}, id="one is gone"),
        pytest.param({"asset_name": "w"}, {"asset_name": "w"} | FILE, id="they are of two sources"),
        pytest.param({"asset_name": "w.a.test"}, {"asset_name": "w.a.test"}, id="a full name is no weak evidence"),
        pytest.param(
            {"cloud_instance_id": "i", "serial_number": "s1"}, {"cloud_instance_id": "i", "serial_number": "s2"},
            id="what differs is weaker than what agrees",
        ),
    ],
)  # fmt: skip
def test_a_difference_that_does_not_count_does_not_hinder(find, a, b):
    assert find({"a": a, "b": b}).together == TOGETHER


def test_matches_reach_across_rules(find):
    records = {
        "a": {"serial_number": "s"},
        "b": {"serial_number": "s", "asset_name": "w.a.test"} | FILE,
        "c": {"asset_name": "w.a.test"} | OTHER,
    }
    estate = find(records)
    assert estate.together == {frozenset("abc")}
    assert estate.rules == {"a": "serial-number", "b": "serial-number", "c": "fqdn"}


def test_assets_that_several_records_form_still_meet_by_strong_evidence(find):
    records = {
        "a": {"serial_number": "s", "asset_name": "w.a.test"},
        "b": {"serial_number": "s"} | FILE,
        "c": {"entra_device_id": "e", "asset_name": "w.a.test"} | OTHER,
        "d": {"entra_device_id": "e"} | FILE,
    }
    assert find(records).together == {frozenset("abcd")}


def test_a_record_that_weak_evidence_draws_to_two_assets_joins_neither(find):
    records = {
        "a": {"serial_number": "s1", "mac_addresses": [MAC]},
        "b": {"serial_number": "s1"} | FILE,
        "c": {"hardware_uuid": "u", "mac_addresses": [MAC_2], "connector_id": "file-4"},
        "d": {"hardware_uuid": "u"} | OTHER,
        "e": {"mac_addresses": [MAC, MAC_2], "connector_id": "file-3"},
    }
    estate = find(records)
    assert estate.together == {frozenset("ab"), frozenset("cd"), frozenset("e")}
    assert estate.refusals["e"] == [f"mac: {MAC}, {MAC_2}: several assets match"]


def test_one_refusal_covers_everything_the_match_would_put_together(find):
    records = {
        "a": {"mac_addresses": [MAC], "serial_number": "s1"},
        "b": {"mac_addresses": [MAC, MAC_2], "serial_number": "s2"} | FILE,
        "c": {"mac_addresses": [MAC_2]} | OTHER,
    }
    assert find(records).together == {frozenset("a"), frozenset("b"), frozenset("c")}


def test_a_match_of_too_many_records_is_refused(find):
    records = {f"r{i}": {"asset_name": "w.a.test", "connector_id": f"file-{i}"} for i in range(4)}
    estate = find(records, bounds=Bounds(max_records_per_asset=3))
    assert len(estate.together) == 4
    assert estate.refusals["r0"] == [
        "fqdn: w.a.test: would put 4 records together",
        "host-name: w: would put 4 records together",
    ]


def chain_of(length: int) -> dict[str, dict]:
    """Records of which each shares a MAC address with the next alone, in random order."""
    order = random.Random(3).sample(range(length), length)
    macs = [f"00005e{i:06x}" for i in range(length + 1)]
    return {
        f"r{order[i]:03d}": {"mac_addresses": macs[i : i + 2], "asset_name": "w", "connector_id": f"f{i}"}
        for i in range(length)
    }


def test_a_chain_of_matches_within_the_bounds_is_one_asset(find):
    records = chain_of(8)
    assert find(records, bounds=Bounds(max_records_per_asset=8)).together == {frozenset(records)}


def test_a_chain_beyond_the_bounds_is_refused_and_the_rest_is_matched(find):
    pair = {"a": {"serial_number": "s"}, "b": {"serial_number": "s"}, "c": {"mac_addresses": ["00005e0f0000"]}}
    pair["d"] = pair["c"] | FILE
    estate = find(chain_of(60) | pair, bounds=Bounds(max_records_per_asset=3))
    assert {group for group in estate.together if len(group) > 1} == {frozenset("ab"), frozenset("cd")}


def test_no_record_gives_no_asset(find):
    estate = find({})
    assert (estate.links, estate.assets) == ({}, {})


def test_the_nine_machines_of_a_real_small_tenant_stay_nine(find):
    domain = "oipfwnijg2hexlv4f1mw1ugjgg.bx.internal.cloudapp.net"
    machines = [
        (f"VM1.{domain}", "vm-1", "10.6.0.6", "000d3a9abb3a", "Inactive"),
        (f"gonzalo.{domain}", "vm-2", "10.6.0.6", "0022482c268e", "Inactive"),
        (f"VMfromsharedimage.{domain}", "vm-3", "10.6.0.8", "6045bdd404c5", "Inactive"),
        (f"fromImage.{domain}", "vm-4", "10.6.0.5", "6045bdee3402", "Inactive"),
        (f"VMFromImage.{domain}", "vm-5", "10.6.0.7", "0022481f9628", "Inactive"),
        ("gaston-ivm-test.c.project.internal", "vm-6", "10.128.15.224", "42010a800fe0", "Inactive"),
        ("sonarqube.c.project.internal", "vm-7", "10.128.15.219", "0242f5bbd085", "Active"),
        ("instance-1.c.project.internal", "vm-8", "10.128.15.223", "42010a800fdf", "Active"),
        ("int-cmdc01.contoso.com", "vm-9", None, None, "Inactive"),
    ]
    records = {
        f"r{i}": {
            "asset_name": name,
            "cloud_instance_id": instance,
            "ip_addresses": [address, "fe80::1", "127.0.0.1"],
            "mac_addresses": [mac, "000000000000"],
            "health_status": health,
        }
        for i, (name, instance, address, mac, health) in enumerate(machines)
    }
    estate = find(records)
    assert len(estate.assets) == 9
    assert estate.refusals == {}
