from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

from riskbridge.simulator.process import RunningSimulator

MACHINES = "/api/machines"
FINDINGS = "/api/vulnerabilities/machinesVulnerabilities"


def arm(simulator: RunningSimulator, kind: str, path: str = "machines", **more: Any) -> None:
    simulator.control("faults", {"kind": kind, "path": path} | more)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param("not-json", (200, "text/html; charset=utf-8"), id="not-json"),
        pytest.param("html-502", (502, "text/html; charset=utf-8"), id="html-502"),
        pytest.param("server-500", (500, "application/json; charset=utf-8"), id="server-500"),
    ],
)
@pytest.mark.parametrize("path", ["machines", "machinesVulnerabilities", "vulnerabilities"])
def test_an_answer_is_broken_once(
    simulator: RunningSimulator, api: httpx.Client, path: str, kind: str, expected: tuple[int, str]
) -> None:
    arm(simulator, kind, path)
    url = FINDINGS if path == "machinesVulnerabilities" else f"/api/{path}"
    broken, whole = api.get(url), api.get(url)
    assert (broken.status_code, broken.headers["content-type"]) == expected
    assert (whole.status_code, "value" in whole.json()) == (200, True)


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
def test_a_truncated_page_is_shorter_than_promised(
    simulator: RunningSimulator, api: httpx.Client, accepted: str
) -> None:
    arm(simulator, "truncate-page")
    with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete message body|without sending complete"):
        api.get(MACHINES, headers={"Accept-Encoding": accepted})
    assert api.get(MACHINES).status_code == 200


def test_a_connection_is_reset(simulator: RunningSimulator, api: httpx.Client) -> None:
    arm(simulator, "connection-reset")
    with pytest.raises(httpx.NetworkError):
        api.get(MACHINES)
    assert [r["status"] for r in simulator.control("requests")] == [0]


def test_a_page_breaks_off_though_its_answer_is_whole(simulator: RunningSimulator, api: httpx.Client) -> None:
    arm(simulator, "bad-json-tail")
    answer = api.get(f"{MACHINES}?$top=2")
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_throttled_call_says_when_to_come_again(simulator: RunningSimulator, api: httpx.Client) -> None:
    arm(simulator, "throttle", "machinesVulnerabilities", seconds=7)
    answer = api.get(FINDINGS)
    error = answer.json()["error"]
    assert (answer.status_code, answer.headers["retry-after"], error["code"], error["target"]) == (
        429,
        "7",
        "429",
        simulator.tenant_id,
    )


def test_a_slow_answer_is_late_and_right(simulator: RunningSimulator, api: httpx.Client) -> None:
    arm(simulator, "slow", seconds=0.3)
    started = time.monotonic()
    assert api.get(f"{MACHINES}?$top=1").status_code == 200
    assert time.monotonic() - started >= 0.3


def test_an_expired_token_stays_expired_and_a_new_one_works(
    simulator: RunningSimulator, api: httpx.Client, login: httpx.Client
) -> None:
    arm(simulator, "token-expired", page=1)
    assert [api.get(f"{MACHINES}?$top=1").status_code for _ in range(3)] == [200, 401, 401]
    form = {
        "grant_type": "client_credentials",
        "client_id": simulator.client_id,
        "client_secret": simulator.client_secret,
        "scope": f"{simulator.audience}/.default",
    }
    token = login.post(f"/{simulator.tenant_id}/oauth2/v2.0/token", data=form).json()["access_token"]
    assert api.get(f"{MACHINES}?$top=1", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_role_is_missing(simulator: RunningSimulator, api: httpx.Client) -> None:
    arm(simulator, "missing-role", "machinesVulnerabilities")
    answer = api.get(FINDINGS)
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        403,
        "Missing application roles. API required roles: Vulnerability.Read.All, application roles:  .",
    )


def test_a_next_link_goes_in_a_circle(simulator: RunningSimulator, api: httpx.Client) -> None:
    arm(simulator, "endless-next-link", times=None)
    first = api.get(f"{MACHINES}?$top=5").json()["@odata.nextLink"]
    assert api.get(first).json()["@odata.nextLink"] == first == f"{simulator.api_url}{MACHINES}?$top=5"


def test_a_next_link_names_another_host(simulator: RunningSimulator, api: httpx.Client) -> None:
    arm(simulator, "foreign-host-next-link", host="https://evil.example.test")
    assert api.get(MACHINES).json()["@odata.nextLink"].startswith("https://evil.example.test/api/machines?")


def test_bad_records_stand_in_one_page(simulator: RunningSimulator, api: httpx.Client) -> None:
    good = api.get(f"{MACHINES}?$top=3").json()["value"]
    arm(simulator, "bad-records")
    bad = api.get(f"{MACHINES}?$top=3").json()["value"]
    assert bad[:3] == good
    assert bad[-1] == good[0]
    assert [type(r).__name__ for r in bad[3:-1]] == ["dict"] * 5 + ["str"]
    assert api.get(f"{MACHINES}?$top=3").json()["value"] == good


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        pytest.param("server-500", 500, id="server-500"),
        pytest.param("html-502", 502, id="html-502"),
        pytest.param("throttle", 429, id="throttle"),
        pytest.param("not-json", 200, id="not-json"),
    ],
)
def test_the_login_host_breaks_too(simulator: RunningSimulator, login: httpx.Client, kind: str, status: int) -> None:
    arm(simulator, kind, "token")
    assert login.post(f"/{simulator.tenant_id}/oauth2/v2.0/token", data={}).status_code == status
    assert login.post(f"/{simulator.tenant_id}/oauth2/v2.0/token", data={}).status_code == 400


def test_a_login_answer_is_cut_and_its_connection_reset(simulator: RunningSimulator, login: httpx.Client) -> None:
    arm(simulator, "truncate-page", "token")
    arm(simulator, "connection-reset", "token", page=1)
    form = {
        "grant_type": "client_credentials",
        "client_id": simulator.client_id,
        "client_secret": simulator.client_secret,
        "scope": f"{simulator.audience}/.default",
    }
    with pytest.raises(httpx.RemoteProtocolError):
        login.post(f"/{simulator.tenant_id}/oauth2/v2.0/token", data=form)
    with pytest.raises(httpx.TransportError):
        login.post(f"/{simulator.tenant_id}/oauth2/v2.0/token", data=form)


def test_an_unknown_fault_is_refused_with_the_list_of_kinds(simulator: RunningSimulator) -> None:
    answer = httpx.post(f"{simulator.control_url}/faults", json={"kind": "earthquake", "path": "machines"})
    assert (answer.status_code, answer.json()["code"]) == (400, "simulator.bad-fault")
    assert "truncate-page" in answer.json()["remedy"]
