"""Filters before they are sent: what passes, and what is said of the rest."""

from __future__ import annotations

import pytest

from riskbridge.errors import InputError
from riskbridge.source.defender.filters import FILTERABLE, LONGEST_FILTER, check_filter

MACHINES, FINDINGS, CATALOGUE = "machines", "machinesVulnerabilities", "vulnerabilities"


@pytest.mark.parametrize(
    ("stream", "text"),
    [
        (MACHINES, None),
        (MACHINES, "  "),
        (MACHINES, "healthStatus eq 'Active'"),
        (MACHINES, "HEALTHSTATUS eq 'active' and onboardingstatus eq 'onboarded'"),
        (MACHINES, "lastSeen gt 2018-08-01Z"),
        (MACHINES, "lastSeen ge 2026-11-01T00:00:00Z or not (riskScore eq 'None')"),
        (MACHINES, "startswith(computerDnsName,'srv-')"),
        (MACHINES, "machineTags/any(t: t eq 'O''Brien')"),
        (MACHINES, "rbacGroupId eq 140 or rbacGroupId eq '141'"),
        (MACHINES, "aadDeviceId eq 0f3c1a5b-1111-4111-8111-111111111111"),
        (MACHINES, "aadDeviceId eq null"),
        (MACHINES, "'High' eq deviceValue"),
        (MACHINES, "deviceValue eq 'High'&$top=500&$skip=0"),
        (FINDINGS, "severity eq 'Critical' and fixingKbId ne null"),
        (FINDINGS, "productName eq 'log4j'"),
        (CATALOGUE, "cvssV3 ge 7.5 and updatedOn ge 2026-11-01T00:00:00Z"),
    ],
)
def test_what_defender_understands_passes(stream: str, text: str | None) -> None:
    check_filter(text, stream)


@pytest.mark.parametrize(
    ("stream", "text", "code", "position", "said"),
    [
        (MACHINES, "healthStatus = 'Active'", "filter.syntax", 14, "cannot be read at"),
        (MACHINES, "healthStatus eq", "filter.syntax", 14, "cannot be read"),
        (MACHINES, "(healthStatus eq 'Active'", "filter.syntax", 26, "cannot be read at its end"),
        (MACHINES, "healthStatus eq 'Active", "filter.syntax", 17, "cannot be read at"),
        (MACHINES, "riskScore eq 'High' and healthState eq 'Active'", "filter.unknown-property", 25, "healthState"),
        (MACHINES, "rbacGroupName eq 'x'", "filter.unknown-property", 1, "rbacGroupName"),
        (MACHINES, "vmMetadata/vmId eq 'x'", "filter.unknown-property", 1, "vmMetadata/vmId"),
        (FINDINGS, "healthStatus eq 'Active'", "filter.unknown-property", 1, "machinesVulnerabilities"),
        (MACHINES, "healthStatus eq 'Activ'", "filter.unknown-word", 17, "never 'Activ'"),
        (MACHINES, "lastSeen ge '2026-11-01'", "filter.wrong-type", 13, "lastSeen"),
        (MACHINES, "computerDnsName eq 5", "filter.wrong-type", 20, "computerDnsName"),
        (CATALOGUE, "cvssV3 ge 'high'", "filter.wrong-type", 11, "cvssV3"),
        (MACHINES, "machineTags eq 'x'", "filter.unsupported", 1, "which is a list"),
        (MACHINES, "machineTags/all(t: t eq 'x')", "filter.unsupported", 1, "machineTags"),
        (MACHINES, "contains(computerDnsName,'x')", "filter.unsupported", 1, "contains"),
        (MACHINES, "nonsense(computerDnsName)", "filter.unsupported", 1, "nonsense"),
        (FINDINGS, "severity in ('High','Critical')", "filter.unsupported", 9, "'in'"),
        (MACHINES, "healthStatus", "filter.unsupported", 1, "only healthStatus"),
        (MACHINES, "riskScore eq exposureLevel", "filter.unsupported", 1, "other things"),
        (CATALOGUE, "startswith(cvssV3,'7')", "filter.wrong-type", 1, "startswith"),
        (MACHINES, "id eq '" + "x" * LONGEST_FILTER + "'", "filter.too-long", None, "characters"),
    ],
)
def test_what_it_does_not_is_said_with_its_place(
    stream: str, text: str, code: str, position: int | None, said: str
) -> None:
    with pytest.raises(InputError) as caught:
        check_filter(text, stream)
    assert (caught.value.code, caught.value.context.get("position")) == (code, position)
    assert said in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("healthState eq 'Active'", "healthStatus"),
        ("healthStatus eq 'activ'", "Active"),
        ("riskscor eq 'x'", "riskScore"),
    ],
)
def test_the_nearest_name_is_offered(text: str, nearest: str) -> None:
    with pytest.raises(InputError) as caught:
        check_filter(text, MACHINES)
    assert f"Did you mean {nearest}?" in caught.value.remedy


def test_every_stream_has_its_properties_once() -> None:
    for properties in FILTERABLE.values():
        names = [p.name.lower() for p in properties]
        assert len(names) == len(set(names))
