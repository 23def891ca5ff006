"""Identification from the command line and over REST, and two connectors that see the same devices."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.scenario.test_strategies import World
from typer.testing import CliRunner

import riskbridge.cli.identity  # noqa: F401 - adds its commands
from riskbridge.api.application import make_api
from riskbridge.app import App
from riskbridge.cli.commands import app as commands
from riskbridge.errors import RiskbridgeError
from riskbridge.identity.rules import BUILT_IN_RULES
from riskbridge.matching import list_rules, reset_rules, save_rules
from riskbridge.model.account import TokenScope
from riskbridge.model.connector import new_profile
from riskbridge.service import Service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
URL = "/connectors/tenant/identification"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("ways"), devices=6, findings_per_device=6)
    with made.simulator:
        made.connect("home")
        made.read("home", "paged", has_software=True)
        made.let_pass(hours=1)
        yield made


class Commands:
    """Commands on one home, in this process."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *words: str) -> Any:
        """A command's object with --json."""
        done = CliRunner().invoke(commands, ["identity", *words, "--home", str(self.home), "--json"])
        if done.exception is not None:
            raise done.exception
        return json.loads(done.stdout.splitlines()[-1])

    def text(self, *words: str) -> str:
        """What a person reads."""
        done = CliRunner().invoke(commands, ["identity", *words, "--home", str(self.home)])
        assert done.exit_code == 0, done.exception
        return done.stdout

    def refusal(self, *words: str) -> str:
        """The code with which a command is refused."""
        with pytest.raises(RiskbridgeError) as caught:
            self(*words)
        assert caught.value.remedy
        return caught.value.code


@pytest.fixture
def run(world: World) -> Commands:
    return Commands(world.folder / "home")


def names(shown: dict[str, Any]) -> list[str]:
    return [rule["name"] for rule in shown["rules"]]


def test_rules_are_shown_changed_and_reset_by_commands(run: Commands) -> None:
    usual = [rule.name for rule in BUILT_IN_RULES]
    assert names(run("rules", "show", "tenant")) == usual
    added = run("rules", "add", "TENANT", "name-and-address", "host_name", "ip_address", "--place", "2")
    assert names(added)[:2] == ["merged-in-source", "name-and-address"]
    off = run("rules", "off", "tenant", "MAC")
    assert [r["name"] for r in off["rules"] if not r["is_on"]] == ["mac", "ip"]
    assert names(run("rules", "move", "tenant", "fqdn", "1"))[0] == "fqdn"
    assert [r["is_on"] for r in run("rules", "on", "tenant", "ip")["rules"] if r["name"] == "ip"] == [True]
    assert names(run("rules", "remove", "tenant", "name-and-address")) == ["fqdn", *(n for n in usual if n != "fqdn")]
    kept = json.dumps([{"name": name} for name in reversed(usual)])
    assert names(run("rules", "set", "tenant", kept)) == usual[::-1]
    assert "fqdn" in run.text("rules", "show", "tenant")
    assert names(run("rules", "reset", "tenant")) == usual


def test_what_rules_cannot_be_is_refused_by_commands(run: Commands) -> None:
    only = json.dumps([{"name": rule.name, "is_on": False} for rule in BUILT_IN_RULES])
    assert [
        run.refusal("rules", "set", "tenant", only),
        run.refusal("rules", "set", "tenant", "{"),
        run.refusal("rules", "add", "tenant", "own", "colour"),
        run.refusal("rules", "add", "tenant", "mac", "fqdn"),
        run.refusal("rules", "remove", "tenant", "mac"),
        run.refusal("rules", "off", "tenant", "mack"),
        run.refusal("rules", "show", "nobody"),
        run.refusal("simulate", "tenant", "--add", "own"),
        run.refusal("simulate", "tenant", "--move", "fqdn=x"),
    ] == [
        "identity.no-rule", "identity.bad-json", "identity.rule", "identity.rules", "identity.built-in",
        "identity.unknown-rule", "connector.unknown", "identity.rule", "identity.bad-place",
    ]  # fmt: skip


def test_simulation_ambiguity_merges_and_ranks_have_their_commands(run: Commands, world: World) -> None:
    tried = run("simulate", "tenant", "--on", "ip", "--off", "mac", "--move", "ip=1")
    assert (tried["assets"]["before"], tried["records"]) == (6, 6)
    assert "Nothing was saved." in run.text("simulate", "tenant", "--on", "ip")
    assert run("ambiguous") == {"count": 0, "rows": []}
    with world.open("home") as app:
        first, second = sorted(a["asset_id"] for a in app.list_assets(limit=2).rows)
    done = run("merge", first[:12], second, "--why", "one box")
    assert (done["assets"], done["records_moved"]) == (5, 1)
    assert [j["why"] for j in run("judgements")["rows"]] == ["one box"]
    assert run("undo", done["judgement_id"][:12], "--why", "two boxes")["assets"] == 6
    assert run("judgements") == {"count": 0, "rows": []}
    assert "one box" in run.text("judgements", "--all")
    assert run("rank", "set", "tenant", "--attribute", "asset_name") == {"asset_name": ["tenant"]}
    assert "asset_name" in run.text("rank", "show")
    assert (run("rank", "set", "--attribute", "asset_name"), run("rank", "show")) == ({}, {})


class Client:
    """Somebody at the API, in this process."""

    def __init__(self, api: FastAPI, token: str) -> None:
        self.api = api
        self.headers = {"authorization": f"Bearer {token}"}

    def _answer(self, method: str, url: str, **more: Any) -> httpx.Response:
        # A thread of its own: a browser test that ran here before has left a loop of its own in this one.
        with ThreadPoolExecutor(1) as asking:
            return asking.submit(lambda: asyncio.run(self._ask(method, url, **more))).result()

    def get(self, url: str) -> httpx.Response:
        return self._answer("GET", url)

    def post(self, url: str, json: Any = None) -> httpx.Response:
        return self._answer("POST", url, json=json)

    def put(self, url: str, json: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        return self._answer("PUT", url, json=json, headers=headers)

    def delete(self, url: str, headers: dict[str, str]) -> httpx.Response:
        return self._answer("DELETE", url, headers=headers)

    async def _ask(self, method: str, url: str, **options: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.api)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=self.headers) as client:
            return await client.request(method, url, **options)


@pytest.fixture
def client(world: World) -> Iterator[Client]:
    """Ana at the API, in this process."""
    with world.open("home") as app:
        service = Service(app)
        accounts = service.accounts
        account = app.store.accounts.find_account("ana") or accounts.make("ana", "correct horse battery")
        _, token = accounts.make_token(account, "test", 1, TokenScope.WRITE)
        try:
            yield Client(make_api(service), token)
        finally:
            service.close()


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_rules_are_read_tried_edited_and_reset_over_rest(client: Client) -> None:
    read = client.get(URL)
    rules, tag = read.json()["rules"], {"if-match": read.headers["etag"]}
    assert ([r["name"] for r in rules], read.json()["is_own"]) == ([r.name for r in BUILT_IN_RULES], False)
    own = {"name": "own", "attributes": ["host_name", "ip_address"]}
    tried = client.post(f"{URL}/simulate", json={"rules": [*rules, own]}).json()
    assert (tried["assets"], tried["merges"]["count"]) == ({"before": 6, "after": 6}, 0)
    assert code_of(client.put(URL, json={"rules": rules})) == (428, "edit.no-tag")
    saved = client.put(URL, json={"rules": [own, *rules]}, headers=tag)
    assert (saved.status_code, saved.json()["rules"][0]["name"], saved.json()["is_own"]) == (200, "own", True)
    stale = client.put(URL, json={"rules": rules}, headers=tag)
    assert (code_of(stale), stale.json()["changed_by"]) == ((412, "edit.stale"), "ana")
    off = [rule | {"is_on": False} for rule in rules]
    assert code_of(client.put(URL, json={"rules": off}, headers={"if-match": "*"})) == (400, "identity.no-rule")
    assert client.post("/identification/apply").json()["assets"] == 6
    reset = client.delete(URL, headers={"if-match": saved.headers["etag"]})
    assert (reset.json()["is_own"], reset.headers["etag"]) == (False, read.headers["etag"])


def test_assets_are_merged_and_split_over_rest_and_tell_why(client: Client) -> None:
    first, second = sorted(a["asset_id"] for a in client.get("/assets?limit=2").json()["rows"])
    body = {"asset_id": first, "other_id": second, "why": "one box"}
    done = client.post("/identification/merges", json=body)
    told = client.get(f"/assets/{first}").json()
    assert (done.status_code, {r["rule"] for r in told["identity"]}) == (201, {"merged-by-hand"})
    names = [a for a in told["attributes"] if a["attribute"] == "asset_name"]
    assert [(a["value"], a["source"], a["others"]) for a in names] == [(told["asset"]["asset_name"], "MS Defender", 1)]
    record = told["identity"][0]["external_asset_id"]
    split = client.post("/identification/splits", json={"asset_id": first, "record_id": record, "why": "x"})
    assert code_of(split) == (400, "identity.contradiction")
    judged = client.get("/identification/judgements").json()
    undone = client.post(f"/identification/judgements/{judged['rows'][0]['judgement_id']}/undo", json={"why": "no"})
    assert (judged["count"], undone.json()["assets"]) == (1, 6)
    assert client.get("/identification/ambiguous").json() == {"count": 0, "rows": []}
    assert code_of(client.post("/identification/judgements/zzz/undo", json={"why": "x"})) == (
        404, "identity-judgement.unknown",
    )  # fmt: skip


def test_the_order_of_sources_is_edited_over_rest(client: Client) -> None:
    read = client.get("/identification/rank")
    tag = {"if-match": read.headers["etag"]}
    kept = client.put("/identification/rank", json={"order": {"*": ["tenant"]}}, headers=tag)
    bad = client.put("/identification/rank", json={"order": {"colour": ["tenant"]}}, headers={"if-match": "*"})
    assert (read.json(), kept.json()) == ({"order": {}}, {"order": {"*": ["tenant"]}})
    assert code_of(bad) == (400, "identity.bad-rank")
    assert client.put("/identification/rank", json={"order": {}}, headers={"if-match": "*"}).json() == {"order": {}}


STRAY = """
SELECT count(*) FROM (SELECT * FROM {table} WHERE valid_to_run IS NULL) t
ANTI JOIN (SELECT * FROM asset_link WHERE valid_to_run IS NULL) l USING (source_asset_id, asset_id)
"""


def strays(app: App) -> list[int]:
    """Detections and software of records that are linked elsewhere, and findings of assets that are not there."""
    found = [app.engine.execute(STRAY.format(table=t)).fetchone() for t in ("detection", "software")]
    lost = app.engine.execute(
        "SELECT count(*) FROM (FROM finding WHERE valid_to_run IS NULL) f "
        "ANTI JOIN (FROM asset WHERE valid_to_run IS NULL) a USING (asset_id)"
    ).fetchone()
    return [int(row[0]) for row in (*found, lost) if row is not None]


def test_what_one_connectors_run_puts_together_takes_the_others_findings_along(world: World) -> None:
    with world.open("home") as app:
        tenant = app.store.get_connector("tenant")
        second = replace(tenant, connector_id="a" * 32, name="second")
        app.store.save_connector(second)
        app.store.save_profile(new_profile(second, has_software=True))
        alone = [replace(rule, is_on=rule.name == "merged-in-source") for rule in list_rules(app.store, second)]
        save_rules(app.store, second, alone)
        apart = app.run("second")
        assert (apart.counts["assets"], strays(app)) == (12, [0, 0, 0])
        findings = apart.counts["findings"]
        reset_rules(app.store, second)
    world.let_pass(hours=1)
    record = world.read("home", "paged")
    with world.open("home") as app:
        assert (record.counts["assets"], strays(app)) == (6, [0, 0, 0])
        assert record.counts["findings"] == findings / 2
        assert {a["source_count"] for a in app.list_assets(limit=100).rows} == {2}
        rows = app.list_findings(limit=1000).rows
        assert {(r["open_detections"] > 1, r["status"]) for r in rows} == {(True, "ACTIVE")}
