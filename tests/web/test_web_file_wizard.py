"""A connector of files set up in a browser: uploaded, left and taken up again, run, changed; and a table of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.web.conftest import Served, start_serving
from tests.web.test_web_files import EXPORT
from tests.web.test_web_journey import assert_accessible, log_in, shoot
from tests.web.test_web_live_run import shoot_looks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

OWN = "host;id;cve;severity;level\nwks-2;a-1;CVE-2024-3094;high;5\nwks-2;a-2;CVE-2021-44228;critical;1\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = start_serving(tmp_path_factory.mktemp("files") / "home")
    running.log_in()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def page(home: Served, browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    faults: list[str] = []
    opened.on("pageerror", lambda e: faults.append(str(e)))
    log_in(opened, home)
    yield opened
    opened.close()
    assert faults == []


def begin(page: Page, home: Served, name: str, form: str, path: Path) -> None:
    """The first step filled in, a file uploaded."""
    page.goto(f"{home.address}/wizard")
    page.get_by_role("button", name="Choose files").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Format").select_option(form)
    expect(page.get_by_label("Upload a file")).to_be_enabled()  # by the script, which sends what is chosen
    page.get_by_label("Upload a file").set_input_files(path)
    expect(page.get_by_label("Files of findings")).to_have_value(f"upload:{path.name}")


def go_on(page: Page) -> None:
    page.get_by_role("button", name="Next", exact=True).last.click()


def test_an_export_is_uploaded_looked_at_run_and_changed(home: Served, page: Page, tmp_path: Path) -> None:
    path = tmp_path / "nessus.csv"
    path.write_text(EXPORT.replace("Name\n", "Names\n"))
    begin(page, home, "nessus", "tenable", path)
    page.get_by_label("Delimiter").select_option("semicolon")
    expect(page.get_by_text("Kept at")).to_be_visible()
    go_on(page)
    expect(page.get_by_role("heading", name="The files cannot be read so")).to_be_visible()
    assert_accessible(page)

    # Left half-way: the browser goes elsewhere, and what was typed and uploaded is there still.
    page.goto(f"{home.address}/wizard")
    page.get_by_role("link", name="Take up again").click()
    expect(page.get_by_label("Files of findings")).to_have_value("upload:nessus.csv")
    page.get_by_label("Delimiter").select_option("auto")
    page.get_by_role("button", name="Look at the files").click()
    expect(page.get_by_role("heading", name="The files can be read")).to_be_visible()
    expect(page.get_by_role("cell", name="wks-1.example.test")).to_be_visible()
    shoot_looks(page, "file-wizard-basics")
    go_on(page)
    expect(page.get_by_role("heading", name="tenable.findings")).to_be_visible()
    shoot(page, "file-wizard-model")
    assert_accessible(page)
    go_on(page)
    expect(page.get_by_label("tenable", exact=True)).to_be_checked()
    go_on(page)
    page.get_by_label("Runs by itself").select_option("every")
    shoot(page, "file-wizard-profile")
    assert_accessible(page)
    go_on(page)
    page.get_by_label("QDS of severity 5").fill("97")
    go_on(page)
    page.get_by_role("button", name="serial-number up").press("Enter")
    page.get_by_role("button", name="Review & confirm").click()
    expect(page.get_by_text("upload:nessus.csv")).to_be_visible()
    shoot_looks(page, "file-wizard-review")
    page.get_by_role("button", name="Save and run").click()
    expect(page.get_by_text("Processed")).to_be_visible(timeout=60_000)
    shoot(page, "file-connector")
    assert_accessible(page)
    expect(page.get_by_role("link", name="every day at")).to_be_visible()
    page.get_by_role("link", name="See the assets").click()
    expect(page.get_by_role("link", name="wks-1.example.test")).to_be_visible()

    page.goto(f"{home.address}/connectors/nessus/edit")
    page.get_by_label("Delimiter").select_option("semicolon")
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_role("alert")).to_contain_text("Plugin ID")
    page.get_by_label("Delimiter").select_option("comma")
    page.get_by_label("Description").fill("Weekly export")
    page.get_by_role("button", name="Look at the files").click()
    expect(page.get_by_role("cell", name="wks-1.example.test")).to_be_visible()
    shoot_looks(page, "file-edit")
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_text("Weekly export")).to_be_visible()
    page.get_by_role("link", name="default", exact=True).click()
    expect(page.get_by_text("A run reads these files whole")).to_be_visible()
    assert_accessible(page)


def test_a_table_of_ones_own_gets_its_model_and_map_on_the_way(home: Served, page: Page, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(OWN)
    begin(page, home, "Our own", "", path)
    go_on(page)
    expect(page.get_by_text("Nothing says yet what the files hold")).to_be_visible()
    page.get_by_role("button", name="Make a model from the files").click()
    expect(page.get_by_role("heading", name="our-own.findings")).to_be_visible()
    page.get_by_role("link", name="Change").click()
    level = page.get_by_role("row").filter(has=page.locator("input[name=field][value=level]"))
    expect(level.get_by_label("Type")).to_have_value("integer")
    level.get_by_label("Type").select_option("string")
    level.get_by_label("What it is").fill("Ours, 1 to 5")
    shoot_looks(page, "model-edit")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("cell", name="Ours, 1 to 5")).to_be_visible()
    go_on(page)
    page.get_by_role("link", name="Begin a map of these files").click()
    page.get_by_role("button", name="our-own.findings → detection_draft").click()
    row = page.locator("#map-rows tbody tr", has=page.locator("input[name=to][value=findingSeverity]"))
    row.get_by_label("Function").select_option("upper")
    expect(page.get_by_text("No connector reads our-own.findings yet")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_label("our-own", exact=True).check()
    go_on(page)
    page.get_by_role("button", name="Review & confirm").click()
    page.get_by_role("button", name="Look at the files").click()
    page.get_by_role("button", name="Save and run").click()
    expect(page.get_by_text("Processed")).to_be_visible(timeout=60_000)
    page.goto(f"{home.address}/maps/our-own?stream=1")
    expect(page.locator("#preview tr", has_text="findingSeverity").locator("strong").first).to_have_text("HIGH")
    page.goto(f"{home.address}/findings?query=asset.name%3A+wks-2")
    expect(page.locator("td.cell-cve_id", has_text="CVE-2024-3094")).to_be_visible()


def test_a_model_is_made_from_an_uploaded_sample_cloned_and_deleted(home: Served, page: Page, tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    path.write_text(OWN)
    page.goto(f"{home.address}/models")
    page.get_by_role("link", name="New data model").click()
    page.get_by_label("Name", exact=True).fill("sample.findings")
    expect(page.get_by_label("Upload a file")).to_be_enabled()  # by the script, which sends what is chosen
    page.get_by_label("Upload a file").set_input_files(path)
    expect(page.get_by_text("sample.csv is here.")).to_be_visible()
    page.get_by_role("button", name="Read the fields from it").click()
    expect(page.get_by_text("5 columns, made from the first 2 rows")).to_be_visible()
    shoot_looks(page, "model-new")
    assert_accessible(page)
    page.get_by_role("button", name="Add a field").click()
    page.locator("input[name=field]").last.fill("host")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("alert")).to_contain_text("comes twice")
    page.get_by_role("button", name="Remove this field").nth(5).click()
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("heading", name="sample.findings")).to_be_visible()
    page.get_by_role("link", name="Clone sample.findings").click()
    page.get_by_role("button", name="Save").last.click()
    page.get_by_role("link", name="Change sample.findings-own").click()
    page.locator("summary", has_text="Delete").click()
    page.get_by_role("button", name="Delete sample.findings-own").click()
    expect(page.get_by_role("link", name="sample.findings-own")).to_have_count(0)
    expect(page.get_by_role("link", name="sample.findings source")).to_be_visible()


def test_a_token_has_the_scope_that_is_chosen(home: Served, page: Page) -> None:
    page.goto(f"{home.address}/settings")
    for name, scope, status in (("looks", "read", 403), ("changes", "write", 201)):
        page.get_by_label("Name").fill(name)
        page.get_by_label("Scope").select_option(scope)
        page.get_by_role("button", name="Make token").click()
        expect(page.get_by_role("status")).to_contain_text(f"{name} (scope {scope})")
        token = page.locator("pre").inner_text()
        script = home.client(headers={"authorization": f"Bearer {token}"})
        assert script.post("/api/v1/views", json={"name": name, "subject": "findings"}).status_code == status
    assert_accessible(page)
    shoot(page, "settings-tokens")
