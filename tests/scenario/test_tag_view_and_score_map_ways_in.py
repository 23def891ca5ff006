"""Tags, saved views and score maps from the command line and over REST: made, shown, changed, refused, taken away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.scenario.test_identity_ways_in import Client, code_of
from typer.testing import CliRunner

import riskbridge.cli.file
import riskbridge.cli.lists
import riskbridge.cli.runs
import riskbridge.cli.score_map
import riskbridge.cli.tag
import riskbridge.cli.view  # noqa: F401 - add their commands
from riskbridge.api.application import make_api
from riskbridge.app import App
from riskbridge.cli.commands import app as commands
from riskbridge.config import load_settings
from riskbridge.errors import RiskbridgeError
from riskbridge.model.account import TokenScope
from riskbridge.model.score_map import DEFAULT_SCORE_MAP, ScoreMap
from riskbridge.service import Service
from riskbridge.store.config.score_maps import plain_map

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ANY = {"if-match": "*"}
EVERY = "not asset.name:nobody"
SCORES = "/connectors/scan/score-map"
HOSTS = 6
FOUND = (
    (1, "CVE-2023-38545", "Critical", "curl overflow"),
    (2, "CVE-2023-38546", "Low", "curl cookies"),
    (3, "", "High", "a weak cipher"),
)
WITHOUT_CVE = ("findings", "finding.cveId is null", "--limit", "100")


class Commands:
    """Commands on one home, in this process."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *words: str) -> Any:
        """A command's object with --json."""
        return json.loads(self._invoke(*words, "--json").splitlines()[-1])

    def text(self, *words: str, columns: int = 160) -> str:
        """What a person reads."""
        return self._invoke(*words, columns=columns)

    def refusal(self, *words: str) -> str:
        """The code with which a command is refused."""
        with pytest.raises(RiskbridgeError) as caught:
            self(*words)
        assert caught.value.remedy
        return caught.value.code

    def _invoke(self, *words: str, columns: int = 160) -> str:
        done = CliRunner(env={"COLUMNS": str(columns)}).invoke(commands, [*words, "--home", str(self.home)])
        if done.exception is not None:
            raise done.exception
        return done.stdout


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Commands:
    """Commands on a home that has read six hosts, each with two CVEs and something without one."""
    folder = tmp_path_factory.mktemp("ways")
    rows = [
        f"{plugin},{cve},{risk},wks-{host}.example.test,tcp,443,{name}\n"
        for host in range(HOSTS)
        for plugin, cve, risk, name in FOUND
    ]
    (folder / "scan.csv").write_text("Plugin ID,CVE,Risk,Host,Protocol,Port,Name\n" + "".join(rows), encoding="utf-8")
    commands = Commands(folder / "home")
    commands("connector", "add-file", "--name", "scan", "--format", "tenable", "--findings", str(folder / "scan.csv"))
    assert commands("run", "scan")["counts"]["findings"] == HOSTS * len(FOUND)
    return commands


@pytest.fixture
def people(run: Commands) -> Iterator[dict[str, Client]]:
    """Ana, Bob, and somebody who may only look, at the API in this process."""
    with App(load_settings(home=run.home)) as app:
        service = Service(app)
        api, tokens = make_api(service), {}
        for name, scope in (("ana", TokenScope.WRITE), ("bob", TokenScope.WRITE), ("guest", TokenScope.READ)):
            account = app.store.accounts.find_account(name) or service.accounts.make(name, "correct horse battery")
            _, tokens[name] = service.accounts.make_token(account, "test", 1, scope)
        try:
            yield {name: Client(api, token) for name, token in tokens.items()}
        finally:
            service.close()


def test_tags_have_their_commands(run: Commands) -> None:
    first, second = sorted(a["asset_id"] for a in run("assets", "--limit", "2")["rows"])
    made = run("tag", "set", "crown", "--acs", "5", "--description", "what counts")
    assert (made["tag"], made["assets"]) == (
        {"name": "crown", "description": "what counts", "query": None, "acs": 5},
        0,
    )
    assert run("tag", "assign", "Crown", "--asset", first[:12], "--asset", second)["assets"] == 2
    assert run("tag", "assign", "crown", "--asset", first) == {"tag": "crown", "assets": 0, "run": None}
    (row,) = [r for r in run("tag", "list")["rows"] if r["name"] == "crown"]
    assert (row["assets"], row["by_hand"], row["is_own"]) == (2, 2, True)
    assert {r["asset_id"] for r in run("assets", row["find"])["rows"]} == {first, second}
    changed = run("tag", "set", "CROWN", "--query", EVERY, "--acs", "0")
    assert (changed["tag"]["acs"], changed["tag"]["description"], changed["assets"]) == (None, "what counts", 6)
    assert run("tag", "unassign", "crown", "--where", EVERY)["assets"] == 2
    assert "crown" in run.text("tag", "list")
    assert run("tag", "delete", "crown")["tag"] == "crown"
    assert [r for r in run("tag", "list")["rows"] if r["is_own"]] == []


def test_findings_of_a_query_are_put_together_by_tag(run: Commands) -> None:
    run("tag", "set", "every", "--query", EVERY)
    query = "finding.qds >= 70"
    groups = {spelling: run("findings", query, option, spelling) for option, spelling in GROUPED}
    (one,) = {json.dumps(found) for found in groups.values()}
    (every,) = [r for r in json.loads(one)["rows"] if r["tags"] == "every"]
    assert (every["findings"], every["assets"]) == (run("findings", query)["count"], run("assets", "")["count"])
    assert run("findings", every["query"])["count"] == every["findings"]
    assert run.refusal("findings", query, "--group-by", "colour") == "list.unknown-group"
    assert run("assets", "--group-by", "tags") == run("assets", "--group", "tag")
    run("tag", "delete", "every")


GROUPED = (("--group", "tag"), ("--group-by", "tags"), ("--group-by", "Tag"))


def test_what_a_tag_cannot_be_is_refused_by_commands(run: Commands) -> None:
    assert [
        run.refusal("tag", "set", "a\nb"),
        run.refusal("tag", "set", "x", "--query", "asset.nme:a"),
        run.refusal("tag", "set", "x", "--query", "asset.truRisk > 500"),
        run.refusal("tag", "delete", "nothing"),
        run.refusal("tag", "assign", "nothing", "--where", EVERY),
    ] == ["tag.bad", "qql.unknown-token", "score.bad-rule", "tag.unknown", "tag.unknown"]
    run("tag", "set", "x")
    assert [
        run.refusal("tag", "assign", "x"),
        run.refusal("tag", "assign", "x", "--where", "asset.name:nobody"),
        run.refusal("tag", "unassign", "x", "--asset", "zzz"),
        run.refusal("tag", "assign", "x", "--asset", "a", "--where", EVERY),
    ] == ["tag.no-assets", "tag.no-assets", "asset.unknown", "tag.no-assets"]
    run("tag", "delete", "x")


def test_tags_are_made_given_changed_and_deleted_over_rest(people: dict[str, Client]) -> None:
    ana, guest = people["ana"], people["guest"]
    first = ana.get("/assets?limit=1").json()["rows"][0]["asset_id"]
    shape = {"name": "crown jewels", "acs": 5, "query": None, "description": ""}
    made = ana.post("/tags", json=shape)
    assert (made.status_code, made.json()["assets"], made.json()["find"]) == (201, 0, "tags.name:`crown jewels`")
    assert code_of(ana.post("/tags", json=shape | {"name": "Crown Jewels"})) == (409, "tag.exists")
    url = "/tags/crown%20jewels"
    given = ana.post(f"{url}/assets", json={"asset_ids": [first]}).json()
    assert (given["tag"], given["assets"], given["run"] > 1) == ("crown jewels", 1, True)
    shown = guest.get(url)
    # Whoever has the tag is no part of what is edited.
    assert (shown.json()["by_hand"], shown.headers["etag"]) == (1, made.headers["etag"])
    assert guest.get(f"/assets/{first}").json()["asset"]["acs"] == 5
    assert code_of(guest.post(f"{url}/assets/remove", json={"asset_ids": [first]})) == (403, "account.read-only")
    assert ana.post(f"{url}/assets/remove", json={"query": EVERY}).json()["assets"] == 1
    assert code_of(ana.put(url, json={"acs": 1})) == (428, "edit.no-tag")
    changed = ana.put(url, json={"acs": 1, "query": EVERY}, headers={"if-match": made.headers["etag"]})
    assert (changed.status_code, changed.json()["assets"], changed.json()["acs"]) == (200, 6, 1)
    stale = people["bob"].put(url, json={"acs": 2}, headers={"if-match": made.headers["etag"]})
    assert (code_of(stale), stale.json()["changed_by"], stale.json()["current"]["acs"]) == (
        (412, "edit.stale"), "ana", 1,
    )  # fmt: skip
    assert code_of(ana.put(url, json={"query": "asset.nme:a"}, headers=ANY)) == (400, "qql.unknown-token")
    assert ana.delete(url, headers={"if-match": changed.headers["etag"]}).status_code == 204
    assert code_of(ana.get(url)) == (404, "tag.unknown")
    assert [t["name"] for t in ana.get("/tags").json()["rows"] if t["is_own"]] == []


def test_views_have_their_commands(run: Commands) -> None:
    query = "finding.qds >= 40"
    shown = ("--query", query, "--columns", "qds, cve_id", "--sort", "-epss,cve_id", "--shared")
    saved = run("view", "save", "Worst", *shown)
    assert {n: saved[n] for n in ("subject", "query", "columns", "sort", "group", "is_shared")} == {
        "subject": "findings",
        "query": query,
        "columns": ["qds", "cve_id"],
        "sort": ["-epss", "cve_id"],
        "group": None,
        "is_shared": True,
    }
    assert run("view", "show", "worst") == saved == run("view", "show", saved["view_id"])
    found = run("findings", "--view", "worst", "--limit", "3")
    assert (found["count"], {*found["rows"][0]} >= {"qds", "cve_id"}) == (run("findings", query)["count"], True)
    narrowed = run("findings", "finding.isKev: true", "--view", "Worst")
    assert narrowed["count"] == run("findings", f"{query} and finding.isKev: true")["count"]
    changed = run("view", "save", "WORST", "--query", query, "--group", "cve")
    assert (changed["view_id"], changed["name"], changed["group"]) == (saved["view_id"], "Worst", "cve")
    assert "CVE-2023-38545" in run.text("findings", "--view", "Worst")
    assert "Worst" in run.text("view", "list")
    assert "Worst" in run.text("view", "show", "Worst")
    assert [
        run.refusal("view", "save", "x", "--about", "cars"),
        run.refusal("view", "save", "x", "--query", "finding.qdss > 1"),
        run.refusal("view", "save", "x", "--sort", "-nothing"),
        run.refusal("view", "save", "x", "--group", "colour"),
        run.refusal("assets", "--view", "Worst"),
        run.refusal("view", "delete", "none"),
    ] == [
        "view.bad", "qql.unknown-token", "list.unknown-column", "list.unknown-group", "view.unknown", "view.unknown",
    ]  # fmt: skip
    assert run("view", "delete", "Worst") == {"deleted": "Worst"}
    assert run("view", "list") == {"count": 0, "rows": []}


def test_views_are_their_owners_over_rest(people: dict[str, Client]) -> None:
    ana, bob = people["ana"], people["bob"]
    shape = {"name": "Worst", "subject": "findings", "query": "finding.qds >= 70", "is_shared": True}
    made = ana.post("/views", json=shape)
    url, tag = f"/views/{made.json()['view_id']}", {"if-match": made.headers["etag"]}
    assert (made.status_code, made.json()["owner"]) == (201, "ana")
    assert code_of(ana.post("/views", json=shape | {"name": "WORST"})) == (409, "view.exists")
    assert (bob.get(url).json(), bob.get("/views?subject=assets").json()["count"]) == (made.json(), 0)
    assert code_of(bob.put(url, json=shape, headers=tag)) == (403, "view.not-yours")
    assert code_of(bob.delete(url, headers=tag)) == (403, "view.not-yours")
    assert code_of(ana.put(url, json=shape)) == (428, "edit.no-tag")
    changed = ana.put(url, json=shape | {"is_shared": False, "sort": ["-qds"]}, headers=tag)
    assert (changed.status_code, changed.json()["sort"]) == (200, ["-qds"])
    assert code_of(bob.get(url)) == (404, "view.unknown")
    assert code_of(ana.put(url, json=shape | {"columns": ["nothing"]}, headers=ANY)) == (400, "list.unknown-column")
    assert code_of(ana.delete(url, headers=tag)) == (412, "edit.stale")
    assert ana.delete(url, headers={"if-match": changed.headers["etag"]}).status_code == 204
    assert ana.get("/views").json() == {"count": 0, "rows": []}


def test_score_maps_have_their_commands(run: Commands, tmp_path: Path) -> None:
    suggested = run("score-map", "show", "scan")
    assert suggested == {"connector": "scan", "is_own": False, **plain_map(ScoreMap()), "rescored": None}
    before = {r["finding_id"]: r["qds"] for r in run(*WITHOUT_CVE)["rows"]}
    assert len(before) == HOSTS
    (lowest,) = [r for r in DEFAULT_SCORE_MAP if r.severity == 1]
    own = run("score-map", "set", "SCAN", "--row", "5=99:Critical,Urgent", "--row", "4=88:High", "--default", "2")
    assert {r["severity"]: r["qds"] for r in own["rows"]} == {
        5: 99,
        4: 88,
        **{r.severity: r.qds for r in DEFAULT_SCORE_MAP if r.severity < 4},
    }
    assert (own["is_own"], own["default_severity"], own["rescored"]["findings"]) == (True, 2, HOSTS)
    after = {r["finding_id"]: r["qds"] for r in run(*WITHOUT_CVE)["rows"]}
    assert after == dict.fromkeys(before, 88)
    assert "Its own." in run.text("score-map", "show", "scan")
    file = tmp_path / "map.json"
    file.write_text(json.dumps(suggested), encoding="utf-8")
    again = run("score-map", "set", "scan", "--file", str(file))
    assert {n: again[n] for n in ("rows", "default_severity")} == plain_map(ScoreMap())
    file.write_text("[]", encoding="utf-8")
    assert [
        run.refusal("score-map", "set", "scan", "--row", "five"),
        run.refusal("score-map", "set", "scan", "--row", "5=101:Critical"),
        run.refusal("score-map", "set", "scan", "--row", f"5=95:{lowest.source_values[0]}"),
        run.refusal("score-map", "set", "scan", "--file", str(file)),
        run.refusal("score-map", "show", "nobody"),
    ] == ["score-map.bad-row", "score-map.bad", "score-map.bad", "score-map.bad-file", "connector.unknown"]
    assert run("score-map", "reset", "scan")["is_own"] is False
    back = {r["finding_id"]: r["qds"] for r in run(*WITHOUT_CVE)["rows"]}
    assert back == before


def test_score_maps_are_edited_over_rest(people: dict[str, Client]) -> None:
    ana = people["ana"]
    read = ana.get(SCORES)
    shape = {n: read.json()[n] for n in ("rows", "default_severity")}
    tag = {"if-match": read.headers["etag"]}
    rows = [row | {"qds": 11 * row["severity"]} for row in shape["rows"]]
    assert code_of(ana.put(SCORES, json=shape)) == (428, "edit.no-tag")
    saved = ana.put(SCORES, json={"rows": rows, "default_severity": 1}, headers=tag)
    assert (saved.status_code, saved.json()["is_own"], saved.json()["rows"]) == (200, True, rows)
    assert saved.json()["rescored"]["findings"] == HOSTS
    assert ana.get(SCORES).json() == saved.json() | {"rescored": None}
    stale = people["bob"].put(SCORES, json=shape, headers=tag)
    assert (code_of(stale), stale.json()["changed_by"]) == ((412, "edit.stale"), "ana")
    for wrong in ({"rows": rows[1:]}, {"rows": [*rows, rows[0]]}, {"rows": [rows[0] | {"qds": 101}, *rows[1:]]}):
        refused = ana.put(SCORES, json=wrong, headers=ANY)
        assert (code_of(refused), bool(refused.json()["remedy"])) == ((400, "score-map.bad"), True)
    assert code_of(people["guest"].delete(SCORES, headers=ANY)) == (403, "account.read-only")
    reset = ana.delete(SCORES, headers={"if-match": saved.headers["etag"]})
    assert (reset.json()["is_own"], reset.headers["etag"]) == (False, read.headers["etag"])
    assert code_of(ana.get("/connectors/nobody/score-map")) == (404, "connector.unknown")
