"""A tenant recorded over HTTP and served again: the same facts under other names, and no name left in any file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scenario.test_main_job import Cli

from riskbridge.simulator.process import RunningSimulator, start_simulator
from riskbridge.simulator.scrub import Scrubber
from riskbridge.simulator.settings import SimulatorSettings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

STRATEGIES = ("paged", "export-json", "export-files", "delta")
FACTS = (
    "SELECT coalesce(d.cve_id, d.vendor_finding_id), d.product_vendor, d.product_name, d.product_version, d.state, f.qds, "
    "f.severity FROM detection d JOIN finding f USING (finding_id) WHERE d.valid_to_run IS NULL AND f.valid_to_run IS NULL"
)
DEVICES = "SELECT operating_system_name, health_status, trurisk, critical_count, len(tags) FROM asset WHERE valid_to_run IS NULL"


def facts(home: Path) -> tuple[Counter[Any], Counter[Any]]:
    """Detections and assets without what a recording renames, each as often as it is there."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        return Counter(connection.execute(FACTS).fetchall()), Counter(connection.execute(DEVICES).fetchall())


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    settings = SimulatorSettings(
        home=tmp_path_factory.mktemp("original"), devices=40, findings_per_device=20, has_quotas=False
    )
    with start_simulator(settings) as running:
        running.control("step", {"hours": 7})
        yield running


@pytest.fixture(scope="module")
def recorded(original: RunningSimulator, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("recorded") / "recording"
    cli = Cli(tmp_path_factory.mktemp("home") / "home")
    assert cli.add(original)["exit_code"] == 0
    told = cli.in_a_process("connector", "record", "tenant", str(folder))
    assert told["exit_code"] == 0, told
    return folder, told


@pytest.fixture(scope="module")
def replay(recorded: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    home = tmp_path_factory.mktemp("replay")
    with start_simulator(SimulatorSettings(home=home, sources=(recorded[0],), has_quotas=False)) as running:
        yield running


def test_every_stream_is_recorded_whole(original: RunningSimulator, recorded: tuple[Path, dict[str, Any]]) -> None:
    folder, told = recorded
    truth = original.control("truth")
    saved = {r["stream"]: r["records"] for r in told["rows"]}
    assert (saved["machines"], saved["machinesVulnerabilities"]) == (truth["machines"], truth["findings"])
    assert saved["softwareVulnerabilitiesByMachine"] == saved["softwareVulnerabilitiesExport"] > 0
    for stream, number in saved.items():
        assert len(json.loads((folder / f"{stream}.json").read_bytes())["value"]) == number


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_replay_gives_the_same_facts(
    strategy: str, original: RunningSimulator, replay: RunningSimulator, tmp_path: Path
) -> None:
    found = []
    for name, running in (("original", original), ("replay", replay)):
        cli = Cli(tmp_path / name)
        assert cli.add(running, "--strategy", strategy)["exit_code"] == 0
        for _ in range(1 + (strategy == "delta")):
            assert cli("run", "tenant")["outcome"] == "succeeded"
        found.append(facts(cli.home))
    assert found[0] == found[1]
    assert sum(found[0][0].values()) > 500


def test_no_name_is_left_in_any_file(original: RunningSimulator, recorded: tuple[Path, Any], tmp_path: Path) -> None:
    cli = Cli(tmp_path / "home")
    cli.add(original)
    cli("run", "tenant")
    with duckdb.connect(str(cli.home / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "SELECT external_asset_id, asset_name, entra_device_id, ip_address, external_ip_address, device_group "
            "FROM source_asset"
        ).fetchall()
        tags = connection.execute("SELECT DISTINCT unnest(tags) FROM asset").fetchall()
    planted = {str(v) for row in (*rows, *tags) for v in row if v} | {original.tenant_id, original.client_id}
    text = b"\n".join(f.read_bytes() for f in sorted(recorded[0].iterdir())).decode().casefold()
    assert len(planted) > 100
    # A bare address may be a pseudonym of another one; what counts is that it does not stand with its device.
    names = {p for p in planted if not p.replace(".", "").isdigit()} - {"UnassignedGroup"}
    assert {p for p in names if p.casefold() in text or quote(p).casefold() in text} == set()
    assert "sig=" not in text
    assert original.client_secret.casefold() not in text


def test_a_folder_in_use_is_left_alone(original: RunningSimulator, tmp_path: Path) -> None:
    cli = Cli(tmp_path / "home")
    cli.add(original)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    told = cli("connector", "record", "tenant", str(tmp_path / "mine"))
    assert (told["exit_code"], told["error"]["code"]) == (2, "recording.folder-in-use")
    assert [f.name for f in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_a_refusal_is_recorded_and_served_again(tmp_path: Path) -> None:
    roles = ("Machine.Read.All", "Vulnerability.Read.All")
    settings = SimulatorSettings(home=tmp_path / "a", devices=5, roles=roles, has_quotas=False)
    with start_simulator(settings) as running:
        cli = Cli(tmp_path / "home")
        cli.add(running)
        told = cli("connector", "record", "tenant", str(tmp_path / "recording"), "--devices", "3")
    (refused,) = [r for r in told["rows"] if r["status"] != 200]
    assert (refused["stream"], refused["status"], refused["code"]) == (
        "softwareInventoryByMachine", 403, "defender.missing-role",
    )  # fmt: skip
    with start_simulator(SimulatorSettings(home=tmp_path / "b", sources=(tmp_path / "recording",))) as running:
        cli = Cli(tmp_path / "again")
        assert cli.add(running, "--software")["exit_code"] == 0
        record = cli("run", "tenant")
    assert record["counts"]["assets"] == 3
    assert any("software inventory was not read" in w for w in record["warnings"])


NAMES = st.from_regex(r"[a-z]{3,8}-[a-z]{4,9}[0-9]{2,5}", fullmatch=True)


@given(host=NAMES, domain=NAMES, user=NAMES, tag=NAMES)
def test_planted_names_are_gone_wherever_they_stand(host: str, domain: str, user: str, tag: str) -> None:
    fqdn = f"{host}.{domain}.local"
    record = {
        "id": "a" * 40,
        "computerDnsName": fqdn,
        "machineTags": [tag],
        "rbacGroupName": tag.upper(),
        "diskPaths": [rf"C:\Users\{user}\AppData\tool.exe", f"/home/{quote(user)}/bin/tool"],
        "vmMetadata": {"resourceId": f"/subscriptions/{domain}/resourceGroups/{host}", "vmId": fqdn.upper()},
        "newField": {"owner": f"{user}@{domain}.local", "nested": [fqdn.title()]},
    }
    scrubber = Scrubber(b"k" * 32)
    text = json.dumps(scrubber.record(record)).casefold()
    for planted in (fqdn, host, domain, user, tag):
        assert planted not in text
    other = scrubber.record({"deviceId": "a" * 40, "deviceName": fqdn})
    scrubbed = scrubber.record(record)
    assert (other["deviceId"], other["deviceName"]) == (scrubbed["id"], scrubbed["computerDnsName"])
