"""What happens to a tenant closes findings for the reason that it has, with the evidence kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ibis
import pytest
from tests.scenario.test_strategies import World

from riskbridge.model.target import DETECTION, EVENT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A tenant that was read once, to copy."""
    made = World(tmp_path_factory.mktemp("read"), devices=30, findings_per_device=20)
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


def closings(world: World, *, has_software: bool = False) -> dict[str, tuple[int, str]]:
    """Fixed findings of the newest run by reason: how many, and the evidence of one."""
    record = world.read("home", "paged", has_software=has_software)
    assert (record.outcome, list(record.warnings)) == ("succeeded", [])
    found: dict[str, tuple[int, str]] = {}
    with world.open("home") as app:
        fixed = app.list_findings("finding.status:FIXED", limit=10_000).rows
        events = app.engine.records(app.warehouse.table(EVENT).filter(ibis._.kind == "fixed"))
        assert {(r["finding_id"], r["fix_reason"]) for r in fixed} == {(e["subject_id"], e["reason"]) for e in events}
        for event in events:
            number, evidence = found.get(event["reason"], (0, event["detail"]))
            found[event["reason"]] = (number + 1, min(evidence, event["detail"]))
        explained = app.explain_finding(fixed[0]["finding_id"])["events"][-1]
        assert explained["detail"] in {e["detail"] for e in events}
    assert sum(number for number, _ in found.values()) == record.counts["findings_fixed"]
    return found


@pytest.mark.parametrize(
    ("name", "reasons", "evidence"),
    [
        pytest.param("upgrade", {"version-changed", "software-removed"}, "version on the device now: ", id="upgrade"),
        pytest.param("kb-installed", {"kb-installed", "unexplained"}, "no row of the device asks for KB", id="kb"),
        pytest.param("software-removed", {"software-removed", "kb-installed"}, "no finding names ", id="software"),
        pytest.param("device-silent", {"device-silent"}, "the device's sensor sends nothing: Inactive", id="silent"),
        pytest.param("device-offboarded", {"device-removed"}, "the device is offboarded ", id="offboarded"),
        pytest.param("tvm-renamed", {"cve-withdrawn"}, "no device is reported with the id any more; ", id="renamed"),
    ],
)
def test_a_happening_closes_for_its_own_reason(world: World, name: str, reasons: set[str], evidence: str) -> None:
    world.play(name, devices=3, seed=5)
    found = closings(world)
    assert found
    assert set(found) <= reasons
    assert any(text.startswith(evidence) for _, text in found.values()), found


def test_the_inventory_says_that_a_product_is_gone(world: World) -> None:
    world.read("home", "paged", has_software=True)
    world.let_pass(hours=1)
    happened = world.play("software-removed", devices=3, seed=5)
    world.let_pass(hours=7)
    found = closings(world, has_software=True)
    assert set(found) <= {"software-removed", "kb-installed"}
    assert found["software-removed"][1].startswith("the software inventory of the device has no ")
    assert happened["changed"] > 0


def test_a_device_that_comes_back_under_a_new_id_keeps_its_findings(world: World) -> None:
    happened = world.play("re-image", devices=2, seed=5)
    record = world.read("home", "paged")
    assert record.counts["detections_closed"] == record.counts["detections_new"] > 0
    with world.open("home") as app:
        rows: list[dict[str, Any]] = []
        for asset in app.list_assets(limit=1000).rows:
            if asset["source_count"] > 1:
                rows += app.list_findings(f"asset.id:{asset['asset_id']}", limit=1000).rows
        detections = app.engine.records(app.warehouse.current(DETECTION).filter(ibis._.closed_at.notnull()))
        explained = app.explain_finding(rows[0]["finding_id"])["detections"]
    named = {r["finding_id"] for r in rows}
    assert {r["status"] for r in rows} == {"ACTIVE"}
    assert {d["finding_id"] for d in detections} <= named
    assert {d["close_reason"] for d in detections} == {"device-reimaged"}
    assert {d["close_reason"] for d in explained if d["closed_at"]} == {"device-reimaged"}
    assert len(happened["fresh"]) == 2


def test_a_device_taken_out_of_the_tenant_is_removed(world: World) -> None:
    machine = world.simulator.control("findings")[0][0]
    gone = world.simulator.control("remove-device", {"machineId": machine})
    assert closings(world) == {"device-removed": (gone["changed"], "the device is not in the source's list any more")}
