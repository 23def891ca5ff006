"""Scores, rules, due dates and feeds over REST, and tokens of the command line: what the page shows, a script can do."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.scenario.test_main_job import Cli
from tests.web.conftest import Served, start_serving

from riskbridge.api.application import describe_api
from riskbridge.simulator.process import RunningSimulator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

API = "/api/v1"


@pytest.fixture(scope="module")
def home(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A served home that these tests may change."""
    folder = tmp_path_factory.mktemp("scores") / "home"
    shutil.copytree(filled, folder)
    running = start_serving(folder)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()


@pytest.fixture(scope="module")
def client(home: Served) -> httpx.Client:
    return home.log_in()


def tag(client: httpx.Client, path: str) -> dict[str, str]:
    return {"if-match": client.get(f"{API}{path}").headers["etag"]}


def get(client: httpx.Client, path: str, **asked: Any) -> Any:
    answer = client.get(f"{API}{path}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_weights_are_tried_then_kept_then_built_in_again(client: httpx.Client) -> None:
    url, changes = f"{API}/score-settings", {"changes": {"trurisk.formula": "trurisk-2"}}
    before, estate = get(client, "/score-settings")["weights"], get(client, "/summary")["trurisk"]
    tried = client.post(f"{url}/try", json=changes).json()
    assert tried["changed"] == {"trurisk.formula": {"before": "trurisk-1", "after": "trurisk-2"}}
    assert get(client, "/score-settings")["weights"] == before
    assert client.patch(url, json=changes).status_code == 428
    old = tag(client, "/score-settings")
    kept = client.patch(url, json=changes, headers=old).json()
    assert (kept["weights"]["trurisk.formula"], kept["rescored"]["assets"] > 0) == ("trurisk-2", True)
    stale = client.patch(url, json=changes, headers=old)
    assert (stale.status_code, stale.json()["changed_by"]) == (412, "ana")
    worst = get(client, "/assets", limit=1)["rows"][0]
    moved = next(m for m in tried["moves"] if m["now_rank"] == 1) if tried["moves"] else None
    assert moved is None or moved["now_trurisk"] == worst["trurisk"]
    wrong = client.patch(url, json={"changes": {"qds.cvs": 1}}, headers={"if-match": "*"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "score.unknown-setting")
    uneven = client.patch(url, json={"changes": {"qds.cvss": 0.9}}, headers={"if-match": "*"})
    assert (uneven.status_code, uneven.json()["code"]) == (422, "score.weights")
    assert client.delete(url, headers=tag(client, "/score-settings")).json()["weights"] == before
    assert get(client, "/summary")["trurisk"] == estate


def test_a_rule_is_tried_made_replaced_and_taken_away(client: httpx.Client) -> None:
    name = "<b>crown</b>"
    asset = get(client, "/assets", limit=1)["rows"][0]
    rule = {"where": f"asset.name: `{asset['asset_name']}`", "why": "payroll", "acs": 5}
    tried = client.post(f"{API}/rules/try", json=rule | {"name": name}).json()
    assert [(m["asset_id"], m["now_acs"]) for m in tried["moves"]] == [(asset["asset_id"], 5)]
    assert get(client, "/rules") == {"count": 0, "rows": []}
    url = f"{API}/rules/%3Cb%3Ecrown%3C%2Fb%3E"
    by_name = f"{API}/rules/crown"
    assert client.put(by_name, json=rule).json()["rescored"]["assets"] == 1
    assert get(client, f"/assets/{asset['asset_id']}")["asset"]["acs"] == 5
    assert client.put(by_name, json=rule | {"acs": 4}).status_code == 428
    replaced = client.put(by_name, json=rule | {"acs": 4}, headers=tag(client, "/rules/crown"))
    assert (replaced.status_code, replaced.json()["acs"]) == (200, 4)
    circular = client.put(f"{API}/rules/loop", json=rule | {"where": "asset.truRisk > 1"})
    assert (circular.status_code, circular.json()["code"]) == (400, "score.bad-rule")
    assert client.delete(by_name).status_code == 428
    assert client.delete(by_name, headers=tag(client, "/rules/crown")).json()["assets"] == 1
    assert (client.get(by_name).status_code, client.get(url).status_code) == (404, 404)
    assert get(client, f"/assets/{asset['asset_id']}")["asset"]["acs"] == asset["acs"]


def test_the_built_in_weights_leave_the_rules_as_they_are(client: httpx.Client) -> None:
    rule = {"where": "asset.id: *", "why": "a lab", "factor": 0.5}
    made = client.put(f"{API}/rules/lab", json=rule)
    assert made.status_code == 200, made.text
    halved = get(client, "/summary")["trurisk"]
    assert client.delete(f"{API}/score-settings", headers={"if-match": "*"}).json()["rescored"]["assets"] == 0
    assert get(client, "/summary")["trurisk"] == halved
    assert client.delete(f"{API}/rules/lab", headers={"if-match": "*"}).status_code == 200


def test_fixes_groups_and_history_agree_with_the_lists(client: httpx.Client) -> None:
    fixes = get(client, "/fixes", limit=3)
    assert fixes["count"] == len(fixes["fixes"]) == 3
    assert fixes["estate"]["after"] < fixes["estate"]["before"]
    groups = get(client, "/trurisk/groups", by="system", limit=1000)["rows"]
    assert sum(g["assets"] for g in groups) == get(client, "/assets")["count"]
    days = get(client, "/trurisk/history")["rows"]
    assert days[-1]["assets"] == get(client, "/assets")["count"]
    assert sum(days[-1][b] for b in ("severe", "high", "medium", "low")) == days[-1]["assets"]
    assert client.get(f"{API}/trurisk/groups", params={"by": "colour"}).status_code == 422


def test_due_dates_are_edited_by_who_has_read_them(client: httpx.Client) -> None:
    url, before = f"{API}/sla", tag(client, "/sla")
    assert client.patch(url, json={"critical": 5}).status_code == 428
    assert client.patch(url, json={"critical": 5}, headers=before).json()["critical"] == 5
    assert client.patch(url, json={"high": 5}, headers=before).json()["current"]["critical"] == 5
    assert client.patch(url, json={"critical": 0}, headers={"if-match": "*"}).status_code == 422


def test_feeds_are_shown_changed_read_and_refused(client: httpx.Client, tenant: RunningSimulator) -> None:
    shown = {f["feed"]: f["state"] for f in get(client, "/feeds")["rows"]}
    assert (set(shown), shown["cvss"]) == ({"kev", "epss", "exploits", "cvss"}, "never read")
    place = f"{tenant.feeds_url}/known_exploited_vulnerabilities.json"
    changed = client.patch(f"{API}/feeds/kev", json={"url": place, "every_hours": 6}, headers=tag(client, "/feeds/kev"))
    assert (changed.json()["url"], changed.json()["every_hours"]) == (place, 6)
    done = client.post(f"{API}/feeds/refresh", json={"feeds": ["kev"]}).json()
    assert [(r["feed"], r["problem"], r["cves"] > 0) for r in done["rows"]] == [("kev", None, True)]
    not_due = client.post(f"{API}/feeds/refresh", json={"feeds": ["kev"], "is_due_only": True}).json()
    assert not_due == {"count": 0, "rows": [], "rescored": None}
    lost = client.post(f"{API}/feeds/kev/import", json={"location": f"{tempfile.gettempdir()}/nowhere.json"})
    assert (lost.status_code, lost.json()["code"]) == (400, "feeds.unreadable")
    assert client.get(f"{API}/feeds/none").json()["code"] == "feeds.unknown"
    assert client.post(f"{API}/rescore").json()["rescored"]["findings"] == 0


def test_the_description_on_the_command_line_is_that_of_the_server(home: Served, client: httpx.Client) -> None:
    described = get(client, "/openapi.json")
    assert described == json.loads(json.dumps(describe_api()))
    assert described["openapi"].startswith("3.1")
    silent = [
        f"{method} {path}"
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
        if not operation.get("summary") or not operation.get("description")
    ]
    assert silent == []


def test_who_changed_what_is_in_the_audit_log_under_the_callers_name(home: Served, client: httpx.Client) -> None:
    known = {"if-match": "*"}
    rule = {"where": "asset.name: nobody", "why": "trial", "acs": 3}
    answers = [
        client.patch(f"{API}/score-settings", json={"changes": {"trurisk.formula": "trurisk-2"}}, headers=known),
        client.delete(f"{API}/score-settings", headers=known),
        client.put(f"{API}/rules/audited", json=rule),
        client.delete(f"{API}/rules/audited", headers=known),
        client.patch(f"{API}/sla", json={"low": 200}, headers=known),
        client.patch(f"{API}/feeds/epss", json={"every_hours": 12}, headers=known),
    ]
    assert [a.status_code for a in answers] == [200] * len(answers), [a.text for a in answers]
    with sqlite3.connect(f"file:{home.home / 'config.db'}?mode=ro", uri=True) as looking:
        rows = set(looking.execute("SELECT actor, action, object FROM audit"))
    assert {
        ("ana", "setting.changed", n) for n in ("score.weights", "score.rules", "sla.days", "feeds.sources")
    } <= rows


def test_tokens_from_the_command_line_open_the_api_as_their_scope_says(home: Served) -> None:
    assert home.stop() == 0
    cli = Cli(home.home)
    reading = cli("token", "make", "nightly", "--days", "2")
    writing = cli.in_a_process("token", "make", "deploy", "--scope", "write", "--account", "ana")
    assert [(r["name"], r["scope"], "token" in r) for r in cli("token", "list")["rows"]] == [
        ("deploy", "write", False),
        ("nightly", "read", False),
    ]
    assert cli("token", "make", "x", "--account", "nobody")["error"]["code"] == "account.unknown"
    again = start_serving(home.home)
    try:
        bearer = {n: {"authorization": f"Bearer {t['token']}"} for n, t in (("r", reading), ("w", writing))}
        asking = again.client()
        codes = [
            asking.request(m, f"{API}/{path}", headers=bearer[n], json=body).status_code
            for m, path, body in (("GET", "summary", None), ("PUT", "rules/x", {"where": "", "why": ""}))
            for n in ("r", "w")
        ]
        assert codes == [200, 200, 403, 422]
    finally:
        again.stop()
    assert cli("token", "revoke", reading["token_id"][:10])["name"] == "nightly"
    assert cli("token", "list")["count"] == 1
