from __future__ import annotations

from datetime import UTC, datetime

import ibis
import pyarrow as pa
import pytest

from riskbridge.model.target import ASSET, CVE, CVE_SCORE, DETECTION, DETECTION_DETAIL, FINDING, RUN, SOFTWARE
from riskbridge.search.listing import FindingTables


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NOW = day("2026-11-21T12:00:00")

ASSETS = [
    {
        "asset_id": "a1",
        "asset_name": "WKS-0042.example.test",
        "operating_system_name": "Windows11",
        "operating_system_version": "24H2",
        "ip_address": "10.20.30.42",
        "ip_addresses": ["10.20.30.42", "fd00::42"],
        "mac_addresses": ["00005e005301"],
        "tags": ["finance", "Domain Controllers"],
        "sources": ["MS Defender", "Tenable"],
        "device_group": "Berlin office",
        "exposure_level": "High",
        "is_excluded": False,
        "acs": 4,
        "trurisk": 870,
        "last_seen_at": day("2026-11-20T17:40:05"),
    },
    {
        "asset_id": "a2",
        "asset_name": "db.corp.example.test",
        "operating_system_name": "Ubuntu",
        "operating_system_version": "22.04",
        "ip_addresses": [],
        "tags": ["finance team"],
        "sources": ["MS Defender"],
        "cloud_provider": "Azure",
        "exposure_level": "Low",
        "is_excluded": True,
        "acs": 2,
        "trurisk": 310,
        "last_seen_at": day("2026-10-01T00:00:00"),
    },
    {"asset_id": "a3", "asset_name": "c-lab-31", "sources": ["Tenable"], "acs": 2, "trurisk": 0},
    {"asset_id": "a1", "asset_name": "an older version", "valid_to_run": 2},
]

FINDINGS = [
    {
        "finding_id": "f1",
        "asset_id": "a1",
        "cve_id": "CVE-2024-3094",
        "title": "tukaani xz 5.6.1 vulnerability",
        "product_vendor": "tukaani",
        "product_name": "xz",
        "product_version": "5.6.1",
        "source_severity": "Critical",
        "severity": 5,
        "qds": 97,
        "score_key": "CVE-2024-3094",
        "first_found_at": day("2026-11-20T18:00:00"),
        "first_run": 3,
        "fixing_kb": None,
    },
    {
        "finding_id": "f2",
        "asset_id": "a1",
        "cve_id": "CVE-2025-21418",
        "title": "microsoft windows_11 10.0.26100.4061 vulnerability",
        "product_vendor": "microsoft",
        "product_name": "windows_11",
        "product_version": "10.0.26100.4061",
        "source_severity": "High",
        "severity": 4,
        "qds": 93,
        "score_key": "CVE-2025-21418",
        "fixing_kb": "5051989",
        "first_found_at": day("2026-10-01T08:00:00"),
        "first_run": 1,
    },
    {
        "finding_id": "f3",
        "asset_id": "a2",
        "cve_id": "CVE-2023-0001",
        "title": "Remote code execution in openssl",
        "source_severity": "Medium",
        "severity": 3,
        "qds": 40,
        "score_key": "CVE-2023-0001",
        "state": "fixed",
        "fixed_at": day("2026-11-01T00:00:00"),
        "last_fixed_at": day("2026-11-01T00:00:00"),
        "fix_reason": "version-changed",
        "last_found_at": day("2026-10-31T00:00:00"),
        "first_found_at": day("2026-09-30T23:59:59"),
        "first_run": 1,
    },
    {
        "finding_id": "f4",
        "asset_id": "a2",
        "vendor_finding_id": "TVM-2020-0002",
        "title": "Code is executed remotely by the agent",
        "source_severity": "Low",
        "severity": 2,
        "qds": 20,
        "score_key": "none/Low",
        "first_found_at": day("2026-10-01T00:00:00"),
        "first_run": 1,
        "reopened_at": day("2026-11-20T18:00:00"),
        "reopened_run": 3,
        "reopened_count": 1,
    },
    {
        "finding_id": "f5",
        "asset_id": "a3",
        "connector_id": "c2",
        "cve_id": "CVE-2024-9999",
        "title": None,
        "severity": 1,
        "qds": 1,
        "score_key": "CVE-2024-9999",
        "first_found_at": day("2026-11-19T00:00:00"),
        "first_run": 2,
        "last_found_at": None,
    },
    {"finding_id": "f1", "asset_id": "a1", "title": "an older version", "qds": 50, "valid_to_run": 3},
]
FINDING_DEFAULTS = {
    "connector_id": "c1",
    "category": "vulnerability",
    "severity": 3,
    "open_detections": 1,
    "state": "open",
    "first_found_at": day("2026-10-01T08:00:00"),
    "first_run": 1,
    "reopened_count": 0,
    "score_key": "?",
    "valid_from_run": 1,
}
ASSET_DEFAULTS = {"trurisk": 0, "trurisk_formula": "trurisk-1", "acs": 2, "exposure": 1.0, "valid_from_run": 1}

CVES = [
    {
        "cve_id": "CVE-2024-3094",
        "description": "Malicious code was found in xz.",
        "cvss_score": 10.0,
        "cvss_version": "3.1",
        "epss": 0.85,
        "is_kev": True,
        "kev_added_on": day("2026-11-01T00:00:00").date(),
        "kev_due_on": day("2026-11-22T00:00:00").date(),
        "exploit_in_kit": False,
        "public_exploit": True,
        "exploit_types": ["Remote"],
    },
    {"cve_id": "CVE-2025-21418", "cvss_score": 7.8, "cvss_version": "4.0", "epss": 0.02, "is_ransomware": True},
    {"cve_id": "CVE-2023-0001", "cvss_score": 5.0, "epss": 0.0},
]
CVE_DEFAULTS = {"is_kev": False, "is_ransomware": False, "sources": ["defender"]}

SCORES = [
    {"score_key": "CVE-2024-3094", "maturity": 1.0, "evidence": "kev", "trending": 1.0},
    {"score_key": "CVE-2025-21418", "maturity": 0.0, "evidence": "ransomware", "trending": 0.0},
    {"score_key": "CVE-2023-0001", "maturity": 0.5, "trending": 0.0},
    {"score_key": "CVE-2024-9999", "maturity": 0.0, "trending": 0.0, "is_enriched": False},
]
SCORE_DEFAULTS = {"formula": "qds-open-1", "qds": 1, "basis": "cvss", "epss": 0.0, "is_enriched": True}

RUNS = [
    {"run": 1, "connector_id": "c1", "connector_name": "Contoso", "observed_at": day("2026-10-01T08:00:00")},
    {"run": 2, "connector_id": "c2", "connector_name": "Scanner", "observed_at": day("2026-11-19T00:00:00")},
    {"run": 3, "connector_id": "c1", "connector_name": "Contoso", "observed_at": day("2026-11-20T18:00:00")},
    {"run": 4, "connector_id": "c2", "connector_name": "Scanner", "observed_at": day("2026-11-21T00:00:00")},
]
RUN_DEFAULTS = {
    "run_id": "r",
    "published_at": day("2026-11-20T18:00:00"),
    "is_complete": True,
    "scope_hash": "s",
    "map_version": "1",
}


DETECTIONS = [
    {"detection_id": "d1", "finding_id": "f1", "asset_id": "a1", "product_name": "xz", "product_version": "5.6.1"},
    {"detection_id": "d2", "finding_id": "f1", "asset_id": "a1", "product_name": "liblzma", "product_version": "5.6.0"},
    {"detection_id": "d3", "finding_id": "f1", "asset_id": "a1", "connector_id": "c2", "external_finding_id": "T-77"},
    {"detection_id": "d4", "finding_id": "f2", "asset_id": "a1", "product_name": "windows_11", "state": "closed"},
    {"detection_id": "d5", "finding_id": "f5", "asset_id": "a3", "connector_id": "c2"},
    {"detection_id": "d1", "finding_id": "f4", "asset_id": "a2", "product_name": "old", "valid_to_run": 2},
]
DETECTION_DEFAULTS = {"connector_id": "c1", "state": "open", "valid_from_run": 1}
DETAILS = [{"detection_id": "d2", "disk_paths": ["/usr/lib/liblzma.so.5", "/opt/x"], "valid_from_run": 1}]

SOFTWARE_ROWS = [
    {
        "software_id": "s1",
        "asset_id": "a1",
        "product_vendor": "openssl",
        "product_name": "openssl",
        "product_version": "3.0",
    },
    {"software_id": "s2", "asset_id": "a1", "product_vendor": "curl", "product_name": "curl", "product_version": "8.1"},
    {
        "software_id": "s3",
        "asset_id": "a2",
        "product_vendor": "openssl",
        "product_name": "openssl",
        "product_version": "1.1",
    },
    {"software_id": "s3", "asset_id": "a2", "product_name": "gone", "valid_to_run": 2},
]
SOURCES = {"c1": "MS Defender", "c2": "Tenable"}


@pytest.fixture(scope="session")
def connection():
    con = ibis.duckdb.connect()
    con.raw_sql("SET TimeZone='UTC'")
    return con


@pytest.fixture(scope="session")
def stored_assets(connection):
    """ASSET with three assets and an older version."""
    return _make(connection, ASSET, ASSETS, ASSET_DEFAULTS)


@pytest.fixture(scope="session")
def tables(connection, stored_assets):
    """A small warehouse: five findings on three assets, and an older version."""
    return FindingTables(
        finding=_make(connection, FINDING, FINDINGS, FINDING_DEFAULTS),
        asset=stored_assets,
        cve=_make(connection, CVE, CVES, CVE_DEFAULTS),
        cve_score=_make(connection, CVE_SCORE, SCORES, SCORE_DEFAULTS),
        run=_make(connection, RUN, RUNS, RUN_DEFAULTS),
        detection=_make(connection, DETECTION, DETECTIONS, DETECTION_DEFAULTS),
        detail=_make(connection, DETECTION_DETAIL, DETAILS, {}),
        software=_make(connection, SOFTWARE, SOFTWARE_ROWS, {"valid_from_run": 1}),
        sources=SOURCES,
    )


@pytest.fixture(scope="session")
def assets(tables):
    return tables.asset_view()


@pytest.fixture(scope="session")
def records(connection):
    """A function: the rows of an expression as dictionaries."""
    return lambda expression: connection.to_pyarrow(expression).to_pylist()


@pytest.fixture
def now():
    return NOW


def _make(connection, table, rows, defaults):
    filled = [{n: (defaults | row).get(n) for n in table.names} for row in rows]
    schema = ibis.schema(table.types).to_pyarrow()
    return connection.create_table(table.name, pa.Table.from_pylist(filled, schema=schema))
