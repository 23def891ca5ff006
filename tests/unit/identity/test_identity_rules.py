from __future__ import annotations

import pytest

from riskbridge.errors import ConfigError
from riskbridge.identity.rules import BUILT_IN_RULES, Rule, check_rules


@pytest.mark.parametrize(
    ("make", "code"),
    [
        pytest.param(lambda: Rule("r", ("colour",)), "identity.rule", id="an attribute nobody knows"),
        pytest.param(lambda: Rule("r", ()), "identity.rule", id="no attribute"),
        pytest.param(lambda: Rule("", ("fqdn",)), "identity.rule", id="no name"),
        pytest.param(lambda: check_rules([BUILT_IN_RULES[0]] * 2), "identity.rules", id="one name twice"),
    ],
)
def test_rules_that_cannot_be_are_refused(make, code):
    with pytest.raises(ConfigError) as caught:
        make()
    assert caught.value.code == code


def test_only_rules_that_are_on_count():
    assert [rule.name for rule in BUILT_IN_RULES if rule not in check_rules(BUILT_IN_RULES)] == ["ip"]


def test_names_without_a_domain_addresses_and_a_mac_alone_are_weak():
    weak = [rule.name for rule in BUILT_IN_RULES if rule.is_weak]
    assert weak == ["mac", "netbios-name-and-domain", "host-name", "ip"]


def test_what_stands_above_a_rule_overrules_it():
    stronger = {rule.name: rule.stronger for rule in BUILT_IN_RULES}
    assert stronger["merged-in-source"] == stronger["cloud-instance-id"] == ()
    assert stronger["hardware-uuid"] == ("cloud_instance_id", "entra_device_id")
    assert len(stronger["fqdn"]) == 4
