"""A run watched in a browser: its calls and what is left of the limits, paused, resumed, its server killed, and its end."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.scenario.test_main_job import DEVICES, Cli
from tests.web.conftest import Served, start_serving
from tests.web.test_web_journey import assert_accessible, log_in, shoot

from riskbridge.simulator.process import RunningSimulator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

STREAM = "machinesVulnerabilities"
PATIENCE_MS = 60_000
SLOWLY = {"kind": "slow", "path": STREAM, "page": 6, "times": None, "seconds": 2.0}
"""From the seventh page of findings on each takes two seconds, so that what a person does meets the run in its middle."""


@pytest.fixture
def home(filled: Path, tenant: RunningSimulator, tmp_path: Path) -> Iterator[Path]:
    """A home whose connector reads in small pages, and has once; the tenant answers slowly from now on."""
    shutil.copytree(filled, tmp_path / "home")
    cli = Cli(tmp_path / "home")
    assert cli("connector", "change", "tenant", "--page-size", "40", "--skip-test")["exit_code"] == 0
    assert cli("run", "tenant")["outcome"] == "succeeded"
    tenant.control("faults", SLOWLY)
    yield cli.home
    tenant.control("faults", method="DELETE")


def cells(page: Page, table: str, name: str) -> Any:
    """The cells of the row of that name."""
    region = page.get_by_role("region", name=table)
    return region.get_by_role("row").filter(has=page.get_by_role("cell", name=name, exact=True)).get_by_role("cell")


def shoot_looks(page: Page, name: str) -> None:
    for look, width, scheme in (("light", 1280, "light"), ("dark", 1280, "dark"), ("narrow", 390, "light")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        shoot(page, f"{name}-{look}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert_accessible(page, ("color-contrast", "scrollable-region-focusable"))
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")


def progress_of(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/v1/connectors/tenant/progress").json()
    return found


def rows_of(progress: dict[str, Any], phase: str) -> int:
    return int(next(p["rows"] for p in progress["phases"] if p["name"] == phase))


def test_a_run_is_watched_paused_resumed_and_outlives_its_server(
    home: Path, tenant: RunningSimulator, browser: Browser
) -> None:
    first: Served = start_serving(home)
    client = first.log_in()
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    faults: list[str] = []
    page.on("pageerror", lambda e: faults.append(str(e)))
    log_in(page, first)
    page.goto(f"{first.address}/connectors/tenant")
    page.get_by_role("button", name="Run now").click()

    # Rows of those expected, mapped rows of those that have come, calls, and what the API's limits leave.
    before = next(
        s["received"] for s in client.get("/api/v1/runs").json()["rows"][1]["streams"] if s["stream"] == STREAM
    )
    expect(cells(page, "Phases", "Findings").nth(3)).to_contain_text(f"of {before:,}", timeout=PATIENCE_MS)
    expect(cells(page, "Phases", "Map").nth(3)).to_contain_text("of")
    expect(page.get_by_text("calls to the API in this run")).to_be_visible()
    known = progress_of(client)
    (machines,) = (q for q in known["quotas"] if q["endpoint"] == "machines")
    assert (machines["minute"], machines["hour"]) == (100, 1500)
    assert (machines["minute_left"], machines["hour_left"]) == (
        100 - machines["used_minute"],
        1500 - machines["used_hour"],
    )
    expect(cells(page, "Quotas", "machines").nth(1)).to_have_text(f"{machines['hour_left']:,} of 1,500 left")
    assert [q["minute_left"] for q in known["quotas"] if q["endpoint"] == STREAM] == [None]
    assert sum(q["used_hour"] for q in known["quotas"]) >= known["calls"] > DEVICES // 40
    shoot_looks(page, "live-run")

    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("heading", name="This run: paused")).to_be_visible(timeout=PATIENCE_MS)
    paused = progress_of(client)
    assert (paused["state"], client.get("/api/v1/connectors/tenant").json()["state"]) == ("paused", "Attention")
    page.goto(f"{first.address}/runs/{paused['run_id']}")
    expect(page.get_by_text("What was read is kept")).to_be_visible()
    shoot(page, "run-paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("heading", name="This run: running")).to_be_visible(timeout=PATIENCE_MS)
    expect(cells(page, "Phases", "Findings").first).to_be_visible(timeout=PATIENCE_MS)
    assert rows_of(progress_of(client), "findings") >= rows_of(paused, "findings") > 0

    # The page of the run, while its server is killed and another takes its place.
    page.goto(f"{first.address}/runs/{paused['run_id']}")
    expect(cells(page, "Phases", "Findings").first).to_be_visible()
    first.stop(signal.SIGKILL)
    expect(page.get_by_text("The server does not answer")).to_be_visible(timeout=PATIENCE_MS)
    tenant.control("faults", method="DELETE")
    second = start_serving(home, "--port", str(urlsplit(first.address).port))
    try:
        expect(page.get_by_role("heading", name="This run: succeeded")).to_be_visible(timeout=PATIENCE_MS)
        expect(page.get_by_text("after a stop")).to_be_visible()
        shoot(page, "run-after-kill")
        page.get_by_role("link", name="tenant", exact=True).click()
        expect(page.get_by_text("Processed")).to_be_visible()
        assert faults == []
    finally:
        page.close()
        second.stop()


def test_a_run_that_waited_is_told_as_running_once_its_turn_comes(
    home: Path, tenant: RunningSimulator, browser: Browser
) -> None:
    assert Cli(home).add(tenant, "--name", "second")["exit_code"] == 0
    served: Served = start_serving(home)
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    try:
        client = served.log_in()
        assert client.post("/api/v1/connectors/tenant/runs").status_code == 202
        log_in(page, served)
        page.goto(f"{served.address}/connectors/second")
        page.get_by_role("button", name="Run now").click()
        expect(page.get_by_role("heading", name="This run: queued")).to_be_visible()
        expect(page.get_by_text("It waits for its turn.")).to_be_visible()
        assert client.delete("/api/v1/connectors/tenant/runs/current").status_code == 202
        expect(page.get_by_role("heading", name="This run: running")).to_be_visible(timeout=PATIENCE_MS)
        tenant.control("faults", method="DELETE")
        expect(page.get_by_role("heading", name="This run: succeeded")).to_be_visible(timeout=PATIENCE_MS)
    finally:
        page.close()
        served.stop()
