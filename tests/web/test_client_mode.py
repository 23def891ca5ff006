"""While a server owns a home, every command works as its client: the same words, the same exit code."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.scenario.test_main_job import Cli
from tests.web.conftest import Served, start_serving

from riskbridge.cli.client import ServedElsewhereError, run_there
from riskbridge.errors import RetryableError
from riskbridge.simulator.process import RunningSimulator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SAME = [
    ("connector", "list"),
    ("connector", "show", "tenant", "--json"),
    ("connector", "show", "nobody"),
    ("assets", "--limit", "3"),
    ("findings", "finding.qds >= 90", "--limit", "2", "--json"),
    ("findings", "finding.qsd >= 90"),
    ("findings", "finding.qsd >= 90", "--json"),
    ("explain", "finding", "nothing-begins-so"),
    ("schedule", "list"),
    ("no-such-command",),
    ("version",),
]

_CLIENT = """
import sys
from pathlib import Path
from riskbridge.cli.client import ServedElsewhereError, run_there
try:
    run_there(ServedElsewhereError(Path(sys.argv[1]), sys.argv[2]), ["connector", "list"])
except Exception as error:
    print(error.code)
"""


def command(
    home: Path, *words: str, typed: str | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """A command as typed; its output is no terminal, 100 columns wide."""
    line = [sys.executable, "-m", "riskbridge.cli", "--home", str(home), *words]
    environment = {**os.environ, "COLUMNS": "100"}
    return subprocess.run(
        line, check=False, capture_output=True, text=True, timeout=120, env=environment, input=typed, cwd=cwd
    )


def address_of(home: Path) -> tuple[str, int]:
    host, _, port = json.loads((home / "owner.lock").read_text())["address"].rpartition(":")
    return host, int(port)


@pytest.fixture(scope="module")
def shared(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A served home that commands work on through the server."""
    home = tmp_path_factory.mktemp("clients") / "home"
    shutil.copytree(filled, home)
    running = start_serving(home)
    yield running
    if running.process.poll() is None:
        running.stop()


@pytest.fixture(scope="module")
def alone(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same home, served by nobody."""
    home = tmp_path_factory.mktemp("alone") / "home"
    shutil.copytree(filled, home)
    return home


@pytest.mark.parametrize("words", SAME, ids=" ".join)
def test_a_command_says_the_same_through_the_server(shared: Served, alone: Path, words: tuple[str, ...]) -> None:
    here, there = command(alone, *words), command(shared.home, *words)
    assert (there.returncode, there.stdout, there.stderr) == (here.returncode, here.stdout, here.stderr)


def test_the_secret_is_for_its_user_alone_and_goes_with_the_server(filled: Path, tmp_path: Path) -> None:
    shutil.copytree(filled, tmp_path / "home")
    running = start_serving(tmp_path / "home")
    modes = {n: stat.S_IMODE((running.home / n).stat().st_mode) for n in ("owner.token", "owner.lock")}
    assert modes == {"owner.token": 0o600, "owner.lock": 0o600}
    assert running.stop() == 0
    assert not (running.home / "owner.token").exists()


@pytest.mark.parametrize(
    "greeting",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://evil.test\r\n\r\n", id="a browser"),
        pytest.param(b'{"words": ["connector", "delete", "tenant", "--yes"]}\n', id="no greeting"),
        pytest.param(b'{"nonce": "x"}\n{"proof": "x", "words": ["connector", "delete", "tenant", "--yes"]}\n', id="wrong proof"),
        pytest.param(b'{"nonce": "x"}\n{"proof": null, "words": []}\n', id="no proof"),
        pytest.param(b"[" * 100_000 + b"\n", id="deep"),
        pytest.param(b"\xff\xfe\x00\n", id="no text"),
    ],
)  # fmt: skip
def test_who_does_not_know_the_secret_is_hung_up_on(shared: Served, greeting: bytes) -> None:
    with socket.create_connection(address_of(shared.home), 10) as stranger:
        stranger.sendall(greeting)
        stranger.settimeout(20)
        told = b""
        try:
            while chunk := stranger.recv(65_536):
                told += chunk
        except ConnectionResetError:
            pass
    # At most the server's own proof, to a nonce; the secret is in neither.
    assert (b"exit" in told, (shared.home / "owner.token").read_bytes() in told) == (False, False)
    assert Cli(shared.home)("connector", "list")["count"] == 1


def test_what_listens_in_the_servers_place_is_told_nothing(shared: Served, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as impostor:
        address = f"127.0.0.1:{impostor.getsockname()[1]}"
        (tmp_path / "owner.token").write_text("0" * 64)
        client = subprocess.Popen([sys.executable, "-c", _CLIENT, tmp_path, address], stdout=subprocess.PIPE, text=True)
        connection, _ = impostor.accept()
        with connection, connection.makefile("rb") as words:
            greeting = json.loads(words.readline())
            connection.sendall(b'{"nonce": "y", "proof": "made up", "version": "0.1.0"}\n')
            assert words.read() == b""
        assert (list(greeting), client.communicate()[0]) == (["nonce"], "home.not-its-server\n")
    with pytest.raises(RetryableError) as caught:
        run_there(ServedElsewhereError(tmp_path, address), ["connector", "list"])
    assert caught.value.code == "home.server-gone"


def test_a_run_is_shown_live_and_its_record_is_the_servers(shared: Served) -> None:
    done = command(shared.home, "run", "tenant", "--json")
    told = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert (done.returncode, json.loads(done.stdout)["outcome"]) == (0, "succeeded")
    assert {"findings", "publish"} <= {t["phase"] for t in told if t["state"] == "ended"}
    assert sum(t["rows"] for t in told if t["phase"] == "findings" and t["state"] == "ended") > 0
    listed = Cli(shared.home)("connector", "list")["rows"][0]
    assert (listed["state"], listed["attention"]) == ("Processed", [])


def test_what_a_person_types_reaches_the_server(shared: Served, tenant: RunningSimulator) -> None:
    add = (
        "connector", "add", "--name", "second", "--tenant-id", tenant.tenant_id, "--client-id", tenant.client_id,
        "--login-url", tenant.login_url, "--api-url", tenant.api_url, "--audience", tenant.audience,
        "--ca-bundle", Path(tenant.ca_bundle).name,
    )  # fmt: skip
    # The file is named as seen from where the command is given.
    added = command(shared.home, *add, typed=f"{tenant.client_secret}\n", cwd=Path(tenant.ca_bundle).parent)
    assert (added.returncode, "Registered 'second'" in added.stdout) == (0, True), added.stderr
    assert tenant.client_secret not in added.stdout + added.stderr
    kept = command(shared.home, "connector", "delete", "second", typed="n\n")
    assert (kept.returncode, "Aborted" in kept.stderr) == (1, True)
    deleted = command(shared.home, "connector", "delete", "second", typed="y\n")
    assert (deleted.returncode, deleted.stderr.startswith("Delete the connector 'second'")) == (0, True)
    assert Cli(shared.home)("connector", "list")["count"] == 1


def test_a_file_is_written_where_the_command_is_given(shared: Served, tmp_path: Path) -> None:
    written = command(shared.home, "feeds", "bundle", "bundle.zip", "--json", cwd=tmp_path)
    assert (written.returncode, (tmp_path / "bundle.zip").is_file()) == (0, True), written.stderr


def test_another_server_on_the_home_is_refused(shared: Served) -> None:
    refused = command(shared.home, "serve", "--port", "0")
    assert (refused.returncode, f"is served by process {shared.process.pid}" in refused.stderr) == (4, True)


def test_several_clients_at_once_each_get_their_own(shared: Served) -> None:
    queries = [f"finding.qds >= {n}" for n in (1, 40, 70, 90)]
    line = [sys.executable, "-m", "riskbridge.cli", "--home", str(shared.home), "findings", "--limit", "0", "--json"]
    clients = [subprocess.Popen([*line, q], stdout=subprocess.PIPE, text=True) for q in queries]
    counts = [json.loads(c.communicate()[0])["count"] for c in clients]
    assert counts == [Cli(shared.home)("findings", q, "--limit", "0")["count"] for q in queries]
    assert counts == sorted(counts, reverse=True)


@pytest.fixture
def slow_run(
    request: pytest.FixtureRequest, filled: Path, tmp_path: Path
) -> Iterator[tuple[Served, subprocess.Popen[str]]]:
    """A served home of the test's own, and a client's run of it in small pages that has read a hundred findings."""
    shutil.copytree(filled, tmp_path / "home")
    size = getattr(request, "param", "5")
    assert Cli(tmp_path / "home")("connector", "change", "tenant", "--page-size", size, "--skip-test")["exit_code"] == 0
    running = start_serving(tmp_path / "home")
    # A shell that starts the tests in the background lets its children pass over Ctrl-C.
    words = ["env", "--default-signal=INT", *Cli(running.home).words("run", "tenant")]
    client = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert client.stderr is not None
    for line in client.stderr:
        if line.startswith("{") and json.loads(line)["phase"] == "findings" and json.loads(line)["rows"] >= 100:
            break
    yield running, client
    client.communicate()
    if running.process.poll() is None:
        running.stop()


@pytest.mark.parametrize("slow_run", ["1"], indirect=True, ids=["a row a page"])  # it must outlast three commands
def test_others_search_while_a_run_is_under_way_and_ctrl_c_stops_it(
    slow_run: tuple[Served, subprocess.Popen[str]],
) -> None:
    running, client = slow_run
    cli = Cli(running.home)
    assert (cli("findings")["count"] > 0, cli("connector", "list")["rows"][0]["state"]) == (True, "Processing")
    refused = cli("run", "tenant")
    assert (refused["exit_code"], refused["error"]["code"]) == (2, "run.under-way")
    client.send_signal(signal.SIGINT)
    assert "Stopped." in client.communicate()[1]
    assert client.returncode == 130
    assert [r["outcome"] for r in cli("runs")["rows"]] == ["interrupted", "succeeded"]


def test_a_paused_run_goes_on_where_it_was_for_whoever_resumes_it(
    slow_run: tuple[Served, subprocess.Popen[str]],
) -> None:
    running, client = slow_run
    cli = Cli(running.home)
    assert cli("pause", "tenant")["state"] == "pausing"
    told = json.loads(client.communicate()[0].splitlines()[-1])
    assert (client.returncode, told["error"]["code"]) == (4, "run.stopped")
    shown = cli("connector", "list")["rows"][0]
    assert (shown["state"], [a["code"] for a in shown["attention"]]) == ("Attention", ["attention.run-paused"])
    resumed = cli("resume", "tenant")
    assert (resumed["exit_code"], resumed["outcome"], resumed["is_resumed"]) == (0, "succeeded", True)
    assert cli("connector", "list")["rows"][0]["state"] == "Processed"


def test_a_client_of_a_killed_server_says_so_and_the_next_command_goes_on_alone(
    slow_run: tuple[Served, subprocess.Popen[str]],
) -> None:
    running, client = slow_run
    running.stop(signal.SIGKILL)
    told = json.loads(client.communicate()[0].splitlines()[-1])
    assert (client.returncode, told["error"]["code"]) == (4, "home.server-gone")
    cli = Cli(running.home)
    shown = cli("connector", "list")["rows"][0]
    assert (shown["state"], [a["code"] for a in shown["attention"]]) == ("Attention", ["attention.run-left"])
    gone_on = cli("run", "tenant")
    assert (gone_on["outcome"], gone_on["is_resumed"]) == ("succeeded", True)


def test_a_schedule_set_by_a_client_runs_on_a_faster_clock(filled: Path, tmp_path: Path) -> None:
    shutil.copytree(filled, tmp_path / "home")
    running = start_serving(tmp_path / "home", "--clock-speed", "3600")
    try:
        cli = Cli(running.home)
        assert cli("schedule", "set", "tenant", "--every", "1h")["exit_code"] == 0
        client: httpx.Client = running.log_in()
        version, runs = None, []
        while len(runs) < 2:
            with client.stream(
                "GET", "/api/v1/connectors/tenant/progress", headers={"accept": "text/event-stream"}
            ) as news:
                version = [line for line in news.iter_lines() if line.startswith("data:")][-1]
            rows = client.get("/api/v1/runs").json()["rows"]
            runs = [r for r in rows if r["trigger"] == "schedule" and r["outcome"] == "succeeded"]
        assert version is not None
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:00\+00:00", r["due_at"]) for r in runs)
        assert len({r["due_at"] for r in rows if r["trigger"] == "schedule"}) >= 2
        assert client.get("/api/v1/schedules").json()["speed"] == 3600
    finally:
        running.stop()
