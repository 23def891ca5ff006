"""Drafts over REST: nothing typed is lost, secrets are sealed and never told, and only a tested connection is saved."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.web.conftest import Served
from tests.web.test_web_files import EXPORT
from tests.web.test_web_runs import shape_of, watch

from riskbridge.simulator.process import RunningSimulator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client(ana: httpx.Client) -> httpx.Client:
    return ana


def begin(client: httpx.Client, **values: Any) -> tuple[str, str]:
    """The address and ETag of a new draft."""
    made = client.post("/api/v1/drafts", json={"values": values})
    assert made.status_code == 201, made.text
    return f"/api/v1/drafts/{made.json()['draft_id']}", made.headers["etag"]


def test_values_are_kept_bit_by_bit_and_a_secret_is_never_told(served: Served, client: httpx.Client) -> None:
    address, tag = begin(client, name="Half", client_secret="hunter2-hunter2")
    changed = client.patch(
        address, json={"values": {"tenant_id": "t", "name": None, "client_secret": ""}}, headers={"if-match": tag}
    )
    shown = client.get(address).json()
    assert (changed.status_code, shown["values"], shown["secrets"]) == (200, {"tenant_id": "t"}, ["client_secret"])
    assert "hunter2" not in client.get("/api/v1/drafts").text
    assert b"hunter2" not in b"".join(p.read_bytes() for p in served.home.glob("config.db*"))
    stale = client.patch(address, json={"values": {"name": "Other"}}, headers={"if-match": tag})
    assert (stale.status_code, stale.json()["code"]) == (412, "edit.stale")
    assert client.delete(address, headers={"if-match": changed.headers["etag"]}).status_code == 204
    assert client.get(address).json()["code"] == "draft.unknown"


def test_a_draft_that_is_not_complete_or_not_tested_is_not_saved(client: httpx.Client) -> None:
    address, tag = begin(client, tenant_id="t", page_size="many")
    early = client.post(f"{address}/finish", json={}, headers={"if-match": tag})
    assert (early.status_code, early.json()["code"]) == (400, "draft.incomplete")
    assert {"name", "page_size"} <= {w.split(":")[0].split()[-1] for w in early.json()["detail"].split("; ")}
    client.patch(address, json={"values": {"name": "New", "page_size": None}}, headers={"if-match": "*"})
    untested = client.post(f"{address}/finish", json={}, headers={"if-match": "*"})
    assert (untested.status_code, untested.json()["code"]) == (400, "draft.untested")


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        ({"kind": "cheese"}, "draft.unknown-kind"),
        ({"values": {"description": "x" * 300_000}}, "draft.too-large"),
    ],
    ids=["unknown kind", "too large"],
)
def test_a_draft_that_cannot_be_is_refused(client: httpx.Client, shape: dict[str, Any], code: str) -> None:
    answer = client.post("/api/v1/drafts", json=shape)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_draft_is_tested_saved_with_its_profile_and_run(empty: Served, tenant: RunningSimulator) -> None:
    client = empty.log_in()
    values = shape_of(tenant) | {"profile_name": "servers", "profile_description": "All of them", "strategy": "paged"}
    address, tag = begin(client, **{**values, "client_secret": "wrong"})
    failed = client.post(f"{address}/test").json()
    assert (failed["is_tested"], failed["checks"]["items"][-1]["code"]) == (False, "defender.wrong-secret")
    client.patch(address, json={"values": {"client_secret": tenant.client_secret}}, headers={"if-match": tag})
    passed = client.post(f"{address}/test")
    assert passed.json()["is_tested"] is True
    matches = client.post(f"{address}/count").json()
    assert (matches["devices"] > 0, matches["is_devices_whole"]) == (True, True)
    other = client.patch(address, json={"values": {"api_url": "http://127.0.0.1:9"}}, headers={"if-match": "*"})
    assert other.json()["is_tested"] is False
    back = client.patch(address, json={"values": {"api_url": tenant.api_url}}, headers={"if-match": "*"})
    assert back.json()["is_tested"] is True
    saved = client.post(f"{address}/finish", json={"run": True}, headers={"if-match": back.headers["etag"]})
    assert saved.status_code == 201, saved.text
    assert [(p["name"], p["description"]) for p in saved.json()["profiles"]] == [("servers", "All of them")]
    assert client.get("/api/v1/drafts").json()["count"] == 0
    assert watch(client, "Contoso")[-1]["state"] == "succeeded"


def test_a_draft_of_files_is_looked_at_and_saved_with_all_that_belongs_to_it(empty: Served) -> None:
    client = empty.log_in()
    client.post("/api/v1/uploads", files={"file": ("nessus.csv", EXPORT.encode())})
    values = {"name": "nessus", "format": "tenable", "findings": "upload:none.csv", "profile_name": "weekly"}
    made = client.post("/api/v1/drafts", json={"kind": "file", "values": values})
    address = f"/api/v1/drafts/{made.json()['draft_id']}"
    failed = client.post(f"{address}/test").json()
    assert (failed["kind"], failed["is_tested"], failed["checks"]["items"][0]["code"]) == (
        "file",
        False,
        "file.missing",
    )
    secret = str(empty.home / "key")
    client.patch(address, json={"values": {"findings": secret, "format": "csv"}}, headers={"if-match": "*"})
    refused = client.post(f"{address}/test")
    assert (refused.status_code, refused.json()["code"]) == (403, "file.not-allowed")
    more = {
        "findings": ["upload:nessus.csv"],
        "format": "tenable",
        "description": "Ours",
        "schedule": {"every": "1d", "at": "06:00"},
    }
    changed = client.patch(address, json={"values": more}, headers={"if-match": "*"})
    early = client.post(f"{address}/finish", json={}, headers={"if-match": changed.headers["etag"]})
    assert (early.status_code, early.json()["code"]) == (400, "draft.untested")
    assert client.post(f"{address}/test").json()["is_tested"] is True
    counted = client.post(f"{address}/count")
    assert (counted.status_code, counted.json()["code"]) == (400, "connector.no-tenant")
    saved = client.post(f"{address}/finish", json={"run": True}, headers={"if-match": "*"})
    assert saved.status_code == 201, saved.text
    shown = saved.json()
    assert (shown["kind"], shown["file"]["findings"], shown["description"]) == ("file", ["upload:nessus.csv"], "Ours")
    assert [(p["name"], p["transform_map"]) for p in shown["profiles"]] == [("weekly", "tenable")]
    assert [s["profile"] for s in client.get("/api/v1/schedules").json()["rows"]] == ["weekly"]
    assert watch(client, "nessus")[-1]["state"] == "succeeded"
    assert client.get("/api/v1/findings").json()["count"] == 2
