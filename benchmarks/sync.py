"""How fast a full sync is, with the comparison program and the bare limit beside it.

`make bench` runs it. Every program reads the same pages, over HTTP, from another process on this machine, each in a
fresh process of its own, one after the other; nothing leaves loopback. Programs differ in what they do with the rows:
the bare limit and dlt only put them into a table, riskbridge maps, identifies, follows, enriches, scores and publishes
them. Every program's seconds are those of its whole process, the start of Python and its imports included.
"""

import argparse
import importlib.util
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from measured import run_measured
from pages import CVES, PATHS
from riskbridge.simulator.process import start_simulator
from riskbridge.simulator.settings import SimulatorSettings

HERE = Path(__file__).parent
PROGRAMS = ("bare", "dlt", "dlt-parquet", "riskbridge")
NAMES = {
    "bare": "bare limit",
    "dlt": "dlt, as it comes",
    "dlt-parquet": "dlt, through Parquet",
    "riskbridge": "riskbridge, full sync",
    "riskbridge-resync": "riskbridge, nothing changed",
}
HOME = "riskbridge-home"
LOGIN = ("login_url", "ca_bundle", "tenant_id", "client_id", "client_secret", "audience")
"""What `connector add` has to be told of the simulator, which serves the login host alone; the pages need no token."""
COUNT = """
import duckdb, sys
with duckdb.connect(sys.argv[1], read_only=True) as warehouse:
    for table in ("detection", "asset"):
        print(warehouse.execute(f"SELECT count(*) FROM {table} WHERE valid_to_run IS NULL").fetchone()[0])
"""


@dataclass(frozen=True, slots=True)
class Result:
    """One program's rows, seconds and peak memory."""

    program: str
    rows: int
    seconds: float
    peak_mib: float

    @property
    def rate(self) -> float:
        return self.rows / self.seconds


@dataclass(frozen=True, slots=True)
class Tenant:
    """Where the pages are served, how to log in, and a folder that programs may fill."""

    url: str
    login: dict[str, str]
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    console = Console()
    with (
        tempfile.TemporaryDirectory(prefix="riskbridge-bench-", dir=options.folder) as folder,
        serve(options, Path(folder), console) as tenant,
    ):
        results = list(measure(options, tenant, console))
    console.print(render(results))
    report = summarise(results)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(report, indent=2) + "\n")
    console.print(f"Written to {options.output}")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, help="findings of the tenant (1,500,000)")
    parser.add_argument("--devices", type=int, help="devices of the tenant (50,000)")
    parser.add_argument("--dlt-rows", type=int, help="findings that dlt reads, the first ones (100,000)")
    parser.add_argument("--only", choices=PROGRAMS, action="append", help="measure this program; may be repeated")
    parser.add_argument("--scale-test", action="store_true", help="a small tenant: does everything still run")
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--folder", type=Path, help="where pages and databases go while it runs (the system's choice)")
    options = parser.parse_args(arguments)
    sizes = (20_000, 1_000, 5_000) if options.scale_test else (1_500_000, 50_000, 100_000)
    for name, size in zip(("rows", "devices", "dlt_rows"), sizes, strict=True):
        if getattr(options, name) is None:
            setattr(options, name, size)
    options.dlt_rows = min(options.dlt_rows, options.rows)
    if not 1 <= -(-options.rows // options.devices) <= CVES:
        parser.error(f"a device has 1 to {CVES:,} findings: change --rows or --devices")
    return options


@contextmanager
def serve(options: argparse.Namespace, folder: Path, console: Console) -> Iterator[Tenant]:
    """The pages written and served by another process, and a login host by a third, until the end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        console.print(f"Writing the pages of {options.rows:,} findings on {options.devices:,} devices …")
        sizes = [str(options.rows), str(options.devices), str(options.dlt_rows)]
        subprocess.run([sys.executable, HERE / "pages.py", folder / "pages", url, *sizes], check=True)
        handle = listening.fileno()
        server = subprocess.Popen(
            [sys.executable, HERE / "server.py", folder / "pages", str(handle)],
            stdin=subprocess.PIPE,
            pass_fds=[handle],
        )
        assert server.stdin is not None
        try:
            with start_simulator(SimulatorSettings(home=folder / "login", devices=1)) as login:
                values = {name: str(getattr(login, name)) for name in LOGIN}
                yield Tenant(url, values, folder, offline(folder))
        finally:
            server.stdin.close()
            server.wait()


def offline(folder: Path) -> dict[str, str]:
    """An environment in which programs keep to themselves and to this folder."""
    return {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
        "DLT_DATA_DIR": str(folder / "dlt-data"),
        "NO_PROXY": "127.0.0.1",
        "HOME": str(folder),
    }


def measure(options: argparse.Namespace, tenant: Tenant, console: Console) -> Iterator[Result]:
    programs = options.only or [p for p in PROGRAMS if not p.startswith("dlt") or has_dlt(console)]
    for program in programs:
        console.print(f"Measuring {NAMES[program]} …")
        if program == "riskbridge":
            yield from measure_riskbridge(options, tenant)
        else:
            yield measure_loader(program, options, tenant)


def has_dlt(console: Console) -> bool:
    if importlib.util.find_spec("dlt") is not None:
        return True
    console.print("dlt is not installed (uv sync --group bench installs it): left out.")
    return False


def measure_loader(program: str, options: argparse.Namespace, tenant: Tenant) -> Result:
    """The bare limit or dlt: a script of ours that prints how many rows it holds in the end."""
    folder = tenant.folder / program
    folder.mkdir()
    command, rows = {
        "bare": (["bare.py", tenant.url + PATHS["machinesVulnerabilities"], str(folder / "bare.duckdb")], options.rows),
        "dlt": (["dlt_pipeline.py", tenant.url + PATHS["first"], str(folder)], options.dlt_rows),
        "dlt-parquet": (["dlt_pipeline.py", tenant.url + PATHS["first"], str(folder), "parquet"], options.dlt_rows),
    }[program]
    measured = run_measured([str(HERE / command[0]), *command[1:]], environment=tenant.environment)
    said = json.loads(measured.output.splitlines()[-1])
    require(program, "rows", said["rows"], rows)
    return Result(program, rows, measured.seconds, measured.peak_mib)


def measure_riskbridge(options: argparse.Namespace, tenant: Tenant) -> Iterator[Result]:
    """The product by its own commands: a first sync, then the same tenant again."""
    home = tenant.folder / HOME
    riskbridge = ["-m", "riskbridge.cli", "--home", str(home)]
    run_measured([*riskbridge, "init"], environment=tenant.environment)
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in tenant.login.items()]
    run_measured(
        [*riskbridge, "connector", "add", "--name=bench", f"--api-url={tenant.url}", *flags],
        environment=tenant.environment,
    )
    for program in ("riskbridge", "riskbridge-resync"):
        measured = run_measured([*riskbridge, "run", "bench", "--json"], environment=tenant.environment)
        outcome = json.loads(measured.output.splitlines()[-1])["outcome"]
        if outcome != "succeeded":
            sys.exit(f"The run of {NAMES[program]} ended as {outcome}: {measured.output}")
        counted = run_measured(["-c", COUNT, str(home / "warehouse.duckdb")], environment=tenant.environment)
        detections, assets = (int(line) for line in counted.output.split())
        require(program, "detections", detections, options.rows)
        require(program, "assets", assets, options.devices)
        yield Result(program, options.rows, measured.seconds, measured.peak_mib)


def require(program: str, noun: str, found: int, expected: int) -> None:
    if found != expected:
        sys.exit(f"{NAMES[program]} holds {found:,} {noun}, not {expected:,}: its speed means nothing.")


def summarise(results: Sequence[Result]) -> dict[str, Any]:
    """The report: ratios of rows a second, memory and seconds by program; null where a program was left out."""
    by_program = {r.program: r for r in results}

    def ratio(program: str, other: str) -> float | None:
        if program not in by_program or other not in by_program:
            return None
        return round(by_program[program].rate / by_program[other].rate, 3)

    sync = by_program.get("riskbridge")
    return {
        "ratios": {
            "vs_dlt": ratio("riskbridge", "dlt"),
            "vs_dlt_parquet": ratio("riskbridge", "dlt-parquet"),
            "vs_bare": ratio("riskbridge", "bare"),
            "resync": ratio("riskbridge-resync", "riskbridge"),
        },
        "peak_rss_mib": round(sync.peak_mib, 1) if sync else None,
        "rows": {r.program: r.rows for r in results},
        "seconds": {r.program: round(r.seconds, 3) for r in results},
        "rows_per_s": {r.program: round(r.rate) for r in results},
        "peak_mib": {r.program: round(r.peak_mib, 1) for r in results},
        "resync": {"seconds": round(by_program["riskbridge-resync"].seconds, 3)} if sync else None,
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": describe_machine(),
    }


def describe_machine() -> dict[str, Any]:
    cpu = [
        line.split(":", 1)[1].strip() for line in read("/proc/cpuinfo").splitlines() if line.startswith("model name")
    ]
    memory = [int(line.split()[1]) for line in read("/proc/meminfo").splitlines() if line.startswith("MemTotal")]
    return {
        "cpu": cpu[0] if cpu else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mib": memory[0] // 1024 if memory else None,
        "python": platform.python_version(),
        "system": platform.system() + " " + platform.release(),
    }


def read(path: str) -> str:
    return Path(path).read_text() if Path(path).is_file() else ""


def render(results: Sequence[Result]) -> Table:
    table = Table(title="Page to table, and page to published finding")
    for name in ("program", "rows", "seconds", "rows/s", "peak MiB", "riskbridge is"):
        table.add_column(name, justify="left" if name == "program" else "right")
    sync = next((r for r in results if r.program == "riskbridge"), None)
    for r in results:
        beside = f"{sync.rate / r.rate:.2f} x" if sync and not r.program.startswith("riskbridge") else ""
        table.add_row(
            NAMES[r.program], f"{r.rows:,}", f"{r.seconds:.1f}", f"{r.rate:,.0f}", f"{r.peak_mib:,.0f}", beside
        )
    return table


if __name__ == "__main__":
    main()
