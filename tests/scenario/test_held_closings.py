"""What looks wrong closes nothing: it is held, and a person or a later run decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.scenario.test_strategies import World, open_rows

from riskbridge.errors import InputError
from riskbridge.holds import decide_hold, list_holds, show_hold
from riskbridge.model.target import SOURCE_ASSET

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
NARROW = "healthStatus eq 'Inactive'"


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


def counts(world: World) -> dict[str, int]:
    with world.open("home") as app:
        return {s: app.list_findings(f"finding.status:{s}", limit=0).count for s in ("NEW", "ACTIVE", "FIXED")}


def holds(world: World, *, is_all: bool = False) -> list[dict[str, Any]]:
    with world.open("home") as app:
        return list_holds(app, "tenant", is_all=is_all)


def state(world: World) -> str:
    with world.open("home") as app:
        return app.state_of(app.store.get_connector("tenant")).value


def test_a_filter_narrowed_by_mistake_on_a_large_estate_closes_nothing_and_holds_everything(tmp_path: Path) -> None:
    world = World(tmp_path, devices=500, findings_per_device=260)
    with world.simulator:
        world.connect("home")
        first = world.read("home", "paged")
        world.let_pass(hours=1)
        narrowed = world.read("home", "paged", device_filter=NARROW)
        (hold,) = holds(world)
        assert first.counts["findings"] >= 100_000
        assert narrowed.outcome == "partial"
        assert narrowed.counts["findings_open"] == first.counts["findings_open"]
        assert narrowed.counts.get("detections_closed", 0) == 0
        assert (
            hold["detections"] == narrowed.counts["held"] == first.counts["detections"] - narrowed.counts["detections"]
        )
        assert (hold["cause"], hold["message"]) == ("scope", "The filters differ from the last run's.")
        told = f"{hold['findings']:,} findings on {hold['assets']:,} assets would have closed and are held"
        assert told in narrowed.warnings[-1]
        world.let_pass(hours=1)
        restored = world.read("home", "paged", device_filter=None)
        assert (restored.counts["findings_open"], holds(world)) == (first.counts["findings_open"], [])


def test_a_narrower_scope_is_approved_and_closes_as_out_of_scope(world: World) -> None:
    before = counts(world)
    narrowed = world.read("home", "paged", device_filter=NARROW)
    (hold,) = holds(world)
    world.let_pass(hours=1)
    with world.open("home") as app:
        shown = show_hold(app, hold["hold_id"][:6])
        decided = decide_hold(app, hold["hold_id"][:6], "the laptops moved to another tenant", is_approved=True)
        finding = app.explain_finding(shown["findings"][0]["finding_id"])
        audit = app.store.list_audit(limit=1)[0]
    assert [(r["close_reason"], r["detections"]) for r in shown["reasons"]] == [("out-of-scope", hold["detections"])]
    assert shown["still_out_of_sight"] == decided["closed"] == hold["detections"] == narrowed.counts["held"]
    event = finding["events"][-1]
    assert (event["kind"], event["reason"]) == ("fixed", "out-of-scope")
    assert event["detail"].endswith(f"; approved by {audit.actor}: the laptops moved to another tenant")
    assert (audit.action, audit.object) == ("hold.approved", hold["hold_id"])
    assert counts(world)["FIXED"] == hold["findings"]
    assert sum(counts(world).values()) == sum(before.values())
    (after,) = holds(world, is_all=True)
    assert (after["state"], after["decided_by"], after["why"]) == (
        "approved", audit.actor, "the laptops moved to another tenant",
    )  # fmt: skip
    world.let_pass(hours=1)
    assert world.read("home", "paged").counts.get("findings_fixed", 0) == 0
    with world.open("home") as app, pytest.raises(InputError) as refused:
        decide_hold(app, hold["hold_id"], "again", is_approved=False)
    assert refused.value.code == "hold.decided"


def test_a_connector_whose_closings_wait_for_a_person_wants_attention(world: World) -> None:
    world.read("home", "paged", device_filter=NARROW)
    world.let_pass(hours=1)
    assert world.read("home", "paged").outcome == "succeeded"
    assert state(world) == "Attention"


def test_what_is_rejected_stays_open(world: World) -> None:
    before = counts(world)
    world.read("home", "paged", device_filter=NARROW)
    (hold,) = holds(world)
    with world.open("home") as app:
        rejected = decide_hold(app, hold["hold_id"], "a mistake", is_approved=False)
    assert (rejected["state"], rejected["closed"], holds(world)) == ("rejected", 0, [])
    assert state(world) == "Attention"
    world.let_pass(hours=1)
    again = world.read("home", "paged")
    assert (again.outcome, holds(world), counts(world)["FIXED"]) == ("succeeded", [], 0)
    assert state(world) == "Processed"
    assert sum(counts(world).values()) == sum(before.values())


def test_an_incomplete_reading_is_settled_by_the_next_complete_one(world: World) -> None:
    world.play("kb-installed", devices=2, seed=3)
    world.simulator.control("faults", {"kind": "bad-records", "path": "machinesVulnerabilities", "times": 1})
    doubtful = world.read("home", "paged")
    (hold,) = holds(world)
    assert (doubtful.outcome, hold["cause"]) == ("partial", "incomplete")
    assert "could not be used" in hold["message"]
    world.let_pass(hours=1)
    complete = world.read("home", "paged")
    (settled,) = holds(world, is_all=True)
    seen = hold["detections"] - complete.counts["detections_closed"]
    assert (settled["state"], settled["decided_by"]) == ("settled", f"run {complete.run}")
    assert settled["why"] == (
        f"{seen:,} were seen again or closed before, {complete.counts['detections_closed']:,} closed for their own reason"
    )
    assert complete.counts["detections_closed"] > 0
    assert open_rows(world.folder / "home") == world.truth()


def test_a_large_drop_is_held_until_it_is_accepted_or_undone(tmp_path: Path) -> None:
    world = World(tmp_path, devices=60, findings_per_device=60)
    with world.simulator:
        world.connect("home")
        first = world.read("home", "paged")
        for machine in sorted({row[0] for row in world.truth()})[5:]:
            world.simulator.control("remove-rows", {"machineId": machine})
        world.let_pass(hours=1)
        for _ in range(2):
            dropped = world.read("home", "paged")
            (hold,) = holds(world)
            assert (dropped.outcome, hold["cause"]) == ("partial", "drop")
            assert hold["detections"] == first.counts["detections"] - dropped.counts["detections"]
            world.let_pass(hours=1)
        with world.open("home") as app:
            accepted = app.run("tenant", is_drop_accepted=True)
        assert accepted.counts["detections_closed"] == hold["detections"]
        assert [h["state"] for h in holds(world, is_all=True)] == ["settled"]


def test_a_list_of_devices_that_shows_one_group_alone_closes_nothing(world: World) -> None:
    before = counts(world)
    world.play("device-group-limited")
    limited = world.read("home", "paged")
    assert limited.counts.get("detections_closed", 0) == 0
    assert sum(counts(world).values()) - counts(world)["FIXED"] == sum(before.values())


def test_a_device_group_that_vanishes_whole_is_held(world: World) -> None:
    with world.open("home") as app:
        stored = app.engine.records(app.warehouse.current(SOURCE_ASSET).select("external_asset_id", "device_group"))
    groups = Counter(r["device_group"] for r in stored if r["device_group"])
    ((group, number),) = groups.most_common(1)
    owners = {row[0] for row in world.truth()}
    for row in stored:
        if row["device_group"] == group and row["external_asset_id"] in owners:
            world.simulator.control("remove-device", {"machineId": row["external_asset_id"]})
        elif row["device_group"] == group:
            world.simulator.control("change-device", {"machineId": row["external_asset_id"], "rbacGroupName": "Other"})
    limited = world.read("home", "paged")
    (hold,) = holds(world)
    assert number >= 3
    assert (limited.outcome, limited.counts.get("detections_closed", 0), hold["cause"]) == ("partial", 0, "scope")
    assert hold["message"] == (
        f"No device of these groups is in the source's list any more: {group}. The application may see fewer groups."
    )


def test_a_connector_that_retains_what_is_missing_closes_and_holds_nothing_until_it_is_told_to(world: World) -> None:
    def retain(*, is_on: bool) -> None:
        with world.open("home") as app:
            app.store.save_connector(replace(app.store.get_connector("tenant"), retain_missing=is_on))

    retain(is_on=True)
    before = sum(counts(world).values())
    gone = world.play("software-removed", devices=3, seed=2)["changed"]
    for _ in range(2):
        kept = world.read("home", "paged")
        assert (kept.outcome, kept.counts.get("detections_closed", 0), holds(world)) == ("succeeded", 0, [])
        assert (counts(world)["FIXED"], sum(counts(world).values())) == (0, before)
        world.let_pass(hours=1)
    retain(is_on=False)
    assert world.read("home", "paged").counts["detections_closed"] == gone


def test_a_decision_needs_a_reason_and_a_known_hold(world: World) -> None:
    world.read("home", "paged", device_filter=NARROW)
    (hold,) = holds(world)
    with world.open("home") as app:
        for hold_id, why, code in ((hold["hold_id"], " ", "hold.no-reason"), ("zzz", "why", "hold.unknown")):
            with pytest.raises(InputError) as refused:
                decide_hold(app, hold_id, why, is_approved=True)
            assert refused.value.code == code
    assert [h["state"] for h in holds(world)] == ["held"]
