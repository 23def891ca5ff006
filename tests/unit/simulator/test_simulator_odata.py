from __future__ import annotations

from typing import Any

import pytest

from riskbridge.simulator.odata import FilterError, instant, parse_filter, parse_order

MACHINES: list[dict[str, Any]] = [
    {
        "id": "a",
        "computerDnsName": "wks-1.example.test",
        "lastSeen": "2026-11-20T17:40:05.684607Z",
        "healthStatus": "Active",
        "riskScore": "High",
        "onboardingStatus": "Onboarded",
        "rbacGroupId": 0,
        "aadDeviceId": None,
        "machineTags": ["finance"],
        "version": "24H2",
    },
    {
        "id": "b",
        "computerDnsName": "SRV-2",
        "lastSeen": "2018-08-01T00:00:00Z",
        "healthStatus": "Inactive",
        "riskScore": "None",
        "onboardingStatus": "CanBeOnboarded",
        "rbacGroupId": 7458,
        "aadDeviceId": "6f0c0f6e-0000-4000-8000-000000000042",
        "machineTags": [],
        "version": "O'Hara",
    },
]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("riskScore eq 'High'", "a", id="eq"),
        pytest.param("healthStatus ne 'Active'", "b", id="ne"),
        pytest.param("lastSeen gt 2018-08-01Z", "a", id="date with Z and no time"),
        pytest.param("lastSeen ge 2018-08-01Z", "ab", id="ge takes the bound"),
        pytest.param("lastSeen lt 2026-11-20T17:40:05.6846071Z", "ab", id="seven digits of fraction"),
        pytest.param("lastSeen le 2026-11-20T17:40:05Z", "b", id="le leaves later fractions out"),
        pytest.param("lastSeen gt 2020-01-01", "a", id="date alone"),
        pytest.param("onboardingstatus eq 'onboarded'", "a", id="names and enum words in any case"),
        pytest.param("computerDnsName eq 'srv-2'", "", id="other text in its own case"),
        pytest.param("startswith(computerDnsName,'WKS')", "a", id="startswith in any case"),
        pytest.param("startswith(ComputerDNSName, 'srv') and riskscore eq 'none'", "b", id="and"),
        pytest.param("riskScore eq 'High' or riskScore eq 'None'", "ab", id="or"),
        pytest.param("not (riskScore eq 'High')", "b", id="not"),
        pytest.param("not riskScore eq 'High' or riskScore eq 'High'", "ab", id="not binds closer than or"),
        pytest.param("riskScore eq 'x' or riskScore eq 'High' and version eq '24H2'", "a", id="and binds closer"),
        pytest.param("(riskScore eq 'x' or riskScore eq 'High') and version eq 'x'", "", id="parentheses"),
        pytest.param("rbacGroupId eq 7458", "b", id="group as number"),
        pytest.param("rbacGroupId eq '7458'", "b", id="group as text, as documented"),
        pytest.param("aadDeviceId eq null", "a", id="null"),
        pytest.param("aadDeviceId ne null", "b", id="not null"),
        pytest.param("aadDeviceId ne 'x'", "ab", id="null is not a value"),
        pytest.param("version eq 'O''Hara'", "b", id="doubled quote"),
        pytest.param("machineTags/any(t: t eq 'finance')", "a", id="any over tags"),
        pytest.param("  riskScore   eq 'High'  ", "a", id="blanks"),
    ],
)
def test_a_filter_keeps_what_odata_says(text: str, kept: str) -> None:
    keeps = parse_filter(text, "machines").keeps
    assert "".join(m["id"] for m in MACHINES if keeps(m)) == kept


@pytest.mark.parametrize(
    ("stream", "text", "message"),
    [
        pytest.param(
            "machines",
            "colour eq 'red'",
            "Could not find a property named 'colour' on type 'microsoft.windowsDefenderATP.api.Machine'.",
            id="unknown property",
        ),
        pytest.param(
            "machines",
            "rbacGroupName eq 'x'",
            "The property 'rbacGroupName' cannot be used in the $filter query option.",
            id="a property that is there and cannot be filtered by",
        ),
        pytest.param(
            "machines",
            "lastSeen gt '2018-08-01'",
            "A binary operator with incompatible types was detected. Found operand types 'Edm.DateTimeOffset' and "
            "'Edm.String' for operator kind 'GreaterThan'.",
            id="quoted date",
        ),
        pytest.param(
            "machines", "riskScore eq High", "Syntax error at position 13 in 'riskScore eq High'.", id="bare word"
        ),
        pytest.param("machines", "riskScore eq", "Syntax error at position 12 in 'riskScore eq'.", id="cut short"),
        pytest.param("machines", "(riskScore eq 'a'", "Syntax error at position 17 in '(riskScore eq 'a''.", id="open"),
        pytest.param(
            "machines", "riskScore like 'a'", "Syntax error at position 10 in 'riskScore like 'a''.", id="operator"
        ),
        pytest.param(
            "machines", "riskScore eq 'a' 'b'", "Syntax error at position 17 in 'riskScore eq 'a' 'b''.", id="rest"
        ),
        pytest.param(
            "machines", "riskScore eq 'a", "Syntax error at position 13 in 'riskScore eq 'a'.", id="open quote"
        ),
        pytest.param(
            "machines",
            "contains(id,'a')",
            "An unknown function with name 'contains' was found.",
            id="undocumented function",
        ),
        pytest.param(
            "vulnerabilities",
            "exposedMachines gt 1",
            "The property 'exposedMachines' cannot be used in the $filter query option.",
            id="catalogue",
        ),
    ],
)
def test_what_the_service_cannot_filter_by_is_refused_in_its_words(stream: str, text: str, message: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text, stream)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "required"),
    [
        pytest.param("machineId eq 'm'", {"machineId": "m"}, id="alone"),
        pytest.param("severity eq 'High' and machineId eq 'm'", {"severity": "High", "machineId": "m"}, id="under and"),
        pytest.param("severity eq 'High' or machineId eq 'm'", {}, id="under or"),
        pytest.param("not machineId eq 'm'", {}, id="under not"),
    ],
)
def test_a_filter_knows_what_every_record_it_keeps_must_have(text: str, required: dict[str, str]) -> None:
    assert parse_filter(text, "machinesVulnerabilities").required == required


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        pytest.param("id desc", "ba", id="descending"),
        pytest.param("rbacGroupId", "ab", id="ascending by number"),
        pytest.param("aadDeviceId", "ab", id="null first"),
        pytest.param("healthStatus desc, id", "ba", id="two keys"),
    ],
)
def test_records_are_sorted_as_asked(text: str, ids: str) -> None:
    assert "".join(m["id"] for m in parse_order(text, "machines").sort(MACHINES)) == ids


@pytest.mark.parametrize(
    "text", [pytest.param("colour", id="unknown property"), pytest.param("id sideways", id="unknown direction")]
)
def test_an_order_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        parse_order(text, "machines")


def test_times_compare_as_text_whatever_their_fraction() -> None:
    texts = ["2026-11-20", "2026-11-20T00:00:00.0000001Z", "2026-11-20T01:00Z", "2026-11-20T01:00:00.5Z", "2026-11-21Z"]
    assert sorted(texts, key=instant) == texts
