"""A connector without a secret, as a person sets it up: certificate or workload identity, and a run with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.scenario.test_main_job import Cli

from riskbridge.simulator.process import RunningSimulator, start_simulator
from riskbridge.simulator.settings import SimulatorSettings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    with start_simulator(SimulatorSettings(home=tmp_path_factory.mktemp("simulator"), devices=5)) as running:
        yield running


def add(simulator: RunningSimulator, home: Path, *words: str) -> dict[str, Any]:
    return Cli(home)(
        "connector", "add", "--name=tenant", f"--tenant-id={simulator.tenant_id}",
        f"--client-id={simulator.client_id}", f"--login-url={simulator.login_url}", f"--api-url={simulator.api_url}",
        f"--ca-bundle={simulator.ca_bundle}", *words,
    )  # fmt: skip


@pytest.mark.parametrize("way", ["pem", "pfx", "federated"])
def test_a_connector_without_a_secret_runs(simulator: RunningSimulator, tmp_path: Path, way: str) -> None:
    words = {
        "pem": (f"--certificate={simulator.client_certificate}",),
        "pfx": (f"--certificate={simulator.client_pfx}", f"--client-secret={simulator.client_secret}"),
        "federated": (f"--federated-token-file={simulator.federated_token}",),
    }[way]
    assert add(simulator, tmp_path, *words)["state"] == "Registered"
    assert Cli(tmp_path).in_a_process("run", "tenant")["outcome"] == "succeeded"
    shown = Cli(tmp_path)("connector", "show", "tenant")["connector"]
    assert (shown["certificate"] is None) == (way == "federated")


def test_a_cloud_that_is_none_is_refused_with_the_nearest(simulator: RunningSimulator, tmp_path: Path) -> None:
    refused = add(simulator, tmp_path, "--cloud=europe", f"--client-secret={simulator.client_secret}")
    assert refused["error"]["code"] == "cloud.unknown"
    assert "eu" in refused["error"]["remedy"]


def test_a_certificate_that_is_not_there_is_not_saved(simulator: RunningSimulator, tmp_path: Path) -> None:
    refused = add(simulator, tmp_path, f"--certificate={tmp_path / 'none.pem'}")
    assert refused["error"]["code"] == "defender.bad-certificate"
    assert Cli(tmp_path)("connector", "list")["count"] == 0


def test_a_filter_that_cannot_be_is_refused_before_anything_is_asked(
    simulator: RunningSimulator, tmp_path: Path
) -> None:
    secret = f"--client-secret={simulator.client_secret}"
    refused = add(simulator, tmp_path, secret, "--device-filter", "healthState eq 'Active'")
    assert refused["error"]["code"] == "filter.unknown-property"
    assert refused["error"]["position"] == 1
    assert "device filter is wrong at character 1" in refused["error"]["message"]
    assert "healthStatus" in refused["error"]["remedy"]


def test_a_connector_is_changed_once_its_test_has_passed(simulator: RunningSimulator, tmp_path: Path) -> None:
    add(simulator, tmp_path, f"--client-secret={simulator.client_secret}")
    refused = Cli(tmp_path)("connector", "change", "tenant", "--client-secret=wrong")
    assert refused["error"]["code"] == "defender.wrong-secret"
    assert Cli(tmp_path)("connector", "test", "tenant")["ok"]
    changed = Cli(tmp_path)(
        "connector", "change", "tenant", f"--certificate={simulator.client_certificate}", "--client-secret=",
        "--device-filter", "healthStatus eq 'Active'", "--page-size", "5000",
    )  # fmt: skip
    assert changed["connector"]["certificate"] == simulator.client_certificate
    assert Cli(tmp_path)("run", "tenant")["outcome"] == "succeeded"
    (profile,) = Cli(tmp_path)("connector", "show", "tenant")["profiles"]
    assert (profile["device_filter"], profile["page_size"]) == ("healthStatus eq 'Active'", 5000)
    Cli(tmp_path)("connector", "change", "tenant", "--device-filter", "", "--page-size", "0")
    (profile,) = Cli(tmp_path)("connector", "show", "tenant")["profiles"]
    assert (profile["device_filter"], profile["page_size"]) == (None, None)
