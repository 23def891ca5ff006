"""What scores would be is what they become: weights that are tried and then set, fixes that are ranked and then done."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.scenario.test_feeds_move_scores import rounded
from tests.scenario.test_strategies import World

from riskbridge.app import App
from riskbridge.errors import ConfigError, InputError
from riskbridge.feeds import rescore
from riskbridge.model.target import ASSET, EVENT, FINDING
from riskbridge.scoring import load_score_settings, save_score_settings, with_changes
from riskbridge.whatif import GROUPINGS, list_groups, list_history, rank_fixes, try_weights

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
BANDS = (("critical", 90, 100, 1.0), ("high", 70, 89, 0.6), ("medium", 40, 69, 0.4), ("low", 1, 39, 0.2))


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A tenant that was read once, to copy."""
    made = World(tmp_path_factory.mktemp("read"), devices=25, findings_per_device=20)
    with made.simulator:
        made.connect("home")
        made.read("home", "paged")
    return made


@pytest.fixture
def world(read: World, tmp_path: Path) -> Iterator[World]:
    made = read.copied(tmp_path, "home")
    with made.simulator:
        yield made


def assets_of(app: App) -> dict[str, int]:
    rows = app.engine.records(app.warehouse.current(ASSET).select("asset_id", "trurisk"))
    return {str(r["asset_id"]): r["trurisk"] for r in rows}


def open_findings(app: App) -> list[dict[str, Any]]:
    return [r for r in app.engine.records(app.warehouse.current(FINDING)) if r["state"] == "open"]


def trurisk_1(scores: list[int]) -> int:
    """The printed formula in plain Python, for criticality 2 and no exposure."""
    terms = []
    for _, lowest, highest, weight in BANDS:
        inside = [s for s in scores if lowest <= s <= highest]
        if inside:
            terms.append(weight * (sum(inside) / len(inside)) * len(inside) ** 0.01)
    return rounded(min(1000.0, 2 * math.fsum(terms)))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"trurisk.formula": "trurisk-2"}, id="another formula"),
        pytest.param({"qds.cvss": "0.5", "qds.threat": "0.5"}, id="weights of the QDS"),
        pytest.param({"trurisk.default_acs": 4}, id="criticality"),
    ],
)
def test_what_is_tried_is_what_comes_when_it_is_set(world: World, changes: dict[str, Any]) -> None:
    with world.open("home") as app:
        before = assets_of(app)
        tried = try_weights(app, changes)
        assert assets_of(app) == before
        done = rescore(app, settings=with_changes(load_score_settings(app.store), changes))
        save_score_settings(app.store, changes)
        assert done is not None
        after = assets_of(app)
        assert done["findings"] == tried["findings_moved"]
        assert {a: t for a, t in after.items() if t != before[a]}
        for move in tried["moves"]:
            asset = move["asset_id"]
            assert (move["trurisk"], move["now_trurisk"]) == (before[asset], after[asset])
        bands = {row["band"]: (row["before"], row["after"]) for row in tried["findings"]}
        counted = Counter(next(b for b, low, high, _ in BANDS if low <= f["qds"] <= high) for f in open_findings(app))
        assert {band.lower(): new for band, (_, new) in bands.items() if new} == dict(counted)
        # What is explained is what is stored, under the new weights too; a run scores the same.
        first = app.list_assets(limit=1).rows[0]
        assert app.explain_asset(first["asset_id"])["score"] == first["trurisk"]
        if done["findings"]:
            events = app.warehouse.table(EVENT)
            told = app.engine.records(events.filter(events.run == done["run"]))
            assert {e["reason"] for e in told if e["kind"] == "rescored"} == {"formula"}
            assert {e["kind"] for e in told} <= {"rescored", "asset-rescored"}
    assert world.read("home", "paged").counts.get("findings_rescored", 0) == 0
    with world.open("home") as app:
        assert assets_of(app) == after


def test_the_best_fixes_take_away_what_they_say(world: World) -> None:
    with world.open("home") as app:
        ranked = rank_fixes(app, 3)
        before, findings = assets_of(app), open_findings(app)
        removed = {}
        products = {f"{f['product_vendor'] or ''} {f['product_name']}" for f in findings if f["product_name"]}
        for product in products:
            removed[product] = sum(before.values()) - sum(risks_without(before, findings, {product}).values())
        best = sorted(removed.values(), reverse=True)[:3]
        assert [fix["risk_removed"] for fix in ranked["fixes"]] == best
        for fix in ranked["fixes"]:
            assert removed[fix["product"]] == fix["risk_removed"]
            assert fix["estate_after"] == pytest.approx((sum(before.values()) - fix["risk_removed"]) / len(before))
        together = risks_without(before, findings, {fix["product"] for fix in ranked["fixes"]})
        assert ranked["estate"]["after"] == pytest.approx(sum(together.values()) / len(before))
        assert ranked["estate"]["before"] == pytest.approx(sum(before.values()) / len(before))


def risks_without(before: dict[str, int], findings: list[dict[str, Any]], products: set[str]) -> dict[str, int]:
    scores: dict[str, list[int]] = {asset: [] for asset in before}
    for finding in findings:
        if f"{finding['product_vendor'] or ''} {finding['product_name']}" not in products:
            scores[finding["asset_id"]].append(finding["qds"])
    return {asset: trurisk_1(found) for asset, found in scores.items()}


def test_the_history_is_what_was_shown_each_day(world: World) -> None:
    with world.open("home") as app:
        first = assets_of(app)
    world.let_pass(days=2)
    world.play("upgrade", devices=10, seed=3)
    world.read("home", "paged")
    with world.open("home") as app:
        second = assets_of(app)
        history = list_history(app)
        assert [row["trurisk"] for row in history] == [
            pytest.approx(sum(scores.values()) / len(scores)) for scores in (first, second)
        ]
        assert [row["assets"] for row in history] == [len(first), len(second)]
        assert len(list_history(app, days=1)) == 1
        by_system = [row for row in list_history(app, by="system") if row["day"] == history[-1]["day"]]
        now = {row["name"]: row["trurisk"] for row in list_groups(app, "system")}
        assert {row["name"]: row["trurisk"] for row in by_system} == pytest.approx(now)
        assert sum(row["assets"] for row in by_system) == len(second)


@pytest.mark.parametrize("by", ["group", "tag", "system", "criticality"])
def test_groups_score_as_their_assets(world: World, by: str) -> None:
    with world.open("home") as app:
        assets = app.engine.records(app.warehouse.current(ASSET))
        found = {row["name"]: row for row in list_groups(app, by)}
        scores: dict[Any, list[int]] = {}
        for asset in assets:
            names = asset["tags"] if by == "tag" else [asset[GROUPINGS[by]]]
            for name in names:
                scores.setdefault(name, []).append(asset["trurisk"])
        assert found.keys() == scores.keys() != set()
        for name, row in found.items():
            assert row["trurisk"] == pytest.approx(sum(scores[name]) / len(scores[name]))
            assert (row["assets"], row["highest"]) == (len(scores[name]), max(scores[name]))
        with pytest.raises(InputError, match="cannot be grouped"):
            list_groups(app, "colour")


def test_weights_that_cannot_be_are_refused(world: World) -> None:
    with world.open("home") as app:
        for changes, code in (
            ({"qds.cvs": 1}, "score.unknown-setting"),
            ({"qds.cvss": "much"}, "score.bad-value"),
            ({"qds.cvss": "nan"}, "score.bad-value"),
        ):
            with pytest.raises(InputError) as caught:
                try_weights(app, changes)
            assert caught.value.code == code
        with pytest.raises(ConfigError, match="do not add up to 1"):
            save_score_settings(app.store, {"qds.cvss": 0.9})
        with pytest.raises(ConfigError, match="no TruRisk formula"):
            try_weights(app, {"trurisk.formula": "trurisk-9"})
        with pytest.raises(InputError, match="cannot be ranked"):
            rank_fixes(app, 0)
        assert app.store.find_setting("score.weights") is None
