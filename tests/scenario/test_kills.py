"""A run killed again and again: what was read is not read again, and the end is that of an undisturbed run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from pathlib import Path

import pytest
from tests.scenario.test_main_job import Cli, rows_of
from tests.scenario.test_strategies import open_rows

from riskbridge.simulator.process import start_simulator
from riskbridge.simulator.settings import SimulatorSettings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

FINDINGS = int(os.environ.get("RISKBRIDGE_KILLED_FINDINGS", "3600"))
"""Findings of the tenant whose reading is killed; a release is tried with 1,000,000."""
KILLS = {"paged": 10, "export-json": 3}
PAGES = {
    "paged": "/api/vulnerabilities/machinesVulnerabilities",
    "export-json": "/api/machines/SoftwareVulnerabilitiesByMachine",
}


def kill_after(cli: Cli, lines: int) -> bool:
    """Start a run and SIGKILL it after so many lines of progress in reading findings; False when it ended before."""
    process = subprocess.Popen(cli.words("run", "tenant"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process.stderr:
        for line in process.stderr:
            lines -= '"phase": "findings"' in line
            if lines < 0:
                process.send_signal(signal.SIGKILL)
                break
        process.stderr.read()
    return process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("strategy", PAGES)
def test_each_kill_costs_one_page_at_most(tmp_path: Path, strategy: str) -> None:
    settings = SimulatorSettings(
        home=tmp_path / "simulator", devices=FINDINGS // 60, findings_per_device=60, has_quotas=False
    )
    page_size = {"paged": FINDINGS // 90, "export-json": FINDINGS // 14}[strategy]
    rng = random.Random(strategy)
    with start_simulator(settings) as running:
        cli = Cli(tmp_path / "home")
        # The export allows 30 calls a minute, and the run keeps to that.
        cli.add(running, "--page-size", f"{min(page_size, 10_000)}", "--strategy", strategy)
        running.control("requests", method="DELETE")
        kills = sum(
            kill_after(cli, rng.randrange(1, {"paged": 9, "export-json": 4}[strategy])) for _ in range(KILLS[strategy])
        )
        asked = running.control("requests")
        resumed = cli("run", "tenant")
        asked = running.control("requests")
        truth = {tuple(row) for row in running.control("findings")}
    requests = [r for r in asked if r["path"] == PAGES[strategy] and "pageSize=1&" not in f"{r['query']}&"]
    pages = next(s["pages"] for s in resumed["streams"] if "strategy" in s)
    assert kills == KILLS[strategy]
    assert (resumed["outcome"], resumed["is_resumed"]) == ("succeeded", True)
    # A page that arrived is kept until it is staged, so a kill costs the one that was on its way.
    assert pages <= len(requests) <= pages + kills
    assert max(len([r for r in requests if r["query"] == q]) for q in {r["query"] for r in requests}) <= kills
    stored = open_rows(cli.home)
    # A large tenant has findings of devices that its list does not name; they are rejects.
    assert (stored - truth, len(truth - stored)) == (set(), resumed["counts"]["rejects"])
    assert rows_of(cli.home)
