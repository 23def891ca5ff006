"""Lists over REST and on the page: the same rows and counts, in pages that neither double nor leave out."""

from __future__ import annotations

import html
from collections import Counter
from typing import Any

import httpx
import pytest
from tests.web.conftest import SCRIPT

PRINTED = {
    "assets": "inventory: (source: `MS Defender`)",
    "findings": "finding.vendorProductName: `Defender` ",
}
PAGE = {"assets": "/inventory/assets", "findings": "/findings"}


def every(client: httpx.Client, subject: str, **asked: Any) -> list[dict[str, Any]]:
    """All rows, page by page."""
    rows, page = [], None
    while True:
        answer = client.get(f"/api/v1/{subject}", params={**asked, **({"page": page} if page else {})}).json()
        rows += answer["rows"]
        page = answer["next_page"]
        if page is None:
            return rows


@pytest.mark.parametrize("subject", PRINTED)
def test_the_printed_queries_find_everything_in_api_and_page(ana: httpx.Client, subject: str) -> None:
    whole = ana.get(f"/api/v1/{subject}").json()["count"]
    found = ana.get(f"/api/v1/{subject}", params={"query": PRINTED[subject]}).json()
    page = ana.get(PAGE[subject], params={"query": PRINTED[subject]})
    assert found["count"] == whole > 50
    assert f"<strong>{whole:,}</strong> {subject}" in page.text


@pytest.mark.parametrize(
    ("subject", "sort", "limit"),
    [
        ("findings", "", 97),
        ("findings", "fixing_kb,-epss", 97),
        ("findings", "-first_found_at", 333),
        ("assets", "", 7),
        ("assets", "-device_group,asset_name", 7),
    ],
)
def test_pages_hold_every_row_once_and_in_order(ana: httpx.Client, subject: str, sort: str, limit: int) -> None:
    key = {"assets": "asset_id", "findings": "finding_id"}[subject]
    columns = ",".join({key, *(s.strip("-") for s in sort.split(",") if s)})
    paged = every(ana, subject, sort=sort, limit=limit, columns=columns)
    whole = every(ana, subject, sort=sort, limit=1000, columns=columns)
    assert [r[key] for r in paged] == [r[key] for r in whole]
    assert len({r[key] for r in paged}) == len(paged) == ana.get(f"/api/v1/{subject}").json()["count"]
    first = sort.split(",", maxsplit=1)[0]
    values = [r[first.strip("-")] for r in whole if first and r[first.strip("-")] is not None]
    assert values == sorted(values, reverse=first.startswith("-"))


def test_a_page_of_another_query_is_refused(ana: httpx.Client) -> None:
    page = ana.get("/api/v1/findings", params={"limit": 5}).json()["next_page"]
    answer = ana.get("/api/v1/findings", params={"limit": 5, "page": page, "query": "finding.qds > 50"})
    assert (answer.status_code, answer.json()["code"]) == (400, "list.foreign-page")
    for broken in ("x", "W10", "bnVsbA", "%00"):
        assert ana.get("/api/v1/findings", params={"page": broken}).json()["code"] == "list.foreign-page"


def test_facets_count_what_the_list_holds(ana: httpx.Client) -> None:
    rows = every(ana, "findings", query="finding.qds >= 50", limit=1000, columns="status,severity,product_name")
    found = ana.get(
        "/api/v1/findings/facets", params={"query": "finding.qds >= 50", "fields": "status,severity,product_name"}
    ).json()
    for name, values in found.items():
        counted = Counter(r[name] for r in rows if r[name] is not None)
        assert {v["value"]: v["count"] for v in values} == {v["value"]: counted[v["value"]] for v in values}
        assert [v["count"] for v in values] == sorted(counted.values(), reverse=True)[:12]


def test_facets_of_lists_count_each_value(ana: httpx.Client) -> None:
    rows = every(ana, "assets", limit=1000, columns="tags")
    counted = Counter(t for r in rows for t in r["tags"] or ())
    found = ana.get("/api/v1/assets/facets", params={"fields": "tags"}).json()["tags"]
    assert {v["value"]: v["count"] for v in found} == dict(counted.most_common(12)) or len(counted) > 12


@pytest.mark.parametrize(
    ("by", "column"),
    [("cve", "cve_id"), ("asset", "asset_id"), ("fix", "fixing_kb"), ("status", "status"), ("severity", "severity")],
)
def test_groups_add_up_and_lead_to_their_rows(ana: httpx.Client, by: str, column: str) -> None:
    rows = every(ana, "findings", limit=1000, columns=f"{column},cve_id,asset_id,qds,is_kev")
    groups = ana.get("/api/v1/findings/groups", params={"by": by, "limit": 1000}).json()["rows"]
    expected = {}
    for value in {r[column] for r in rows if r[column] is not None}:
        there = [r for r in rows if r[column] == value]
        cves = {r["cve_id"] for r in there if r["cve_id"]}
        expected[value] = (len(there), len({r["asset_id"] for r in there}), len(cves), max(r["qds"] for r in there))
    found = {g[column]: (g["findings"], g["assets"], g["cves"], g["max_qds"]) for g in groups}
    assert found == expected
    first = groups[0]
    counted = ana.get("/api/v1/findings", params={"query": first["query"], "limit": 1}).json()["count"]
    assert counted == first["findings"]


def test_assets_are_grouped_and_lead_to_their_rows(ana: httpx.Client) -> None:
    for by in ("tag", "group", "system", "criticality", "band", "source"):
        groups = ana.get("/api/v1/assets/groups", params={"by": by}).json()["rows"]
        assert groups or by in ("tag", "group"), by
        for group in groups[:1]:
            found = ana.get("/api/v1/assets", params={"query": group["query"], "limit": 1}).json()
            assert found["count"] == group["assets"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("finding.qdss: 1", "qql.unknown-token"),
        ("finding.qds: (", "qql.syntax"),
        ("finding.qds: red", "qql.bad-value"),
        ("finding.title: \x00", "qql.syntax"),
        ("(" * 1000 + "finding.qds: 1" + ")" * 1000, "qql.syntax"),
    ],
)
def test_a_wrong_query_is_told_with_its_place(ana: httpx.Client, query: str, code: str) -> None:
    answer = ana.get("/api/v1/findings", params={"query": query})
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert problem["code"].split(".")[0] == code.split(".", maxsplit=1)[0]
    page = ana.get("/findings", params={"query": query})
    assert (page.status_code, 'id="query-fault"' in page.text) == (400, True)


def test_what_somebody_typed_is_shown_and_never_run(ana: httpx.Client) -> None:
    typed = '"><script>alert(1)</script>'
    for path in PAGE.values():
        assert "<script>alert" not in ana.get(path, params={"query": typed, "sort": typed, "group": typed}).text


def test_a_device_a_tag_and_a_product_called_like_a_script_are_shown_as_text(ana: httpx.Client) -> None:
    named = {"query": f"asset.name: `{SCRIPT}`"}
    (asset,) = ana.get("/api/v1/assets", params=named).json()["rows"]
    finding = ana.get("/api/v1/findings", params={**named, "limit": 1}).json()["rows"][0]
    pages = {
        "/inventory/assets": named,
        f"/inventory/assets/{asset['asset_id']}": {},
        "/findings": named,
        f"/findings/{finding['finding_id']}": {},
        "/findings?group=product": {},
        "/inventory/assets?group=tag": {},
    }
    for path, asked in pages.items():
        text = ana.get(path, params=asked or None).text
        assert (SCRIPT in text, html.escape(SCRIPT) in text) == (False, True), path


def test_an_explanation_is_the_same_over_api_and_page(ana: httpx.Client) -> None:
    row = ana.get("/api/v1/findings", params={"limit": 1}).json()["rows"][0]
    explained = ana.get(f"/api/v1/findings/{row['finding_id']}").json()
    assert (explained["score"], explained["formula"]) == (row["qds"], "qds-open-1")
    assert {"evidence", "maturity", "epss", "trending"} <= explained["factors"].keys()
    page = ana.get(f"/findings/{row['finding_id']}")
    assert explained["why"] in page.text
    asset = ana.get(f"/api/v1/assets/{row['asset_id']}").json()
    assert asset["asset"]["asset_id"] == row["asset_id"]
    assert ana.get(f"/inventory/assets/{row['asset_id']}").status_code == 200
    missing = ana.get("/api/v1/findings/zzzz")
    assert (missing.status_code, missing.json()["code"]) == (404, "finding.unknown")
    assert ana.get("/findings/zzzz").status_code == 404


def test_rejects_are_those_of_the_run_that_was_asked_for(ana: httpx.Client) -> None:
    run = ana.get("/api/v1/runs").json()["rows"][-1]
    of_run = ana.get(f"/api/v1/runs/{run['run_id']}/rejects", params={"limit": 1_000}).json()
    assert of_run["count"] == len(of_run["rows"]) == run["counts"].get("rejects", 0)
    unknown = ana.get("/api/v1/runs/none/rejects")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "run.unknown")


def test_the_summary_agrees_with_the_lists(ana: httpx.Client) -> None:
    summary = ana.get("/api/v1/summary").json()
    critical = ana.get("/api/v1/findings", params={"query": "finding.qds >= 90 and not finding.status: FIXED"}).json()
    assert summary["findings_by_band"]["Critical"] == critical["count"]
    assert summary["assets"] == ana.get("/api/v1/assets").json()["count"] == sum(summary["assets_by_band"].values())
    kev = ana.get("/api/v1/findings", params={"query": "finding.isKev: true and not finding.status: FIXED"}).json()
    assert summary["open_kev_findings"] == kev["count"] > 0
