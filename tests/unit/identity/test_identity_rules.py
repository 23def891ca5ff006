from __future__ import annotations

from dataclasses import replace

import pytest

from riskbridge.errors import InputError
from riskbridge.identity.book import make_book
from riskbridge.identity.rules import BUILT_IN_RULES, Rule, check_rules

ALL_OFF = [replace(rule, is_on=False) for rule in BUILT_IN_RULES]
OWN = Rule("asset-tag", ("host_name", "domain"))


@pytest.mark.parametrize(
    ("make", "code"),
    [
        pytest.param(lambda: Rule("r", ("colour",)), "identity.rule", id="an attribute nobody knows"),
        pytest.param(lambda: Rule("r", ()), "identity.rule", id="no attribute"),
        pytest.param(lambda: Rule("r", ("fqdn", "fqdn")), "identity.rule", id="an attribute twice"),
        pytest.param(lambda: Rule("", ("fqdn",)), "identity.rule", id="no name"),
        pytest.param(lambda: Rule("a: b", ("fqdn",)), "identity.rule", id="a name with a colon"),
        pytest.param(lambda: Rule("r" * 61, ("fqdn",)), "identity.rule", id="a name that is too long"),
        pytest.param(lambda: Rule("r", ("successor", "fqdn")), "identity.rule", id="succession and something else"),
        pytest.param(lambda: check_rules([*BUILT_IN_RULES, OWN, OWN]), "identity.rules", id="one name twice"),
        pytest.param(
            lambda: check_rules([*BUILT_IN_RULES, Rule("FQDN", ("fqdn",))]), "identity.rules", id="a built-in name again"
        ),
        pytest.param(
            lambda: check_rules([*BUILT_IN_RULES[:-1], Rule("ip", ("fqdn",))]), "identity.rules", id="a built-in changed"
        ),
        pytest.param(lambda: check_rules(BUILT_IN_RULES[1:]), "identity.rules", id="a built-in one left out"),
        pytest.param(
            lambda: check_rules([*BUILT_IN_RULES, Rule("r", ("merge_id",))]), "identity.rules", id="not for choice"
        ),
        pytest.param(lambda: check_rules(ALL_OFF), "identity.no-rule", id="all off"),
        pytest.param(
            lambda: check_rules([*BUILT_IN_RULES, *(replace(OWN, name=f"r{i}") for i in range(99))]), "identity.rules",
            id="more than 99",
        ),
        pytest.param(
            lambda: make_book({f"c{i}": [replace(OWN, name=f"r{i}")] for i in range(999)}), "identity.too-many-rules",
            id="more than 999 in all connectors",
        ),
    ],
)  # fmt: skip
def test_rules_that_cannot_be_are_refused_with_a_remedy(make, code):
    with pytest.raises(InputError) as caught:
        make()
    assert (caught.value.code, bool(caught.value.remedy)) == (code, True)


def test_own_rules_stand_among_the_built_in_ones_in_any_order():
    assert check_rules([OWN, *reversed(BUILT_IN_RULES)])[0] == OWN


def test_names_without_a_domain_addresses_and_a_mac_alone_are_weak():
    weak = [rule.name for rule in BUILT_IN_RULES if rule.is_weak]
    assert weak == ["mac", "netbios-name-and-domain", "host-name", "ip"]


def test_what_stands_above_a_rule_overrules_it():
    stronger = {rule.name: rule.stronger for rule in BUILT_IN_RULES}
    assert stronger["merged-in-source"] == stronger["cloud-instance-id"] == ()
    assert stronger["hardware-uuid"] == ("cloud_instance_id", "entra_device_id")
    assert stronger["re-imaged"] == ("cloud_instance_id", "hardware_uuid", "serial_number")
    assert len(stronger["fqdn"]) == 4


def switched(name: str, *, is_on: bool) -> list[Rule]:
    return [replace(rule, is_on=is_on) if rule.name == name else rule for rule in BUILT_IN_RULES]


def told(book, name: str) -> tuple[set[str], set[str], bool]:
    (shared,) = [s for s in book.rules if s.rule.name == name]
    return set(shared.seekers), set(shared.refusers), shared.is_usual


def test_without_rules_of_their_own_connectors_go_by_what_is_built_in_and_on():
    assert [s.rule.name for s in make_book({}).rules] == [rule.name for rule in BUILT_IN_RULES[:-1]]


def test_a_rule_turned_off_is_refused_one_off_from_the_start_or_unknown_is_left_to_the_other():
    book = make_book({"a": switched("mac", is_on=False), "b": [*switched("ip", is_on=True), OWN]})
    assert told(book, "mac") == ({"b"}, {"a"}, True)
    assert told(book, "ip") == ({"b"}, set(), False)
    assert told(book, "asset-tag") == ({"b"}, set(), False)
    assert {s.rule.name for s in book.rules if book.has_followers(s)} == {"ip", "asset-tag"}


def test_a_rule_comes_as_early_as_the_connector_that_puts_it_first_has_it():
    book = make_book({"a": [OWN, *BUILT_IN_RULES], "b": [*BUILT_IN_RULES, OWN]})
    assert [s.rule.name for s in book.rules][:3] == ["asset-tag", "merged-in-source", "re-imaged"]
