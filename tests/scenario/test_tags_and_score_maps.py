"""Tags, criticality by tag and score maps on one small estate: each does what it says, and is undone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.scenario.test_strategies import World

from riskbridge.app import App
from riskbridge.assist import check, complete
from riskbridge.browse import browse, facets, group_assets, group_findings
from riskbridge.errors import InputError
from riskbridge.model.score_map import DEFAULT_SCORE_MAP, ScoreMap, ScoreMapRow
from riskbridge.model.tag import Tag
from riskbridge.model.target import ASSET
from riskbridge.rescoring import change_score_map
from riskbridge.saved_views import change_view, make_view
from riskbridge.tagging import assign_tag, delete_tag, list_tags, save_tag, unassign_tag

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
WITHOUT_CVE = "finding.cveId is null"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"), devices=30, findings_per_device=20)
    with made.simulator:
        made.connect("home")
        made.read("home", "paged")
        yield made


def assets(app: App) -> dict[str, dict[str, Any]]:
    return {str(r["asset_id"]): r for r in app.engine.records(app.warehouse.current(ASSET))}


def test_tags_by_hand_by_query_and_of_the_source_are_found_and_weigh(world: World) -> None:
    with world.open("home") as app:
        before = assets(app)
        windows = {a for a, r in before.items() if str(r["operating_system_name"]).startswith("Windows")}
        one, other = sorted(before)[:2]
        assert 0 < len(windows) < len(before)
        save_tag(app, Tag("crown", "what counts", acs=5))
        assert assign_tag(app, "Crown", asset_ids=[one[:12], other])["assets"] == 2
        save_tag(app, Tag("windows", query="operatingSystem.category1:Windows", acs=3))
        after = assets(app)
        for asset_id, asset in after.items():
            own = sorted({"crown"} & {"crown" for _ in [0] if asset_id in (one, other)})
            own += ["windows"] if asset_id in windows else []
            source = sorted(before[asset_id]["tags"] or [])
            assert sorted(asset["tags"]) == sorted([*source, *own])
            assert sorted(asset["source_tags"] or []) == source
            assert asset["acs"] == (5 if "crown" in own else 3 if "windows" in own else 2)
        event = app.explain_asset(one)["events"]
        assert [e["kind"] for e in event if e["kind"] == "asset-tagged"] != []
        rows = {r["name"]: r for r in list_tags(app)}
        assert (rows["crown"]["assets"], rows["crown"]["by_hand"], rows["crown"]["from_sources"]) == (2, 2, 0)
        assert rows["windows"]["assets"] == len(windows)
        theirs = {tag for a in before.values() for tag in a["tags"] or []}
        assert all(rows[tag]["from_sources"] > 0 and not rows[tag]["is_own"] for tag in theirs)
        assert browse(app, "assets", rows["crown"]["find"]).count == 2
        assert {v["value"]: v["count"] for v in facets(app, "assets", "", fields=["tags"])["tags"]}["crown"] == 2
        assert {g["tags"]: g["assets"] for g in group_assets(app, "tag")}["windows"] == len(windows)
        group = next(g for g in group_findings(app, "tag") if g["tags"] == "crown")
        assert group["findings"] == browse(app, "findings", group["query"]).count
    world.read("home", "paged")
    with world.open("home") as app:
        assert {a: r["tags"] for a, r in assets(app).items()} == {a: r["tags"] for a, r in after.items()}
        assert unassign_tag(app, "crown", query="not asset.name:nobody")["assets"] == 2
        delete_tag(app, "crown")
        delete_tag(app, "windows")
        ended = assets(app)
        assert {a: (sorted(r["tags"]), r["trurisk"]) for a, r in ended.items()} == {
            a: (sorted(r["tags"] or []), r["trurisk"]) for a, r in before.items()
        }
        done = [e.action for e in app.store.list_audit() if e.action.startswith("tag.")]
        assert sorted(done) == sorted(
            ["tag.added", "tag.assigned", "tag.added", "tag.unassigned", *["tag.deleted"] * 2]
        )


def test_a_score_map_of_a_connector_scores_what_has_no_cve_and_nothing_else(world: World) -> None:
    with world.open("home") as app:
        every = {r["finding_id"]: r for r in browse(app, "findings", "", limit=1000).rows}
        without = {i for i, r in every.items() if r["cve_id"] is None}
        assert 0 < len(without) < len(every)
        rows = tuple(ScoreMapRow(r.severity, r.source_values, 11 * r.severity) for r in DEFAULT_SCORE_MAP)
        moved = change_score_map(app, "tenant", ScoreMap(rows, default_severity=2))
        assert moved is not None
        assert moved["findings"] > 0
        now = {r["finding_id"]: r for r in browse(app, "findings", "", limit=1000).rows}
        assert {i: r["qds"] for i, r in now.items() if i not in without} == {
            i: r["qds"] for i, r in every.items() if i not in without
        }
        for finding_id in without:
            finding = now[finding_id]
            assert finding["qds"] == 11 * finding["severity"]
            explained = app.explain_finding(finding_id)
            assert (explained["score"], explained["formula"]) == (finding["qds"], "score-map")
            assert "the connector's own score map gives" in explained["factors"]["severity"]["text"]
            assert explained["events"][-1]["reason"] in ("score-map", None)
    world.read("home", "paged")
    with world.open("home") as app:
        again = {r["finding_id"]: r["qds"] for r in browse(app, "findings", WITHOUT_CVE, limit=1000).rows}
        assert again == {i: now[i]["qds"] for i in without}
        change_score_map(app, "tenant", None)
        back = {r["finding_id"]: (r["qds"], r["severity"]) for r in browse(app, "findings", "", limit=1000).rows}
        assert back == {i: (r["qds"], r["severity"]) for i, r in every.items()}


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        (Tag(" "), "tag.bad"),
        (Tag("x" * 101), "tag.bad"),
        (Tag("a\nb"), "tag.bad"),
        (Tag("x", acs=6), "tag.bad"),
        (Tag("x", query="asset.nme:a"), "qql.unknown-token"),
        (Tag("x", query="asset.truRisk > 500"), "score.bad-rule"),
        (Tag("x", query="finding.qds > 5"), "qql.not-collected"),
    ],
)
def test_a_tag_that_cannot_be_is_refused_and_nothing_is_kept(world: World, tag: Tag, code: str) -> None:
    with world.open("home") as app:
        with pytest.raises(InputError) as caught:
            save_tag(app, tag)
        assert (caught.value.code, app.store.tags.list_tags()) == (code, [])


def test_views_are_checked_kept_and_changed_by_their_owner(world: World) -> None:
    with world.open("home") as app:
        view = make_view(app, "ana", "Worst", "findings", query="finding.qds >= 90", sort=["-qds"], is_shared=True)
        app.store.views.save_view(view)
        assert app.store.views.get_view("worst", "bob") == view
        assert [v.name for v in app.store.views.list_views("bob", "assets")] == []
        with pytest.raises(InputError, match="is ana's"):
            change_view(app, view, "bob", query="")
        app.store.views.save_view(change_view(app, view, "ana", is_shared=False))
        assert app.store.views.list_views("bob") == []
        for about, text in (("findings", ""), ("assets", "software.name:x"), ("findings", "software.name:x or")):
            checked = check(app, about, text)
            codes = {"": None, "software.name:x": "qql.not-collected", "software.name:x or": "qql.syntax"}
            assert checked.get("fault", {}).get("code") == codes[text]
        suggested = [s["text"] for s in complete(app, "assets", "operatingSystem.name:win")["suggestions"]]
        assert suggested != []
        assert all(s.startswith("`Windows") for s in suggested)
        for wrong, code in (
            ({"query": "finding.qdss > 5"}, "qql.unknown-token"),
            ({"columns": ["qdss"]}, "list.unknown-column"),
            ({"sort": ["-nothing"]}, "list.unknown-column"),
            ({"group": "colour"}, "list.unknown-group"),
        ):
            with pytest.raises(InputError) as caught:
                make_view(app, "ana", "x", "findings", **wrong)
            assert caught.value.code == code
        with pytest.raises(InputError, match="already"):
            app.store.views.save_view(make_view(app, "ana", "WORST", "findings"))
