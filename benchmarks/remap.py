"""How long it takes to map everything anew after a map was changed, and whether the source is asked: `make remap`.

A simulated tenant is read over HTTP once, by the product's own commands. Then a clone of the built-in map, in which
every product has another spelling, is saved and used: every detection becomes another, the most that a map can change. The
simulator counts the requests it gets.
"""

import argparse
import json
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from measured import Measured, run_measured
from riskbridge.simulator.process import RunningSimulator, start_simulator
from riskbridge.simulator.settings import SimulatorSettings
from sync import LOGIN, describe_machine, offline

COUNT = """
import duckdb, sys
with duckdb.connect(sys.argv[1], read_only=True) as warehouse:
    print(warehouse.execute("SELECT count(*) FROM detection WHERE valid_to_run IS NULL AND state = 'open'").fetchone()[0])
    print(warehouse.execute("SELECT count(*) FROM finding WHERE valid_to_run IS NULL AND state = 'open'").fetchone()[0])
    print(warehouse.execute("SELECT count(*) FROM detection WHERE valid_to_run IS NULL AND state = 'closed'").fetchone()[0])
"""
PLAIN = '{ from = "productName", to = "productName", type = "string" }'
CHANGED = '{ from = "productName", to = "productName", type = "string", function = "upper" }'


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    console = Console()
    with tempfile.TemporaryDirectory(prefix="riskbridge-remap-", dir=options.folder) as name:
        folder = Path(name)
        console.print(f"Starting a tenant of {options.devices:,} devices …")
        settings = SimulatorSettings(home=folder / "simulator", devices=options.devices, has_quotas=False)
        with start_simulator(settings) as tenant:
            report = measure(tenant, folder, console)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(report, indent=2) + "\n")
    console.print_json(json.dumps(report))
    console.print(f"Written to {options.output}")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--devices", type=int, default=50_000, help="devices of the tenant, of some 30 findings each")
    parser.add_argument("--output", type=Path, default=Path("build/remap.json"))
    parser.add_argument("--folder", type=Path, help="where the home goes while it runs (the system's choice)")
    return parser.parse_args(arguments)


def measure(tenant: RunningSimulator, folder: Path, console: Console) -> dict[str, Any]:
    home = folder / "home"
    environment = offline(folder)

    def riskbridge(*words: str) -> Measured:
        command = ["-m", "riskbridge.cli", "--home", str(home), *words]
        return run_measured(command, environment=environment)

    flags = [f"--{name.replace('_', '-')}={getattr(tenant, name)}" for name in (*LOGIN, "api_url")]
    riskbridge("connector", "add", "--name=bench", *flags)
    console.print("Reading it …")
    read = riskbridge("run", "bench", "--json")
    before = count(home, environment)
    riskbridge("map", "clone", "defender", "mine")
    text = riskbridge("map", "export", "mine").output
    tomllib.loads(text)
    require(text.count(PLAIN) >= 1, "the built-in map maps productName in another way than this program knows")
    (folder / "mine.toml").write_text(text.replace(PLAIN, CHANGED))
    riskbridge("map", "save", str(folder / "mine.toml"))
    riskbridge("profile", "change", "bench", "default", "--map=mine")
    console.print("Mapping it anew …")
    requests_before = len(tenant.control("requests"))
    mapped = riskbridge("remap", "bench", "--json")
    requests_after = len(tenant.control("requests"))
    after = count(home, environment)
    outcome = json.loads(mapped.output.splitlines()[-1])
    require(requests_before == requests_after, "the re-map asked the source")
    require(
        before == after and after[2] == 0, f"open detections, findings and closed ones were {before} and are {after}"
    )
    require(outcome["counts"]["detections_remapped"] == before[0], "not every detection was mapped anew")
    return {
        "findings": before[1],
        "detections": before[0],
        "remap_seconds": round(mapped.seconds, 1),
        "remap_peak_mib": round(mapped.peak_mib),
        "first_run_seconds": round(read.seconds, 1),
        "requests_before": requests_before,
        "requests_after": requests_after,
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": describe_machine(),
    }


def count(home: Path, environment: dict[str, str]) -> tuple[int, int, int]:
    """Open detections, open findings, closed detections."""
    counted = run_measured(["-c", COUNT, str(home / "warehouse.duckdb")], environment=environment)
    detections, findings, closed = (int(line) for line in counted.output.split())
    return detections, findings, closed


def require(is_so: bool, otherwise: str) -> None:  # noqa: FBT001 - reads like assert
    if not is_so:
        sys.exit(f"This measurement means nothing: {otherwise}.")


if __name__ == "__main__":
    main()
