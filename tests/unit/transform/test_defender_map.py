"""The built-in map on rows as Defender sends them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from riskbridge.model.source_model import MACHINES, MACHINES_VULNERABILITIES, VULNERABILITIES
from riskbridge.model.target import ASSET_DRAFT, CVE_DRAFT, DETECTION_DRAFT, REJECT
from riskbridge.transform.spec import load_map

LINUX_SERVER = {
    "id": "241056b69203a660e7521c8c3bfc2476f8cf2ae0",
    "isPotentialDuplication": False,
    "isExcluded": False,
    "computerDnsName": "VM1.internal.example.test",
    "firstSeen": "2024-01-25T18:45:56.688814Z",
    "lastSeen": "2024-01-26T18:45:56.6888145Z",
    "osPlatform": "Ubuntu",
    "osVersion": None,
    "osProcessor": "x64",
    "version": "20.4",
    "lastIpAddress": "10.6.0.6",
    "lastExternalIpAddress": "203.0.113.54",
    "agentVersion": "30.123032.19864.0",
    "osBuild": 6,
    "healthStatus": "Inactive",
    "deviceValue": "Normal",
    "rbacGroupId": 0,
    "riskScore": "None",
    "exposureLevel": "Low",
    "isAadJoined": None,
    "machineTags": [""],
    "defenderAvStatus": "NotSupported",
    "onboardingStatus": "Onboarded",
    "osArchitecture": "64-bit",
    "managedBy": "Unknown",
    "managedByStatus": "Unknown",
    "ipAddresses": [
        {"ipAddress": "10.6.0.6", "macAddress": "000D3A9ABB3A", "type": "Other", "operationalStatus": "Up"},
        {"ipAddress": "fe80::20d:3aff:fe9a:bb3a", "macAddress": "000D3A9ABB3A", "type": "Other"},
        {"ipAddress": "127.0.0.1", "macAddress": "000000000000", "type": "Other", "operationalStatus": "Up"},
        {"ipAddress": "::1", "macAddress": "000000000000", "type": "Other", "operationalStatus": "Up"},
    ],
    "vmMetadata": {
        "vmId": "2ca81940-456f-4e56-b80a-68b4f3d3da23",
        "cloudProvider": "Azure",
        "resourceId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/VM1",
        "subscriptionId": None,
    },
}

LAPTOP = {
    "id": "e20d13ec6aff01641f3a6e23ea4053ce41f7c188",
    "mergedIntoMachineId": "0" * 40,
    "isPotentialDuplication": True,
    "isExcluded": True,
    "exclusionReason": "MachineOutOfScope",
    "computerDnsName": "  wks-0042 ",
    "firstSeen": "0001-01-01T00:00:00Z",
    "lastSeen": "yesterday",
    "osPlatform": "Windows11",
    "osVersion": "",
    "version": "23H2",
    "osBuild": 22631,
    "lastIpAddress": "169.254.1.1",
    "rbacGroupId": 7458,
    "rbacGroupName": "Berlin",
    "isAadJoined": True,
    "aadDeviceId": "6f0c0f6e-0000-4000-8000-000000000042",
    "machineTags": ["finance", " vip ", "finance", None, ""],
    "ipAddresses": [
        {"ipAddress": "169.254.177.255", "macAddress": "00:BE:43:82:47:EA"},
        {"ipAddress": "", "macAddress": ""},
        {"ipAddress": None, "macAddress": None},
        {"ipAddress": "192.168.1.3", "macAddress": "70-32-17-14-9C-AE"},
        {"ipAddress": "172.27.250.9", "macAddress": "FFFFFFFFFFFF"},
        {"ipAddress": "FD00::ABCD", "macAddress": "7032.1714.9cae"},
        {"ipAddress": "192.168.1.3", "macAddress": "703217"},
    ],
}


def test_a_cloud_server_becomes_an_asset_draft(map_rows):
    (asset,), rejects = map_rows(MACHINES, LINUX_SERVER | {"page": 3, "row": 7})

    assert tuple(asset) == ASSET_DRAFT.names
    assert rejects == []
    assert asset == {
        "external_asset_id": "241056b69203a660e7521c8c3bfc2476f8cf2ae0",
        "asset_name": "VM1.internal.example.test",
        "operating_system_name": "Ubuntu",
        "operating_system_version": "20.4",
        "operating_system_build": "6",
        "operating_system_architecture": "64-bit",
        "ip_address": "10.6.0.6",
        "ip_addresses": ["10.6.0.6"],
        "external_ip_address": "203.0.113.54",
        "mac_addresses": ["000d3a9abb3a"],
        "domain": None,
        "netbios_name": None,
        "entra_device_id": None,
        "cloud_provider": "Azure",
        "cloud_instance_id": "2ca81940-456f-4e56-b80a-68b4f3d3da23",
        "cloud_resource_id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/VM1",
        "hardware_uuid": None,
        "serial_number": None,
        "tags": [],
        "device_group_id": None,
        "device_group": None,
        "device_value": "Normal",
        "risk_level": "None",
        "exposure_level": "Low",
        "health_status": "Inactive",
        "onboarding_status": "Onboarded",
        "is_excluded": False,
        "exclusion_reason": None,
        "is_potential_duplicate": False,
        "merged_into_external_id": None,
        "is_entra_joined": None,
        "managed_by": "Unknown",
        "managed_by_status": "Unknown",
        "agent_version": "30.123032.19864.0",
        "antivirus_status": "NotSupported",
        "first_seen_at": datetime(2024, 1, 25, 18, 45, 56, 688814, tzinfo=UTC),
        "last_seen_at": datetime(2024, 1, 26, 18, 45, 56, 688814, tzinfo=UTC),
        "raw_page": 3,
        "raw_row": 7,
    }


def test_a_laptop_with_odd_values_becomes_an_asset_draft(map_rows):
    (asset,), _ = map_rows(MACHINES, LAPTOP)

    stated = {name: value for name, value in asset.items() if value is not None}
    assert stated == {
        "external_asset_id": "e20d13ec6aff01641f3a6e23ea4053ce41f7c188",
        "asset_name": "wks-0042",
        "operating_system_name": "Windows11",
        "operating_system_version": "23H2",
        "operating_system_build": "22631",
        "ip_address": "192.168.1.3",
        "ip_addresses": ["172.27.250.9", "192.168.1.3", "fd00::abcd"],
        "mac_addresses": ["00be438247ea", "703217149cae"],
        "entra_device_id": "6f0c0f6e-0000-4000-8000-000000000042",
        "tags": ["finance", "vip"],
        "device_group_id": "7458",
        "device_group": "Berlin",
        "is_excluded": True,
        "exclusion_reason": "MachineOutOfScope",
        "is_potential_duplicate": True,
        "merged_into_external_id": "0" * 40,
        "is_entra_joined": True,
        "raw_page": 0,
        "raw_row": 0,
    }


def test_a_device_of_an_id_alone_has_empty_lists_and_nothing_else(map_rows):
    (asset,), rejects = map_rows(MACHINES, {"id": "d1"})

    assert rejects == []
    assert {n: v for n, v in asset.items() if v is not None} == {
        "external_asset_id": "d1",
        "ip_addresses": [],
        "mac_addresses": [],
        "tags": [],
        "raw_page": 0,
        "raw_row": 0,
    }


def test_a_vulnerable_product_becomes_a_detection_draft(map_rows):
    row = {
        "id": "m1-_-CVE-2025-21420-_-microsoft-_-windows_11-_-10.0.22631.4751-_-5051989",
        "cveId": "CVE-2025-21420",
        "machineId": "m1",
        "fixingKbId": "5051989",
        "productName": "windows_11",
        "productVendor": "microsoft",
        "productVersion": "10.0.22631.4751",
        "severity": "High",
    }

    (finding,), rejects = map_rows(MACHINES_VULNERABILITIES, row | {"page": 1, "row": 2})

    assert tuple(finding) == DETECTION_DRAFT.names
    assert rejects == []
    assert finding == {
        "external_finding_id": row["id"],
        "external_asset_id": "m1",
        "cve_id": "CVE-2025-21420",
        "vendor_finding_id": None,
        "category": "vulnerability",
        "finding_name": "microsoft windows_11 10.0.22631.4751 vulnerability",
        "product_vendor": "microsoft",
        "product_name": "windows_11",
        "product_version": "10.0.22631.4751",
        "finding_severity": "High",
        "fixing_kb": "5051989",
        "raw_page": 1,
        "raw_row": 2,
    }


@pytest.mark.parametrize(
    ("given", "cve_id", "vendor_finding_id"),
    [
        ("CVE-2024-3094", "CVE-2024-3094", None),
        (" cve-2024-309400 ", "CVE-2024-309400", None),
        ("TVM-2020-0002", None, "TVM-2020-0002"),
        ("tvm-2020-0002", None, "TVM-2020-0002"),
        ("CVE-2024-1", None, "CVE-2024-1"),
        ("CVE-2024-3094x", None, "CVE-2024-3094X"),
    ],
)
def test_an_id_is_a_cve_or_the_vendors_own_and_never_refused(map_rows, given, cve_id, vendor_finding_id):
    (finding,), _ = map_rows(MACHINES_VULNERABILITIES, {"id": "f", "machineId": "m", "cveId": given})

    assert (finding["cve_id"], finding["vendor_finding_id"]) == (cve_id, vendor_finding_id)


@pytest.mark.parametrize(
    ("vendor", "product", "version", "name"),
    [
        ("dell", "supportassist", "4.6.3", "dell supportassist 4.6.3 vulnerability"),
        ("dell", None, "4.6.3", "dell 4.6.3 vulnerability"),
        ("", "xz", " ", "xz vulnerability"),
        (None, None, None, None),
    ],
)
def test_a_finding_is_named_by_its_product(map_rows, vendor, product, version, name):
    row = {"productVendor": vendor, "productName": product, "productVersion": version}

    (finding,), _ = map_rows(MACHINES_VULNERABILITIES, {"id": "f", "machineId": "m", "cveId": "C"} | row)

    assert finding["finding_name"] == name


@pytest.mark.parametrize(("given", "kb"), [("5055523", "5055523"), ("KB5055523", "5055523"), ("", None), ("?", None)])
def test_a_kb_is_its_digits(map_rows, given, kb):
    row = {"id": "f", "machineId": "m", "cveId": "C", "fixingKbId": given}

    (finding,), _ = map_rows(MACHINES_VULNERABILITIES, row)

    assert finding["fixing_kb"] == kb


def test_a_catalogue_entry_becomes_a_cve_draft(map_rows):
    row = {
        "id": "cve-2026-10001",
        "name": "CVE-2026-10001",
        "description": "A flaw. [Generated by AI]",
        "severity": "High",
        "cvssV3": 7.8,
        "cvssVector": "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H",
        "exposedMachines": 7,
        "publishedOn": "2024-07-30T00:00:00Z",
        "updatedOn": "2024-08-01T10:11:12.345Z",
        "patchFirstAvailable": "2024-07-31",
        "publicExploit": True,
        "exploitVerified": False,
        "exploitInKit": None,
        "exploitTypes": ["PrivilegeEscalation", "Local"],
        "epss": 0.00073,
    }

    (cve,), _ = map_rows(VULNERABILITIES, row)

    assert tuple(cve) == CVE_DRAFT.names
    assert cve == {
        "cve_id": "CVE-2026-10001",
        "description": "A flaw. [Generated by AI]",
        "source_severity": "High",
        "cvss_score": 7.8,
        "cvss_vector": "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H",
        "epss": 0.00073,
        "public_exploit": True,
        "exploit_verified": False,
        "exploit_in_kit": None,
        "exploit_types": ["Local", "PrivilegeEscalation"],
        "published_at": datetime(2024, 7, 30, tzinfo=UTC),
        "updated_at": datetime(2024, 8, 1, 10, 11, 12, 345000, tzinfo=UTC),
        "patch_first_available_at": datetime(2024, 7, 31, tzinfo=UTC),
    }


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param({"cvssVector": ""}, {"cvss_vector": None}, id="empty vector"),
        pytest.param({"cvssV3": 11.0}, {"cvss_score": None}, id="score above 10"),
        pytest.param({"cvssV3": -1.0}, {"cvss_score": None}, id="score below 0"),
        pytest.param({"cvssV3": float("nan")}, {"cvss_score": None}, id="score not a number"),
        pytest.param({"cvssV3": 0.0, "epss": 0.0}, {"cvss_score": 0.0, "epss": 0.0}, id="zeros count"),
        pytest.param({"epss": 1.5}, {"epss": None}, id="probability above 1"),
        pytest.param({"publishedOn": "1601-01-01T00:00:00Z"}, {"published_at": None}, id="never"),
        pytest.param({"publishedOn": "2023-02-30T00:00:00Z"}, {"published_at": None}, id="no such day"),
    ],
)
def test_values_that_cannot_be_are_left_out(map_rows, row, expected):
    (cve,), rejects = map_rows(VULNERABILITIES, {"id": "CVE-2026-10001"} | row)

    assert rejects == []
    assert {name: cve[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("model", "row", "reason", "detail"),
    [
        pytest.param(MACHINES, {}, "identity-missing", "externalAssetId has no value", id="device without id"),
        pytest.param(MACHINES, {"id": " "}, "identity-missing", "externalAssetId has no value", id="blank id"),
        pytest.param(
            MACHINES_VULNERABILITIES,
            {"machineId": "m", "cveId": "C"},
            "identity-missing",
            "externalFindingId has no value",
            id="finding without id",
        ),
        pytest.param(
            MACHINES_VULNERABILITIES,
            {"id": "f", "machineId": ""},
            "identity-missing",
            "externalAssetId has no value",
            id="finding without device and CVE",
        ),
        pytest.param(
            MACHINES_VULNERABILITIES,
            {"id": "f", "machineId": "m", "cveId": "\t"},
            "cve-missing",
            "cveId has no value",
            id="finding without CVE",
        ),
        pytest.param(VULNERABILITIES, {"name": "x"}, "identity-missing", "cveId has no value", id="CVE without id"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_with_its_reason(map_rows, model, row, reason, detail):
    drafts, (reject,) = map_rows(model, row | {"page": 4, "row": 2})

    assert drafts == []
    assert tuple(reject) == REJECT.names
    assert {n: v for n, v in reject.items() if n != "raw"} == {
        "stream": model.stream,
        "page": 4,
        "row": 2,
        "reason": reason,
        "detail": detail,
    }


def test_the_built_in_map_covers_the_originals_rows():
    covered = {
        (source, row.target) for stream in load_map("defender").streams for row in stream.rows for source in row.sources
    }

    assert covered >= {
        ("id", "externalAssetId"),
        ("computerDnsName", "assetName"),
        ("osPlatform", "operatingSystemName"),
        ("osVersion", "operatingSystemVersion"),
        ("ipAddresses[].ipAddress", "ipAddress"),
        ("id", "externalFindingId"),
        ("cveId", "cveId"),
        ("productName", "productName"),
        ("productVersion", "productVersion"),
        ("productVendor", "productVendor"),
        ("severity", "findingSeverity"),
        ("productVendor", "findingName"),
        ("productName", "findingName"),
        ("productVersion", "findingName"),
    }
