"""Merges and splits by hand hold over runs, take decisions and history along, and can be undone; rules are tried first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from tests.scenario.test_strategies import World

from riskbridge.app import App
from riskbridge.decisions import decide
from riskbridge.errors import InputError
from riskbridge.identification import (
    apply_identification,
    list_judgements,
    merge_assets,
    simulate,
    split_asset,
    undo_judgement,
)
from riskbridge.identity.rules import Rule
from riskbridge.matching import list_rules, save_ranks, save_rules, with_rule
from riskbridge.model.judgement import DECISION
from riskbridge.model.target import ASSET, ASSET_LINK, DETECTION, FINDING, SOFTWARE
from riskbridge.pipeline.decisions import Decision

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("identity"), devices=8, findings_per_device=8)
    with made.simulator:
        made.connect("home")
        made.read("home", "paged", has_software=True)
        made.let_pass(hours=1)
        yield made


@pytest.fixture
def app(world: World) -> Iterator[App]:
    with world.open("home") as opened:
        yield opened


def state(app: App) -> dict[str, list[str]]:
    """What is stored but scores' neighbours: who is who, what is found where, since when, and what was decided."""
    kept = {
        ASSET: ("asset_id", "asset_name", "source_count", "trurisk"),
        ASSET_LINK: ("source_asset_id", "asset_id", "rule"),
        DETECTION: ("detection_id", "finding_id", "asset_id", "state", "first_found_at"),
        SOFTWARE: ("software_id", "asset_id"),
        FINDING: ("finding_id", "asset_id", "state", "first_found_at", "qds", "open_detections"),
        DECISION: ("finding_id", "accepted_until", "why"),
    }
    return {
        table.name: sorted(
            str(sorted(r.items())) for r in app.engine.records(app.warehouse.current(table).select(*names))
        )
        for table, names in kept.items()
    }


def two_assets(app: App) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two that carry most findings, the one whose id is greater first: it is the one that gives its id up."""
    first, second = sorted(app.list_assets(limit=2).rows, key=lambda a: a["asset_id"], reverse=True)
    return first, second


def accept_worst(app: App, asset_id: str) -> dict[str, Any]:
    (worst,) = app.list_findings(f"asset.id:{asset_id}", limit=1).rows
    until = app.now().date() + timedelta(days=30)
    decide(app, Decision(by="", at=app.now(), accepted_until=until, why="test"), finding_id=worst["finding_id"])
    return worst


def test_a_merge_holds_takes_everything_along_and_is_undone_without_a_trace(world: World) -> None:
    with world.open("home") as app:
        away, stays = two_assets(app)
        accepted = accept_worst(app, away["asset_id"])
        before = state(app)
        done = merge_assets(app, away["asset_id"][:12], stays["asset_id"], "one box with two systems")
        (asset,) = app.list_assets(f"asset.id:{stays['asset_id']}").rows
        assert (asset["source_count"], app.list_assets().count) == (2, 7)
        events = {e["kind"]: e["detail"] for e in app.explain_asset(stays["asset_id"])["events"]}
        assert f"took in asset {away['asset_id']} by merged-by-hand on" in events["asset-merged"]
        (moved,) = [
            r for r in app.list_findings(f"asset.id:{stays['asset_id']}", limit=1000).rows if r["verdict"] == "accepted"
        ]
        assert (moved["cve_id"], moved["first_found_at"]) == (accepted["cve_id"], accepted["first_found_at"])
        history = [e["kind"] for e in app.explain_finding(moved["finding_id"])["events"]]
        assert history[:2] == ["found", "decided"]
    world.let_pass(hours=1)
    record = world.read("home", "paged", has_software=True)
    assert (record.counts["assets"], record.counts.get("findings_moved", 0)) == (7, 0)
    with world.open("home") as app:
        undo_judgement(app, done["judgement_id"][:10], "they are two")
        assert state(app) == before
        assert [j["undone_why"] for j in list_judgements(app, is_all=True)] == ["they are two"]
        assert [e.action for e in app.store.list_audit(limit=2)] == ["identity.undone", "identity.merged"]


def test_what_was_decided_while_two_were_one_goes_along_when_they_part(app: App) -> None:
    away, stays = two_assets(app)
    done = merge_assets(app, away["asset_id"], stays["asset_id"], "test")
    mine = {r["cve_id"] for r in app.list_findings(f"asset.id:{stays['asset_id']}", limit=1000).rows}
    accepted = accept_worst(app, stays["asset_id"])
    undo_judgement(app, done["judgement_id"], "test")
    holders = app.list_findings(f"finding.cveId:{accepted['cve_id']}", limit=100).rows
    parts = {r["asset_id"]: r["verdict"] for r in holders if r["asset_id"] in (away["asset_id"], stays["asset_id"])}
    assert accepted["cve_id"] in mine
    assert set(parts.values()) == {"accepted"}
    for row in holders:
        if row["verdict"] == "accepted":
            decide(app, Decision(by="", at=app.now(), is_undone=True, why="test"), finding_id=row["finding_id"])


def test_a_split_holds_over_runs_and_is_undone(world: World) -> None:
    world.play("re-image", devices=1, seed=3)
    world.read("home", "paged", has_software=True)
    with world.open("home") as app:
        before = state(app)
        (asset,) = [a for a in app.list_assets(limit=100).rows if a["source_count"] > 1]
        told = app.explain_asset(asset["asset_id"])
        assert {row["rule"] for row in told["identity"]} == {"re-imaged"}
        assert "asset-joined" in {e["kind"] for e in told["events"]}
        newest = told["identity"][-1]["external_asset_id"]
        done = split_asset(app, asset["asset_id"], newest, "another device under its name")
        apart = state(app)
        assert app.list_assets().count == 9
        with pytest.raises(InputError, match="split says that they are two") as caught:
            merge_assets(app, asset["asset_id"], _asset_of(app, newest), "test")
        assert caught.value.code == "identity.contradiction"
    world.let_pass(hours=1)
    world.read("home", "paged", has_software=True)
    with world.open("home") as app:
        assert state(app)["asset_link"] == apart["asset_link"]
        undo_judgement(app, done["judgement_id"], "it was one")
        assert state(app)["asset_link"] == before["asset_link"]
        assert state(app)["decision"] == before["decision"]


def _asset_of(app: App, external_id: str) -> str:
    rows = app.list_assets(limit=100).rows
    ids = [
        a["asset_id"]
        for a in rows
        for r in app.explain_asset(a["asset_id"])["identity"]
        if r["external_asset_id"] == external_id
    ]
    return str(ids[0])


def test_rules_are_tried_before_they_are_kept_and_applied_without_a_call(app: App) -> None:
    connector = app.store.get_connector("tenant")
    rules = with_rule(list_rules(app.store, connector), Rule("same-address", ("ip_address",)), 1)
    before = state(app)
    tried = simulate(app, {connector.connector_id: rules})
    assert (tried["assets"]["before"], state(app)) == (app.list_assets().count, before)
    save_rules(app.store, connector, rules)
    done = apply_identification(app)
    assert (done["assets"], app.list_assets().count) == (tried["assets"]["after"],) * 2
    assert done["records_moved"] == tried["records_moved"]


@pytest.mark.parametrize(
    ("act", "code"),
    [
        pytest.param(lambda app, a: merge_assets(app, a, a, "x"), "identity.same-asset", id="an asset with itself"),
        pytest.param(lambda app, a: merge_assets(app, a, "zzz", "x"), "asset.unknown", id="with an unknown one"),
        pytest.param(lambda app, a: merge_assets(app, a, a, " "), "identity.no-reason", id="without a reason"),
        pytest.param(lambda app, a: split_asset(app, a, "zzz", "x"), "identity.unknown-record", id="an unknown record"),
        pytest.param(lambda app, _: undo_judgement(app, "zzz", "x"), "identity-judgement.unknown", id="undo nothing"),
        pytest.param(lambda app, _: save_ranks(app.store, "colour", []), "identity.bad-rank", id="rank of nothing"),
        pytest.param(
            lambda app, _: save_ranks(app.store, "*", ["tenant", "tenant"]), "identity.bad-rank", id="ranked twice"
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_a_remedy(app: App, act: Any, code: str) -> None:
    before = state(app)
    with pytest.raises(InputError) as caught:
        act(app, app.list_assets(limit=1).rows[0]["asset_id"])
    assert (caught.value.code, state(app)) == (code, before)
    assert caught.value.remedy
