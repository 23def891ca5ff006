"""A server killed again and again in mid-run: each run ends after the next start, as an undisturbed twin's."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from tests.scenario.test_main_job import FACTS, Cli
from tests.web.conftest import Served, start_serving

from riskbridge.simulator.process import RunningSimulator, start_simulator
from riskbridge.simulator.settings import SimulatorSettings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

KILLS = int(os.environ.get("RISKBRIDGE_SERVED_KILLS", "4"))
"""Kills of the server; a release is tried with 20, over five runs."""
A_ROUND = 4
HAPPENINGS = ("software-removed", "upgrade", "kb-installed", "rbac-move", "re-image")
"""What happens to the tenant between runs, so that every run has something to publish."""
MOST_LOOKS = 120
"""A kill comes after so many looks at the progress at most; some come before the first page, some after the last."""


@pytest.fixture
def changing(tmp_path: Path) -> Iterator[RunningSimulator]:
    settings = SimulatorSettings(home=tmp_path / "simulator", devices=60, has_quotas=False)
    with start_simulator(settings) as running:
        yield running


class Killed:
    """A served home whose server is killed and started again; it is asked with a token that outlives them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.served: Served | None = None
        self.token = ""

    def start(self) -> httpx.Client:
        self.served = start_serving(self.home)
        if not self.token:
            made = self.served.log_in().post("/api/v1/api-tokens", json={"name": "script", "days": 1, "scope": "write"})
            self.token = made.json()["token"]
        return self.served.client(headers={"authorization": f"Bearer {self.token}"})

    def stop(self, how: signal.Signals) -> None:
        assert self.served is not None
        self.served.stop(how)

    def kill_in_mid_run(self, client: httpx.Client, looks: int) -> None:
        for _ in range(looks):
            client.get("/api/v1/connectors/tenant/progress")
        self.stop(signal.SIGKILL)


def end_of(client: httpx.Client) -> str:
    """Wait for the end of what is under way; gives its state, `none` where all had ended before."""
    with client.stream("GET", "/api/v1/connectors/tenant/progress", headers={"accept": "text/event-stream"}) as news:
        lines = [line for line in news.iter_lines() if line.startswith("data:")]
    return str(httpx.Response(200, text=lines[-1][5:]).json()["state"])


def facts_of(home: Path) -> dict[str, Counter[str]]:
    """Every row of every table; a moment that is a run's is told as that run, since the two homes do not run at once."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        known = connection.execute("SELECT run, observed_at FROM run").to_arrow_table().to_pylist()
        runs = {row["observed_at"]: f"run {row['run']}" for row in known}

        def told(value: Any) -> Any:
            return runs.get(value, value) if isinstance(value, datetime) else value

        tables = {t: connection.execute(f"SELECT * FROM {t}").to_arrow_table().to_pylist() for t in FACTS}
    return {t: Counter(repr({n: told(v) for n, v in row.items()}) for row in rows) for t, rows in tables.items()}


def test_every_run_ends_after_the_restart_as_if_nothing_had_happened(
    tmp_path: Path, changing: RunningSimulator
) -> None:
    rng = random.Random(KILLS)
    killed, twin = Killed(tmp_path / "killed"), Cli(tmp_path / "twin")
    assert twin.add(changing, "--page-size", "60")["exit_code"] == 0
    shutil.copytree(twin.home, killed.home)
    ids = []
    for round_ in range(-(-KILLS // A_ROUND)):
        if round_:
            changing.control("step", {"hours": 24})
            changing.control("scenario", {"name": HAPPENINGS[round_ % len(HAPPENINGS)]})
        assert twin("run", "tenant")["outcome"] == "succeeded"
        client = killed.start()
        ids.append(client.post("/api/v1/connectors/tenant/runs").json()["run_id"])
        for _ in range(min(A_ROUND, KILLS - round_ * A_ROUND)):
            killed.kill_in_mid_run(client, rng.randrange(MOST_LOOKS))
            client = killed.start()
        assert end_of(client) in ("succeeded", "none")
        shown = client.get("/api/v1/connectors/tenant").json()
        assert (shown["state"], shown["attention"]) == ("Processed", [])
        runs = client.get("/api/v1/runs").json()["rows"]
        assert [(r["run_id"], r["outcome"]) for r in reversed(runs)] == [(i, "succeeded") for i in ids]
        killed.stop(signal.SIGTERM)
    stored, expected = facts_of(killed.home), facts_of(twin.home)
    assert {table: rows - expected[table] for table, rows in stored.items() if rows != expected[table]} == {}
    assert {table: len(rows) for table, rows in stored.items()} == {
        table: len(rows) for table, rows in expected.items()
    }
