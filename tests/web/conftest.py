"""A served home as a process of its own, with a simulated tenant behind it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.scenario.test_main_job import Cli

from riskbridge.simulator.process import RunningSimulator, start_simulator
from riskbridge.simulator.settings import SimulatorSettings

NAME, PASSWORD = "ana", "correct horse battery"
SCRIPT = "<script>window.wasRun = true</script>"
STOP_WITHIN_S = 40


@dataclass(slots=True)
class Served:
    """`riskbridge serve` on a home; `link` is the one-time link, '' once there is an account."""

    home: Path
    process: subprocess.Popen[str]
    address: str
    link: str
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, **options: Any) -> httpx.Client:
        """A client of its own, closed at the end."""
        made = httpx.Client(base_url=self.address, timeout=60, **options)
        self.clients.append(made)
        return made

    def log_in(self) -> httpx.Client:
        """A client that is logged in, the account made where there is none; it sends its CSRF token."""
        client = self.client()
        if self.link:
            token = self.link.rpartition("=")[2]
            form = {"token": token, "name": NAME, "password": PASSWORD, "again": PASSWORD}
            answer = client.post("/setup", data=form)
            self.link = ""
        else:
            answer = client.post("/login", data={"name": NAME, "password": PASSWORD, "next": "/"})
        assert answer.status_code == 303, answer.text
        found = re.search(r'name="csrf" value="([^"]+)"', client.get("/").text)
        assert found is not None
        client.headers["x-csrf-token"] = found.group(1)
        return client

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the process and close the clients; gives its exit code."""
        for client in self.clients:
            client.close()
        self.process.send_signal(how)
        code = self.process.wait(STOP_WITHIN_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def start_serving(home: Path, *options: str) -> Served:
    """`riskbridge serve` on a free port, once it says where it is."""
    words = [sys.executable, "-m", "riskbridge.cli", "--home", str(home), "serve", "--port", "0", *options]
    # What tests name over the network, such as the simulator's authority, is in folders of their own.
    folders = os.environ.get("RISKBRIDGE_FILE_FOLDERS", tempfile.gettempdir())
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "RISKBRIDGE_FILE_FOLDERS": folders}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    address, link = "", ""
    for line in process.stdout:
        if line.startswith("riskbridge is at "):
            address = line.split()[-1].rstrip("/")
        if "/setup?token=" in line:
            link = line.split()[-1]
        if line.startswith("Ctrl-C"):
            break
    assert address, "the server said nothing"
    return Served(home, process, address, link)


@pytest.fixture(scope="session")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    settings = SimulatorSettings(home=tmp_path_factory.mktemp("tenant"), devices=60, has_quotas=False)
    with start_simulator(settings) as running:
        yield running


@pytest.fixture(scope="session")
def filled(tenant: RunningSimulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one run of the tenant and its feeds, to copy."""
    cli = Cli(tmp_path_factory.mktemp("filled") / "home")
    assert cli.add(tenant)["exit_code"] == 0
    for kind, name in (("kev", "known_exploited_vulnerabilities.json"), ("epss", "epss.csv.gz")):
        assert cli("feeds", "import", kind, f"{tenant.feeds_url}/{name}")["exit_code"] == 0
    assert cli("run", "tenant")["outcome"] == "succeeded"
    return cli.home


def call_by_a_script(home: Path) -> None:
    """Give one device, its tag and the products on it a name that would run where it is not shown as text."""
    with duckdb.connect(str(next(home.glob("*.duckdb")))) as warehouse:
        (device,) = warehouse.execute("SELECT max(asset_id) FROM finding WHERE valid_to_run IS NULL").fetchone() or (
            "",
        )
        warehouse.execute("UPDATE asset SET asset_name = $1, tags = [$1] WHERE asset_id = $2", [SCRIPT, device])
        warehouse.execute("UPDATE finding SET title = $1, product_name = $1 WHERE asset_id = $2", [SCRIPT, device])


@pytest.fixture(scope="session")
def served(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A served home that tests only read."""
    home = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(filled, home)
    call_by_a_script(home)
    running = start_serving(home)
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def ana(served: Served) -> httpx.Client:
    """Somebody logged in to the home that tests only read."""
    return served.log_in()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Served]:
    """A served home of the test's own, with nothing in it."""
    running = start_serving(tmp_path / "home")
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium of the system."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        assert "CI" not in os.environ, "continuous integration installs chromium first"
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()
