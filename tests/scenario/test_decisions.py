"""What people decide: kept over runs, counted, audited, and over on its date."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.scenario.test_strategies import World

from riskbridge.app import App
from riskbridge.decisions import decide
from riskbridge.errors import InputError
from riskbridge.pipeline.decisions import Decision

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
DECIDED = ("verdict", "accepted_until", "owner", "due_on", "decision_tags", "note", "why")


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("decisions"), devices=12, findings_per_device=12)
    with made.simulator:
        made.connect("home")
        made.read("home", "paged")
    return made


@pytest.fixture
def world(read: World, tmp_path: Path) -> Iterator[World]:
    made = read.copied(tmp_path, "home")
    with made.simulator:
        made.let_pass(hours=1)
        yield made


def say(app: App, **values: Any) -> Decision:
    return Decision(by="", at=app.now(), **values)


def worst(app: App) -> dict[str, Any]:
    return app.list_findings(limit=1).rows[0]


def decided(app: App, finding_id: str) -> dict[str, Any]:
    finding = app.find_finding(finding_id)
    return {n: finding[n] for n in DECIDED}


def test_an_accepted_risk_does_not_count_until_its_day_is_over(world: World) -> None:
    today = world.now.date()
    with world.open("home") as app:
        finding = worst(app)
        before = app.explain_asset(finding["asset_id"])["score"]
        until = today + timedelta(days=2)
        done = decide(app, say(app, accepted_until=until, why="behind a proxy"), finding_id=finding["finding_id"][:8])
        lowered = app.explain_asset(finding["asset_id"])["score"]
        shown = decided(app, finding["finding_id"])
        event = app.explain_finding(finding["finding_id"])["events"][-1]
        audit = app.store.list_audit(limit=1)[0]
        found = app.list_findings("finding.decision:accepted").rows
    assert (done["findings"], [r["finding_id"] for r in found]) == (1, [finding["finding_id"]])
    assert lowered < before
    assert shown == dict.fromkeys(DECIDED) | {
        "verdict": "accepted", "accepted_until": until.isoformat(), "decision_tags": [], "why": "behind a proxy",
    }  # fmt: skip
    assert (event["kind"], event["reason"]) == ("decided", "accepted")
    assert event["detail"] == f"accepted until {until}, by {audit.actor}: behind a proxy"
    assert (audit.action, audit.detail["findings"]) == ("finding.accepted", 1)
    again = world.read("home", "paged")
    with world.open("home") as app:
        assert (again.counts["events"], decided(app, finding["finding_id"])) == (0, shown)
        assert app.explain_asset(finding["asset_id"])["score"] == lowered
    world.let_pass(days=3)
    world.read("home", "paged")
    world.let_pass(hours=1)
    assert world.read("home", "paged").counts["events"] == 0
    with world.open("home") as app:
        assert decided(app, finding["finding_id"])["verdict"] is None
        assert app.explain_asset(finding["asset_id"])["score"] == before
        event = app.explain_finding(finding["finding_id"])["events"][-1]
    assert (event["kind"], event["detail"]) == ("acceptance-ended", f"accepted until {until}, which is over")


def test_false_positives_by_query_do_not_count_mitigated_ones_do_and_undo_takes_both_back(world: World) -> None:
    with world.open("home") as app:
        asset = app.list_assets(limit=1).rows[0]
        before = asset["trurisk"]
        where = f"asset.id:{asset['asset_id']}"
        number = app.list_findings(where).count
        mitigated = decide(app, say(app, is_mitigated=True, why="segmented"), query=where)
        assert app.explain_asset(asset["asset_id"])["score"] == before
        refuted = decide(app, say(app, is_false_positive=True, why="another build"), query=where)
        assert app.explain_asset(asset["asset_id"])["score"] == 0
        assert app.list_findings("finding.decision:`false-positive`").count == number
        decide(app, say(app, is_undone=True), query=where)
        assert app.explain_asset(asset["asset_id"])["score"] == before
        assert app.list_findings("not finding.decision is null").count == 0
    assert mitigated["findings"] == refuted["findings"] == number
    assert world.read("home", "paged").counts["events"] == 0


def test_owner_due_day_note_and_tags_are_set_one_by_one_and_taken_back(world: World) -> None:
    day = date(2027, 1, 31)
    with world.open("home") as app:
        identity = worst(app)["finding_id"]
        decide(app, say(app, owner="ana", tags=("q1", "edge")), finding_id=identity)
        decide(app, say(app, due_on=day, note="waits for the vendor"), finding_id=identity)
        shown = decided(app, identity)
        due = app.find_finding(identity)["due_at"]
        found = app.list_findings("finding.owner:ana and finding.ownTags:q1 and finding.note:vendor").count
        decide(app, say(app, owner="", due_on=date.max, note="", untags=("q1",)), finding_id=identity)
        after = decided(app, identity)
    assert shown == dict.fromkeys(DECIDED) | {
        "owner": "ana", "due_on": day.isoformat(), "decision_tags": ["edge", "q1"], "note": "waits for the vendor",
    }  # fmt: skip
    assert (due, found) == ("2027-01-31T23:59:59Z", 1)
    assert after == dict.fromkeys(DECIDED) | {"decision_tags": ["edge"]}


@pytest.mark.parametrize(
    ("values", "subject", "code"),
    [
        pytest.param({"is_mitigated": True}, {"query": "finding.qds > 0"}, "decision.no-reason", id="no reason"),
        pytest.param({}, {"query": "finding.qds > 0"}, "decision.empty", id="nothing said"),
        pytest.param({"note": "x"}, {}, "decision.no-subject", id="about nothing"),
        pytest.param({"note": "x"}, {"query": "  "}, "decision.no-subject", id="an empty query"),
        pytest.param({"note": "x"}, {"query": "finding.qds > 100"}, "decision.nothing", id="nothing matches"),
        pytest.param({"note": "x"}, {"finding_id": "zzz"}, "finding.unknown", id="unknown finding"),
        pytest.param(
            {"accepted_until": date(2020, 1, 1), "why": "x"},
            {"query": "finding.qds > 0"},
            "decision.bad-date",
            id="past",
        ),
        pytest.param(
            {"is_mitigated": True, "is_undone": True}, {"query": "finding.qds > 0"}, "decision.contradiction", id="both"
        ),
    ],
)
def test_what_cannot_be_decided_changes_nothing(
    world: World, values: dict[str, Any], subject: dict[str, str], code: str
) -> None:
    with world.open("home") as app:
        runs = app.warehouse.last_run()
        with pytest.raises(InputError) as refused:
            decide(app, say(app, **values), **subject)
        assert (refused.value.code, app.warehouse.last_run()) == (code, runs)
