"""An estate of any size, read from a simulated tenant over HTTP into a home that later measurements use again."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from riskbridge.simulator.process import RunningSimulator, start_simulator
from riskbridge.simulator.settings import SimulatorSettings

CONNECTOR = "tenant"
FEEDS = (("kev", "known_exploited_vulnerabilities.json"), ("epss", "epss.csv.gz"))


def call(home: Path, *words: str) -> dict[str, Any]:
    """Run a command on the home to its end; gives what it printed as JSON."""
    command = [sys.executable, "-m", "riskbridge.cli", *words, "--home", str(home), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@contextmanager
def simulated(folder: Path, devices: int, findings_per_device: int) -> Iterator[RunningSimulator]:
    """The tenant; the same sizes make the same one."""
    settings = SimulatorSettings(
        home=folder / "simulator", devices=devices, findings_per_device=findings_per_device, has_quotas=False
    )
    with start_simulator(settings) as running:
        # It stands for a tenant elsewhere, whose work is not this machine's.
        os.setpriority(os.PRIO_PROCESS, running.pid, 15)
        yield running


def ensure_estate(folder: Path, tenant: RunningSimulator) -> Path:
    """A home with one run of the tenant and its feeds; made where the folder has none."""
    home = folder / "home"
    is_new = not (home / "warehouse.duckdb").exists()
    verb = ("add", "--name", CONNECTOR) if is_new else ("change", CONNECTOR)
    login = {n: str(getattr(tenant, n)) for n in ("login_url", "api_url", "ca_bundle")}
    if is_new:
        login |= {n: str(getattr(tenant, n)) for n in ("tenant_id", "client_id", "client_secret", "audience")}
    options = [w for name, value in login.items() for w in (f"--{name.replace('_', '-')}", value)]
    call(home, "connector", *verb, *options)
    if is_new:
        for kind, name in FEEDS:
            call(home, "feeds", "import", kind, f"{tenant.feeds_url}/{name}")
        call(home, "run", CONNECTOR)
    return home


def main(arguments: Sequence[str] | None = None) -> None:
    """Make an estate and leave it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--devices", type=int, default=50_000)
    parser.add_argument("--findings-per-device", type=int, default=30)
    options = parser.parse_args(arguments)
    os.makedirs(options.folder, exist_ok=True)  # noqa: PTH103 - parents included
    with simulated(options.folder, options.devices, options.findings_per_device) as tenant:
        print(ensure_estate(options.folder, tenant))


if __name__ == "__main__":
    main()
