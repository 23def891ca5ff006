"""The main job over real HTTP, from the command line: read, read again, patch, kill, break."""

from __future__ import annotations

import io
import json
import logging
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import duckdb
import pytest
import structlog

from riskbridge.cli import perform
from riskbridge.simulator.process import RunningSimulator, start_simulator
from riskbridge.simulator.settings import SimulatorSettings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FACTS = ("source_asset", "asset_link", "asset", "detection", "finding", "event", "cve", "cve_score", "run_reject")
PHASES = ("machines", "map", "identify", "findings", "catalogue", "lifecycle", "score", "publish")

ROOT = logging.getLogger()
DEVICES = 60


class Cli:
    """The command line on one home: called, a command runs in this process, without the second that a new one takes."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *words: str) -> dict[str, Any]:
        """Run a command with --json; gives its object, whatever its exit code, with `exit_code`."""
        output, error = io.StringIO(), io.StringIO()
        logging_before, handlers, level = structlog.get_config(), list(ROOT.handlers), ROOT.level
        try:
            with redirect_stdout(output), redirect_stderr(error):
                code = perform([*words, "--home", str(self.home), "--json"])
        finally:
            structlog.configure(**logging_before)
            ROOT.handlers[:] = handlers
            ROOT.setLevel(level)
        return told(output.getvalue(), error.getvalue(), code)

    def in_a_process(self, *words: str) -> dict[str, Any]:
        """The same in a process of its own, as a person's shell does it."""
        done = subprocess.run(self.words(*words), check=False, capture_output=True, text=True, timeout=120)
        return told(done.stdout, done.stderr, done.returncode)

    def words(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "riskbridge.cli", *words, "--home", str(self.home), "--json"]

    def add(self, simulator: RunningSimulator, *more: str, secret: str | None = None) -> dict[str, Any]:
        return self(
            "connector", "add", "--name", "tenant", "--tenant-id", simulator.tenant_id,
            "--client-id", simulator.client_id, "--client-secret", secret or simulator.client_secret,
            "--login-url", simulator.login_url, "--api-url", simulator.api_url, "--audience", simulator.audience,
            "--ca-bundle", str(simulator.ca_bundle), *more,
        )  # fmt: skip


def told(output: str, error: str, code: int) -> dict[str, Any]:
    assert output.strip(), error
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found | {"exit_code": code, "stderr": error}


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    settings = SimulatorSettings(home=tmp_path_factory.mktemp("simulator"), devices=DEVICES, has_quotas=False)
    with start_simulator(settings) as running:
        yield running


@pytest.fixture
def own_simulator(tmp_path: Path) -> Iterator[RunningSimulator]:
    """One that a test may change."""
    settings = SimulatorSettings(home=tmp_path / "simulator", devices=DEVICES, has_quotas=False)
    with start_simulator(settings) as running:
        yield running


@pytest.fixture(scope="session")
def connected(simulator: RunningSimulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the connector and nothing read yet, to copy."""
    home = tmp_path_factory.mktemp("connected") / "home"
    assert Cli(home).add(simulator, "--page-size", "500")["exit_code"] == 0
    return home


@pytest.fixture
def make_home(connected: Path, tmp_path: Path) -> Callable[[str], Cli]:
    def make(name: str) -> Cli:
        shutil.copytree(connected, tmp_path / name)
        return Cli(tmp_path / name)

    return make


def rows_of(home: Path) -> dict[str, list[str]]:
    """Every fact of a warehouse as sorted text, without the moments at which it was read."""
    found = {}
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table in FACTS:
            names = [r[0] for r in connection.execute(f"DESCRIBE {table}").fetchall()]
            kept = [n for n in names if n not in ("first_found_at", "at", "closed_at", "last_found_at", "fixed_at")]
            rows = connection.execute(f"SELECT {', '.join(kept)} FROM {table}").to_arrow_table().to_pylist()
            found[table] = sorted(map(repr, rows))
    return found


def kill_at(cli: Cli, phase: str) -> None:
    """Start a run and SIGKILL it as the phase begins."""
    process = subprocess.Popen(cli.words("run", "tenant"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process.stderr:
        for line in process.stderr:
            if line.startswith("{") and json.loads(line)["phase"] == phase:
                process.send_signal(signal.SIGKILL)
                break
        process.stderr.read()
    assert process.wait() == -signal.SIGKILL


def test_a_run_killed_in_each_phase_in_turn_ends_as_an_undisturbed_one(make_home: Callable[[str], Cli]) -> None:
    undisturbed, killed = make_home("undisturbed"), make_home("killed")
    assert undisturbed("run", "tenant")["outcome"] == "succeeded"
    for phase in PHASES:
        kill_at(killed, phase)
    resumed = killed.in_a_process("run", "tenant")
    assert (resumed["outcome"], resumed["is_resumed"]) == ("succeeded", True)
    assert rows_of(killed.home) == rows_of(undisturbed.home)


def test_an_unchanged_tenant_read_again_changes_nothing(make_home: Callable[[str], Cli]) -> None:
    cli = make_home("again")
    first = cli("run", "tenant")
    before = rows_of(cli.home)
    second = cli("run", "tenant")
    assert first["events"] > 0
    assert (second["events"], second["findings_changed"], second["findings_new"]) == (0, 0, 0)
    assert rows_of(cli.home) | {"run_reject": []} == before | {"run_reject": []}
    assert {r["status"] for r in cli("findings", "--limit", "5")["rows"]} == {"ACTIVE"}


def test_a_patched_device_closes_its_findings_with_a_reason_and_keeps_the_others(
    own_simulator: RunningSimulator, tmp_path: Path
) -> None:
    cli = Cli(tmp_path / "home")
    cli.add(own_simulator)
    cli("run", "tenant")
    finding = cli("findings", "finding.status:NEW", "--limit", "1")["rows"][0]
    with duckdb.connect(str(cli.home / "warehouse.duckdb"), read_only=True) as connection:
        machine, product, expected = connection.execute(
            "SELECT external_asset_id, product_name, count(*) OVER () FROM detection JOIN source_asset "
            "USING (source_asset_id) WHERE detection.asset_id = ? AND product_name = ?",
            [finding["asset_id"], finding["product_name"]],
        ).fetchone()
    gone = own_simulator.control("patch", {"machineId": machine, "productName": product})
    open_before = cli("findings", "not finding.status:FIXED")["count"]
    third = cli("run", "tenant")
    assert gone == {"changed": expected}
    assert third["counts"]["detections_closed"] == expected
    assert cli.in_a_process("findings", "finding.status:FIXED")["count"] == third["findings_fixed"]
    assert third["events"] == third["findings_fixed"] + 1  # the asset's TruRisk moved, too
    assert cli("findings", "not finding.status:FIXED")["count"] == open_before - third["findings_fixed"]
    explained = cli.in_a_process("explain", "finding", finding["finding_id"])
    assert [e["kind"] for e in explained["events"]] == ["found", "fixed"]
    assert explained["events"][-1]["reason"] in (
        "kb-installed",
        "version-changed",
        "software-removed",
        "unexplained",
    )


def test_both_published_literals_find_everything(make_home: Callable[[str], Cli]) -> None:
    cli = make_home("literals")
    cli("run", "tenant")
    assert cli.in_a_process("assets", "inventory: (source: `MS Defender`)")["count"] == cli("assets")["count"] > 0
    assert cli("findings", "finding.vendorProductName: `Defender` ")["count"] == cli("findings")["count"] > 0


def test_a_second_command_on_a_home_in_use_waits_or_is_told_by_whom(
    make_home: Callable[[str], Cli], monkeypatch: pytest.MonkeyPatch
) -> None:
    cli = make_home("in-use")
    process = subprocess.Popen(cli.words("run", "tenant"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    process.stderr.readline()
    monkeypatch.setenv("RISKBRIDGE_HOME_WAIT_S", "0")
    refused = cli.in_a_process("findings")
    monkeypatch.setenv("RISKBRIDGE_HOME_WAIT_S", "60")
    waited = subprocess.Popen(cli.words("findings", "--limit", "0"), stdout=subprocess.PIPE, text=True)
    process.communicate()
    assert (refused["error"]["code"], refused["exit_code"]) == ("home.in-use", 4)
    assert str(process.pid) in refused["error"]["message"]
    assert json.loads(waited.communicate()[0])["count"] == cli("findings", "--limit", "0")["count"] > 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"secret": "wrong"}, "defender.wrong-secret", id="wrong secret"),
        pytest.param({"more": ("--tenant-id", "nowhere")}, "defender.unknown-tenant", id="unknown tenant"),
        pytest.param({"more": ("--client-id", "nobody")}, "defender.unknown-app", id="unknown application"),
    ],
)
def test_a_connector_that_fails_its_test_is_not_saved(
    simulator: RunningSimulator, tmp_path: Path, change: dict[str, Any], code: str
) -> None:
    cli = Cli(tmp_path / "home")
    refused = cli.add(simulator, *change.get("more", ()), secret=change.get("secret"))
    assert (refused["error"]["code"], refused["exit_code"]) == (code, 3)
    assert cli("connector", "list")["count"] == 0
    assert simulator.client_secret not in json.dumps(refused)


def test_records_that_break_the_contract_become_rejects_with_reasons(
    own_simulator: RunningSimulator, tmp_path: Path
) -> None:
    cli = Cli(tmp_path / "home")
    cli.add(own_simulator)
    for path in ("machines", "machinesVulnerabilities"):
        own_simulator.control("faults", {"kind": "bad-records", "path": path, "times": 1})
    record = cli("run", "tenant")
    reasons = {r["reason"] for r in cli.in_a_process("rejects", "--limit", "100")["rows"]}
    assert record["outcome"] == "succeeded"
    assert {"identity-missing", "field-mistyped", "device-unknown"} <= reasons


def test_rows_that_cannot_be_read_any_more_close_nothing(own_simulator: RunningSimulator, tmp_path: Path) -> None:
    cli = Cli(tmp_path / "home")
    cli.add(own_simulator)
    cli("run", "tenant")
    own_simulator.control("faults", {"kind": "bad-records", "path": "machinesVulnerabilities", "times": 1})
    doubtful = cli("run", "tenant")
    assert doubtful["outcome"] == "partial"
    assert "could not be used" in " ".join(doubtful["warnings"])
    assert doubtful["counts"].get("detections_closed", 0) == 0
    again = cli("run", "tenant")
    assert (again["outcome"], again["counts"].get("detections_closed", 0)) == ("succeeded", 0)
    assert cli("findings", "finding.status:FIXED")["count"] == 0


@pytest.mark.parametrize("kind", ["truncate-page", "not-json", "html-502", "server-500"])
def test_a_passing_fault_is_asked_away(own_simulator: RunningSimulator, tmp_path: Path, kind: str) -> None:
    cli = Cli(tmp_path / "home")
    cli.add(own_simulator)
    own_simulator.control("faults", {"kind": kind, "path": "machinesVulnerabilities", "times": 1})
    record = cli("run", "tenant")
    truth = own_simulator.control("truth")
    assert record["outcome"] == "succeeded"
    assert record["counts"]["rows_findings"] == truth["findings"]


def test_a_missing_role_stops_the_run_and_changes_nothing(own_simulator: RunningSimulator, tmp_path: Path) -> None:
    cli = Cli(tmp_path / "home")
    cli.add(own_simulator)
    cli("run", "tenant")
    before = rows_of(cli.home)
    own_simulator.control("faults", {"kind": "missing-role", "path": "machinesVulnerabilities", "times": 9})
    refused = cli.in_a_process("run", "tenant")
    assert (refused["error"]["code"], refused["exit_code"]) == ("defender.missing-role", 5)
    assert "Vulnerability.Read.All" in refused["error"]["remedy"]
    assert rows_of(cli.home) == before


def write_recording(folder: Path) -> None:
    """One device whose addresses went through PowerShell, and 421 rows of distinct CVEs, one of them in KEV."""
    folder.mkdir()
    identity = "e" * 40
    machine = {
        "id": identity,
        "computerDnsName": "lab-laptop",
        "lastSeen": "2025-02-19T11:19:26.2539286Z",
        "healthStatus": "Active",
        "ipAddresses": ["@{ipAddress=192.168.1.3; macAddress=703217149CAE; operationalStatus=Up; type=53}"],
    }
    rows = [
        {
            "id": f"{identity}-_-CVE-2024-{n}-_-adobe-_-acrobat_dc-_-24.1-_-",
            "cveId": f"CVE-2024-{n}",
            "machineId": identity,
            "fixingKbId": None,
            "productName": "acrobat_dc",
            "productVendor": "adobe",
            "productVersion": "24.1",
            "severity": "High",
        }
        for n in range(30000, 30421)
    ]
    (folder / "export_machines.json").write_text(json.dumps({"value": [machine]}))
    (folder / "export_machinesVulnerabilities.json").write_text(json.dumps({"value": rows}))
    kev = {"cveID": "CVE-2024-30000", "dateAdded": "2024-05-01", "dueDate": "2024-05-22"}
    (folder / "kev-feed.json").write_text(json.dumps({"vulnerabilities": [kev]}))


def test_a_recording_gives_each_of_its_findings_and_kev_scores_critical(tmp_path: Path) -> None:
    write_recording(tmp_path / "recorded")
    sources = tuple(sorted((tmp_path / "recorded").glob("export_*.json")))
    with start_simulator(SimulatorSettings(home=tmp_path / "simulator", sources=sources)) as running:
        cli = Cli(tmp_path / "home")
        cli.add(running)
        cli.in_a_process("feeds", "import", "kev", str(tmp_path / "recorded" / "kev-feed.json"))
        cli("run", "tenant")
    assert (cli("assets")["count"], cli("findings")["count"]) == (1, 421)
    critical = cli("findings", "finding.qds >= 90")["rows"]
    assert [r["cve_id"] for r in critical] == ["CVE-2024-30000"]
    assert cli("assets")["rows"][0]["mac_addresses"] == ["703217149cae"]


def test_a_device_filter_holds_for_findings_too(own_simulator: RunningSimulator, tmp_path: Path) -> None:
    everything, cli = Cli(tmp_path / "all"), Cli(tmp_path / "home")
    everything.add(own_simulator)
    everything("run", "tenant")
    cli.add(own_simulator, "--device-filter", "healthStatus eq 'Active'")
    record = cli("run", "tenant")
    assert record["outcome"] == "succeeded"
    assert 0 < record["counts"]["devices"] < everything("assets")["count"]
    assert (
        record["counts"]["detections"] + record["counts"]["findings_out_of_scope"] == record["counts"]["rows_findings"]
    )
    assert "outside the device filter" in " ".join(record["warnings"])
    assert "device-unknown" not in {r["reason"] for r in cli("rejects", "--limit", "100")["rows"]}
    again = cli("run", "tenant")
    assert (again["outcome"], again["counts"]["events"]) == ("succeeded", 0)


def test_a_changed_filter_closes_nothing_then_or_later(own_simulator: RunningSimulator, tmp_path: Path) -> None:
    cli = Cli(tmp_path / "home")
    cli.add(own_simulator)
    cli("run", "tenant")
    before = cli("findings", "not finding.status:FIXED")["count"]
    cli("connector", "change", "tenant", "--device-filter", "healthStatus eq 'Active'")
    changed = cli("run", "tenant")
    assert changed["outcome"] == "partial"
    assert "filters differ" in " ".join(changed["warnings"])
    again = cli("run", "tenant")
    assert (again["outcome"], again["counts"].get("detections_closed", 0)) == ("succeeded", 0)
    assert cli("findings", "not finding.status:FIXED")["count"] == before
