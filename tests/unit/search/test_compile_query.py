from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from riskbridge.errors import InputError
from riskbridge.search.compile import compile_query, referenced_columns
from riskbridge.search.listing import find_findings
from riskbridge.search.tokens import TOKENS
from riskbridge.search.uncollected import UNCOLLECTED
from riskbridge.search.views import ASSET_VIEW, FINDING_VIEW

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

FINDING_QUERIES = [
    ("", "f1 f2 f3 f4 f5"),
    ("  \n ", "f1 f2 f3 f4 f5"),
    ("finding.vendorProductName: `Defender` ", "f1 f2"),
    ("finding.vendorProductName:Tenable", "f1 f5"),
    ("finding:(vendorProductName:Defender and vendorName:Microsoft)", "f1 f2"),
    ("not finding.vendorProductName is null", "f1 f2 f5"),
    ("detection:(product.name:xz and product.version:5.6.1)", "f1"),
    ("detection:(product.name:xz and product.version:5.6.0)", ""),
    ("detection.product.name:xz and detection.product.version:5.6.0", "f1"),
    ("detection:(not state:open)", "f2"),
    ("not detection.state:open", "f2 f3 f4"),
    ("detection.product.name is null", "f3 f4 f5"),
    ("finding.externalFindingId:T-77", "f1"),
    ("detection.diskPath:*liblzma*", "f1"),
    ("detection:(diskPath:*opt* and product.name:xz)", ""),
    ("software:(name:openssl and version:3.0)", "f1 f2"),
    ("finding.isFound:false", "f3"),
    ("finding.isIgnored:true", ""),
    ("finding.criticality:[critical, high]", "f1 f2"),
    ("finding.cvss3Criticality:critical", "f1"),
    ("finding.threatIntel.hasNoPatch:true", "f1 f3"),
    ("finding.qds:[ .. 20]", "f4 f5"),
    ("finding.qds:(20 .. ]", "f1 f2 f3"),
    ("finding.qds:[20 .. 40)", "f4"),
    ("finding.firstFoundDate:[2026-11-19 .. ]", "f1 f5"),
    ("asset.openFindings >= 2", "f1 f2"),
    ("finding.vendorProductName:`defender`", ""),
    ("inventory: (source: `MS Defender`)", "f1 f2 f3 f4"),
    ("finding.cveId:CVE-2024-3094", "f1"),
    ("finding.cveId:`cve-2024-3094`", "f1"),
    ("cveId:[CVE-2024-3094, `CVE-2023-0001`]", "f1 f3"),
    ("finding.cveId:cve-2024*", "f1 f5"),
    ("finding.cveId:*001", "f3"),
    ("finding.cveId:*2*", "f1 f2 f3 f5"),
    ("finding.cveId:C*2024*9*9", "f5"),
    ("finding.cveId is null", "f4"),
    ("finding.cveId IS NOT NULL", "f1 f2 f3 f5"),
    ("finding.cveId:*", "f1 f2 f3 f5"),
    ("finding.vendorFindingId:tvm-2020-0002", "f4"),
    ("finding.status:NEW", "f1"),
    ("finding.status:active", "f2 f5"),
    ("status:[`FIXED`, reopened]", "f3 f4"),
    ("not finding.status:FIXED", "f1 f2 f4 f5"),
    ("NOT NOT finding.status:FIXED", "f3"),
    ("finding.title:remote", "f3 f4"),
    ("finding.title:emote", ""),
    ("finding.title:remote code", "f3 f4"),
    ('finding.title:"remote code"', "f3"),
    ('finding.title:"REM COD"', "f3"),
    ('finding.title:"code remote"', ""),
    ("finding.title:`Remote code execution in openssl`", "f3"),
    ("finding.title:`remote code execution in openssl`", ""),
    ("not finding.title:code", "f1 f2 f5"),
    ("finding.title:10.0.26100", "f2"),
    ("finding.title:26100", ""),
    ("finding.product.name:windows_11", "f2"),
    ("finding.product.name:11", ""),
    ("finding.severity:5", "f1"),
    ("finding.severity:[5]", "f1"),
    ("finding.severity:[4, 5]", "f1 f2"),
    ("finding.severity:[3 .. 5]", "f1 f2 f3"),
    ("finding.severity:[3...5]", "f1 f2 f3"),
    ("finding.severity:(3 .. 5)", "f2"),
    ("finding.qds >= 70", "f1 f2"),
    ("finding.qds>93", "f1"),
    ("finding.qds<=20", "f4 f5"),
    ("finding.qds = 20", "f4"),
    ("finding.qvss:9.3", "f2"),
    ("finding.sourceSeverity:high", "f2"),
    ("finding.epssScore>0.5", "f1"),
    ("finding.cvss3BaseScore>=5", "f1 f3"),
    ("finding.cvss4BaseScore:7.8", "f2"),
    ("finding.riskFactor.isCisaKnownExploit:TRUE", "f1"),
    ("finding.riskFactor.isCisaKnownExploit:false", "f2 f3"),
    ("finding.riskFactor.rti:Cisa_Known_Exploited_Vulns and finding.severity:[5] and finding.status:NEW", "f1"),
    ("finding.riskFactor:(rti:Ransomware)", "f2"),
    ("finding.riskFactor.exploitCodeMaturity:proof-of-concept", "f3"),
    ("finding.riskFactor.isExploited:false", "f3"),
    ("finding.isPatchAvailable:true", "f2"),
    ("finding.firstFoundDate:2026-10-01", "f2 f4"),
    ("finding.firstFoundDate > 2026-10-01", "f1 f5"),
    ("finding.firstFoundDate >= 2026-10-01", "f1 f2 f4 f5"),
    ("finding.firstFoundDate < 2026-10-01", "f3"),
    ("finding.firstFoundDate <= 2026-10-01", "f2 f3 f4"),
    ("finding.firstFoundDate:[2026-09-30 .. 2026-10-01]", "f2 f3 f4"),
    ("finding.firstFoundDate:(2026-09-30 .. 2026-11-19)", "f2 f4"),
    ("finding.firstFoundDate:[2026-10-01T00:00:01Z .. 2026-11-19T00:00:00Z]", "f2 f5"),
    ("finding.firstFoundDate:(2026-10-01T00:00:00Z .. now)", "f1 f2 f5"),
    ("finding.firstFoundDate > now-24h", "f1"),
    ("finding.firstFoundDate:[now-1w .. now-1s]", "f1 f5"),
    ("finding.firstFoundDate:now-2d", "f5"),
    ("finding.lastFoundDate:2026-11-21", "f5"),
    ("finding.kevDueDate:2026-11-22", "f1"),
    ("finding.kevDueDate > now-7d", "f1"),
    ("finding.detectionAge >= 50", "f2 f3 f4"),
    ("finding.detectionAge:0", "f1"),
    ("asset.name:wks-0042", "f1 f2"),
    ("asset.truRisk>=850 or finding.status:REOPENED", "f1 f2 f4"),
    ("finding.severity:5 or finding.severity:4 and finding.status:NEW", "f1"),
    ("(finding.severity:5 or finding.severity:4) and finding.status:ACTIVE", "f2"),
    ("not finding.severity:5 and finding.qds>90", "f2"),
    ("FINDING.QDS > 90 AND ASSET.CRITICALITYSCORE:4", "f1 f2"),
    ("finding:(severity:5 and status:NEW)", "f1"),
    ("tags.name:finance", "f1 f2 f3 f4"),
]

ASSET_QUERIES = [
    ("inventory:(source:`MS Defender`)", "a1 a2"),
    ("inventory.source:Tenable", "a1 a3"),
    ("inventory:(source:`MS Defender` and source:`Tenable`)", ""),
    ("inventory.source:`MS Defender` and inventory.source:`Tenable`", "a1"),
    ("inventory:(not source:`Tenable`)", "a1 a2"),
    ("not inventory:(source:`Tenable`)", "a2"),
    ("asset.name:wks*", "a1"),
    ("asset.name:*.example.test", "a1 a2"),
    ("asset.name:corp", ""),
    ("asset.name:db.corp", "a2"),
    ("asset.name:lab", "a3"),
    ("asset.name:c-lab", "a3"),
    ('operatingSystem:"Windows11 24"', "a1"),
    ("operatingSystem.name:Windows*", "a1"),
    ("operatingSystem:(name:ubuntu and version:22.04)", "a2"),
    ("operatingSystem.name is null", "a3"),
    ("tags.name:`finance`", "a1"),
    ("asset.tag.name:finance", "a1 a2"),
    ('tags.name:"domain contr"', "a1"),
    ("tags.name is null", "a3"),
    ("asset.interface.address is null", "a2 a3"),
    ("asset.interface:(address:10.20.30.42)", "a1"),
    ("asset.interface.address:10.20.*", "a1"),
    ("asset.interface.address:fd00::42", "a1"),
    ("asset.interface.macAddress:00005E005301", "a1"),
    ("asset:(name:wks and interface.address:10.20.*)", "a1"),
    ("asset:(name:db and interface.address:10.20.*)", ""),
    ("criticalityScore>=4", "a1"),
    ("riskScore>=300", "a1 a2"),
    ("asset.exposureLevel:[high, low]", "a1 a2"),
    ("asset.isExcluded:true", "a2"),
    ("not asset.isExcluded:true", "a1 a3"),
    ("cloud:(provider:azure)", "a2"),
    ("asset.lastSeen < now-30d", "a2"),
    ("asset.openFindings:0", ""),
    ("asset.openFindings:[1 .. 1]", "a2 a3"),
    ("operatingSystem.category1:Linux", "a2"),
    ("asset.truRiskBand:severe", "a1"),
    ("finding.vendorProductName: `Defender` ", "a1 a2"),
    ("finding.severity:5", "a1"),
    ("finding:(severity:5 and status:ACTIVE)", ""),
    ("finding.severity:5 and finding.status:ACTIVE", "a1"),
    ("finding:(severity:2 and riskFactor.isExploited:true)", ""),
    ("not finding.status:[NEW, ACTIVE]", "a2"),
    ("finding.cveId is null", ""),
    ("finding.fixingKb is null", "a2 a3"),
    ("software:(name:openssl and version:1.1)", "a2"),
    ("software.name:openssl and software.version:8.1", "a1"),
    ("software:(name:openssl and version:8.1)", ""),
    ("software.name:gone", ""),
    ("software.name is null", "a3"),
    ("detection.product.name:windows_11", "a1"),
    ("software:(publisher:openssl) and not finding.severity:5", "a2"),
]


@pytest.mark.parametrize(("query", "expected"), [pytest.param(*case, id=case[0]) for case in FINDING_QUERIES])
def test_a_query_finds_the_findings_it_describes(tables, now, records, query, expected):
    found = find_findings(tables, query, now, columns=["finding_id"])

    assert sorted(r["finding_id"] for r in records(found)) == expected.split()


@pytest.mark.parametrize(("query", "expected"), [pytest.param(*case, id=case[0]) for case in ASSET_QUERIES])
def test_a_query_finds_the_assets_it_describes(tables, assets, now, records, query, expected):
    condition = compile_query(query, assets, "assets", now, tables.elements_of("assets"))
    found = assets.filter(condition).select("asset_id")

    assert sorted(r["asset_id"] for r in records(found)) == expected.split()


@pytest.mark.parametrize(
    ("query", "code", "column", "text"),
    [
        ("findng.qds > 70", "qql.unknown-token", 1, "Did you mean finding.qds?"),
        ("finding.severity:5 and finding.cve:x", "qql.unknown-token", 24, "Did you mean finding.cveId?"),
        ("inventory:(sourse:x)", "qql.unknown-token", 12, "Did you mean inventory.source?"),
        ("name:x", "qql.unknown-token", 1, "There is no token 'name'"),
        ("finding.severity:High", "qql.bad-value", 18, "use finding.sourceSeverity"),
        ("finding.qds:>=70", "qql.bad-value", 13, "Write finding.qds >=70 without the colon."),
        ("finding.qds:[1 .. many]", "qql.bad-value", 19, "'many' is no number"),
        ("finding.isPatchAvailable:yes", "qql.bad-value", 26, "neither true nor false"),
        ("finding.firstFoundDate > 2026-02-30", "qql.bad-value", 26, "'2026-02-30' is no date"),
        ("finding.firstFoundDate:yesterday", "qql.bad-value", 24, "now-7d"),
        ("finding.firstFoundDate:now-99999y", "qql.bad-value", 24, "is no date"),
        ("finding.title > b", "qql.bad-value", 17, "has no order"),
        ("asset.interface:(address:x and macAddress:y)", "qql.bad-value", 1, "without the group"),
    ],
)
def test_a_query_that_cannot_be_is_refused_with_its_place(tables, query, code, column, text):
    with pytest.raises(InputError) as refused:
        compile_query(query, tables.view(), "findings", NOW)

    error = refused.value
    assert (error.code, error.context["line"], error.context["column"]) == (code, 1, column)
    assert text in str(error)
    assert f"\n  {query}\n  {' ' * (column - 1)}^" in error.message


def test_rows_that_are_not_at_hand_are_refused_by_name(assets, tables, now):
    with pytest.raises(InputError, match=r"'finding.qds' is not collected: rows of findings cannot be asked for here"):
        compile_query("finding.qds > 70", assets, "assets", now)
    without = replace(tables, software=None)
    with pytest.raises(InputError, match=r"'software' is not collected: no connector reads the software inventory"):
        compile_query("software:(name:x)", assets, "assets", now, without.elements_of("assets"))


@pytest.mark.parametrize("subject", ["findings", "assets"])
@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("finding.qid:5", "it is of Qualys' own scanner"),
        ("mitre.attack.tactic.name:x", "techniques are not mapped"),
        ("asset.businessInfo:(department:x)", "Ask for asset.tag.name instead"),
        ("OPERATINGSYSTEM.LIFECYCLE.EOL > now", "Defender does not tell"),
    ],
)
def test_a_published_token_without_facts_is_told_and_not_found_empty(tables, subject, query, text):
    with pytest.raises(InputError) as refused:
        compile_query(query, tables.view() if subject == "findings" else tables.asset_view(), subject, NOW)
    assert refused.value.code == "qql.not-collected"
    assert text in str(refused.value)


def test_no_token_is_both_collected_and_not():
    names = {n.lower() for t in TOKENS["assets"] for n in (t.name, *t.aliases)}
    assert sorted(n for entry in UNCOLLECTED for n in entry.names if n.lower() in names) == []
    assert (
        sorted(
            e.instead for e in UNCOLLECTED for n in re.findall(r"[\w.]+\.[\w.]+", e.instead) if n.lower() not in names
        )
        == []
    )


def test_every_stored_column_is_asked_for_by_a_token():
    columns = {t.column for t in TOKENS["assets"]} | {t.column for t in TOKENS["findings"]}
    silent = {
        "state",
        "score_key",
        "qds_formula",
        "trurisk_formula",
        "primary_source_asset_id",
        "attribute_origins",
        "first_run",
        "reopened_run",
        "due_on",
    }
    means = {f"{band}_mean" for band in ("critical", "high", "medium", "low")}
    assert set(FINDING_VIEW) | set(ASSET_VIEW) <= columns | silent | means


def test_hundreds_of_conditions_stay_a_shallow_expression(tables, now, records):
    query = " or ".join(["qds:97", *(f"qds={n}" for n in range(1000, 1700))])

    assert records(find_findings(tables, query, now, columns=["finding_id"])) == [{"finding_id": "f1"}]


def test_a_long_list_finds_any_of_its_values(tables, now, records):
    query = f"cveId:[{', '.join(f'CVE-2020-{n}' for n in range(1000, 1600))}, CVE-2024-3094]"

    assert records(find_findings(tables, query, now, columns=["finding_id"])) == [{"finding_id": "f1"}]


def test_the_columns_of_a_query_are_known_before_it_runs():
    query = "finding.qds>=70 and (asset.name:x or not inventory:(source:y)) and finding.cveId is null"

    assert referenced_columns(query, "findings") == {"qds", "asset_name", "sources", "cve_id"}
    assert referenced_columns("software.name:x and finding.qds:1", "assets") == {"asset_id"}


def test_a_view_without_a_column_does_not_know_its_token(tables, now):
    with pytest.raises(InputError, match="There is no token"):
        compile_query("asset.name:x", tables.view(["finding_id"]), "findings", now)
