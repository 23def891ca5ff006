from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import httpx
import pytest

from riskbridge.errors import ConfigError, FatalError
from riskbridge.simulator.assertions import register
from riskbridge.simulator.process import RunningSimulator, start_simulator
from riskbridge.simulator.settings import SimulatorSettings

FINDINGS = "/api/vulnerabilities/machinesVulnerabilities"


@pytest.fixture
def own(home: Path) -> Iterator[RunningSimulator]:
    """A process of the test's own, to change."""
    with start_simulator(SimulatorSettings(home=home, devices=60, findings_per_device=8)) as running:
        yield running


def authorised(simulator: RunningSimulator) -> dict[str, str]:
    import ssl  # noqa: PLC0415

    form = {
        "grant_type": "client_credentials",
        "client_id": simulator.client_id,
        "client_secret": simulator.client_secret,
        "scope": f"{simulator.audience}/.default",
    }
    url = f"{simulator.login_url}{simulator.tenant_id}/oauth2/v2.0/token"
    token = httpx.post(url, data=form, verify=ssl.create_default_context(cafile=simulator.ca_bundle)).json()
    return {"Authorization": f"Bearer {token['access_token']}"}


def rows(simulator: RunningSimulator, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(simulator.api_url + path, headers=authorised(simulator)).json()["value"]
    return found


def test_one_line_says_where_it_is_and_what_it_holds(own: RunningSimulator) -> None:
    truth = own.control("truth")
    assert (own.devices, own.findings) == (truth["machines"], truth["findings"])
    assert own.login_url.startswith("https://127.0.0.1:")
    assert own.api_url.startswith("http://127.0.0.1:")
    assert own.control_url == f"{own.api_url}/_simulator"
    assert Path(own.ca_bundle).is_absolute()
    assert own.pid == own.process.pid
    assert own.client_secret not in repr(own)


def test_two_processes_share_a_home_and_its_authority(own: RunningSimulator, home: Path) -> None:
    with start_simulator(SimulatorSettings(home=home, devices=1)) as other:
        assert Path(other.ca_bundle).read_bytes() == Path(own.ca_bundle).read_bytes()
        assert other.api_url != own.api_url
        assert other.client_certificate == own.client_certificate
    assert sorted(p.name for p in home.iterdir()) == [
        "authority.pem",
        "ca.pem",
        "client.pem",
        "client.pfx",
        "federated-issuer.pem",
        "federated-token",
    ]


def test_a_home_with_a_foreign_certificate_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "client.pem").write_text("nothing of ours")
    with pytest.raises(ConfigError) as caught:
        register(tmp_path, "passphrase")
    assert caught.value.code == "simulator.home"
    assert "client.pem" in caught.value.remedy


def test_it_stops_when_told_to(own: RunningSimulator) -> None:
    own.stop()
    own.stop()
    assert own.process.returncode == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(own.api_url)


def test_an_interrupt_stops_it_too(own: RunningSimulator) -> None:
    own.process.send_signal(signal.SIGINT)
    assert own.process.wait(timeout=10) == 0


def test_it_ends_when_its_parent_dies(home: Path, tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    code = (
        "import subprocess, sys, time; "
        "subprocess.Popen([sys.executable, '-m', 'riskbridge.simulator', '--exit-with-parent', '--devices=1', "
        f"'--home={home}', '--ready-file={ready}'], stdout=subprocess.PIPE).stdout.readline(); "
        "print('ready', flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"ready\n"
    described = json.loads(ready.read_text())
    address = described["api_url"].removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=10) as idle:
        parent.kill()
        parent.wait()
        parent.stdout.close()
        idle.settimeout(20)
        assert idle.recv(1) == b"", "the connection ends when the simulator does"


def test_a_port_that_is_taken_is_named(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(FatalError) as caught:
            start_simulator(SimulatorSettings(home=home, devices=1, port=port))
    assert caught.value.code == "simulator.not-started"
    assert f"Port {port} on 127.0.0.1 cannot be used" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        pytest.param(["--as-of=tomorrow"], 3, "The tenant's clock 'tomorrow' is no time.", id="clock"),
        pytest.param(["--devices=-1"], 3, "cannot be negative", id="devices"),
        pytest.param(["--from=/nowhere/at/all"], 3, "There is no saved JSON at /nowhere/at/all.", id="recording"),
        pytest.param(["--colour=red"], 2, "unrecognized arguments", id="option"),
    ],
)
def test_a_wrong_setting_ends_it_with_a_sentence(home: Path, words: list[str], exit_code: int, said: str) -> None:
    command = [sys.executable, "-m", "riskbridge.simulator", f"--home={home}", *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, said in ended.stderr, "Traceback" in ended.stderr) == (exit_code, True, False)


def test_the_api_can_speak_https(home: Path) -> None:
    import ssl  # noqa: PLC0415

    with start_simulator(SimulatorSettings(home=home, devices=1, has_api_tls=True)) as simulator:
        assert simulator.api_url.startswith("https://127.0.0.1:")
        trust = ssl.create_default_context(cafile=simulator.ca_bundle)
        assert httpx.get(f"{simulator.control_url}/truth", verify=trust).json()["machines"] == 1
        assert simulator.control("truth")["machines"] == 1


def test_quotas_hold_unless_switched_off(home: Path) -> None:
    settings = SimulatorSettings(home=home, devices=1, quota_scale=0.03, quota_speed=1)
    with start_simulator(settings) as simulator:
        headers = authorised(simulator)
        answers = [httpx.get(f"{simulator.api_url}/api/machines", headers=headers) for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert 1 <= int(answers[3].headers["retry-after"]) <= 60
    assert "Maximum allowed 3 per 00:01:00" in answers[3].json()["error"]["message"]


def test_a_patched_product_is_gone_from_the_next_reading(own: RunningSimulator) -> None:
    before = rows(own, FINDINGS)
    row = before[0]
    changed = own.control("patch", {"machineId": row["machineId"], "productName": row["productName"]})["changed"]
    after = rows(own, FINDINGS)
    gone = [r for r in before if (r["machineId"], r["productName"]) == (row["machineId"], row["productName"])]
    assert len(gone) == changed > 0
    assert after == [r for r in before if r not in gone]
    assert own.control("truth")["findings"] == len(after)


def test_a_removed_device_is_gone_and_others_are_seen_later(own: RunningSimulator) -> None:
    first = rows(own, "/api/machines")
    own.control("remove-device", {"machineId": first[0]["id"]})
    own.control("seen", {"days": 2})
    second = rows(own, "/api/machines")
    assert [m["id"] for m in second] == [m["id"] for m in first[1:]]
    assert sum(a["lastSeen"] < b["lastSeen"] for a, b in zip(first[1:], second, strict=True)) > 40


def test_an_upgrade_is_seen_as_another_version(own: RunningSimulator) -> None:
    row = rows(own, FINDINGS)[0]
    own.control("upgrade", {"machineId": row["machineId"], "productName": row["productName"]})
    assert own.control("truth")["findings"] == len(rows(own, FINDINGS))


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        pytest.param("patch", {"machineId": "f" * 40}, 404, "simulator.unknown-device", id="unknown device"),
        pytest.param("patch", {}, 400, "simulator.bad-body", id="no device"),
        pytest.param("seen", {"days": "two"}, 400, "simulator.bad-body", id="no number"),
        pytest.param(
            "upgrade", {"machineId": "f" * 40, "productName": "x"}, 400, "simulator.unknown-product", id="product"
        ),
    ],
)
def test_a_change_that_cannot_be_is_refused(
    simulator: RunningSimulator, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    with pytest.raises(HTTPError) as caught:
        simulator.control(path, body)
    with caught.value as refusal:
        assert (refusal.code, json.loads(refusal.read())["code"]) == (status, code)


def test_the_log_tells_what_was_asked_and_with_what(simulator: RunningSimulator, api: httpx.Client) -> None:
    api.get("/api/machines?$top=1", headers={"User-Agent": "MdePartner-Test/1"})
    httpx.get(f"{simulator.api_url}/api/v1.0/vulnerabilities/CVE-2021-44228", headers={"User-Agent": "x"})
    assert simulator.control("requests") == [
        {
            "path": "/api/machines",
            "query": "$top=1",
            "status": 200,
            "has_authorization": True,
            "user_agent": "MdePartner-Test/1",
        },
        {
            "path": "/api/v1.0/vulnerabilities/CVE-2021-44228",
            "query": "",
            "status": 401,
            "has_authorization": False,
            "user_agent": "x",
        },
    ]


def test_saved_json_is_served_as_it_is(home: Path, tmp_path: Path) -> None:
    machine = {"id": "a" * 40, "ipAddresses": ["@{ipAddress=192.168.1.3; macAddress=; type=53}"], "osBuild": 22631}
    row = {"id": "r", "machineId": "a" * 40, "cveId": "CVE-2025-22480", "fixingKbId": None}
    (tmp_path / "export_machines.json").write_text(json.dumps({"value": [machine]}))
    (tmp_path / "export_machinesVulnerabilities.json").write_text(json.dumps({"@odata.count": 1, "value": [row]}))
    sources = (tmp_path / "export_machines.json", tmp_path / "export_machinesVulnerabilities.json")
    for given in ((tmp_path,), sources):
        with start_simulator(SimulatorSettings(home=home, sources=given)) as simulator:
            assert (simulator.devices, simulator.findings) == (1, 1)
            assert rows(simulator, "/api/machines") == [machine]
            assert rows(simulator, FINDINGS) == [row]


def test_memory_does_not_grow_with_the_rows_read(home: Path) -> None:
    settings = SimulatorSettings(home=home, devices=4000, findings_per_device=30, has_quotas=False)
    with start_simulator(settings) as simulator:
        headers = authorised(simulator)
        with httpx.Client(headers=headers, timeout=60) as client:
            first = resident_bytes(simulator.pid, client, simulator, skip=0)
            for skip in range(10_000, simulator.findings, 10_000):
                last = resident_bytes(simulator.pid, client, simulator, skip=skip)
    assert last - first < 40_000_000


def resident_bytes(pid: int, client: httpx.Client, simulator: RunningSimulator, *, skip: int) -> int:
    assert client.get(f"{simulator.api_url}{FINDINGS}?$top=10000&$skip={skip}").status_code == 200
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
