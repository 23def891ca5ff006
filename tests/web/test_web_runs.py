"""Connectors and runs over REST: tested before they are saved, watched while they run, and going on after a kill."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.scenario.test_strategies import open_rows
from tests.web.conftest import Served, start_serving

from riskbridge.simulator.process import RunningSimulator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def shape_of(simulator: RunningSimulator, **more: Any) -> dict[str, Any]:
    names = ("tenant_id", "client_id", "client_secret", "login_url", "api_url", "audience")
    values = {n: getattr(simulator, n) for n in names}
    return {"name": "Contoso", **values, "ca_bundle": str(simulator.ca_bundle), **more}


def watch(client: httpx.Client, name: str, *, until_rows: int | None = None) -> list[dict[str, Any]]:
    """The news of a run until it is over, or until so many findings are read."""
    news = []
    url = f"/api/v1/connectors/{name}/progress"
    with client.stream("GET", url, headers={"accept": "text/event-stream"}) as answer:
        for line in answer.iter_lines():
            if line.startswith("data:"):
                news.append(json.loads(line[5:]))
                rows = sum(p["rows"] for p in news[-1]["phases"] if p["name"] == "findings")
                if until_rows is not None and rows >= until_rows:
                    break
    return news


def test_a_wrong_secret_is_named_and_nothing_is_saved(empty: Served, tenant: RunningSimulator) -> None:
    client = empty.log_in()
    wrong = shape_of(tenant, client_secret="wrong")
    tested = client.post("/api/v1/connectors/test", json=wrong).json()
    assert [(i["code"]) for i in tested["items"] if not i["is_ok"]] == ["defender.wrong-secret"]
    answer = client.post("/api/v1/connectors", json=wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "defender.wrong-secret")
    assert client.get("/api/v1/connectors").json()["count"] == 0
    checked = client.post("/api/v1/filters/check", json={"device_filter": "deviceValu eq 'Normal'"})
    assert (checked.status_code, "deviceValue" in checked.text) == (400, True)


def test_a_connection_is_saved_run_and_watched_to_its_end(empty: Served, tenant: RunningSimulator) -> None:
    client = empty.log_in()
    made = client.post("/api/v1/connectors", json=shape_of(tenant))
    assert (made.status_code, made.json()["state"], tenant.client_secret in made.text) == (201, "Registered", False)
    again = client.post("/api/v1/connectors", json=shape_of(tenant))
    assert (again.status_code, again.json()["code"]) == (409, "connector.exists")
    assert client.post("/api/v1/connectors/Contoso/runs").status_code == 202
    news = watch(client, "Contoso")
    assert (news[-1]["state"], news[-1]["phases"][-1]["name"]) == ("succeeded", "publish")
    assert client.get("/api/v1/connectors/Contoso").json()["state"] == "Processed"
    run = client.get("/api/v1/runs").json()["rows"][0]
    assert client.get(f"/api/v1/runs/{run['run_id']}").json()["outcome"] == "succeeded"
    assert client.get("/api/v1/findings").json()["count"] == run["counts"]["findings"]
    for path in ("/", "/connectors", "/connectors/Contoso", f"/runs/{run['run_id']}"):
        assert client.get(path).status_code == 200, path


def test_a_killed_server_goes_on_with_its_run(tmp_path: Path, tenant: RunningSimulator) -> None:
    first = start_serving(tmp_path / "home")
    client = first.log_in()
    token = client.post("/api/v1/api-tokens", json={"name": "script", "days": 1}).json()["token"]
    assert client.post("/api/v1/connectors", json=shape_of(tenant, page_size=20)).status_code == 201
    client.post("/api/v1/connectors/Contoso/runs")
    seen = watch(client, "Contoso", until_rows=200)
    assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    assert seen[-1]["state"] == "running"
    second = start_serving(tmp_path / "home")
    try:
        script = second.client(headers={"authorization": f"Bearer {token}"})
        assert watch(script, "Contoso")[-1]["state"] == "succeeded"
        run = script.get("/api/v1/runs").json()["rows"][0]
        assert (run["is_resumed"], run["outcome"]) == (True, "succeeded")
    finally:
        second.stop()
    assert open_rows(tmp_path / "home") == {tuple(row) for row in tenant.control("findings")}


def test_a_cancelled_run_publishes_nothing(empty: Served, tenant: RunningSimulator) -> None:
    client = empty.log_in()
    client.post("/api/v1/connectors", json=shape_of(tenant, page_size=20))
    client.post("/api/v1/connectors/Contoso/runs")
    busy = client.post("/api/v1/connectors/Contoso/runs")
    watch(client, "Contoso", until_rows=100)
    assert client.delete("/api/v1/connectors/Contoso/runs/current").status_code == 202
    assert watch(client, "Contoso")[-1]["state"] == "cancelled"
    assert (busy.status_code, busy.json()["code"]) == (409, "run.under-way")
    assert client.get("/api/v1/findings").json()["count"] == 0
    late = client.delete("/api/v1/connectors/Contoso/runs/current")
    assert (late.status_code, late.json()["code"]) == (409, "run.not-under-way")


def test_a_stop_in_mid_run_is_clean_and_the_next_start_goes_on(tmp_path: Path, tenant: RunningSimulator) -> None:
    first = start_serving(tmp_path / "home")
    client = first.log_in()
    client.post("/api/v1/connectors", json=shape_of(tenant, page_size=20))
    client.post("/api/v1/connectors/Contoso/runs")
    watch(client, "Contoso", until_rows=100)
    assert first.stop() == 0
    second = start_serving(tmp_path / "home")
    try:
        assert watch(second.log_in(), "Contoso")[-1]["state"] == "succeeded"
    finally:
        second.stop()


def test_a_decision_is_the_callers_and_waits_for_no_run(empty: Served, tenant: RunningSimulator) -> None:
    client = empty.log_in()
    client.post("/api/v1/connectors", json=shape_of(tenant))
    client.post("/api/v1/connectors/Contoso/runs")
    watch(client, "Contoso")
    worst = client.get("/api/v1/findings", params={"limit": 1}).json()["rows"][0]
    url = f"/api/v1/findings/{worst['finding_id']}"
    without_reason = client.post(f"{url}/decision", json={"is_false_positive": True})
    assert (without_reason.status_code, without_reason.json()["code"]) == (400, "decision.no-reason")
    decided = client.post(f"{url}/decision", json={"is_false_positive": True, "why": "not installed", "owner": "ben"})
    assert (decided.status_code, decided.json()["findings"]) == (200, 1)
    event = client.get(url).json()["events"][-1]
    assert "by ana" in event["detail"]
    owned = client.get("/api/v1/findings", params={"query": "finding.owner: ben"}).json()
    assert [r["finding_id"] for r in owned["rows"]] == [worst["finding_id"]]
    everywhere = {"query": "finding.qds >= 90", "note": "patch week"}
    number = client.get("/api/v1/findings", params={"query": "finding.qds >= 90"}).json()["count"]
    assert client.post("/api/v1/decisions", json=everywhere).json()["findings"] == number
    assert client.get("/api/v1/holds").json() == {"count": 0, "rows": []}
    missing = client.post("/api/v1/holds/none/approve", json={"why": "gone"})
    assert (missing.status_code, missing.json()["code"]) == (404, "hold.unknown")
