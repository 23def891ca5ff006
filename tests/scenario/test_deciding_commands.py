"""What people decide, from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.scenario.test_main_job import Cli

from riskbridge.simulator.process import start_simulator
from riskbridge.simulator.settings import SimulatorSettings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_closings_are_held_and_approved_findings_decided_about_and_the_past_listed(tmp_path: Path) -> None:
    settings = SimulatorSettings(home=tmp_path / "simulator", devices=12, findings_per_device=8, has_quotas=False)
    with start_simulator(settings) as running:
        cli = Cli(tmp_path / "home")
        cli.add(running)
        first = cli("run", "tenant")
        days = cli.in_a_process("sla", "--critical", "3", "--at-risk", "0")
        finding = cli("findings", "--limit", "1")["rows"][0]["finding_id"]
        decided = cli.in_a_process("decide", finding[:8], "--accept-until", "2099-01-01", "--why", "lab")
        noted = cli("decide", "--where", "finding.severity:5", "--owner", "ana", "--due", "2027-01-31", "--tag", "q1")
        empty = cli("decide", finding[:8])
        cli("connector", "change", "tenant", "--device-filter", "healthStatus eq 'Inactive'")
        cli("run", "tenant")
        held = cli.in_a_process("held", "list", "tenant")
        shown = cli("held", "show", held["rows"][0]["hold_id"][:8], "--limit", "1")
        approved = cli("held", "approve", held["rows"][0]["hold_id"][:8], "--why", "moved")
        after, before = cli("findings", "not finding.status:FIXED"), cli("findings", "--as-of", "1")
    assert (days["critical"], days["at_risk"], days["high"]) == (3, 0, 30)
    assert (decided["error"]["code"], decided["exit_code"]) == ("decision.bad-date", 2)
    assert (empty["error"]["code"], empty["exit_code"]) == ("decision.empty", 2)
    assert noted["decision"].startswith("owner ana; due 2027-01-31; tags q1, by ")
    assert (held["count"], shown["still_out_of_sight"]) == (1, held["rows"][0]["detections"])
    assert (approved["state"], approved["closed"], approved["why"]) == (
        "approved",
        shown["still_out_of_sight"],
        "moved",
    )
    assert before["count"] == first["counts"]["findings"] == after["count"] + held["rows"][0]["findings"]
    assert cli("held", "list")["count"] == 0
    assert [h["state"] for h in cli("held", "list", "--all")["rows"]] == ["approved"]
