"""Two sources about the same hosts: a tenant over HTTP and the CSV of a scanner that spells everything otherwise."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.scenario.test_strategies import World

from riskbridge.app import App
from riskbridge.errors import RiskbridgeError
from riskbridge.file_setup import add_connector, plan_connector
from riskbridge.holds import list_holds
from riskbridge.maps import clone_map, find_map, save_map
from riskbridge.model.connector import RunOutcome
from riskbridge.model.file_settings import FileSettings
from riskbridge.model.run import RunRecord
from riskbridge.transform.plain import map_as_dict
from riskbridge.workbench import remap

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

COLUMNS = ("Plugin ID", "CVE", "Risk", "Host", "Protocol", "Port", "Name", "Solution", "MAC Address", "State")


class Estate(World):
    """A tenant, and the scanner's export of its hosts."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, devices=10, findings_per_device=6)
        self.export = folder / "tenable.csv"
        self.hosts: dict[str, dict[str, Any]] = {}
        self.rows: list[dict[str, str]] = []

    def see_hosts(self, app: App) -> None:
        """The scanner finds the tenant's hosts, by names in capitals and addresses with colons."""
        for asset in app.list_assets(limit=100).rows:
            mac = (asset["mac_addresses"] or [""])[0]
            self.hosts[asset["asset_id"]] = {
                "Host": asset["asset_name"].upper(),
                "MAC Address": ":".join(mac[n : n + 2] for n in range(0, len(mac), 2)).upper(),
            }

    def report(self, asset_id: str, plugin: str, cves: str, port: int = 443, **more: str) -> None:
        row = {
            "Plugin ID": plugin,
            "CVE": cves,
            "Risk": "High",
            "Protocol": "tcp",
            "Port": str(port),
            "State": "Active",
        }
        self.rows.append(row | {"Name": f"plugin {plugin}", "Solution": "Update it"} | self.hosts[asset_id] | more)

    def write(self, rows: list[dict[str, str]] | None = None) -> None:
        with self.export.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows if rows is None else rows)

    def scan(self, app: App) -> RunRecord:
        self.let_pass(hours=1)
        return app.run("scanner")


def shared(app: App) -> list[dict[str, Any]]:
    """Findings with a CVE that the tenant reports, worst first, of the first host that has three."""
    findings = [f for f in app.list_findings(limit=500).rows if f["cve_id"]]
    for asset_id in dict.fromkeys(f["asset_id"] for f in findings):
        of_asset = [f for f in findings if f["asset_id"] == asset_id]
        if len({f["cve_id"] for f in of_asset}) >= 3:
            return of_asset[:3]
    raise AssertionError("no host has three findings")


def detections(app: App, finding: dict[str, Any]) -> set[tuple[str, str]]:
    found = app.explain_finding(finding["finding_id"])["detections"]
    names = {c.connector_id: c.name for c in app.store.list_connectors()}
    return {(names[d["connector_id"]], d["state"]) for d in found}


def closed(app: App, finding: dict[str, Any]) -> list[tuple[str, str]]:
    found = app.explain_finding(finding["finding_id"])["detections"]
    return [(d["state"], d["close_reason"]) for d in found if d["state"] == "closed"]


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    made = Estate(tmp_path_factory.mktemp("files"))
    with made.simulator:
        made.connect("home")
        assert made.read("home", "paged").outcome == "succeeded"
        with made.open("home") as app:
            made.see_hosts(app)
        yield made


def test_the_scanners_file_meets_the_tenants_hosts(estate: Estate) -> None:
    with estate.open("home") as app:
        assets, findings = app.list_assets(limit=0).count, app.list_findings(limit=0).count
        one, two, three = shared(app)
        for asset_id in estate.hosts:
            estate.report(asset_id, "51192", "", Risk="Medium")
        estate.report(one["asset_id"], "182252", f"{one['cve_id']}, {two['cve_id']}")
        estate.report(one["asset_id"], "182252", f"{one['cve_id']}, {two['cve_id']}", port=8443)
        estate.report(one["asset_id"], "190000", f"{three['cve_id']};CVE-2021-44228")
        estate.write()
        add_connector(
            app, *plan_connector(app, "scanner", FileSettings(findings=(str(estate.export),), format="tenable"))
        )
        record = estate.scan(app)
        assert (record.outcome, record.counts["rejects"], record.calls) == (RunOutcome.SUCCEEDED, 0, 0)
        assert app.list_assets(limit=0).count == assets
        assert {tuple(a["sources"]) for a in app.list_assets(limit=100).rows} == {("MS Defender", "Tenable")}
        assert app.list_assets("inventory: (source: `Tenable`)", limit=0).count == assets
        assert app.list_assets("inventory: (source: `MS Defender`)", limit=0).count == assets
        # A finding without a CVE on each host, and one CVE that the tenant does not know.
        assert app.list_findings(limit=0).count == findings + len(estate.hosts) + 1
        for finding in (one, two, three):
            assert detections(app, finding) == {("tenant", "open"), ("scanner", "open")}
        (log4j,) = app.list_findings("finding.cveId: `CVE-2021-44228`").rows
        assert detections(app, log4j) == {("scanner", "open")}
        (file,) = record.streams[0]["files"]  # type: ignore[misc, index]
        assert (file["name"], file["rows"], file["refused"]) == (str(estate.export), len(estate.rows), 0)

        again = estate.scan(app)
        assert again.counts["events"] == 0
        assert "The files are those that the last run read, byte for byte: they hold no news." in again.warnings

        fixed = [
            {**r, "State": "Fixed"} if r["Port"] == "443" and r["Plugin ID"] == "190000" else r for r in estate.rows
        ]
        estate.write([r for r in fixed if r["Plugin ID"] != "182252"])
        record = estate.scan(app)
        assert (record.outcome, record.counts["detections_closed"]) == (RunOutcome.SUCCEEDED, 4)
        assert closed(app, three) == [("closed", "source-said-fixed")]
        assert closed(app, one) == [("closed", "unexplained")]
        for finding in (one, two, three):
            assert detections(app, finding) == {("tenant", "open"), ("scanner", "closed")}
            assert app.find_finding(finding["finding_id"])["state"] == "open"

        # The rows of files are mapped anew as those of a tenant are: from what was read, not from the file.
        estate.export.unlink()
        before = app.list_findings(limit=0).count, app.count_rows()["detections"]
        assert remap(app, "scanner").counts["events"] == 0
        clone_map(app.store, "tenable", "loud")
        values = map_as_dict(find_map(app.store, "tenable")) | {"name": "loud"}
        for row in (r for s in values["stream"] for r in s["row"] if r["to"] == "findingName"):
            row["function"] = "upper"
            row["from"] = "Name"
        save_map(app.store, values)
        scanner = app.store.get_connector("scanner")
        app.store.save_profile(replace(app.store.get_profile(scanner.connector_id, None), transform_map="loud"))
        record = remap(app, "scanner")
        assert (record.trigger, record.map_version) == ("remap", "loud/2")
        assert (app.list_findings(limit=0).count, app.count_rows()["detections"]) == before
        titles = {f["title"] for f in app.list_findings("finding.vendorFindingId: `TENABLE-51192`", limit=100).rows}
        assert titles == {"PLUGIN 51192"}
        assert app.find_finding(log4j["finding_id"])["state"] == "fixed"

        before = app.count_rows()
        estate.export.write_bytes(b'Plugin ID,CVE,Risk,Host\n1,,High,h\n"2,,High,h\n')
        with pytest.raises(RiskbridgeError) as caught:
            estate.scan(app)
        assert (caught.value.code, caught.value.context["line"]) == ("file.broken-quote", 3)
        assert app.count_rows() == before

        estate.write([])
        record = estate.scan(app)
        assert (record.outcome, record.counts.get("detections_closed", 0)) == (RunOutcome.PARTIAL, 0)
        assert "The files hold no finding at all." in record.warnings
        assert len(list_holds(app, "scanner")) == 1
