"""A person in a browser: from the first start to a scored finding, with a wrong secret on the way."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from tests.web.conftest import NAME, PASSWORD, Served, start_serving

from riskbridge.simulator.process import RunningSimulator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SHOTS = Path(os.environ.get("RISKBRIDGE_SCREENSHOTS", "build/screenshots"))
SERIOUS = ("serious", "critical")


def shoot(page: Page, name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def assert_accessible(page: Page, rules: tuple[str, ...] | None = None) -> None:
    asked = {"runOnly": {"type": "rule", "values": list(rules)}} if rules else {}
    found = Axe().run(page, options=asked).response["violations"]
    faults = [(v["id"], [n["html"][:120] for n in v["nodes"]][:3]) for v in found if v["impact"] in SERIOUS]
    assert faults == [], page.url


def log_in(page: Page, served: Served) -> None:
    page.goto(f"{served.address}/login")
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{served.address}/")


def fill_editor(page: Page, label: str, text: str) -> None:
    """Type into a field that the page's editor takes the place of, once it has."""
    expect(page.locator(".cm-content").first).to_be_visible()
    page.get_by_label(label).fill(text)


def test_from_first_start_to_a_scored_finding(empty: Served, tenant: RunningSimulator, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    asked: list[str] = []
    faults: list[str] = []
    page.on("request", lambda r: asked.append(r.url))
    page.on("pageerror", lambda e: faults.append(str(e)))
    page.goto(empty.link)
    page.get_by_label("Name", exact=True).fill(NAME)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    assert_accessible(page)
    page.get_by_role("button", name="Make account").click()
    page.get_by_role("link", name="Connect Microsoft Defender").click()
    page.get_by_role("button", name="Begin").click()
    page.get_by_label("Name", exact=True).fill("Contoso")
    page.get_by_label("Tenant id").fill(tenant.tenant_id)
    page.get_by_label("Application (client) id").fill(tenant.client_id)
    page.get_by_label("Client secret").fill("wrong")
    page.get_by_text("Authentication URL, certificate, proxy").click()
    page.get_by_label("Authentication URL", exact=True).fill(tenant.login_url)
    page.get_by_label("API URL").fill(tenant.api_url)
    page.get_by_label("Audience").fill(tenant.audience)
    page.get_by_label("CA bundle").fill(str(tenant.ca_bundle))
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("The connection test did not pass")).to_be_visible()
    expect(page.get_by_text("secret", exact=False).first).to_be_visible()
    shoot(page, "wizard-wrong-secret")
    assert_accessible(page)

    # Left half-way and taken up again, with all that was typed; the secret is kept and not shown.
    page.goto(f"{empty.address}/wizard")
    page.get_by_role("link", name="Take up again").click()
    expect(page.get_by_label("Tenant id")).to_have_value(tenant.tenant_id)
    expect(page.get_by_label("Client secret")).to_have_value("")
    page.get_by_label("Client secret").fill(tenant.client_secret)
    page.get_by_role("button", name="Test and go on").click()
    expect(page.get_by_role("heading", name="Data models")).to_be_visible()
    shoot(page, "wizard-model")
    page.get_by_role("button", name="Next", exact=True).last.click()
    expect(page.get_by_label("defender", exact=True)).to_be_checked()
    page.get_by_role("button", name="Next", exact=True).last.click()
    fill_editor(page, "Device filter", "healthStatu eq 'Active'")
    expect(page.locator("#device_filter-said")).to_contain_text("Did you mean healthStatus?")
    shoot(page, "wizard-wrong-filter")
    fill_editor(page, "Device filter", "healthStatus eq 'Active'")
    page.get_by_role("button", name="Count what matches").click()
    expect(page.get_by_text("rows of findings match", exact=False)).to_be_visible()
    fill_editor(page, "Device filter", "")
    page.get_by_label("Runs by itself").select_option("every")
    page.get_by_label("Unit").select_option("h")
    assert_accessible(page)
    shoot(page, "wizard-profile")
    page.get_by_role("button", name="Next", exact=True).last.click()
    page.get_by_label("QDS of severity 5").fill("101")
    page.get_by_role("button", name="Review & confirm").click()
    expect(page.get_by_role("button", name="Save and run")).to_be_disabled()
    page.get_by_role("button", name="Scoring").click()
    page.get_by_label("QDS of severity 5").fill("97")
    page.get_by_role("button", name="Next", exact=True).last.click()
    page.get_by_role("button", name="serial-number up").press("Enter")
    expect(page.get_by_role("status").filter(has_text="serial-number is now number 5")).to_be_attached()
    shoot(page, "wizard-rules")
    assert_accessible(page)
    page.get_by_role("button", name="Review & confirm").click()
    shoot(page, "wizard-review")
    assert_accessible(page)
    page.get_by_role("button", name="Save and run").click()
    expect(page.get_by_text("Processed")).to_be_visible(timeout=120_000)
    shoot(page, "connector-processed")
    assert_accessible(page)
    page.get_by_role("link", name="See the findings").click()
    page.locator("td a[href^='/findings/']").first.click()
    expect(page.get_by_role("heading", name="What to do")).to_be_visible()
    page.locator("summary", has_text="Decide").click()
    page.get_by_label("Verdict").select_option("mitigated")
    page.get_by_label("Why").fill("behind a proxy")
    page.get_by_label("Owner").fill("ben")
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_text("Mitigated: behind a proxy. Decided by ana. Owner: ben.")).to_be_visible()
    assert_accessible(page)
    shoot(page, "finding-decided")
    assert faults == []
    assert {u for u in asked if not u.startswith(empty.address)} == set()

    # The schedule of the wizard, on a clock on which an hour takes a second; and one click from home to a scored finding.
    empty.stop()
    faster = start_serving(empty.home, "--clock-speed", "3600")
    try:
        log_in(page, faster)
        page.locator("a[href^='/findings/']").first.click()
        expect(page.get_by_role("heading", name="What to do")).to_be_visible()
        page.goto(f"{faster.address}/runs")
        while not page.get_by_role("row").filter(has_text="by schedule").filter(has_text="succeeded").count():
            page.reload()
        shoot(page, "runs-by-schedule")
    finally:
        faster.stop()
    page.close()


PAGES = {
    "home": "/",
    "findings": "/findings?query=finding.qds+%3E%3D+90",
    "groups": "/findings?group=product",
    "wrong-query": "/findings?query=finding.qdss%3A+1",
    "assets": "/inventory/assets",
    "remediation": "/remediation",
    "holds": "/holds",
    "connectors": "/connectors",
    "connector": "/connectors/tenant",
    "connector-edit": "/connectors/tenant/edit",
    "profile": "/connectors/tenant/profiles/default",
    "runs": "/runs",
    "wizard": "/wizard",
    "schedules": "/schedules",
    "schedule": "/connectors/tenant/profiles/default/schedule",
    "maps": "/maps",
    "map": "/maps/defender",
    "models": "/models",
    "model-clone": "/models/+?clone=tenable.findings",
    "map-begun": "/maps/+?name=own&source=tenable.findings",
    "identification": "/identification",
    "tags": "/tags",
    "score-map": "/connectors/tenant/score-map",
    "scoring": "/scoring",
    "feeds": "/scoring/feeds",
    "settings": "/settings",
    "missing": "/no/such/page",
}
IS_SHOWN = """() => document.readyState === "complete" && !document.querySelector(".htmx-request")
    && [...document.querySelectorAll("[data-editor]")].every((field) => field.dataset.mounted)
    && [...document.querySelectorAll("[data-chart]")].every((f) => !f.querySelector("tbody tr") || f.querySelector("canvas"))"""
"""All that a page fetches and draws by itself is there: parts, editors, charts."""
LOOKS = {"light": (1280, "light"), "dark": (1280, "dark"), "narrow": (390, "light")}


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_can_be_used_by_everybody(served: Served, ana: object, browser: Browser, look: str) -> None:
    del ana  # makes the account
    width, scheme = LOOKS[look]
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{served.address}/login")
    assert_accessible(page)
    log_in(page, served)
    page.goto(f"{served.address}/findings")
    finding = page.locator("td.cell-title a").first.get_attribute("href")
    page.goto(f"{served.address}/inventory/assets")
    asset = page.locator("td.cell-asset_name a").first.get_attribute("href")
    for name, path in {**PAGES, "finding": finding, "asset": asset}.items():
        page.goto(f"{served.address}{path}")
        page.wait_for_function(IS_SHOWN)
        shoot(page, f"{name}-{look}")
        # What is said of a page's parts is the same in every look: colours and sizes are what differs.
        assert_accessible(page, None if look == "light" else ("color-contrast", "scrollable-region-focusable"))
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.evaluate("window.wasRun") is None, name
    context.close()


def test_a_map_is_cloned_edited_on_real_rows_compared_and_saved(filled: Path, tmp_path: Path, browser: Browser) -> None:
    home = tmp_path / "home"
    shutil.copytree(filled, home)
    running = start_serving(home)
    try:
        running.log_in()
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        log_in(page, running)
        page.goto(f"{running.address}/maps/defender")
        page.get_by_label("Name of the copy").fill("own")
        page.get_by_role("button", name="Clone").click()
        expect(page.get_by_role("heading", name="own")).to_be_visible()
        row = page.locator("#map-rows tbody tr", has=page.locator("input[name=to][value=assetName]"))
        row.get_by_label("Function").select_option("upper")
        expect(page.locator("#preview tr", has_text="assetName").locator("strong").first).to_have_text(
            re.compile(r"^[^a-z]+$")
        )
        page.get_by_role("button", name="What would change").click()
        difference = page.locator("section", has_text="What would change:")
        expect(difference.get_by_role("cell", name="assetName")).to_be_visible()
        shoot(page, "map-difference")
        assert_accessible(page)
        row.get_by_label("Source field").fill("computerDnsNam")
        page.get_by_role("button", name="Save as a new version").click()
        expect(page.get_by_text("computerDnsName", exact=False).first).to_be_visible()
        row.get_by_label("Source field").fill("computerDnsName")
        page.get_by_label("What to say of this version").fill("names in capitals")
        page.get_by_role("button", name="Save as a new version").click()
        page.get_by_text("Versions", exact=True).click()
        expect(page.get_by_role("cell", name="names in capitals")).to_be_visible()
        page.goto(f"{running.address}/connectors/tenant/profiles/default")
        page.get_by_label("Transform map").select_option("own")
        page.get_by_role("button", name="Keep").click()
        page.goto(f"{running.address}/maps/own")
        page.get_by_role("button", name="Map what is stored anew").click()
        expect(page.get_by_role("heading", name="succeeded")).to_be_visible(timeout=60_000)
        page.goto(f"{running.address}/inventory/assets")
        names = page.locator("td.cell-asset_name").all_inner_texts()
        assert names == [n.upper() for n in names]
        page.close()
    finally:
        running.stop()


def test_lists_and_forms_work_without_a_script(served: Served, ana: object, browser: Browser) -> None:
    del ana  # makes the account
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{served.address}/findings")
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_label("Search in QQL").fill("finding.qds >= 90")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="CVSS").click()
    page.get_by_role("link", name="Next page").click()
    expect(page.get_by_role("link", name="First page")).to_be_visible()
    context.close()
