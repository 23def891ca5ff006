from __future__ import annotations

import gzip
import json
import zlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from riskbridge.simulator.process import RunningSimulator

MACHINES = "/api/machines"
FINDINGS = "/api/vulnerabilities/machinesVulnerabilities"
CATALOGUE = "/api/vulnerabilities"


def values(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["value"]
    return found


def all_pages(api: httpx.Client, url: str) -> list[list[dict[str, Any]]]:
    pages = []
    following: str | None = url
    while following:
        body = api.get(following).json()
        pages.append(body["value"])
        following = body.get("@odata.nextLink")
    return pages


@pytest.mark.parametrize("path", [MACHINES, FINDINGS, CATALOGUE])
def test_following_next_links_reads_everything_once(api: httpx.Client, simulator: RunningSimulator, path: str) -> None:
    pages = all_pages(api, path)
    ids = [row["id"] for page in pages for row in page]
    truth = simulator.control("truth")
    expected = {MACHINES: truth["machines"], FINDINGS: truth["findings"], CATALOGUE: truth["catalogue"]}[path]
    assert len(ids) == len(set(ids)) == expected
    assert [len(p) for p in pages[:-1]] == [500] * (len(pages) - 1)


def test_a_version_in_the_path_changes_nothing(api: httpx.Client) -> None:
    assert values(api.get("/api/v1.0/machines?$top=3")) == values(api.get("/api/machines?$top=3"))


def test_a_next_link_repeats_the_query_and_moves_on(api: httpx.Client, simulator: RunningSimulator) -> None:
    link = api.get(
        "/api/v1.0/vulnerabilities/machinesVulnerabilities?$filter=severity%20ne%20'Low'&x=1&$skip=7"
    ).json()["@odata.nextLink"]
    assert link.startswith(f"{simulator.api_url}/api/v1.0/vulnerabilities/machinesVulnerabilities?")
    assert parse_qs(urlsplit(link).query) == {"$filter": ["severity ne 'Low'"], "x": ["1"], "$skip": ["507"]}
    assert link.endswith("?$filter=severity%20ne%20'Low'&x=1&$skip=507")


def test_with_top_there_is_never_a_next_link(api: httpx.Client, simulator: RunningSimulator) -> None:
    total = simulator.control("truth")["machines"]
    rows = []
    for skip in range(0, total + 50, 50):
        body = api.get(f"{MACHINES}?$top=50&$skip={skip}").json()
        assert "@odata.nextLink" not in body
        rows += body["value"]
    assert len({r["id"] for r in rows}) == total
    assert values(api.get(f"{MACHINES}?$top=1&$skip={total}")) == []


def test_options_without_their_sign_are_ignored(api: httpx.Client) -> None:
    assert len(values(api.get(f"{FINDINGS}?top=1&skip=3"))) == 500


def test_lists_are_filtered_sorted_and_projected(api: httpx.Client) -> None:
    wanted = "$filter=startswith(computerDnsName,'WKS') and onboardingstatus eq 'onboarded'"
    body = api.get(f"{MACHINES}?{wanted}&$orderby=id desc&$select=id,osplatform").json()
    everything = values(api.get(MACHINES))
    expected = [
        {"id": m["id"], "osPlatform": m["osPlatform"]}
        for m in sorted(everything, key=lambda m: m["id"], reverse=True)
        if str(m["computerDnsName"]).lower().startswith("wks") and m["onboardingStatus"] == "Onboarded"
    ]
    assert body["value"] == expected != []
    assert body["@odata.context"].endswith("/api/$metadata#Machines(id,osPlatform)")


def test_a_filter_without_a_match_is_an_empty_list(api: httpx.Client) -> None:
    assert values(api.get(f"{MACHINES}?$filter=version eq 'none'")) == []


def test_findings_carry_the_number_of_matching_rows(api: httpx.Client, simulator: RunningSimulator) -> None:
    body = api.get(f"{FINDINGS}?$top=2").json()
    assert list(body) == ["@odata.context", "@odata.count", "value"]
    assert body["@odata.count"] == simulator.control("truth")["findings"]
    assert "@odata.count" not in api.get(f"{MACHINES}?$top=2").json()
    assert api.get(f"{MACHINES}?$top=2&$count=true").json()["@odata.count"] == simulator.control("truth")["machines"]


def test_one_machine_is_found_by_id_and_by_name(api: httpx.Client, simulator: RunningSimulator) -> None:
    machine = values(api.get(f"{MACHINES}?$top=1"))[0]
    body = api.get(f"{MACHINES}/{machine['id']}").json()
    assert body == {"@odata.context": f"{simulator.api_url}/api/$metadata#Machines/$entity"} | machine
    assert api.get(f"{MACHINES}/{machine['computerDnsName']}").json() == body


def test_one_cve_is_found_by_id(api: httpx.Client, simulator: RunningSimulator) -> None:
    body = api.get(f"{CATALOGUE}/cve-2021-44228").json()
    assert (body["@odata.context"], body["id"], body["cvssV3"]) == (
        f"{simulator.api_url}/api/$metadata#Vulnerabilities/$entity",
        "CVE-2021-44228",
        10,
    )


def test_the_cves_of_a_machine_are_those_of_its_rows(api: httpx.Client) -> None:
    machine_id = values(api.get(f"{FINDINGS}?$top=1"))[0]["machineId"]
    body = api.get(f"{MACHINES}/{machine_id}/vulnerabilities").json()
    rows = values(api.get(f"{FINDINGS}?$filter=machineId eq '{machine_id}'"))
    assert {c["id"] for c in body["value"]} == {r["cveId"] for r in rows}
    assert api.get(f"{MACHINES}/{machine_id}/vulnerabilities?$top=1").status_code == 400


@pytest.mark.parametrize(
    ("path", "message"),
    [
        pytest.param(f"{MACHINES}/{'f' * 40}", f"Machine {'f' * 40} was not found", id="machine"),
        pytest.param(f"{CATALOGUE}/CVE-1900-0001", "Vulnerability CVE-1900-0001 was not found", id="CVE"),
        pytest.param(f"{MACHINES}/nobody/vulnerabilities", "Machine nobody was not found", id="CVEs of a machine"),
    ],
)
def test_what_is_not_there_is_not_found(api: httpx.Client, path: str, message: str) -> None:
    answer = api.get(path)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["message"]) == (404, "ResourceNotFound", message)


FRAMEWORK = "The query specified in the URI is not valid. "


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param(
            f"{FINDINGS}?$stop=1",
            "Custom query option '$stop' that starts with '$' is not supported.",
            id="unknown option",
        ),
        pytest.param(
            f"{MACHINES}?$top=10001",
            "The limit of '10000' for Top query has been exceeded. The value from the incoming request is '10001'.",
            id="top above the cap",
        ),
        pytest.param(
            f"{CATALOGUE}?$top=8001",
            "The limit of '8000' for Top query has been exceeded. The value from the incoming request is '8001'.",
            id="the catalogue's own cap",
        ),
        pytest.param(
            f"{MACHINES}?$skip=-1",
            "Invalid value '-1' for $skip query option found. "
            "The $skip query option requires a non-negative integer value.",
            id="negative skip",
        ),
        pytest.param(
            f"{MACHINES}?$filter=rbacGroupName eq 'x'",
            "The property 'rbacGroupName' cannot be used in the $filter query option.",
            id="a property that cannot be filtered by",
        ),
    ],
)
def test_the_frameworks_refusals_have_no_code_and_no_target(api: httpx.Client, url: str, message: str) -> None:
    answer = api.get(url)
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": {"code": "", "message": FRAMEWORK + message, "details": []}},
    )


@pytest.mark.parametrize("path", [FINDINGS, CATALOGUE])
@pytest.mark.parametrize("text", ["exposedMachines gt 1", "severity eq"])
def test_the_services_own_refusal_of_a_filter_says_little(api: httpx.Client, path: str, text: str) -> None:
    answer = api.get(f"{path}?$filter={text}")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["message"]) == (400, "BadRequest", "Filter parameter is invalid")
    assert set(error) == {"code", "message", "target"}


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"Authorization": "Bearer x.y.z"}, id="no token"),
        pytest.param({"Authorization": "Basic eDp5"}, id="another scheme"),
    ],
)
@pytest.mark.parametrize("path", [MACHINES, FINDINGS, CATALOGUE, f"{MACHINES}/x", f"{CATALOGUE}/x"])
def test_without_a_token_nothing_is_told(simulator: RunningSimulator, path: str, headers: dict[str, str]) -> None:
    answer = httpx.get(simulator.api_url + path, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "Unauthorized")


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        pytest.param("gzip", "gzip", id="gzip"),
        pytest.param("deflate", "deflate", id="deflate"),
        pytest.param("gzip, deflate", "deflate", id="both: deflate, as recorded"),
        pytest.param("gzip, deflate;q=0.5", "gzip", id="the one liked better"),
        pytest.param("identity", None, id="identity"),
        pytest.param("gzip;q=0", None, id="gzip refused"),
        pytest.param("br", None, id="one it has not"),
    ],
)
def test_answers_are_coded_as_the_caller_likes(api: httpx.Client, accepted: str, coding: str | None) -> None:
    with api.stream("GET", f"{MACHINES}?$top=2", headers={"Accept-Encoding": accepted}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers.get("content-encoding") == coding
    unpack = {"gzip": gzip.decompress, "deflate": lambda b: zlib.decompress(b, -15), None: bytes}[coding]
    assert len(json.loads(unpack(raw))["value"]) == 2


def test_answers_have_the_headers_of_the_service(api: httpx.Client) -> None:
    headers = dict(api.get(f"{MACHINES}?$top=1").headers)
    del headers["date"]
    assert headers == {
        "content-type": "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8",
        "transfer-encoding": "chunked",
        "content-encoding": "deflate",
        "vary": "Accept-Encoding",
        "odata-version": "4.0",
        "strict-transport-security": "max-age=31536000; includeSubDomains",
    }


def test_an_unknown_path_is_answered_in_the_services_form(api: httpx.Client) -> None:
    answer = api.get("/api/nothing")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NotFound")


def test_the_feeds_need_no_token_and_agree_with_the_catalogue(simulator: RunningSimulator, api: httpx.Client) -> None:
    kev = httpx.get(f"{simulator.feeds_url}/known_exploited_vulnerabilities.json").json()
    lines = gzip.decompress(httpx.get(f"{simulator.feeds_url}/epss.csv.gz").content).decode().splitlines()
    catalogue = {c["id"]: c for page in all_pages(api, CATALOGUE) for c in page}
    assert kev["count"] == len(kev["vulnerabilities"]) > 100
    assert {v["cveID"] for v in kev["vulnerabilities"]} <= catalogue.keys()
    assert lines[0].startswith("#model_version:")
    assert ",score_date:" in lines[0]
    assert lines[1] == "cve,epss,percentile"
    cve, epss, _ = lines[2].split(",")
    assert catalogue[cve]["epss"] == float(epss)
