"""Whatever happens to a tenant, in whatever order and however it is read: what is stored is what the tenant says."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.scenario.test_strategies import World, open_rows

from riskbridge.errors import RiskbridgeError

SEQUENCES = int(os.environ.get("RISKBRIDGE_SEQUENCES", "3"))
"""Sequences tried; a release is tried with 200."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600 + 60 * SEQUENCES)]

HAPPENINGS = (
    "upgrade",
    "kb-installed",
    "software-removed",
    "rbac-move",
    "re-image",
    "device-silent",
    "device-offboarded",
    "tvm-renamed",
    "exploit-published",
)
ON_THE_WAY = ("page-truncated", "token-expires", "html-502", "connection-reset")
PATHS = {
    "paged": "machinesVulnerabilities",
    "export-json": "softwareVulnerabilitiesByMachine",
    "export-files": "softwareVulnerabilitiesExport",
    "delta": "softwareVulnerabilityChangesByMachine",
    "auto": "softwareVulnerabilityChangesByMachine",
}


class Sequence(RuleBasedStateMachine):
    """One tenant, one home: what happens, how time passes, how it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp(prefix="riskbridge-sequence-"))
        self.world = World(self.folder, devices=8, findings_per_device=8)
        self.expected: set[tuple[str, ...]] = set()
        self.reflects: Any = None
        self.readings = 0

    @initialize(strategy=st.sampled_from(("paged", "export-json", "export-files")))
    def connect(self, strategy: str) -> None:
        self.world.connect("home", page_size=20)
        self.read(strategy, None)

    @rule(name=st.sampled_from(HAPPENINGS), devices=st.integers(1, 3), seed=st.integers(0, 99))
    def happen(self, name: str, devices: int, seed: int) -> None:
        self.world.play(name, devices=devices, seed=seed)

    @rule(hours=st.sampled_from((1, 5, 7, 30, 100, 400)))
    def wait(self, hours: int) -> None:
        self.world.let_pass(hours=hours)

    @rule(strategy=st.sampled_from(tuple(PATHS)), fault=st.none() | st.sampled_from(ON_THE_WAY))
    def read(self, strategy: str, fault: str | None) -> None:
        if fault is not None:
            self.world.play(fault, path=PATHS[strategy])
        # A second passes, or two readings would be of one moment.
        self.world.let_pass(hours=0.01)
        try:
            record = self.world.read("home", strategy)
        except RiskbridgeError as error:
            raise AssertionError(f"{strategy}, {fault}: {error}") from error
        finally:
            self.world.simulator.control("faults", method="DELETE")
        assert record.outcome == "succeeded", record.warnings
        used = next(s["strategy"] for s in record.streams if "strategy" in s)
        snapshot = self.world.simulator.control("findings?snapshot=newest")
        if used == "paged":
            self.expected, self.reflects = self.world.truth(), self.world.now.isoformat()
        elif self.reflects is None or snapshot["at"] >= self.reflects:
            self.expected, self.reflects = {tuple(r) for r in snapshot["rows"]}, snapshot["at"]
        self.readings += 1

    @invariant()
    def stored_is_true(self) -> None:
        if self.readings:
            assert open_rows(self.folder / "home") == self.expected

    def teardown(self) -> None:
        self.world.simulator.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


TestSequences = Sequence.TestCase
TestSequences.settings = settings(
    max_examples=SEQUENCES,
    stateful_step_count=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
