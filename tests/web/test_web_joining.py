"""Two assets put together on the page, taken apart again, and a record that is taken out: each undone in a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.web.conftest import Served, start_serving
from tests.web.test_web_files import HEADER, run, upload
from tests.web.test_web_journey import assert_accessible, log_in
from tests.web.test_web_live_run import shoot_looks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def served_copy(filled: Path, tmp_path: Path) -> Iterator[Served]:
    shutil.copytree(filled, tmp_path / "home")
    running = start_serving(tmp_path / "home")
    try:
        yield running
    finally:
        running.stop()


def open_identity(page: Page) -> None:
    page.locator("summary", has_text="Merge with another asset").click()


def records(page: Page) -> Locator:
    return page.get_by_role("region", name="Identity").locator("tbody tr")


def count(client: httpx.Client) -> int:
    return int(client.get("/api/v1/assets").json()["count"])


def undo(page: Page, why: str) -> None:
    page.get_by_label("Why it is undone").fill(why)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="By hand")).to_have_count(0)


def test_assets_are_merged_by_name_and_a_record_taken_out_and_both_undone(
    served_copy: Served, browser: Browser
) -> None:
    client = served_copy.log_in()
    rows = client.get("/api/v1/assets", params={"limit": 1000}).json()["rows"]
    names = [r["asset_name"] for r in rows]
    first, second = [r for r in rows if names.count(r["asset_name"]) == 1][:2]
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    log_in(page, served_copy)
    page.goto(f"{served_copy.address}/inventory/assets/{first['asset_id']}")
    before, own = count(client), records(page).count()

    open_identity(page)
    page.get_by_label("The other asset's name or id").fill("no such host")
    page.get_by_label("Why", exact=True).fill("one machine, two names")
    page.get_by_role("button", name="Merge").click()
    expect(page.get_by_role("alert")).to_contain_text("'no such host' is no asset id")
    expect(page.get_by_label("Why", exact=True)).to_have_value("one machine, two names")
    page.get_by_label("The other asset's name or id").fill(second["asset_name"])
    page.get_by_role("button", name="Merge").click()
    expect(page.get_by_text(f"Merged: {first['asset_name']} and {second['asset_name']}")).to_be_visible()
    expect(records(page)).to_have_count(own + 1)
    assert count(client) == before - 1
    shoot_looks(page, "asset-merged")
    assert_accessible(page)
    undo(page, "two after all")
    expect(records(page)).to_have_count(own)
    assert count(client) == before

    # A record that a rule put to the asset: the other scanner's word of the same host.
    open_identity(page)
    expect(page.get_by_role("button", name="Take the record out")).to_be_disabled()
    upload(client, "scan.csv", f"{HEADER}1,CVE-2023-38545,High,{second['asset_name']},tcp,443,curl\n")
    shape = {"name": "nessus", "format": "tenable", "findings": ["upload:scan.csv"]}
    assert client.post("/api/v1/file-connectors", json=shape).status_code == 201
    assert run(client, "nessus")["outcome"] == "succeeded"
    assert count(client) == before
    page.goto(f"{served_copy.address}/inventory/assets/{second['asset_id']}")
    expect(records(page)).to_have_count(2)
    open_identity(page)
    page.get_by_label("Record to take out").select_option(label=f"Tenable: {second['asset_name']}")
    page.get_by_label("Why", exact=True).fill("another machine of that name")
    page.get_by_role("button", name="Take the record out").click()
    expect(page.get_by_text(f"Split: {second['asset_name']} from {second['asset_name']}")).to_be_visible()
    expect(records(page)).to_have_count(1)
    assert count(client) == before + 1
    undo(page, "one after all")
    expect(records(page)).to_have_count(2)
    assert count(client) == before
    page.close()
