"""Rules for assets: what they say enters scores and explanations, within bounds, and goes again with the rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.scenario.test_strategies import World
from tests.scenario.test_what_if import assets_of

from riskbridge.app import App
from riskbridge.errors import ConfigError, InputError
from riskbridge.feeds import rescore
from riskbridge.model.target import ASSET
from riskbridge.scoring import list_rules, load_score_settings, make_rules, save_rules, with_rule, without_rule
from riskbridge.whatif import rank_fixes, try_weights

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
WINDOWS, EVERY = 'operatingSystem:"Windows"', "not asset.name:nobody"


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A tenant that was read once, to copy."""
    made = World(tmp_path_factory.mktemp("read"), devices=10, findings_per_device=20)
    with made.simulator:
        made.connect("home")
        made.read("home", "paged")
    return made


@pytest.fixture
def world(read: World, tmp_path: Path) -> Iterator[World]:
    made = read.copied(tmp_path, "home")
    with made.simulator:
        yield made


def rule(where: str, **says: Any) -> dict[str, Any]:
    return {"where": where, "why": "test", "acs": None, "is_internet_facing": False, "factor": 1.0} | says


def keep(app: App, rules: dict[str, dict[str, Any]]) -> dict[str, int]:
    done = rescore(app, settings=replace(load_score_settings(app.store), rules=make_rules(rules)))
    assert done is not None
    save_rules(app.store, rules)
    return done


def scored(app: App) -> dict[str, dict[str, Any]]:
    return {str(r["asset_id"]): r for r in app.engine.records(app.warehouse.current(ASSET))}


def test_rules_enter_scores_and_explanations_and_go_again(world: World) -> None:
    with world.open("home") as app:
        before, windows = assets_of(app), {r["asset_id"] for r in app.list_assets(WINDOWS, limit=100).rows}
        assert 0 < len(windows) < len(before)
        rules = with_rule({}, "crown", **rule(WINDOWS, acs=5))
        rules = with_rule(rules, "some", **rule(EVERY, acs=3, factor=0.5))
        rules = with_rule(rules, "open", **rule(WINDOWS, is_internet_facing=True))
        tried = try_weights(app, {}, rules=rules)
        assert assets_of(app) == before
        keep(app, rules)
        after = scored(app)
        for asset_id, asset in after.items():
            is_windows = asset_id in windows
            assert (asset["acs"], asset["exposure"]) == ((5, 1.2) if is_windows else (3, 1.0))
            assert asset["multiplier"] == 0.5
            assert asset["score_rules"] == (["crown", "some", "open"] if is_windows else ["some"])
            explained = app.explain_asset(asset_id)
            assert explained["score"] == asset["trurisk"]
            assert "some" in explained["factors"]["multiplier"]["text"]
            if asset["trurisk"] == before[asset_id]:
                continue
            event = explained["events"][-1]
            assert (event["kind"], event["reason"]) == ("asset-rescored", "acs")
            assert event["detail"].startswith(f"TruRisk {before[asset_id]} to {asset['trurisk']}, criticality 2 to ")
            assert "factor of rules 1.0 to 0.5" in event["detail"]
        for move in tried["moves"]:
            assert after[move["asset_id"]]["trurisk"] == move["now_trurisk"]
        estate = rank_fixes(app, 1)["estate"]["before"]
        assert estate == pytest.approx(sum(a["trurisk"] for a in after.values()) / len(after))
    # A run scores with the rules, too.
    world.read("home", "paged")
    with world.open("home") as app:
        assert {a: r["trurisk"] for a, r in scored(app).items()} == {a: r["trurisk"] for a, r in after.items()}
        kept = list_rules(app.store)
        for name in ("crown", "some", "open"):
            kept = without_rule(kept, name)
        keep(app, kept)
        assert assets_of(app) == before
        changed = [e for e in app.store.list_audit() if e.object == "score.rules"]
        assert len(changed) == 2


def test_factors_together_stay_within_bounds(world: World) -> None:
    with world.open("home") as app:
        rules: dict[str, dict[str, Any]] = {}
        for n in range(3):
            rules = with_rule(rules, f"less {n}", **rule(EVERY, factor=0.5))
        keep(app, rules)
        assert {a["multiplier"] for a in scored(app).values()} == {0.25}


@pytest.mark.parametrize(
    ("name", "says", "code"),
    [
        pytest.param("", rule(EVERY, acs=1), "score.bad-rule", id="no name"),
        pytest.param("x", rule(" ", acs=1), "score.bad-rule", id="no query"),
        pytest.param("x", rule(EVERY), "score.bad-rule", id="says nothing"),
        pytest.param("x", rule(EVERY, acs=1, why=" "), "score.bad-rule", id="no reason"),
        pytest.param("x", rule(EVERY, acs=6), "score.rule", id="criticality out of bounds"),
        pytest.param("x", rule(EVERY, factor=9.0), "score.rule", id="factor out of bounds"),
        pytest.param("x", rule("asset.nme:a", acs=2), "qql.unknown-token", id="a token there is not"),
        pytest.param("x", rule("asset.truRisk > 500", acs=2), "score.bad-rule", id="follows from scores"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(name: str, says: dict[str, Any], code: str) -> None:
    with pytest.raises((InputError, ConfigError)) as caught:
        make_rules(with_rule({}, name, **says))
    assert caught.value.code == code


def test_a_rule_that_is_not_there_cannot_be_removed() -> None:
    with pytest.raises(InputError, match="no rule 'x'"):
        without_rule({}, "x")
