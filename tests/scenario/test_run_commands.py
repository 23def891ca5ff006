"""What commands and the API tell of runs: a line each, and the rows that any of them could not use."""

from __future__ import annotations

from typing import Any

import pytest
from tests.scenario.test_identity_ways_in import Client, code_of
from tests.scenario.test_tag_view_and_score_map_ways_in import Commands

from riskbridge.api.application import make_api
from riskbridge.app import App
from riskbridge.config import load_settings
from riskbridge.model.account import TokenScope
from riskbridge.service import Service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
NAME = "the scanner of the second building"
HEADER = "Plugin ID,CVE,Risk,Host,Protocol,Port,Name\n"
GOOD = "1,CVE-2023-38545,High,wks-1.example.test,tcp,443,curl overflow\n"
NOBODYS = "2,CVE-2023-38546,High,,tcp,443,curl cookies\n"
NOTHING = ",,High,wks-1.example.test,tcp,443,\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Commands:
    """Commands on a home with two runs of a file: one that could not use four rows, and one that used all."""
    folder = tmp_path_factory.mktemp("runs")
    commands, file = Commands(folder / "home"), folder / "scan.csv"
    file.write_text(HEADER + GOOD + NOBODYS * 3 + "1,2,3,4,5,6,7,8,9\n", encoding="utf-8")
    commands("connector", "add-file", "--name", NAME, "--format", "tenable", "--findings", str(file))
    for text in (None, HEADER + GOOD):
        if text:
            file.write_text(text, encoding="utf-8")
        commands("run", NAME)
    return commands


def counted(found: dict[str, Any]) -> dict[str, int]:
    return {r["reason"]: r["rejects"] for r in found["reasons"]}


def test_rejects_of_any_run_are_listed_and_counted_by_reason(run: Commands) -> None:
    newest, first = run("runs")["rows"]
    assert (newest["rejects"], first["rejects"]) == (0, 4)
    assert run("rejects") == {"run": 2, "count": 0, "reasons": [], "rows": []}
    found = run("rejects", "--run", "1", "--limit", "1")
    assert (found["run"], found["count"], len(found["rows"])) == (1, 4, 1)
    assert sorted(counted(found).values()) == [1, 3]
    every = run("rejects", "--run", first["run_id"][:12])
    assert (every["reasons"], len(every["rows"])) == (found["reasons"], 4)
    assert [r["reason"] for r in every["rows"]].count(found["reasons"][0]["reason"]) == 3
    assert "1 of 4 rejects of run 1" in run.text("rejects", "--run", "1", "--limit", "1")
    assert run.text("rejects") == "The newest run used every row.\n"
    assert run.text("rejects", "--run", "2") == "Run 2 used every row.\n"
    assert [run.refusal("rejects", "--run", wanted) for wanted in ("0", "3", "zzz", "")] == ["run.unknown"] * 4


def test_rejects_over_rest_are_the_same(run: Commands) -> None:
    with App(load_settings(home=run.home)) as app:
        service = Service(app)
        _, token = service.accounts.make_token(
            service.accounts.make("ana", "correct horse battery"), "t", 1, TokenScope.READ
        )
        client = Client(make_api(service), token)
        try:
            runs = {r["run"]: r["run_id"] for r in client.get("/runs").json()["rows"]}
            answers = [client.get("/rejects").json(), *(client.get(f"/runs/{runs[n]}/rejects").json() for n in (1, 2))]
            unknown = client.get("/runs/zzz/rejects")
        finally:
            service.close()
    assert answers == [run("rejects"), run("rejects", "--run", "1"), run("rejects", "--run", "2")]
    assert code_of(unknown) == (404, "run.unknown")


def test_runs_take_a_line_each_in_eighty_columns(run: Commands) -> None:
    head, *lines = run.text("runs", columns=80).splitlines()
    assert head.split() == ["run", "connector", "outcome", "started", "(UTC)", "seconds", "new", "fixed", "rejects"]
    assert [(line.split()[0], "succeeded" in line, len(line) <= 80) for line in lines] == [
        ("2", True, True),
        ("1", True, True),
    ]
    assert NAME in run.text("runs", columns=160)
