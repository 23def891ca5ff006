"""Findings fetched by pages, by snapshot, by files and by changes: the same tenant gives the same facts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from riskbridge.app import App
from riskbridge.config import load_settings
from riskbridge.errors import RiskbridgeError
from riskbridge.model.connector import new_connector, new_profile
from riskbridge.model.run import RunRecord
from riskbridge.simulator.process import RunningSimulator, start_simulator
from riskbridge.simulator.settings import SimulatorSettings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

WHOLE = ("paged", "export-json", "export-files")


class World:
    """A simulated tenant whose clock and ours agree, and homes that read it."""

    def __init__(self, folder: Path, devices: int = 40, **settings: Any) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)
        made = SimulatorSettings(
            home=folder / "simulator", devices=devices, as_of=self.now.isoformat(), has_quotas=False, **settings
        )
        self._begin(folder, made)

    def _begin(self, folder: Path, settings: SimulatorSettings) -> None:
        self.folder, self.settings = folder, settings
        self.simulator: RunningSimulator = start_simulator(settings)

    def copied(self, folder: Path, *homes: str) -> World:
        """The same tenant again, as it was when this one began, and copies of homes that have read it."""
        other = object.__new__(World)
        other.now = self.now
        other._begin(folder, replace(self.settings, home=folder / "simulator"))
        for home in homes:
            shutil.copytree(self.folder / home, folder / home)
            other.move(home)
        return other

    def move(self, home: str) -> None:
        """Let a home's connector ask this world's simulator."""
        tenant = self.simulator
        with self.open(home) as app:
            found = app.store.get_connector("tenant")
            where = {"login_url": tenant.login_url, "api_url": tenant.api_url, "ca_bundle": tenant.ca_bundle}
            app.store.save_connector(replace(found, **where))

    def open(self, home: str) -> App:
        return App(load_settings(home=self.folder / home), now=lambda: self.now)

    def connect(self, home: str, **profile: Any) -> None:
        tenant = self.simulator
        connector = new_connector(
            "tenant",
            tenant_id=tenant.tenant_id,
            client_id=tenant.client_id,
            login_url=tenant.login_url,
            api_url=tenant.api_url,
            audience=tenant.audience,
            ca_bundle=tenant.ca_bundle,
        )
        # Ids hang on the connector's, and which of a finding's detections speaks for it on theirs.
        connector = replace(connector, connector_id="c" * 32)
        with self.open(home) as app:
            app.add_connector(connector, new_profile(connector, **profile), client_secret=tenant.client_secret)

    def read(self, home: str, strategy: str, **changes: Any) -> RunRecord:
        with self.open(home) as app:
            connector = app.store.get_connector("tenant")
            profile = app.store.get_profile(connector.connector_id, None)
            app.store.save_profile(replace(profile, strategy=strategy, **changes))
            return app.run("tenant")

    def let_pass(self, **time: float) -> None:
        self.now += timedelta(**time)
        self.simulator.control("step", time)

    def play(self, name: str, **values: Any) -> Any:
        return self.simulator.control("scenario", {"name": name, **values})

    def truth(self) -> set[tuple[str, ...]]:
        return {tuple(row) for row in self.simulator.control("findings")}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    with made.simulator:
        yield made


def as_text(connection: Any, query: str) -> list[str]:
    """Rows as sorted text; times as text too, for which DuckDB would want another package."""
    return sorted(str(row[0]) for row in connection.execute(f"SELECT t::VARCHAR FROM ({query}) t").fetchall())


def facts(home: Path) -> dict[str, list[str]]:
    """Current facts as sorted text."""
    found = {}
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        device = (
            "(SELECT external_asset_id FROM source_asset s WHERE s.source_asset_id = detection.source_asset_id LIMIT 1)"
        )
        queries = {
            "asset": "SELECT asset_name, trurisk, max_qds, critical_count, high_count, last_seen_at FROM asset",
            "detection": f"SELECT {device}, cve_id, vendor_finding_id, product_vendor, product_name, product_version, "
            "finding_severity, fixing_kb, state, first_found_at, last_found_at, closed_at, reopened_at FROM detection",
            "finding": "SELECT cve_id, title, state, severity, qds, open_detections, first_found_at, last_found_at, "
            "fixed_at, reopened_at, fixing_kb FROM finding",
        }
        for table, query in queries.items():
            found[table] = as_text(connection, f"{query} WHERE valid_to_run IS NULL")
        events = 'SELECT run, "at" AS moment, kind, count(*) AS number FROM event GROUP BY ALL'
        found["event"] = as_text(connection, events)
    return found


def open_rows(home: Path) -> set[tuple[str, ...]]:
    """Open detections in the form of the world's truth."""
    query = (
        "SELECT s.external_asset_id, coalesce(d.cve_id, d.vendor_finding_id), d.product_vendor, d.product_name, "
        "d.product_version FROM detection d JOIN source_asset s USING (source_asset_id) "
        "WHERE d.state = 'open' AND d.valid_to_run IS NULL AND s.valid_to_run IS NULL"
    )
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        return set(connection.execute(query).fetchall())


def change_the_world(world: World) -> None:
    for name in ("upgrade", "kb-installed", "software-removed", "rbac-move"):
        world.play(name, devices=2, seed=len(name))
    world.let_pass(hours=7)


def test_every_strategy_and_every_change_between_them_gives_the_same_facts(world: World) -> None:
    homes = {(first, second): f"{first}-{second}" for first in WHOLE for second in (*WHOLE, "delta")}
    for first in WHOLE:
        world.connect(first)
        record = world.read(first, first)
        assert (record.outcome, record.counts["rejects"]) == ("succeeded", 0), record.warnings
    before = facts(world.folder / "paged")
    for first in WHOLE:
        assert facts(world.folder / first) == before, first
    for (first, _), home in homes.items():
        shutil.copytree(world.folder / first, world.folder / home)
    change_the_world(world)
    for (_, second), home in homes.items():
        record = world.read(home, second)
        assert record.outcome == "succeeded", record.warnings
        assert record.counts["detections_closed"] > 0
    after = facts(world.folder / "paged-paged")
    assert open_rows(world.folder / "paged-paged") == world.truth()
    for home in homes.values():
        assert facts(world.folder / home) == after, home


def test_changes_read_again_and_again_change_nothing(world: World) -> None:
    world.connect("home")
    world.read("home", "export-json")
    change_the_world(world)
    assert world.read("home", "delta").counts["events"] > 0
    for _ in range(2):
        again = world.read("home", "delta")
        assert (again.outcome, again.counts["events"], again.streams[1]["strategy"]) == ("succeeded", 0, "delta")
    world.let_pass(hours=6)
    assert world.read("home", "paged").counts["events"] == 0


def test_a_week_after_a_whole_reading_everything_is_read_again(world: World) -> None:
    world.connect("home")
    strategies = []
    for _ in range(5):
        strategies.append(world.read("home", "auto").streams[1]["strategy"])
        world.let_pass(hours=47)
    assert strategies == ["export-json", "delta", "delta", "delta", "export-json"]


def test_details_that_one_stream_carries_stay_when_another_lacks_them(world: World) -> None:
    world.connect("home")
    world.read("home", "export-files")

    def details() -> list[str]:
        with duckdb.connect(str(world.folder / "home" / "warehouse.duckdb"), read_only=True) as connection:
            return as_text(
                connection,
                "SELECT * EXCLUDE (valid_from_run, valid_to_run) FROM detection_detail WHERE valid_to_run IS NULL",
            )

    carried = details()
    assert any(".exe" in row for row in carried)
    for strategy in ("paged", "export-json", "export-files"):
        assert world.read("home", strategy).counts["events"] == 0
        assert details() == carried


def test_where_there_are_no_exports_auto_reads_pages(tmp_path: Path) -> None:
    recording = tmp_path / "saved"
    recording.mkdir()
    (recording / "export_machines.json").write_text('{"value": [{"id": "' + "a" * 40 + '", "computerDnsName": "lab"}]}')
    world = World(tmp_path, sources=(recording,))
    with world.simulator:
        world.connect("home")
        record = world.read("home", "auto")
    assert (record.outcome, record.counts["devices"]) == ("succeeded", 1)
    assert [s["strategy"] for s in record.streams if "strategy" in s] == ["paged"]
    assert "does not offer export-json" in " ".join(record.warnings)


def test_the_token_is_never_sent_to_the_file_store(world: World) -> None:
    world.connect("home")
    world.read("home", "export-files")
    asked = [r for r in world.simulator.control("requests") if r["path"].startswith("/tvm-export/")]
    assert len(asked) >= 3
    assert not any(r["has_authorization"] for r in asked)
    staged = "".join(p.read_text() for p in (world.folder / "home").rglob("manifest.jsonl"))
    assert "sig=" not in staged


@pytest.mark.parametrize(
    ("strategy", "scenario", "values"),
    [
        *(
            pytest.param(strategy, name, {"path": path, **values}, id=f"{name} {strategy}")
            for strategy, path in (
                ("paged", "machinesVulnerabilities"),
                ("export-json", "softwareVulnerabilitiesByMachine"),
                ("export-files", "softwareVulnerabilitiesExport"),
            )
            for name, values in (
                ("html-502", {}),
                ("connection-reset", {}),
                ("token-expires", {}),
                ("throttle-count", {"seconds": 1}),
                ("throttle-cpu", {"seconds": 1}),
            )
        ),
        pytest.param("export-files", "zero-byte-file", {}, id="empty file once"),
        pytest.param("export-files", "damaged-file", {}, id="damaged file once"),
        pytest.param("export-files", "page-truncated", {"path": "exportFile"}, id="file cut off once"),
        pytest.param("export-files", "connection-reset", {"path": "exportFile"}, id="file reset once"),
    ],
)
def test_what_passes_is_waited_out(shared: World, strategy: str, scenario: str, values: dict[str, Any]) -> None:
    home = f"{strategy}-{scenario}-{values.get('path', '')}"
    shared.connect(home)
    shared.play(scenario, **values)
    record = shared.read(home, strategy)
    assert record.outcome == "succeeded"
    assert open_rows(shared.folder / home) == shared.truth()


@pytest.mark.parametrize(
    ("strategy", "scenario", "values", "code"),
    [
        pytest.param("export-files", "empty-export", {"times": None}, "defender.no-export", id="no export yet"),
        pytest.param("export-files", "missing-licence", {"path": "softwareVulnerabilitiesExport"}, "defender.missing-licence",
                     id="no licence"),
        pytest.param("export-json", "foreign-host-next-link", {"path": "softwareVulnerabilitiesByMachine", "times": None},
                     "defender.foreign-host", id="foreign link"),
        pytest.param("export-json", "endless-next-link", {"path": "softwareVulnerabilitiesByMachine", "times": None},
                     "defender.endless-paging", id="endless links"),
    ],
)  # fmt: skip
def test_what_stays_fails_the_run_and_closes_nothing(
    shared: World, strategy: str, scenario: str, values: dict[str, Any], code: str
) -> None:
    home = f"stays-{scenario}"
    shared.connect(home)
    shared.read(home, "paged")
    before = facts(shared.folder / home)
    shared.play(scenario, **values)
    with pytest.raises(RiskbridgeError) as refused:
        shared.read(home, strategy)
    shared.simulator.control("faults", method="DELETE")
    assert refused.value.code == code
    assert refused.value.remedy
    assert facts(shared.folder / home) == before


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("shared"), devices=20)
    with made.simulator:
        yield made


@pytest.fixture
def shared(shared_world: World) -> Iterator[World]:
    yield shared_world
    shared_world.simulator.control("faults", method="DELETE")


def test_a_snapshot_that_is_replaced_is_read_from_its_beginning(world: World) -> None:
    world.connect("home")
    world.simulator.control("expire-addresses", {})
    world.play("damaged-file")
    world.play("snapshot-changes", page=1)
    record = world.read("home", "export-files")
    assert record.outcome == "succeeded"
    assert record.streams[1]["looks"] == 2
    assert open_rows(world.folder / "home") == world.truth()


def test_rows_that_change_places_are_looked_at_again(world: World) -> None:
    world.connect("home", page_size=200)
    world.read("home", "paged")
    world.play("rows-shift-between-pages", page=2)
    record = world.read("home", "paged")
    assert (record.outcome, record.streams[1]["looks"]) == ("succeeded", 2)
    assert open_rows(world.folder / "home") == world.truth()


def test_rows_that_never_keep_still_leave_a_partial_run_that_closes_nothing(world: World) -> None:
    world.connect("home", page_size=200)
    world.read("home", "paged")
    world.play("rows-shift-between-pages", page=2, times=None)
    record = world.read("home", "paged")
    assert record.outcome == "partial"
    assert "not read completely in 2 readings" in " ".join(record.warnings)
    assert record.counts.get("detections_closed", 0) == 0
    world.simulator.control("faults", method="DELETE")
    assert world.read("home", "paged").outcome == "succeeded"
    assert open_rows(world.folder / "home") == world.truth()


def test_the_software_inventory_follows_what_is_installed(world: World) -> None:
    world.connect("home", has_software=True)
    first = world.read("home", "export-json")
    installed = {(row[0], *row[2:]) for row in world.truth()}
    assert first.counts["software"] >= len(installed)
    gone = world.play("software-removed", devices=2)
    world.let_pass(hours=6)
    second = world.read("home", "delta")
    assert first.counts["software"] - second.counts["software"] == len(gone["machines"])
    third = world.read("home", "delta")
    assert (third.counts["events"], third.counts["software"]) == (0, second.counts["software"])
    with world.open("home") as app:
        name = app.list_assets("", limit=1).rows[0]["asset_id"]
        assert {"product_name", "product_version", "cpe"} <= set(app.explain_asset(name)["software"][0])


def test_an_inventory_that_may_not_be_read_costs_nothing_else(world: World) -> None:
    world.connect("home", has_software=True)
    world.simulator.control("directory", {"roles": ["Machine.Read.All", "Vulnerability.Read.All"]})
    record = world.read("home", "paged")
    assert record.outcome == "succeeded"
    assert "Software.Read.All" in " ".join(record.warnings)
    assert open_rows(world.folder / "home") == world.truth()


def test_a_view_of_some_device_groups_alone_is_told_and_closes_nothing(world: World) -> None:
    world.connect("cut")
    world.play("device-group-limited")
    assert "device groups alone" in " ".join(world.read("cut", "paged").warnings)
    world.simulator.control("faults", method="DELETE")
    world.connect("home")
    world.read("home", "paged")
    world.play("device-group-limited")
    assert world.read("home", "paged").counts.get("detections_closed", 0) == 0


def test_what_became_known_of_a_cve_comes_by_changes_too(world: World) -> None:
    for home in ("changes", "whole"):
        world.connect(home)
        world.read(home, "export-json")
    cve = world.play("exploit-published", seed=3)["cve"]
    world.let_pass(hours=7)
    record = world.read("changes", "delta")
    world.read("whole", "export-json")
    assert record.counts["changes"] > 0
    details = []
    for home in ("changes", "whole"):
        with duckdb.connect(str(world.folder / home / "warehouse.duckdb"), read_only=True) as connection:
            query = (
                "SELECT d.detection_id, e.exploitability FROM detection d JOIN detection_detail e USING (detection_id) "
                f"WHERE d.cve_id = '{cve}' AND d.valid_to_run IS NULL AND e.valid_to_run IS NULL ORDER BY 1"
            )
            details.append(connection.execute(query).fetchall())
    assert details[0] == details[1]
    assert {row[1] for row in details[0]} == {"ExploitIsVerified"}
    assert facts(world.folder / "changes") == facts(world.folder / "whole")


def test_a_tenant_without_devices_that_says_not_found_is_an_empty_one(tmp_path: Path) -> None:
    settings = SimulatorSettings(home=tmp_path / "simulator", devices=0, is_empty_missing=True, has_quotas=False)
    with start_simulator(settings) as simulator:
        world = World.__new__(World)
        world.folder, world.now, world.simulator = tmp_path, datetime.now(UTC).replace(microsecond=0), simulator
        world.connect("home")
        for _ in range(2):
            record = world.read("home", "paged")
            assert (record.outcome.value, record.counts["findings"]) == ("succeeded", 0)
            world.now += timedelta(hours=1)
