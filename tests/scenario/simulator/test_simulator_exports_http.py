"""The export APIs over real HTTP: pages pinned to a snapshot, files behind signed addresses, changes, inventory, tags."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.scenario.simulator.test_simulator_process import authorised

from riskbridge.simulator.process import RunningSimulator, start_simulator
from riskbridge.simulator.settings import SimulatorSettings

PAGES = "/api/machines/SoftwareVulnerabilitiesByMachine"
FILES = "/api/machines/SoftwareVulnerabilitiesExport"
CHANGES = "/api/machines/SoftwareVulnerabilityChangesByMachine"
SOFTWARE = "/api/machines/SoftwareInventoryByMachine"
SOFTWARE_FILES = "/api/machines/SoftwareInventoryExport"
THIN = "/api/vulnerabilities/machinesVulnerabilities"
EMPTY = (None, [], "")


@pytest.fixture
def own(home: Path) -> Iterator[RunningSimulator]:
    """A process of the test's own, to change."""
    settings = SimulatorSettings(home=home, devices=60, findings_per_device=8, has_quotas=False)
    with start_simulator(settings) as running:
        yield running


@pytest.fixture
def client(own: RunningSimulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=own.api_url, headers=authorised(own), timeout=30) as found:
        yield found


def rows_of(client: httpx.Client, url: str) -> list[dict[str, Any]]:
    found, following = [], url
    while following:
        answer = client.get(following)
        assert answer.status_code == 200, answer.text
        found += answer.json()["value"]
        following = answer.json().get("@odata.nextLink")
    return found


def file_rows(client: httpx.Client, url: str) -> list[dict[str, Any]]:
    found = []
    for address in client.get(url).json()["exportFiles"]:
        lines = gzip.decompress(httpx.get(address).content).splitlines()
        found += [json.loads(line) for line in lines]
    return found


def camel(row: dict[str, Any]) -> dict[str, Any]:
    """A file's row in the spelling of the pages."""
    own = {"OSPlatform": "osPlatform", "OSVersion": "osVersion", "OSArchitecture": "osArchitecture"}
    return {own.get(name, name[0].lower() + name[1:]): value for name, value in row.items()}


def without_empty(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value not in EMPTY}


def key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[n] for n in ("deviceId", "cveId", "softwareVendor", "softwareName", "softwareVersion"))


def test_pages_of_any_size_hold_the_rows_of_one_page(api: httpx.Client) -> None:
    whole = rows_of(api, PAGES)
    assert rows_of(api, f"{PAGES}?PageSize=97") == whole
    assert [len(api.get(f"{PAGES}?{o}").json()["value"]) for o in ("pagesize=5", "$top=7")] == [5, 7]
    assert "@odata.nextLink" not in api.get(f"{PAGES}?$top=7").json()


def test_an_export_tells_of_the_listed_detections_of_the_paged_list_and_of_products_without_a_cve(
    api: httpx.Client,
) -> None:
    listed = {m["id"] for m in rows_of(api, "/api/machines")}
    names = ("machineId", "cveId", "productVendor", "productName", "productVersion")
    thin = {tuple(r[n] for n in names) for r in rows_of(api, THIN) if r["machineId"] in listed}
    rich = rows_of(api, PAGES)
    assert {key(r) for r in rich if r["cveId"] is not None} == thin
    assert any(r["cveId"] is None for r in rich)
    assert len({r["id"] for r in rich}) == len(rich)


def test_a_next_link_names_the_snapshot_and_the_row(api: httpx.Client) -> None:
    link = httpx.URL(api.get(f"{PAGES}?pageSize=5").json()["@odata.nextLink"])
    assert json.loads(base64.b64decode(link.params["$skiptoken"])) == {
        "ExportDefinition": {"TimePath": "2026-11-20/1800/"},
        "ExportFileIndex": 0,
        "LineStoppedAt": 5,
    }


def test_a_read_that_began_goes_on_in_its_snapshot(own: RunningSimulator, client: httpx.Client) -> None:
    before = rows_of(client, PAGES)
    link = client.get(f"{PAGES}?pageSize=10").json()["@odata.nextLink"]
    own.control("patch", {"machineId": before[-1]["deviceId"]})
    own.control("step", {"hours": 6})
    assert rows_of(client, link) == before[10:]
    assert len(rows_of(client, PAGES)) < len(before)


def test_a_snapshot_does_not_move_before_its_time(own: RunningSimulator, client: httpx.Client) -> None:
    before = rows_of(client, PAGES)
    own.control("patch", {"machineId": before[0]["deviceId"]})
    own.control("step", {"hours": 5})
    assert rows_of(client, PAGES) == before


@pytest.mark.parametrize(
    ("url", "code"),
    [
        pytest.param(f"{PAGES}?pageSize=200001", "BadRequest", id="too long a page"),
        pytest.param(f"{PAGES}?$skiptoken=nonsense", "BadRequest", id="no token"),
        pytest.param(f"{FILES}?sasValidHours=7", "BadRequest", id="too many hours"),
        pytest.param(CHANGES, "MissingRequiredParameter", id="no sinceTime"),
        pytest.param(f"{CHANGES}?sinceTime=lately", "InvalidInput", id="no time"),
        pytest.param(f"{CHANGES}?sinceTime=2026-11-06T17:59:59Z", "InvalidInput", id="more than 14 days ago"),
    ],
)
def test_what_an_export_does_not_take_is_refused(api: httpx.Client, url: str, code: str) -> None:
    answer = api.get(url)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


@pytest.mark.parametrize(("files", "pages"), [(FILES, PAGES), (SOFTWARE_FILES, SOFTWARE)])
def test_files_hold_the_rows_of_the_pages_in_pascal_case_without_what_is_empty(
    api: httpx.Client, files: str, pages: str
) -> None:
    rows = file_rows(api, files)
    assert all(name[0].isupper() for row in rows for name in row)
    assert not any(value in EMPTY for row in rows for value in row.values())
    assert [camel(r) for r in rows] == [without_empty(r) for r in rows_of(api, pages)]


def test_an_export_names_several_files_and_the_snapshots_time(api: httpx.Client) -> None:
    answer = api.get(FILES).json()
    assert len(set(answer["exportFiles"])) >= 3
    assert answer["generatedTime"] == "2026-11-20T18:00:00Z"


def test_a_token_is_not_wanted_at_a_file_and_remembered(api: httpx.Client, simulator: RunningSimulator) -> None:
    address = api.get(FILES).json()["exportFiles"][0]
    assert [httpx.get(address).status_code, api.get(address).status_code] == [200, 400]
    asked = [r for r in simulator.control("requests") if r["path"].startswith("/tvm-export/")]
    assert [(r["status"], r["has_authorization"]) for r in asked] == [(200, False), (400, True)]


def test_an_address_past_its_time_or_changed_is_refused_in_xml(api: httpx.Client, simulator: RunningSimulator) -> None:
    address = api.get(FILES).json()["exportFiles"][0]
    changed = httpx.get(address.replace("sig=", "sig=0"))
    simulator.control("expire-addresses", {})
    expired = httpx.get(address)
    for answer in (changed, expired):
        assert (answer.status_code, answer.headers["content-type"]) == (403, "application/xml")
        assert "Signature not valid in the specified key time frame" in answer.text


@pytest.mark.parametrize("hours", [6, 78])
def test_a_change_is_told_at_the_first_snapshot_after_it(
    own: RunningSimulator, client: httpx.Client, hours: int
) -> None:
    before = rows_of(client, PAGES)
    row = next(r for r in before if r["cveId"])
    mine = [r for r in before if (r["deviceId"], r["softwareName"]) == (row["deviceId"], row["softwareName"])]
    own.control("patch", {"machineId": row["deviceId"], "productName": row["softwareName"]})
    own.control("step", {"hours": hours})
    events = rows_of(client, f"{CHANGES}?sinceTime=2026-11-20T19:00:00Z")
    assert [(e["status"], e["eventTimestamp"]) for e in events] == [("Fixed", "2026-11-21 00:00:00")] * len(mine)
    assert {key(e) for e in events} == {key(r) for r in mine}
    assert events == rows_of(client, f"{CHANGES}?sinceTime=2026-11-20T23:59:59Z&pageSize=1"), "the window comes whole"
    assert rows_of(client, f"{CHANGES}?sinceTime=2026-11-21T00:00:00Z") == []


def test_the_rows_of_before_and_the_changes_since_give_the_rows_of_now(
    own: RunningSimulator, client: httpx.Client
) -> None:
    held = {key(r) for r in rows_of(client, PAGES)}
    for name in ("upgrade", "software-removed", "rbac-move", "device-silent", "re-image"):
        own.control("scenario", {"name": name, "devices": 2, "seed": 3})
        own.control("step", {"hours": 6})
    for event in rows_of(client, f"{CHANGES}?sinceTime=2026-11-20T18:00:00Z"):
        (held.add if event["status"] == "New" else held.discard)(key(event))
    assert held == {key(r) for r in rows_of(client, PAGES)}


def test_an_upgrade_that_stays_vulnerable_is_fixed_and_new_with_the_time_carried_over(home: Path) -> None:
    settings = SimulatorSettings(home=home, devices=60, findings_per_device=60, has_quotas=False)
    with start_simulator(settings) as running, httpx.Client(base_url=running.api_url, timeout=30) as client:
        client.headers = httpx.Headers(authorised(running))
        running.control("scenario", {"name": "upgrade", "devices": 20, "seed": 1})
        running.control("step", {"hours": 6})
        events = rows_of(client, f"{CHANGES}?sinceTime=2026-11-20T18:00:00Z")
    times: dict[tuple[str, str, str], dict[str, str]] = {}
    for e in events:
        times.setdefault((e["deviceId"], e["softwareName"], e["cveId"]), {})[e["status"]] = e["firstSeenTimestamp"]
    carried = [t for t in times.values() if len(t) == 2]
    assert carried
    assert all(t["Fixed"] == t["New"] for t in carried)


def test_a_move_between_groups_is_fixed_in_one_and_new_in_the_other_under_one_id(
    own: RunningSimulator, client: httpx.Client
) -> None:
    machine = own.control("scenario", {"name": "rbac-move"})["machines"][0]
    own.control("step", {"hours": 6})
    events = rows_of(client, f"{CHANGES}?sinceTime=2026-11-20T18:00:00Z")
    assert {e["deviceId"] for e in events} == {machine}
    groups = {s: {(e["id"]) for e in events if e["status"] == s} for s in ("Fixed", "New")}
    assert groups["Fixed"] == groups["New"] != set()
    assert {e["rbacGroupName"] for e in events if e["status"] == "New"} == {"Moved"}
    assert "Moved" not in {e["rbacGroupName"] for e in events if e["status"] == "Fixed"}


def test_software_counts_distinct_cves_and_needs_its_own_role(api: httpx.Client, simulator: RunningSimulator) -> None:
    cves: dict[tuple[str, str, str], set[str]] = {}
    for r in rows_of(api, PAGES):
        place = (r["deviceId"], r["softwareName"], r["softwareVersion"])
        cves.setdefault(place, set()).update([r["cveId"]] if r["cveId"] else [])
    software = {
        (r["deviceId"], r["softwareName"], r["softwareVersion"]): r["numberOfWeaknesses"]
        for r in rows_of(api, SOFTWARE)
    }
    assert software == {place: len(found) for place, found in cves.items() if found}
    simulator.control("directory", {"roles": ["Vulnerability.Read.All"]})
    headers = authorised(simulator)
    answers = [httpx.get(f"{simulator.api_url}{path}", headers=headers) for path in (PAGES, SOFTWARE, SOFTWARE_FILES)]
    assert [a.status_code for a in answers] == [200, 403, 403]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        pytest.param("tag=FINANCE", "finance", id="whole, in any letter case"),
        pytest.param("tag=pil&useStartsWithFilter=true", "pilot", id="beginning"),
        pytest.param("tag=pil&useStartsWithFilter=false", None, id="a beginning is not the whole"),
    ],
)
def test_devices_are_found_by_tag(api: httpx.Client, query: str, wanted: str | None) -> None:
    everything = [
        m for page in (api.get("/api/machines?$top=10000").json()["value"],) for m in page if wanted in m["machineTags"]
    ]
    assert api.get(f"/api/machines/findbytag?{query}").json()["value"] == everything


def test_a_search_by_tag_needs_a_tag(api: httpx.Client) -> None:
    answer = api.get("/api/machines/findbytag")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "MissingRequiredParameter")


def test_file_exports_have_the_smaller_quota(home: Path) -> None:
    with start_simulator(SimulatorSettings(home=home, devices=1)) as running:
        headers = authorised(running)
        got = [httpx.get(f"{running.api_url}{FILES}", headers=headers) for _ in range(6)]
    assert [a.status_code for a in got] == [200] * 5 + [429]
    assert "Maximum allowed 5 per 00:01:00" in got[5].json()["error"]["message"]


IMDS = "/metadata/identity/oauth2/token"


@pytest.mark.parametrize(
    ("headers", "options", "said"),
    [
        pytest.param({}, {"api-version": "2018-02-01", "resource": "AUDIENCE"}, "metadata header", id="no header"),
        pytest.param({"Metadata": "true"}, {"resource": "AUDIENCE"}, "api-version", id="no version"),
        pytest.param({"Metadata": "true"}, {"api-version": "2018-02-01"}, "'resource' is missing", id="no resource"),
        pytest.param(
            {"Metadata": "true"},
            {"api-version": "2018-02-01", "resource": "https://x.test"},
            "AADSTS500011",
            id="other",
        ),
    ],
)
def test_a_machine_that_asks_wrongly_gets_no_token(
    simulator: RunningSimulator, headers: dict[str, str], options: dict[str, str], said: str
) -> None:
    options = {k: v.replace("AUDIENCE", simulator.audience) for k, v in options.items()}
    answer = httpx.get(simulator.api_url + IMDS, headers=headers, params=options)
    assert (answer.status_code, said in answer.json()["error_description"]) == (400, True)


def test_a_machine_gets_a_token_that_the_api_takes(simulator: RunningSimulator) -> None:
    options = {"api-version": "2018-02-01", "resource": simulator.audience}
    told = httpx.get(simulator.api_url + IMDS, headers={"Metadata": "true"}, params=options).json()
    assert (told["token_type"], told["expires_on"].isdigit()) == ("Bearer", True)
    headers = {"Authorization": f"Bearer {told['access_token']}"}
    assert httpx.get(f"{simulator.api_url}/api/machines?$top=1", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("scenario", "path", "status", "said"),
    [
        pytest.param("transient-404", "machines", 404, "was not found", id="transient-404"),
        pytest.param("throttle-cpu", "softwareVulnerabilitiesByMachine", 429, "CPU", id="throttle-cpu"),
        pytest.param("missing-licence", "softwareVulnerabilitiesByMachine", 403, "license", id="missing-licence"),
    ],
)
def test_a_scenario_of_the_way_answers_so_once(
    simulator: RunningSimulator, api: httpx.Client, scenario: str, path: str, status: int, said: str
) -> None:
    simulator.control("scenario", {"name": scenario, "path": path, "times": 1})
    answers = [api.get("/api/machines?$top=1" if path == "machines" else f"{PAGES}?$top=1") for _ in range(2)]
    assert [a.status_code for a in answers] == [status, 200]
    assert said in answers[0].json()["error"]["message"]
    assert ("retry-after" in answers[0].headers) == (status == 429)


def test_an_export_can_lack_its_files_or_their_bytes(simulator: RunningSimulator, api: httpx.Client) -> None:
    simulator.control("scenario", {"name": "empty-export"})
    assert api.get(FILES).json()["exportFiles"] == []
    address = api.get(FILES).json()["exportFiles"][0]
    simulator.control("scenario", {"name": "zero-byte-file"})
    assert (httpx.get(address).status_code, httpx.get(address).content[:2]) == (200, b"\x1f\x8b")
    simulator.control("scenario", {"name": "damaged-file"})
    with pytest.raises(EOFError):
        gzip.decompress(httpx.get(address).content)


def test_a_newer_snapshot_can_take_the_place_of_the_one_that_is_read(
    own: RunningSimulator, client: httpx.Client
) -> None:
    first = client.get(FILES).json()["generatedTime"]
    own.control("scenario", {"name": "snapshot-changes"})
    assert [first < client.get(FILES).json()["generatedTime"] for _ in range(2)] == [True, True]
