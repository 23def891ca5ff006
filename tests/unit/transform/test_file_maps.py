"""The built-in maps of file formats on rows as their exports write them: devices, findings, and what is passed over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pytest

from riskbridge.model.file_formats import FILE_FORMATS, FileFormat, find_format
from riskbridge.model.file_settings import FileSettings
from riskbridge.source.file.source import FileRole, FileSource
from riskbridge.transform.compile import apply, telling, telling_fixed
from riskbridge.transform.rows import StreamMap
from riskbridge.transform.sayings import Saying, one_row_a_cve, that_say
from riskbridge.transform.spec import load_map

EXPORTS = Path(__file__).parent / "exports"


@dataclass
class Sample:
    """One file of a format as its map sees it."""

    format: FileFormat
    rows: Callable[[pa.Table], ir.Table]
    raw: ir.Table

    def stream(self, target: str) -> StreamMap:
        return load_map(self.format.name).stream(self.format.findings.name, target)

    def devices(self) -> list[dict[str, Any]]:
        names = ["external_asset_id", "asset_name", "ip_address", "mac_addresses"]
        return told(apply(self.stream("asset_draft"), self.raw).drafts.select(*names).distinct())

    def findings(self) -> list[tuple[Any, ...]]:
        stream = self.stream("detection_draft")
        drafts = apply(stream, one_row_a_cve(telling(stream, self.raw), stream.cves_in)).drafts
        names = ["external_asset_id", "cve_id", "vendor_finding_id", "finding_name", "finding_severity"]
        return sorted((tuple(r[n] for n in names) for r in told(drafts.select(*names))), key=repr)

    def fixed(self) -> list[Any]:
        stream = self.stream("detection_draft")
        rows = telling_fixed(stream, self.raw)
        return [] if rows is None else [r["vendor_finding_id"] or r["cve_id"] for r in told(apply(stream, rows).drafts)]


def told(table: ir.Table) -> list[dict[str, Any]]:
    return table.to_pyarrow().to_pylist()


@pytest.fixture
def sample(tmp_path: Path) -> Callable[[str, str], Sample]:
    connection = ibis.duckdb.connect()

    def make(name: str, export: str) -> Sample:
        found, path = find_format(name), EXPORTS / f"{export}.csv"
        settings = FileSettings(findings=(str(path),), format=name)
        source = FileSource(settings, [FileRole(found.findings, settings.findings, found.needs)], tmp_path / "home")
        (page,) = source.read("findings", resume=None)
        assert page.rejects.num_rows == 0
        return Sample(found, connection.create_table, connection.create_table("raw", page.rows, overwrite=True))

    return make


WKS = {"external_asset_id": "wks-1.example.test", "asset_name": "wks-1.example.test"}


@pytest.mark.parametrize(
    ("name", "export", "devices", "findings", "fixed"),
    [
        pytest.param(
            "tenable",
            "nessus",
            [
                {
                    "external_asset_id": "10.20.30.43",
                    "asset_name": None,
                    "ip_address": "10.20.30.43",
                    "mac_addresses": [],
                },
                WKS | {"ip_address": None, "mac_addresses": ["00005e005301"]},
            ],
            [
                ("10.20.30.43", None, "TENABLE-51192", "SSL certificate", "Medium"),
                ("wks-1.example.test", "CVE-2023-38545", "TENABLE-182252", "curl overflow", "High"),
                ("wks-1.example.test", "CVE-2023-38546", "TENABLE-182252", "curl overflow", "High"),
            ],
            ["TENABLE-20007"],
            id="Nessus",
        ),
        pytest.param(
            "tenable",
            "security-center",
            [WKS | {"ip_address": "10.20.30.42", "mac_addresses": ["00005e005301"]}],
            [("wks-1.example.test", "CVE-2023-38545", "TENABLE-182252", "curl overflow", "Critical")],
            [],
            id="Security Center",
        ),
        pytest.param(
            "qualys",
            "qualys",
            [WKS | {"ip_address": "10.20.30.42", "mac_addresses": []}],
            [
                ("wks-1.example.test", "CVE-2023-48795", "QID-38739", "OpenSSH weakness", "Critical"),
                ("wks-1.example.test", "CVE-2023-51385", "QID-38739", "OpenSSH weakness", "Critical"),
            ],
            ["QID-38170"],
            id="Qualys",
        ),
        pytest.param(
            "rapid7",
            "rapid7",
            [
                {
                    "external_asset_id": n,
                    "asset_name": "wks-1.example.test",
                    "ip_address": "10.20.30.42",
                    "mac_addresses": [],
                }
                for n in ("wks-1.example.test", "wks-1.example.test,wks-1")
            ],
            [
                ("wks-1.example.test", None, "RAPID7-tls-old", "Old TLS", "High"),
                ("wks-1.example.test,wks-1", "CVE-2022-4304", "RAPID7-openssl-cve-2023-0286", "OpenSSL", "Critical"),
                ("wks-1.example.test,wks-1", "CVE-2023-0286", "RAPID7-openssl-cve-2023-0286", "OpenSSL", "Critical"),
            ],
            [],
            id="Rapid7",
        ),
        pytest.param(
            "wiz",
            "wiz",
            [{"external_asset_id": "a-1", "asset_name": "web-01", "ip_address": None, "mac_addresses": None}],
            [
                ("a-1", "CVE-2023-38545", None, "curl 8.3.0 CVE-2023-38545", "HIGH"),
                ("a-1", None, "GHSA-AAAA-BBBB-CCCC", "left-pad 1.0 GHSA-aaaa-bbbb-cccc", "LOW"),
            ],
            ["CVE-2023-1111"],
            id="Wiz",
        ),
        pytest.param(
            "mde-portal",
            "defender-portal",
            [
                {
                    "external_asset_id": "d1",
                    "asset_name": "wks-1.example.test",
                    "ip_address": None,
                    "mac_addresses": None,
                }
            ],
            [
                ("d1", "CVE-2024-3094", None, "openssl openssl 3.3.1.0 vulnerability", "High"),
                ("d1", None, "TVM-2020-0002", "microsoft edge 1.2 vulnerability", "Low"),
            ],
            [],
            id="Defender portal",
        ),
        pytest.param(
            "csv",
            "generic",
            [
                {"external_asset_id": "wks-1", "asset_name": "wks-1", "ip_address": "10.20.30.42", "mac_addresses": []},
            ],
            [
                ("wks-1", "CVE-2024-3094", None, "xz", "High"),
                ("wks-1", None, "ACME-7", "Weak password", "high"),
            ],
            ["ACME-8"],
            id="one's own",
        ),
    ],
)
def test_a_format_gives_devices_findings_and_what_is_fixed(
    sample: Callable[[str, str], Sample], *, name: str, export: str, devices: Any, findings: Any, fixed: Any
) -> None:
    found = sample(name, export)
    assert sorted(found.devices(), key=repr) == sorted(devices, key=repr)
    assert found.findings() == sorted(findings, key=repr)
    assert found.fixed() == fixed


def test_rows_of_nobody_are_refused(sample: Callable[[str, str], Sample]) -> None:
    found = sample("csv", "generic")
    stream = found.stream("detection_draft")
    (refused,) = told(apply(stream, telling(stream, found.raw)).rejects)
    assert (refused["reason"], refused["row"]) == ("identity-missing", 3)


def test_details_say_what_to_do_and_since_when(sample: Callable[[str, str], Sample]) -> None:
    found = sample("qualys", "qualys")
    stream = found.stream("detection_detail_draft")
    (detail,) = told(apply(stream, telling(stream, found.raw)).drafts)
    assert (detail["recommendation"], detail["source_first_seen_at"].isoformat()) == (
        "Update",
        "2026-10-31T08:15:00+00:00",
    )


def test_every_format_has_a_map_for_its_models() -> None:
    for known in FILE_FORMATS:
        mapped = {(s.source.name, s.target.name) for s in load_map(known.name).streams}
        wanted = {(known.findings.name, t) for t in ("asset_draft", "detection_draft", "detection_detail_draft")}
        wanted |= {(known.assets.name, "asset_draft")} if known.assets is not None else set()
        assert mapped == wanted


def test_a_row_counts_once_for_each_cve_it_names() -> None:
    texts = {"a": "CVE-2024-0001;cve-2024-0002 and CVE-2024-0001", "b": None, "c": "none", "d": None}
    rows = pa.table(
        {"n": list(texts), "CVE": pa.array(texts.values(), pa.string()), "Other": [None, None, None, "CVE-2024-12345"]}
    )
    made = one_row_a_cve(ibis.memtable(rows), ("CVE", "Other"))
    assert sorted(((r["n"], r["CVE"], r["Other"]) for r in told(made)), key=repr) == [
        ("a", "CVE-2024-0001", None),
        ("a", "CVE-2024-0002", None),
        ("b", None, None),
        ("c", "none", None),
        ("d", "CVE-2024-12345", None),
    ]


def test_sayings_look_at_trimmed_lower_case_text() -> None:
    rows = ibis.memtable(pa.table({"State": [" FIXED ", "fixed again", None, "x"]}))
    assert rows.mutate(said=that_say(rows, (Saying("State", "^fixed$"),))).to_pyarrow()["said"].to_pylist() == [
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize("pattern", ["", "(a", "(?=x)", "(a+)+", "x" * 600])
def test_a_saying_needs_a_pattern_that_every_engine_reads(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Saying("State", pattern)
