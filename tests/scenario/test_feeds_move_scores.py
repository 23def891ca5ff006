"""Feeds that change move scores, and every score that moved says which feed moved it; a bad feed moves nothing."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from datetime import timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.scenario.test_strategies import World

from riskbridge.app import App
from riskbridge.errors import InputError
from riskbridge.feeds import import_feed, list_feeds, refresh, rescore, save_source
from riskbridge.model.target import ASSET, CVE_CLAIM, CVE_SCORE, EVENT, FINDING
from riskbridge.score.explain import explain_qds, explain_trurisk
from riskbridge.score.settings import ScoreSettings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, devices=40, findings_per_device=30)
    with made.simulator:
        made.connect("home")
        yield made


def epss(world: World, scores: dict[str, float], days_ago: int = 0) -> str:
    """An EPSS file of a day, with the same percentile for all."""
    day = (world.now - timedelta(days=days_ago)).date()
    path = world.folder / f"epss-{day}.csv"
    lines = [f"#model_version:v2025.03.14,score_date:{day}T00:00:00+0000", "cve,epss,percentile"]
    path.write_text("\n".join(lines + [f"{cve},{score},0.5" for cve, score in scores.items()]) + "\n")
    return str(path)


def kev(world: World, *cves: str) -> str:
    path, added = world.folder / "kev.json", (world.now - timedelta(days=90)).date().isoformat()
    entries = [{"cveID": cve, "dateAdded": added, "knownRansomwareCampaignUse": "Unknown"} for cve in cves]
    path.write_text(json.dumps({"vulnerabilities": entries}))
    return str(path)


def quiet_finding(app: App) -> dict[str, Any]:
    """An open finding with a CVE that nobody exploits, and room above its score."""
    rows = app.list_findings("not finding.status:FIXED and finding.qds < 70", limit=1000).rows
    return next(r for r in rows if str(r["cve_id"]).startswith("CVE-") and not r["is_kev"])


def test_a_newer_feed_moves_scores_and_each_event_names_it_with_both_values(world: World) -> None:
    world.read("home", "paged")
    with world.open("home") as app:
        cve = quiet_finding(app)["cve_id"]
        before = import_feed(app, "epss", epss(world, {cve: 0.02}, days_ago=10))
        first = rescore(app)
        import_feed(app, "epss", epss(world, {cve: 0.92}))
        done = rescore(app)
        moved = app.list_findings(f"finding.cveId:{cve}", limit=1000).rows
        assert first is not None
        assert done is not None
        assert done["findings"] == len(moved) > 0
        run = done["run"]
        events = app.warehouse.table(EVENT)
        told = app.engine.records(events.filter((events.run == run) & (events.kind == "rescored")))
        assert {e["subject_id"] for e in told} == {r["finding_id"] for r in moved}
        newest = f"FIRST EPSS of {world.now.date()}"
        for event in told:
            assert event["reason"] == "epss"
            assert f"EPSS 0.02 to 0.92 ({newest})" in event["detail"]
            assert f"trending 0.0 to 1.0 ({newest})" in event["detail"]
        assert app.feeds.before("epss") == before
        explained = app.explain_finding(moved[0]["finding_id"])
        claims = {c["source"]: c["epss"] for c in explained["claims"] if c["epss"] is not None}
        assert claims["first"] == 0.92
        assert claims["defender"] != 0.92
        assert explained["factors"]["trending"]["value"] == 1
        # What is scored anew is what a run would have scored.
        stored = app.engine.rows(app.warehouse.table(CVE_SCORE).order_by("score_key"))
    record = world.read("home", "paged")
    assert record.counts.get("findings_rescored", 0) == 0
    with world.open("home") as app:
        assert app.engine.rows(app.warehouse.table(CVE_SCORE).order_by("score_key")).equals(stored)


def test_a_kev_entry_with_a_tiny_epss_ranks_critical(world: World) -> None:
    world.read("home", "paged")
    with world.open("home") as app:
        cve = quiet_finding(app)["cve_id"]
        import_feed(app, "epss", epss(world, {cve: 0.00001}))
        import_feed(app, "kev", kev(world, cve))
        rescore(app)
        rows = app.list_findings(f"finding.cveId:{cve}", limit=1000).rows
        assert {r["qds"] for r in rows} & set(range(90, 101)) == {r["qds"] for r in rows}
        event = app.explain_finding(rows[0]["finding_id"])["events"][-1]
        assert (event["kind"], event["reason"]) == ("rescored", "kev")
        assert "evidence none to kev (CISA KEV of" in event["detail"]


def test_a_bad_feed_changes_nothing_and_says_why(world: World) -> None:
    world.read("home", "paged")
    with world.open("home") as app:
        cve = quiet_finding(app)["cve_id"]
        used = import_feed(app, "epss", epss(world, {cve: 0.5}))
        older = epss(world, {cve: 0.1}, days_ago=3)
        with pytest.raises(InputError, match="older than") as caught:
            import_feed(app, "epss", older)
        assert caught.value.code == "feeds.older"
        broken = world.folder / "broken.csv"
        broken.write_text("cve,epss,percentile\nCVE-2024-3094,7,1\n")
        with pytest.raises(InputError, match="not between 0 and 1"):
            import_feed(app, "epss", str(broken))
        with pytest.raises(InputError, match="no feed"):
            import_feed(app, "nvd", str(broken))
        assert app.feeds.current("epss") == used
        save_source(app, "epss", url=str(broken))
        save_source(app, "kev", url=kev(world, cve))
        save_source(app, "cvss", is_on=False)
        save_source(app, "exploits", url=f"{world.simulator.feeds_url}/nowhere")
        states = {row["feed"]: row["state"] for row in refresh(app)}
        assert states == {"kev": "new", "epss": "failed", "exploits": "failed"}
        assert app.feeds.current("epss") == used
        listed = {row["feed"]: row for row in list_feeds(app)}
        assert listed["epss"]["state"] == "fresh"
        assert listed["exploits"]["state"] == "never read"
        assert import_feed(app, "epss", older, is_older_accepted=True).day < used.day


def test_a_server_that_says_nothing_changed_costs_no_new_version(world: World) -> None:
    with world.open("home") as app:
        save_source(app, "exploits", url=f"{world.simulator.feeds_url}/modules_metadata_base.json")
        states = [[row["state"] for row in refresh(app, ("exploits",))] for _ in range(2)]
        assert states == [["new"], ["unchanged"]]
        assert len(app.feeds.versions("exploits")) == 1
        assert refresh(app, ("exploits",), is_due_only=True) == []


def test_a_thousand_scores_recompute_from_what_is_explained(world: World) -> None:
    world.read("home", "paged")
    feeds = {
        "kev": "known_exploited_vulnerabilities.json",
        "epss": "epss.csv.gz",
        "exploits": "modules_metadata_base.json",
        "cvss": "vulnrichment.zip",
    }
    with world.open("home") as app:
        for kind, name in feeds.items():
            import_feed(app, kind, f"{world.simulator.feeds_url}/{name}")
        rescore(app)
        scores = {r["score_key"]: r for r in app.engine.records(app.warehouse.table(CVE_SCORE))}
        findings = app.engine.records(app.warehouse.current(FINDING).select("finding_id", "score_key", "qds"))
        chosen = random.Random(6).sample(findings, 1000)
        for finding in chosen:
            explained = explain_qds(scores[finding["score_key"]], ScoreSettings())
            factors = {f.name: f.value for f in explained.factors}
            assert qds(explained.formula, factors) == finding["qds"] == explained.score
        assert {"evidence", "cvss"} <= {scores[f["score_key"]]["basis"] for f in chosen}
        for asset in app.engine.records(app.warehouse.current(ASSET)):
            taken = explain_trurisk(asset, ScoreSettings())
            assert trurisk(asset) == asset["trurisk"] == taken.score
        claims = app.engine.records(app.warehouse.table(CVE_CLAIM))
        disputed = [c for c in claims if c["is_cvss_disputed"]]
        told_by = {"cisa-adp", "cisa-kev", "defender", "first", "metasploit", "vulnrichment"}
        assert {c["source"] for c in claims} == told_by
        assert all(abs(c["cvss_score"] - c["cvss_from_vector"]) > 0.05 for c in disputed)
        winners = [c["cve_id"] for c in claims if c["is_cvss_winner"]]
        assert len(winners) == len(set(winners)) > 300


def qds(formula: str, factors: dict[str, float]) -> int:
    """The published arithmetic, written down a second time and apart from the product."""
    if formula == "score-map":
        return int(factors["severity"])
    maturity, rate, trending = factors["maturity"], factors["epss"], factors["trending"]
    if "evidence" in factors:
        return rounded(90 + 10 * (0.5 * maturity + 0.3 * rate + 0.2 * trending))
    threat = 0.6 * maturity + 0.3 * rate + 0.1 * trending
    return max(1, rounded(min(89.0, 100 * (0.65 * factors["cvss"] / 10 + 0.35 * threat))))


def trurisk(row: dict[str, Any]) -> int:
    bands = (("critical", 1.0), ("high", 0.6), ("medium", 0.4), ("low", 0.2))
    inner = math.fsum(w * row[f"{b}_mean"] * row[f"{b}_count"] ** 0.01 for b, w in bands if row[f"{b}_count"])
    return rounded(min(1000.0, row["acs"] * row["exposure"] * inner))


def rounded(number: float) -> int:
    nine = Decimal(number).quantize(Decimal("1e-9"), ROUND_HALF_UP)
    return int((nine + Decimal("0.5")).to_integral_value(ROUND_FLOOR))
