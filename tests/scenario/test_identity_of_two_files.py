"""Files of two sources about the same 10,000 devices: one asset each, and one finding where both report a CVE."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.identity.two_sources import AGENT, NOW, SCANNER, SHARED, Fleet

from riskbridge.app import App
from riskbridge.config import load_settings
from riskbridge.file_setup import add_connector, plan_connector
from riskbridge.model.file_settings import FileSettings
from riskbridge.model.target import ASSET_LINK, SOURCE_ASSET

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
DEVICES = 10_000
CVE = "CVE-2021-44228"
COLUMNS = {
    "Host Name": "asset_name",
    "MAC Address": "mac_addresses",
    "IP Address": "ip_addresses",
    "Serial Number": "serial_number",
    "Hardware UUID": "hardware_uuid",
    "Entra Device ID": "entra_device_id",
    "First Seen": "first_seen_at",
    "Last Seen": "last_seen_at",
}


def written(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return ", ".join(value) if isinstance(value, list) else value or ""


class Estate:
    """A home that read both files, and the truth about them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now, self.fleet = folder, NOW, Fleet(DEVICES)
        # A device that is gone reports nothing any more.
        self.reporting = [i for i, row in self.fleet.records.items() if row["health_status"] == "Active"][:3_000]

    def open(self) -> App:
        return App(load_settings(home=self.folder / "home"), now=lambda: self.now)

    def write(self, source: str) -> FileSettings:
        own = {i: row for i, row in self.fleet.records.items() if row["connector_id"] == source}
        devices = [{"Asset ID": i} | {n: written(row.get(c)) for n, c in COLUMNS.items()} for i, row in own.items()]
        findings = [{"Asset ID": i, "CVE": CVE, "Severity": "High"} for i in self.reporting if i in own]
        paths = {}
        for name, rows in (("devices", devices), ("findings", findings)):
            paths[name] = self.folder / f"{source}-{name}.csv"
            with paths[name].open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        return FileSettings(
            findings=(str(paths["findings"]),), assets=(str(paths["devices"]),), format="csv", source_name=source
        )


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Estate, App, Any]]:
    made = Estate(tmp_path_factory.mktemp("two-files"))
    with made.open() as app:
        for source in (AGENT, SCANNER):
            add_connector(app, *plan_connector(app, source, made.write(source)))
            made.now += timedelta(hours=1)
            record = app.run(source)
        yield made, app, record


def test_two_files_give_one_asset_a_device_and_join_no_two(
    estate: tuple[Estate, App, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    made, app, _ = estate
    links = app.warehouse.current(ASSET_LINK).select("source_asset_id", "asset_id")
    names = app.warehouse.current(SOURCE_ASSET).select("source_asset_id", "external_asset_id")
    rows = app.engine.records(links.join(names, "source_asset_id"))
    groups = {str(r["external_asset_id"]): str(r["asset_id"]) for r in rows}
    both, found, linked, real = made.fleet.pairs(groups)
    with capsys.disabled():
        told = f"precision {both / found:.4f}, recall {linked / real:.4f}"
        sys.stdout.write(f"\n{len(groups):,} records of {DEVICES:,} devices in two files: {told}\n")
    assert groups.keys() == made.fleet.records.keys()
    assert both == found
    assert linked / real >= 0.98


def test_a_cve_that_both_files_report_is_one_finding_of_a_device(estate: tuple[Estate, App, Any]) -> None:
    made, app, record = estate
    links = app.warehouse.current(ASSET_LINK).select("source_asset_id", "asset_id")
    names = app.warehouse.current(SOURCE_ASSET).select("source_asset_id", "external_asset_id")
    rows = app.engine.records(links.join(names, "source_asset_id"))
    assets = {str(r["external_asset_id"]): str(r["asset_id"]) for r in rows}
    assert record.counts["findings"] == len({assets[i] for i in made.reporting})


def test_the_run_warns_of_a_value_that_too_many_records_share(estate: tuple[Estate, App, Any]) -> None:
    _, _, record = estate
    assert [w for w in record.warnings if SHARED in w and "share" in w and "identity ambiguous" in w] != []
    assert record.counts["records_ambiguous"] > 0
