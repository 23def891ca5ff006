"""The demo: everything a person would do, against a simulated tenant."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from riskbridge.app import App
from riskbridge.cli.progress import show_progress
from riskbridge.cli.render import (
    ASSET_COLUMNS,
    FINDING_COLUMNS,
    render_check,
    render_listing,
    render_run,
    say_json,
)
from riskbridge.cli.serve import serve_home
from riskbridge.cli.terminal import make_console
from riskbridge.config import load_settings
from riskbridge.errors import FatalError
from riskbridge.feeds import import_feed
from riskbridge.model.connector import Connector, new_connector, new_profile
from riskbridge.model.run import RunRecord
from riskbridge.schedules import TimingText, parse_timing, set_schedule
from riskbridge.serve import Binding
from riskbridge.simulator.process import RunningSimulator, start_simulator
from riskbridge.simulator.settings import SimulatorSettings

NAME = "demo"
FEEDS = {
    "kev": "known_exploited_vulnerabilities.json",
    "epss": "epss.csv.gz",
    "exploits": "modules_metadata_base.json",
    "cvss": "vulnrichment.zip",
}
TOP = 5


def run_demo(home: Path | None, *, devices: int, seed: int, as_json: bool, is_served: bool) -> None:
    """Start a simulated tenant, connect, import its feeds, run, and show what came of it; then serve the page until Ctrl-C.

    Without a home of the caller's a fresh one is made under the system's temporary folder and named at the end.
    """
    began = time.monotonic()
    settings = load_settings(home=home or Path(tempfile.mkdtemp(prefix="riskbridge-demo-")))
    console = make_console(stderr=True)
    tenant = SimulatorSettings(home=settings.simulator_path, devices=devices, seed=seed)
    with start_simulator(tenant) as simulator, App(settings, command="riskbridge demo") as app:
        if not as_json:
            console.print(
                f"A simulated Defender tenant with {simulator.devices:,} devices listens at {simulator.api_url}."
            )
        connector = _connect(app, simulator, is_quiet=as_json)
        for kind, name in FEEDS.items():
            import_feed(app, kind, f"{simulator.feeds_url}/{name}")
        # The tenant stands still, so a run every hour costs little and shows how a schedule looks.
        now = app.schedule_now()
        set_schedule(app.store, connector.name, None, parse_timing(TimingText(every="1h"), now), now)
        with show_progress(as_json=as_json) as progress:
            record = app.run(connector.name, progress=progress)
        summary = _summary(app, record, time.monotonic() - began)
        if as_json:
            say_json(summary)
        else:
            _show(app, record, settings.home)
        if is_served:
            console.print("\n[bold]In a browser[/]")
            serve_home(app, Binding(port=0))
    if not summary["findings"]:
        raise FatalError("The demo found nothing.", code="demo.empty", remedy="Give it more devices with --devices.")


def _connect(app: App, simulator: RunningSimulator, *, is_quiet: bool) -> Connector:
    values: dict[str, Any] = {
        "login_url": simulator.login_url,
        "api_url": simulator.api_url,
        "audience": simulator.audience,
        "tenant_id": simulator.tenant_id,
        "client_id": simulator.client_id,
        "ca_bundle": simulator.ca_bundle,
        "description": "The simulated tenant of the demo",
    }
    known = app.store.find_connector(NAME)
    if known is not None:
        changed = replace(known, **values)
        profile = app.store.get_profile(known.connector_id, None)
        return app.change_connector(changed, profile, client_secret=simulator.client_secret)
    connector = new_connector(NAME, **values)
    report = app.check_connector(connector, client_secret=simulator.client_secret)
    if not is_quiet:
        render_check(report)
    report.require_passed()
    return app.add_connector(connector, new_profile(connector), client_secret=simulator.client_secret)


def _summary(app: App, record: RunRecord, seconds: float) -> dict[str, Any]:
    counts = app.count_rows()
    findings = [_with_why(app, row) for row in app.list_findings(limit=TOP).rows]
    return {
        **counts,
        "seconds": round(seconds, 2),
        "run": record.counts,
        "outcome": record.outcome.value,
        "top_assets": app.list_assets(limit=TOP).rows,
        "top_findings": findings,
    }


def _with_why(app: App, row: dict[str, Any]) -> dict[str, Any]:
    return row | {"why": app.explain_finding(row["finding_id"])["why"]}


def _show(app: App, record: RunRecord, home: Path) -> None:
    console = make_console()
    render_run(record)
    console.print("\n[bold]Assets with the highest TruRisk[/]")
    render_listing(app.list_assets(limit=TOP), ASSET_COLUMNS, "assets", as_json=False)
    console.print("\n[bold]Findings with the highest QDS[/]")
    listing = app.list_findings(limit=TOP)
    render_listing(listing, FINDING_COLUMNS, "findings", as_json=False)
    console.print("\n[bold]Why[/]")
    for row in listing.rows:
        console.print(f"  {row['cve_id'] or row['title']}: {app.explain_finding(row['finding_id'])['why']}")
    first = listing.rows[0]["finding_id"][:10] if listing.rows else "ID"
    console.print(
        f"\nThe demo's home is {home}. Type next:\n"
        f"  export RISKBRIDGE_HOME={home}\n"
        "  riskbridge findings 'finding.vendorProductName: `Defender` and finding.qds >= 90'\n"
        f"  riskbridge explain finding {first}\n"
        "  riskbridge assets 'inventory: (source: `MS Defender`)'",
        highlight=False,
        markup=False,
    )
