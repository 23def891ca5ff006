"""The export APIs over HTTP: snapshots, pages, files, changes; and the scenarios that change what they tell."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.scenario.simulator.conftest import token_of, trusting

from riskbridge.errors import InputError
from riskbridge.simulator.__main__ import run
from riskbridge.simulator.process import RunningSimulator, start_simulator
from riskbridge.simulator.scenarios import SCENARIOS, play
from riskbridge.simulator.settings import SimulatorSettings

PAGES = "/api/machines/SoftwareVulnerabilitiesByMachine"
FILES = "/api/machines/SoftwareVulnerabilitiesExport"
CHANGES = "/api/machines/SoftwareVulnerabilityChangesByMachine"
INVENTORY = "/api/machines/SoftwareInventoryByMachine"
FINDINGS = "/api/vulnerabilities/machinesVulnerabilities"
START = "2026-11-20T18:00:00Z"


class Tenant:
    """A simulator of its own and a client that is logged in to it."""

    def __init__(self, simulator: RunningSimulator) -> None:
        self.simulator = simulator
        with httpx.Client(base_url=simulator.login_url, verify=trusting(simulator.ca_bundle)) as login:
            token = token_of(simulator, login)
        self.client = httpx.Client(base_url=simulator.api_url, headers={"Authorization": f"Bearer {token}"}, timeout=30)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.client.get(path, params=options or None)

    def rows(self, path: str, **options: Any) -> list[dict[str, Any]]:
        answer = self.get(path, **options)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["value"]
        while link := answer.json().get("@odata.nextLink"):
            answer = self.client.get(link)
            found += answer.json()["value"]
        return found

    def truth(self) -> set[tuple[str, ...]]:
        return {tuple(row) for row in self.simulator.control("findings")}


@pytest.fixture
def tenant(tmp_path: Path) -> Iterator[Tenant]:
    settings = SimulatorSettings(home=tmp_path / "simulator", devices=30, findings_per_device=10, has_quotas=False)
    with start_simulator(settings) as running:
        made = Tenant(running)
        yield made
        made.client.close()


def key(row: dict[str, Any]) -> tuple[str, ...]:
    return (row["deviceId"], row["cveId"], row["softwareVendor"], row["softwareName"], row["softwareVersion"])


def test_pages_and_files_tell_what_is_true_and_name_products_without_a_cve(tenant: Tenant) -> None:
    rows = tenant.rows(PAGES, pageSize=100)
    assert {key(r) for r in rows if r["cveId"]} == tenant.truth()
    assert [r for r in rows if r["cveId"] is None]
    listing = tenant.get(FILES).json()
    lines = [
        json.loads(line)
        for address in listing["exportFiles"]
        for line in gzip.decompress(httpx.get(address).content).splitlines()
    ]
    assert len(lines) == len(rows)
    assert {(r["DeviceId"], r.get("CveId")) for r in lines} == {(r["deviceId"], r["cveId"]) for r in rows}
    assert all(r[0].isupper() for line in lines for r in line)
    assert None not in [v for line in lines for v in line.values()]
    assert listing["generatedTime"] == START


def test_a_link_is_pinned_to_its_snapshot(tenant: Tenant) -> None:
    first = tenant.get(PAGES, pageSize=50).json()
    token = json.loads(base64.b64decode(parse_qs(urlsplit(first["@odata.nextLink"]).query)["$skiptoken"][0]))
    assert token["ExportDefinition"]["TimePath"] == "2026-11-20/1800/"
    before = tenant.truth()
    tenant.simulator.control("scenario", {"name": "software-removed", "devices": 5})
    tenant.simulator.control("step", {"hours": 6})
    rows, link = first["value"], first["@odata.nextLink"]
    while link:
        body = tenant.client.get(link).json()
        rows, link = rows + body["value"], body.get("@odata.nextLink")
    assert {key(r) for r in rows if r["cveId"]} == before
    assert {key(r) for r in tenant.rows(PAGES) if r["cveId"]} == tenant.truth() < before


def test_top_takes_the_next_link_away(tenant: Tenant) -> None:
    body = tenant.get(PAGES, **{"$top": 5}).json()
    assert (len(body["value"]), "@odata.nextLink" in body) == (5, False)


@pytest.mark.parametrize("size", ["0", "200001", "many"])
def test_a_page_size_beyond_the_bounds_is_refused(tenant: Tenant, size: str) -> None:
    assert tenant.get(PAGES, pageSize=size).json()["error"]["code"] == "BadRequest"


def test_an_address_takes_no_token_and_runs_out(tenant: Tenant) -> None:
    address = tenant.get(FILES, sasValidHours=6).json()["exportFiles"][0]
    assert tenant.client.get(address).status_code == 400
    assert httpx.get(address).status_code == 200
    tenant.simulator.control("expire-addresses", {})
    refused = httpx.get(address)
    assert refused.status_code == 403
    assert "Signature not valid in the specified key time frame" in refused.text
    assert tenant.get(FILES, sasValidHours=7).status_code == 400


@pytest.mark.parametrize(
    ("options", "code"),
    [
        pytest.param({}, "MissingRequiredParameter", id="none"),
        pytest.param({"sinceTime": "yesterday"}, "InvalidInput", id="no time"),
        pytest.param({"sinceTime": "2026-11-06T17:00:00Z"}, "InvalidInput", id="more than 14 days"),
    ],
)
def test_changes_need_a_time_of_the_last_14_days(tenant: Tenant, options: dict[str, str], code: str) -> None:
    assert tenant.get(CHANGES, **options).json()["error"]["code"] == code


def test_changes_tell_upgrades_moves_and_what_is_gone(tenant: Tenant) -> None:
    tenant.get(PAGES)
    before = tenant.truth()
    tenant.simulator.control("scenario", {"name": "upgrade", "devices": 2})
    moved = tenant.simulator.control("scenario", {"name": "rbac-move", "devices": 1, "seed": 5})["machines"][0]
    assert tenant.rows(CHANGES, sinceTime=START) == []
    tenant.simulator.control("step", {"hours": 6})
    rows = [r for r in tenant.rows(CHANGES, sinceTime=START) if r["cveId"]]
    now = tenant.truth()
    others = [r for r in rows if r["deviceId"] != moved]
    assert {key(r) for r in others if r["status"] == "Fixed"} == {k for k in before - now if k[0] != moved}
    assert {key(r) for r in others if r["status"] == "New"} == {k for k in now - before if k[0] != moved}
    pair = [r for r in rows if r["deviceId"] == moved]
    assert {(r["status"], r["rbacGroupName"] == "Moved") for r in pair} == {("Fixed", False), ("New", True)}
    assert {r["eventTimestamp"] for r in rows} == {"2026-11-21 00:00:00"}


def test_the_window_that_holds_the_time_is_told_whole(tenant: Tenant) -> None:
    tenant.get(PAGES)
    for seed in range(2):
        tenant.simulator.control("scenario", {"name": "software-removed", "seed": seed})
        tenant.simulator.control("step", {"hours": 6})
    everything = tenant.rows(CHANGES, sinceTime="2026-11-20T20:00:00Z")
    later = tenant.rows(CHANGES, sinceTime="2026-11-21T05:59:00Z")
    assert {r["eventTimestamp"][11:13] for r in everything} == {"00", "06"}
    assert {r["eventTimestamp"][11:13] for r in later} == {"06"}
    assert tenant.rows(CHANGES, sinceTime="2026-11-21T06:00:00Z") == []


def test_an_id_that_is_renamed_is_renamed_everywhere(tenant: Tenant) -> None:
    tenant.get(PAGES)
    told = tenant.simulator.control("scenario", {"name": "tvm-renamed"})
    tenant.simulator.control("step", {"hours": 6})
    paged = {r["cveId"] for r in tenant.rows(FINDINGS)}
    exported = {r["cveId"] for r in tenant.rows(PAGES)}
    assert told["from"] not in paged | exported
    changes = {(r["cveId"], r["status"]) for r in tenant.rows(CHANGES, sinceTime=START)}
    assert changes <= {(told["from"], "Fixed"), (told["to"], "New")}


def test_the_inventory_needs_its_own_role(tenant: Tenant) -> None:
    assert {r["softwareName"] for r in tenant.rows(INVENTORY)} >= {k[3] for k in tenant.truth()}
    tenant.simulator.control("directory", {"roles": ["Machine.Read.All"]})
    fresh = Tenant(tenant.simulator)
    assert "Software.Read.All" in fresh.get(INVENTORY).json()["error"]["message"]
    fresh.client.close()


def test_file_exports_have_the_narrowest_quota(tmp_path: Path) -> None:
    with start_simulator(SimulatorSettings(home=tmp_path, devices=3)) as running:
        tenant = Tenant(running)
        statuses = [tenant.get(FILES).status_code for _ in range(6)]
        refused = tenant.get(FILES)
        tenant.client.close()
    assert statuses == [200] * 5 + [429]
    assert 0 < int(refused.headers["Retry-After"]) <= 60


@pytest.mark.parametrize("name", ["re-image", "device-silent", "device-offboarded", "kb-installed"])
def test_a_scenario_of_the_world_changes_the_devices_it_names(tenant: Tenant, name: str) -> None:
    before = tenant.truth()
    told = tenant.simulator.control("scenario", {"name": name, "devices": 2, "seed": 3})
    gone = {row[0] for row in before - tenant.truth()}
    assert gone == set(told["machines"])
    again = [tenant.get(f"/api/machines/{identity}").json()["healthStatus"] for identity in told["machines"]]
    assert again == (["Inactive"] * 2 if name != "kb-installed" else again)


def test_a_licence_can_be_missing_and_a_filter_can_lie(tenant: Tenant) -> None:
    whole = len(tenant.rows(FINDINGS))
    tenant.simulator.control("scenario", {"name": "filtered-disagrees"})
    assert len(tenant.rows(FINDINGS, **{"$filter": "productVendor ne 'nobody'"})) == whole - 1
    tenant.simulator.control("faults", method="DELETE")
    tenant.simulator.control("scenario", {"name": "missing-licence"})
    assert "license" in tenant.get(FINDINGS).json()["error"]["message"]


def test_scenarios_and_time_are_steered_from_the_command_line(
    tenant: Tenant, capsys: pytest.CaptureFixture[str]
) -> None:
    home = str(Path(tenant.simulator.ca_bundle).parent)
    assert run(["scenario", "upgrade", "devices=2", "seed=4", "--home", home]) == 0
    assert len(json.loads(capsys.readouterr().out)["machines"]) == 2
    assert run(["step", "--days", "1", "--home", home]) == 0
    assert json.loads(capsys.readouterr().out)["now"] == "2026-11-21T18:00:00+00:00"
    assert run(["scenario", "nothing-such", "--home", home]) == 2
    assert "Choose one of upgrade" in capsys.readouterr().err
    assert run(["scenario", "--home", home]) == 0
    listed = capsys.readouterr().out
    assert [name for name in SCENARIOS if name not in listed] == []


def test_no_simulator_there_is_told_with_the_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["step", "--days", "1", "--home", str(tmp_path)]) == 2
    assert "Start one with: riskbridge simulator" in capsys.readouterr().err


def test_scenarios_may_happen_before_the_first_request(tmp_path: Path) -> None:
    scenarios = (("throttle-count", {"seconds": 9}), ("device-silent", {"devices": 3}))
    with start_simulator(SimulatorSettings(home=tmp_path, devices=20, scenarios=scenarios)) as running:
        tenant = Tenant(running)
        assert tenant.get(FINDINGS).headers["Retry-After"] == "9"
        silent = [m for m in tenant.rows("/api/machines") if m["healthStatus"] == "Inactive"]
        tenant.client.close()
    assert len(silent) >= 3


def test_an_unknown_scenario_is_refused_by_name() -> None:
    with pytest.raises(InputError) as refused:
        play("nothing-such", {}, object(), None)  # type: ignore[arg-type]
    assert refused.value.code == "simulator.unknown-scenario"


def test_the_clock_runs_at_its_speed(tmp_path: Path) -> None:
    with start_simulator(SimulatorSettings(home=tmp_path, devices=3, speed=7 * 24 * 3600.0)) as running:
        tenant = Tenant(running)
        first = tenant.get(FILES).json()["generatedTime"]
        running.control("step", {"hours": 7})
        assert tenant.get(FILES).json()["generatedTime"] > first
        tenant.client.close()


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        pytest.param("/metadata/identity/oauth2/token", {"Metadata": "true"}, 200, id="metadata service"),
        pytest.param("/metadata/identity/oauth2/token", {}, 400, id="without its header"),
        pytest.param("/msi/token", {"X-IDENTITY-HEADER": "wrong"}, 401, id="platform, wrong word"),
    ],
)
def test_a_machines_identity_is_asked_in_its_own_form(
    simulator: RunningSimulator, path: str, headers: dict[str, str], status: int
) -> None:
    version = "2018-02-01" if "metadata" in path else "2019-08-01"
    options = {"api-version": version, "resource": simulator.audience}
    answer = httpx.get(f"{simulator.api_url}{path}", params=options, headers=headers)
    assert answer.status_code == status
    if status == 200:
        token = answer.json()["access_token"]
        read = httpx.get(f"{simulator.api_url}/api/machines", headers={"Authorization": f"Bearer {token}"})
        assert read.status_code == 200


def test_changes_tell_what_became_known_of_a_cve_as_updated(tenant: Tenant) -> None:
    before = {r["id"]: r for r in tenant.rows(PAGES)}
    cve = tenant.simulator.control("scenario", {"name": "exploit-published", "seed": 3})["cve"]
    tenant.simulator.control("step", {"hours": 6})
    rows = tenant.rows(CHANGES, sinceTime=START)
    now = {r["id"]: r for r in tenant.rows(PAGES)}
    of_cve = {i for i, r in now.items() if r["cveId"] == cve}
    assert {(r["status"], r["exploitabilityLevel"], r["cveId"]) for r in rows} == {
        ("Updated", "ExploitIsVerified", cve)
    }
    assert sorted(r["id"] for r in rows) == sorted(of_cve)
    assert {i for i in now if now[i] != before[i]} == of_cve
