"""Connectors and profiles over REST: edits of two people never overwrite each other, and what is saved was checked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from tests.scenario.test_main_job import Cli
from tests.web.conftest import Served, start_serving

from riskbridge.simulator.process import RunningSimulator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

URL = "/api/v1/connectors/tenant"
WINDOWS = "osPlatform eq 'Windows11'"
SCRIPT = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def home(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A served home that these tests may change."""
    folder = tmp_path_factory.mktemp("connectors") / "home"
    shutil.copytree(filled, folder)
    running = start_serving(folder)
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def client(home: Served) -> httpx.Client:
    return home.log_in()


def tag(client: httpx.Client, url: str = URL) -> dict[str, str]:
    return {"if-match": client.get(url).headers["etag"]}


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_an_edit_needs_the_tag_of_what_was_read(client: httpx.Client) -> None:
    before = tag(client)
    assert code_of(client.patch(URL, json={"description": "none"})) == (428, "edit.no-tag")
    changed = client.patch(URL, json={"description": "first"}, headers=before)
    assert (changed.status_code, changed.json()["description"]) == (200, "first")
    assert changed.headers["etag"] == tag(client)["if-match"] != before["if-match"]
    stale = client.patch(URL, json={"description": "second"}, headers=before)
    problem = stale.json()
    assert code_of(stale) == (412, "edit.stale")
    assert (problem["changed_by"], problem["current"]["description"]) == ("ana", "first")
    assert stale.headers["etag"] == changed.headers["etag"]
    assert code_of(client.delete(URL, headers=before)) == (412, "edit.stale")
    assert client.patch(URL, json={"description": "third"}, headers={"if-match": "*"}).status_code == 200


def test_of_edits_at_once_one_wins_and_the_others_are_told(client: httpx.Client) -> None:
    before = tag(client)

    def edit(number: int) -> int:
        return client.patch(URL, json={"description": f"at once {number}"}, headers=before).status_code

    with ThreadPoolExecutor(8) as people:
        assert sorted(people.map(edit, range(8))) == [200, *[412] * 7]


def test_a_changed_login_is_tested_before_it_is_kept(client: httpx.Client, tenant: RunningSimulator) -> None:
    wrong = client.patch(URL, json={"client_secret": "wrong"}, headers=tag(client))
    assert code_of(wrong) == (422, "defender.wrong-secret")
    right = client.patch(URL, json={"client_secret": tenant.client_secret}, headers=tag(client))
    assert (right.status_code, right.json()["has_secret"], tenant.client_secret in right.text) == (200, True, False)
    assert client.post(f"{URL}/test").json()["ok"] is True


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        ({"name": " \x00 "}, "connector.bad-name"),
        ({"name": "a\nb"}, "connector.bad-name"),
        ({"cloud": "commercal"}, "cloud.unknown"),
        ({"nme": "x"}, "request.invalid"),
        ({"description": None}, "request.invalid"),
        ({"calls_per_minute": 0}, "request.invalid"),
    ],
)
def test_an_edit_that_cannot_be_is_refused(client: httpx.Client, edit: dict[str, Any], code: str) -> None:
    before = client.get(URL).json()
    assert client.patch(URL, json=edit, headers=tag(client)).json()["code"] == code
    assert client.get(URL).json() == before


def test_a_name_of_signs_is_stored_and_shown_as_text(client: httpx.Client) -> None:
    by_id = f"/api/v1/connectors/{client.get(URL).json()['connector_id']}"
    renamed = client.patch(by_id, json={"name": f"a/b {SCRIPT}"}, headers=tag(client))
    assert renamed.json()["name"] == f"a/b {SCRIPT}"
    page = client.get("/connectors")
    assert (page.status_code, SCRIPT in page.text) == (200, False)
    assert client.patch(by_id, json={"name": "tenant"}, headers=tag(client, by_id)).status_code == 200


def test_profiles_are_made_changed_and_deleted(client: httpx.Client) -> None:
    url = f"{URL}/profiles"
    made = client.post(url, json={"name": "Windows", "device_filter": WINDOWS, "strategy": "export-json"})
    assert (made.status_code, made.json()["is_active"], made.json()["strategy"]) == (201, True, "export-json")
    assert code_of(client.post(url, json={"name": "windows"})) == (409, "profile.exists")
    assert [p["name"] for p in client.get(url).json()["rows"]] == ["default", "Windows"]
    one = f"{url}/Windows"
    assert client.get(f"{url}/{made.json()['profile_id']}").json() == made.json()
    assert code_of(client.patch(one, json={"is_active": False})) == (428, "edit.no-tag")
    wrong = client.patch(one, json={"device_filter": "osPlatfrm eq 'x'"}, headers=tag(client, one))
    assert (code_of(wrong), "osPlatform" in wrong.json()["remedy"]) == ((400, "filter.unknown-property"), True)
    unknown = client.patch(one, json={"transform_map": "none"}, headers=tag(client, one))
    assert unknown.status_code in (400, 404, 422)
    changed = client.patch(one, json={"is_active": False, "device_filter": None}, headers=tag(client, one))
    assert (changed.json()["is_active"], changed.json()["device_filter"]) == (False, None)
    stale = client.delete(one, headers={"if-match": made.headers["etag"]})
    assert (code_of(stale), stale.json()["changed_by"]) == ((412, "edit.stale"), "ana")
    assert client.delete(one, headers={"if-match": changed.headers["etag"]}).status_code == 204
    assert code_of(client.get(one)) == (404, "profile.unknown")


def test_a_filter_is_tried_before_it_is_saved(client: httpx.Client, home: Served, tenant: RunningSimulator) -> None:
    everything = client.post(f"{URL}/count", json={}).json()
    some = client.post(f"{URL}/count", json={"device_filter": WINDOWS}).json()
    assert (everything["devices"], 0 < some["devices"] < 60) == (60, True)
    found = client.post(f"{URL}/out-of-scope", json={"device_filter": WINDOWS}).json()
    assert found["devices_matching"] == some["devices"]
    windows = "SELECT asset_id FROM asset WHERE operating_system_name = 'Windows11' AND valid_to_run IS NULL"
    query = "SELECT count(*) FROM finding WHERE valid_to_run IS NULL AND state = 'open' AND asset_id NOT IN"
    shutil.copy(home.home / "warehouse.duckdb", home.home.parent / "look.duckdb")
    with duckdb.connect(str(home.home.parent / "look.duckdb")) as look:
        (outside,) = look.execute(f"{query} ({windows})").fetchone() or (0,)
    assert found["findings_out_of_scope"] == outside > 0
    assert sum(d["findings"] for d in found["devices"]) == outside
    nothing_lost = client.post(f"{URL}/out-of-scope", json={}).json()
    assert (nothing_lost["devices_out_of_scope"], nothing_lost["devices"]) == (0, [])
    names = ("tenant_id", "client_id", "client_secret", "login_url", "api_url", "audience")
    unsaved = {n: getattr(tenant, n) for n in names} | {"name": "x", "ca_bundle": str(tenant.ca_bundle)}
    assert client.post("/api/v1/connectors/count", json=unsaved | {"device_filter": WINDOWS}).json() == some


def test_the_clouds_are_known(client: httpx.Client) -> None:
    rows = {c["name"]: c["api_url"] for c in client.get("/api/v1/clouds").json()["rows"]}
    assert rows["eu"] == "https://eu.api.security.microsoft.com"
    assert {"commercial", "gcc", "gcc-high", "dod"} < rows.keys()


def test_a_deleted_connector_leaves_what_it_found(client: httpx.Client) -> None:
    findings = client.get("/api/v1/findings").json()["count"]
    assert code_of(client.delete(URL)) == (428, "edit.no-tag")
    assert client.delete(URL, headers=tag(client)).status_code == 204
    assert code_of(client.get(URL)) == (404, "connector.unknown")
    assert client.get("/api/v1/findings").json()["count"] == findings > 0


def test_profiles_and_connectors_from_the_command_line(filled: Path, tmp_path: Path) -> None:
    shutil.copytree(filled, tmp_path / "home")
    cli = Cli(tmp_path / "home")
    assert (
        cli.in_a_process("profile", "add", "tenant", "Windows", "--device-filter", WINDOWS)["device_filter"] == WINDOWS
    )
    wrong = cli("profile", "change", "tenant", "windows", "--device-filter", "osPlatfrm eq 'x'")
    assert (wrong["exit_code"], wrong["error"]["code"]) == (2, "filter.unknown-property")
    changed = cli("profile", "change", "tenant", "windows", "--inactive", "--page-size", "20", "--name", "Desktops")
    assert (changed["is_active"], changed["page_size"], changed["name"]) == (False, 20, "Desktops")
    refused = cli("run", "tenant", "--profile", "desktops")
    assert (refused["exit_code"], refused["error"]["code"]) == (2, "profile.inactive")
    scope = cli("profile", "scope", "tenant", "--profile", "Desktops")
    assert (scope["devices_matching"] < scope["devices_stored"], scope["findings_out_of_scope"] > 0) == (True, True)
    cli("profile", "change", "tenant", "Desktops", "--active", "--device-filter", "")
    assert cli("profile", "show", "tenant", "Desktops")["device_filter"] is None
    assert cli("run", "tenant", "--profile", "Desktops")["outcome"] == "succeeded"
    assert [p["name"] for p in cli("profile", "list", "tenant")["rows"]] == ["default", "Desktops"]
    assert cli("profile", "delete", "tenant", "Desktops", "--yes")["deleted"] == "Desktops"
    assert cli("connector", "delete", "tenant", "--yes")["deleted"] == "tenant"
    assert cli("connector", "list")["count"] == 0
    assert cli("runs")["count"] == 2
