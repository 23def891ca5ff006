"""A list of the past is the list that was shown then; and what was read can be read again from staging."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.scenario.test_strategies import World

from riskbridge.app import App
from riskbridge.decisions import decide
from riskbridge.errors import ConfigError, InputError
from riskbridge.feeds import import_feed
from riskbridge.holds import decide_hold, list_holds
from riskbridge.model.connector import RunOutcome
from riskbridge.pipeline.decisions import Decision

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
QUERIES = ("", "finding.status:NEW", "finding.severity >= 4 and not finding.status:FIXED", "finding.isKev:true")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, devices=12, findings_per_device=12)
    with made.simulator:
        made.connect("home")
        yield made


def listed(app: App, as_of: str | None = None, queries: tuple[str, ...] = QUERIES) -> dict[str, Any]:
    """What lists of findings and assets say, with their counts."""
    found: dict[str, Any] = {}
    for query in queries:
        listing = app.list_findings(query, limit=1000, as_of=as_of)
        found[query] = (listing.count, sorted(listing.rows, key=lambda r: r["finding_id"]))
    assets = app.list_assets(limit=1000, as_of=as_of)
    return found | {"assets": (assets.count, sorted(assets.rows, key=lambda r: r["asset_id"]))}


def upgrade(world: World) -> None:
    world.play("upgrade", devices=3, seed=1)
    world.read("home", "paged")


def know_more_of_a_cve(world: World) -> None:
    with world.open("home") as app:
        cve = app.list_findings("not finding.status:FIXED", limit=1).rows[0]["cve_id"]
        added = (world.now - timedelta(days=1)).date().isoformat()
        kev = {"vulnerabilities": [{"cveID": cve, "dateAdded": added, "dueDate": "2027-01-31"}]}
        (world.folder / "kev.json").write_text(json.dumps(kev))
        import_feed(app, "kev", str(world.folder / "kev.json"))
    world.read("home", "paged")


def accept(world: World) -> None:
    with world.open("home") as app:
        decide(app, Decision(by="", at=world.now, owner="ana"), query="finding.severity >= 3")
        until = world.now.date() + timedelta(days=1)
        decide(app, Decision(by="", at=world.now, accepted_until=until, why="lab"), query="finding.severity:5")


def narrow_and_approve(world: World) -> None:
    world.read("home", "paged", device_filter="healthStatus eq 'Inactive'")
    with world.open("home") as app:
        (hold,) = list_holds(app)
        decide_hold(app, hold["hold_id"], "moved away", is_approved=True)


def widen_after_days(world: World) -> None:
    world.let_pass(days=3)
    world.read("home", "paged", device_filter=None)


def test_lists_of_the_past_are_what_was_listed_then(world: World) -> None:
    steps: tuple[Callable[[World], Any], ...] = (
        lambda w: w.read("home", "paged"), upgrade, know_more_of_a_cve, accept, narrow_and_approve, widen_after_days,
        upgrade,
    )  # fmt: skip
    shown: list[tuple[int, str, dict[str, Any]]] = []
    for step in steps:
        world.let_pass(hours=1)
        step(world)
        with world.open("home") as app:
            shown.append((app.warehouse.last_run(), world.now.isoformat(), listed(app)))
    assert len({json.dumps(facts, sort_keys=True) for _, _, facts in shown}) == len(steps)
    with world.open("home") as app:
        for run, at, facts in shown:
            assert listed(app, str(run)) == facts, f"run {run}"
            # A time stands for a run, whatever is asked of it.
            assert listed(app, at, ("",)) == {asked: facts[asked] for asked in ("", "assets")}, at


UNKNOWN = {"99": "as-of.unknown-run", "yesterday": "as-of.bad-time", "2001-01-01": "as-of.before-first"}


def test_a_moment_that_is_not_known_is_refused(world: World) -> None:
    codes = {}
    with world.open("home") as app:
        for as_of in UNKNOWN:
            with pytest.raises(InputError) as refused:
                app.list_findings(as_of=as_of)
            codes[as_of] = refused.value.code
    assert codes == UNKNOWN


def test_a_clock_that_goes_back_is_refused_and_changes_nothing(world: World) -> None:
    world.read("home", "paged")
    world.now -= timedelta(minutes=1)
    with pytest.raises(ConfigError) as refused:
        world.read("home", "paged")
    with world.open("home") as app:
        assert (refused.value.code, app.warehouse.last_run()) == ("run.clock-backwards", 1)
    world.now += timedelta(minutes=2)
    assert world.read("home", "paged").outcome == "succeeded"


def stored(home: Path) -> dict[str, list[str]]:
    """Every row of every table, past versions included, as sorted text."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        tables = [r[0] for r in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        return {
            t: sorted(str(r[0]) for r in connection.execute(f'SELECT t::VARCHAR FROM "{t}" t').fetchall())
            for t in tables
        }


def test_every_run_replayed_from_staging_gives_the_warehouse_and_its_history_again(world: World) -> None:
    for number in range(3):
        if number:
            world.play("upgrade", devices=3, seed=number)
            world.play("software-removed", devices=2, seed=number)
            world.play("device-silent", devices=1, seed=number)
        world.let_pass(hours=1)
        world.read("home", "paged")
    home, again = world.folder / "home", world.folder / "again"
    shutil.copytree(home, again)
    for file in again.glob("warehouse.duckdb*"):
        file.unlink()
    # Each is taken up again as if it had been killed after reading; the tenant is away, so nothing can be asked.
    world.simulator.stop()
    with world.open("again") as app:
        records = app.store.list_runs()[::-1]
    for record in records:
        world.now = record.observed_at
        with world.open("again") as app:
            app.store.save_run(replace(record, outcome=RunOutcome.RUNNING, ended_at=None, run=None))
            assert app.run("tenant").is_resumed
    assert stored(again) == stored(home)
