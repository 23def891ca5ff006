"""Staged rows through another map, and all runs again from staging: nobody is asked, and nothing is lost or repaired."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.scenario.test_strategies import World

from riskbridge.app import App
from riskbridge.decisions import decide
from riskbridge.errors import InputError
from riskbridge.maps import clone_map, find_labelled, find_map, save_map
from riskbridge.model.target import WAREHOUSE
from riskbridge.pipeline.decisions import Decision
from riskbridge.pipeline.progress import NoProgress
from riskbridge.pipeline.replay import Nobody
from riskbridge.pipeline.run import run_once
from riskbridge.staging.area import StagingArea
from riskbridge.transform.plain import map_as_dict
from riskbridge.workbench import remap

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("remap"), devices=12)
    with made.simulator:
        yield made


@pytest.fixture(scope="module")
def read(world: World) -> Path:
    """A home with a whole reading and the changes of a day after it, to copy."""
    world.connect("read", has_software=True)
    world.read("read", "export-json")
    world.play("upgrade")
    world.let_pass(days=1)
    record = world.read("read", "delta")
    assert record.counts["changes"] > 0
    return world.folder / "read"


@pytest.fixture
def home(read: Path, world: World, request: pytest.FixtureRequest) -> str:
    """A copy of it; its name."""
    name = f"home-{abs(hash(request.node.name))}"
    shutil.copytree(read, world.folder / name)
    return name


def rows_of(app: App, *, leave: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Every fact, past versions too, as sorted text."""
    found = {}
    for table in WAREHOUSE:
        kept = ", ".join(f'"{n}"' for n in table.names if n not in ("published_at", *leave))
        rows = app.engine.execute(f"SELECT t::VARCHAR FROM (SELECT {kept} FROM {table.name}) t").fetchall()
        found[table.name] = sorted(str(row[0]) for row in rows)
    return found


def query(app: App, sql: str) -> list[tuple[Any, ...]]:
    return app.engine.execute(sql).fetchall()


def use(app: App, change: Callable[[dict[str, Any]], None]) -> None:
    """Save a changed copy of the built-in map as `mine` and let the profile use it."""
    if app.store.maps.find_map("mine") is None:
        clone_map(app.store, "defender", "mine")
    values = map_as_dict(find_map(app.store, "defender")) | {"name": "mine"}
    for stream in values["stream"]:
        for row in stream["row"]:
            if stream["target"] == "detection_draft":
                change(row)
    save_map(app.store, values)
    connector = app.store.get_connector("tenant")
    app.store.save_profile(replace(app.store.get_profile(connector.connector_id, None), transform_map="mine"))


def capitals(row: dict[str, Any]) -> None:
    """Products in capitals: another identity of every detection, the same findings."""
    if row["to"] == "productName":
        row["function"] = "upper"


def other_cves(row: dict[str, Any]) -> None:
    """CVE ids as the vendor's own ids of another form: every finding is another."""
    if row["to"] == "cveId":
        row |= {"function": "regex-extract", "pattern": "^X", "type": "string"}
    if row["to"] == "vendorFindingId":
        row |= {"function": "template", "text": f"X-{{{row['from']}}}", "type": "string"}


def refuse_high(row: dict[str, Any]) -> None:
    """Rows of high severity are refused: it cannot be an address."""
    if row["to"] == "findingSeverity":
        values = {"High": "no address"}
        row |= {"type": "ip", "strict": True, "function": "map-values", "values": values, "otherwise": "192.0.2.1"}


def test_the_same_map_on_what_is_staged_changes_nothing(world: World, home: str) -> None:
    with world.open(home) as app:
        before, calls = rows_of(app), len(world.simulator.control("requests"))
        record = remap(app, "tenant")
        after = rows_of(app)

    assert {name for name in after if after[name] != before[name]} <= {
        "run",
        "cve",
        "cve_past",
        "cve_score",
        "cve_claim",
    }
    assert (record.trigger, record.map_version, record.counts["events"]) == ("remap", "defender/1", 0)
    assert len(world.simulator.control("requests")) == calls


def test_another_identity_keeps_dates_decisions_and_findings(world: World, home: str) -> None:
    with world.open(home) as app:
        (finding, *_) = app.list_findings("", limit=1).rows
        decide(app, Decision(by="", at=world.now, owner="ana", why="hers"), finding_id=finding["finding_id"])
        dates = (
            "SELECT finding_id, first_found_at::VARCHAR, state, reopened_count, qds FROM finding "
            "WHERE valid_to_run IS NULL ORDER BY 1"
        )
        of_detections = "SELECT count(*), count(DISTINCT detection_id) FROM detection WHERE valid_to_run IS NULL"
        before, number = query(app, dates), query(app, of_detections)
        use(app, capitals)
        record = remap(app, "tenant")

        assert query(app, dates) == before
        assert query(app, of_detections) == number
        lower = "state = 'open' AND product_name <> upper(product_name)"
        assert query(app, f"SELECT count(*) FROM detection WHERE valid_to_run IS NULL AND {lower}") == [(0,)]
        assert record.counts["detections_replaced"] == record.counts["detections_remapped"] > 0
        assert app.list_findings("finding.owner:ana").count == 1
        told = query(app, f"SELECT DISTINCT kind, reason FROM event WHERE run = {record.run}")
        assert set(told) <= {("changed", "map-changed")}
        explained = app.explain_finding(finding["finding_id"])
        assert {
            (d["map_version"], d["confirmed_map_version"]) for d in explained["detections"] if d["state"] == "open"
        } == {("mine/2", "mine/2")}


def test_the_next_whole_reading_after_a_remap_finds_and_closes_nothing(world: World, home: str) -> None:
    with world.open(home) as app:
        use(app, capitals)
        remap(app, "tenant")
    counts = world.read(home, "export-json").counts

    assert {
        k: v for k, v in counts.items() if k.startswith(("detections_", "findings_")) and k != "findings_open"
    } == {}


def test_other_findings_take_over_dates_and_decisions_and_say_so(world: World, home: str) -> None:
    with world.open(home) as app:
        (finding, *_) = app.list_findings("finding.status:NEW or finding.status:ACTIVE", limit=1).rows
        decide(app, Decision(by="", at=world.now, owner="ana", why="hers"), finding_id=finding["finding_id"])
        use(app, other_cves)
        record = remap(app, "tenant")

        (heir,) = app.list_findings("finding.owner:ana").rows
        assert heir["vendor_finding_id"] == f"X-{finding['cve_id']}"
        assert heir["first_found_at"] == finding["first_found_at"]
        (event,) = [e for e in app.explain_finding(heir["finding_id"])["events"] if e["run"] == record.run]
        assert (event["kind"], event["reason"]) == ("remapped", "map-changed")
        assert event["detail"] == f"defender/1 to mine/2: goes on from finding {finding['finding_id']}"
        assert record.counts.get("findings_fixed", 0) == record.counts.get("findings_found", 0) == 0


def test_what_a_map_refuses_closes_for_that_reason_and_comes_back_with_the_map(world: World, home: str) -> None:
    with world.open(home) as app:
        count = "SELECT count(*) FROM detection WHERE valid_to_run IS NULL AND state = 'open'"
        before = query(app, count)
        high = query(app, f"{count} AND finding_severity = 'High'")[0][0]
        use(app, refuse_high)
        record = remap(app, "tenant")
        closed = query(app, f"SELECT close_reason, count(*) FROM detection WHERE valid_from_run = {record.run} "
                            "AND state = 'closed' GROUP BY 1")  # fmt: skip
        assert closed == [("map-changed", high)]
        assert record.counts["rejects"] >= high > 0
        (reject, *_) = app.list_rejects(limit=1)
        assert (reject["reason"], "findingSeverity can be made nothing of" in reject["detail"]) == ("value-unfit", True)

        use(app, dict)
        remap(app, "tenant")
        assert query(app, count) == before
        reasons = query(app, "SELECT DISTINCT fix_reason FROM finding WHERE valid_to_run IS NULL AND state = 'fixed'")
        assert ("map-changed",) not in reasons


def test_a_run_with_another_map_maps_anew_first(world: World, home: str) -> None:
    with world.open(home) as app:
        use(app, capitals)
    counts = world.read(home, "export-json").counts
    with world.open(home) as app:
        records = [r for r in app.store.list_runs() if r.map_version == "mine/2"]
        assert {(r.trigger, r.calls > 0) for r in records} == {("manual", True), ("remap", False)}
        assert {k: v for k, v in counts.items() if k in ("detections_new", "detections_closed")} == {}
        assert query(app, "SELECT strategy, map_version FROM run ORDER BY run DESC LIMIT 2") == [
            ("export-json", "mine/2"),
            ("remap", "mine/2"),
        ]


def test_without_staged_rows_a_remap_is_refused_and_a_run_closes_nothing(world: World, home: str) -> None:
    shutil.rmtree(world.folder / home / "staging")
    with world.open(home) as app:
        use(app, capitals)
        before = rows_of(app)
        with pytest.raises(InputError) as refused:
            remap(app, "tenant")
        assert (refused.value.code, rows_of(app)) == ("remap.nothing-staged", before)
    record = world.read(home, "export-json")

    assert (record.outcome.value, record.counts.get("detections_closed", 0)) == ("partial", 0)
    assert any("The map is mine/2 and was defender/1" in text for text in record.warnings)


def test_staging_keeps_what_a_remap_needs_however_many_runs_follow(world: World, home: str) -> None:
    with world.open(home) as app:
        app.settings = replace(app.settings, staging_runs_kept=1)
        app.run("tenant")
        assert remap(app, "tenant").counts["events"] == 0


def test_all_runs_again_from_staging_give_the_same_warehouse_and_history(
    world: World, home: str, tmp_path: Path
) -> None:
    with world.open(home) as app:
        original = rows_of(app)
        records = list(reversed(app.store.list_runs()))
        area = StagingArea(app.settings.staging_path)
        connector = app.store.get_connector("tenant")
        profile = app.store.get_profile(connector.connector_id, None)
        with App(replace(app.settings, home=tmp_path / "again"), now=lambda: world.now) as again:
            for record, strategy in zip(records, ("export-json", "delta"), strict=True):
                as_it_was = replace(profile, strategy=strategy)
                plan = again._plan(connector, as_it_was, record, is_drop_accepted=False)
                plan = replace(plan, identity=app.load_identity())
                transform_map = find_labelled(app.store, record.map_version)
                assert transform_map is not None

                def staged(stream: str, run_id: str = record.run_id) -> Any:
                    found = area.find_closed(run_id, stream)
                    assert found is not None
                    return found

                run_once(plan, again._parts(Nobody(), staged, transform_map), NoProgress())
            assert rows_of(again) == original
