"""How fast lists, filters, sorts, facets and groups answer over HTTP while a run publishes.

`make benchlists` runs it. It reads an estate from a simulated tenant (or uses the one that a folder holds from before), serves it
as `riskbridge serve` does, starts runs one after the other, and meanwhile asks each kind of request with other values every time,
so that no answer is one that was found before. Statements of a shape are asked once before they are measured, as on a server that
has been up for a while.
"""

import argparse
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from estate import CONNECTOR, ensure_estate, simulated
from riskbridge.simulator.process import RunningSimulator

COLUMNS = "qds,cve_id,title,asset_name,status,is_kev,epss,cvss_score,exploit_maturity,sla_state,first_found_at"
ASSET_COLUMNS = "asset_name,trurisk,acs,operating_system,open_findings,critical_count,max_qds,sources,last_seen_at"
PASSWORD = "correct horse battery"
Ask = Callable[[int], tuple[str, dict[str, Any]]]


def _findings(query: str, **more: Any) -> Ask:
    return lambda n: ("/findings", {"query": query.format(n=n), "columns": COLUMNS, "limit": 50, **more})


def _assets(query: str, **more: Any) -> Ask:
    return lambda n: ("/assets", {"query": query.format(n=n), "columns": ASSET_COLUMNS, "limit": 50, **more})


def _facet(list_: str, query: str, field: str) -> Ask:
    return lambda n: (f"/{list_}/facets", {"query": query.format(n=n), "fields": field})


def _group(list_: str, query: str, by: str) -> Ask:
    return lambda n: (f"/{list_}/groups", {"query": query.format(n=n), "by": by})


SCORED, RISKY = "finding.qds >= {n}", "asset.truRisk >= {n}"
KINDS: dict[str, Ask] = {
    "findings, worst first": _findings(SCORED),
    "findings by asset": _findings("asset.truRisk >= {n}"),
    "findings by text": _findings("finding.title:windows and finding.qds >= {n}"),
    "findings in KEV": _findings("finding.isKev:true and finding.qds >= {n}"),
    "findings by day": _findings("finding.firstFoundDate > now-{n}d"),
    "findings sorted by title": _findings(SCORED, sort="title"),
    "findings sorted by EPSS": _findings(SCORED, sort="-epss"),
    "findings sorted by age": _findings(SCORED, sort="first_found_at"),
    "assets, worst first": _assets(RISKY),
    "assets by name": _assets("asset.name:wks* and asset.truRisk >= {n}"),
    "assets by finding": _assets("finding:(severity:5 and qds >= {n})"),
    "assets sorted by name": _assets(RISKY, sort="asset_name"),
    **{f"findings: facet {f}": _facet("findings", SCORED, f) for f in ("status", "severity", "is_kev", "product_name")},
    **{f"assets: facet {f}": _facet("assets", RISKY, f) for f in ("operating_system_name", "tags", "device_group")},
    **{
        f"findings by {g}": _group("findings", SCORED, g)
        for g in ("cve", "product", "fix", "asset", "tag", "owner", "status", "severity")
    },
    **{f"assets by {g}": _group("assets", RISKY, g) for g in ("tag", "system", "criticality")},
    "summary": lambda _: ("/summary", {}),
}


PAGES: dict[str, Callable[[int, str, str], str]] = {
    "home": lambda _, __, ___: "/",
    "assets": lambda n, _, __: f"/inventory/assets?query=asset.truRisk+>=+{n}",
    "findings": lambda n, _, __: f"/findings?query=finding.qds+>=+{n}",
    "an asset": lambda _, asset_id, __: f"/inventory/assets/{asset_id}",
    "a finding": lambda _, __, finding_id: f"/findings/{finding_id}",
    "remediation": lambda _, __, ___: "/remediation",
    "connectors": lambda _, __, ___: "/connectors",
}


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    console = Console()
    with tempfile.TemporaryDirectory(prefix="riskbridge-lists-") as made:
        folder = options.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        with simulated(folder, options.devices, options.findings_per_device) as tenant:
            console.print("Making the estate, or taking the one that is there …")
            home = ensure_estate(folder, tenant)
            with serving(home) as (client, browser), running(client, tenant) as runs:
                report = measure(client, options.requests, console)
                report |= {"pages": measure_pages(client, browser, options.requests, console), "runs": runs}
    report |= {"load": os.getloadavg(), "processors": os.cpu_count()}
    console.print(render(report))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(report, indent=2) + "\n")
    console.print(f"Written to {options.output}")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--devices", type=int, default=50_000)
    parser.add_argument("--findings-per-device", type=int, default=30)
    parser.add_argument(
        "--requests", type=int, choices=range(1, 91), metavar="N", default=20, help="of each kind, 1 to 90 (20)"
    )
    parser.add_argument("--folder", type=Path, help="keeps the estate for the next time")
    parser.add_argument("--output", type=Path, default=Path("build/bench-lists.json"))
    return parser.parse_args(arguments)


@contextmanager
def serving(home: Path) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """A served copy of nothing: the home itself, with an account; a client with an API token, and one with a session."""
    command = [sys.executable, "-m", "riskbridge.cli", "--home", str(home), "serve", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as server:
        assert server.stdout is not None
        address, link = "", ""
        for line in server.stdout:
            if line.startswith("riskbridge is at "):
                address = line.split()[-1].rstrip("/")
            if "/setup?token=" in line:
                link = line.split()[-1]
            if line.startswith("Ctrl-C"):
                break
        try:
            with (
                httpx.Client(base_url=address, timeout=300) as client,
                httpx.Client(base_url=address, timeout=300) as browser,
            ):
                log_in(client, link)
                browser.post("/login", data={"name": "bench", "password": PASSWORD, "next": "/"})
                yield client, browser
        finally:
            server.send_signal(signal.SIGTERM)


def log_in(client: httpx.Client, link: str) -> None:
    """Make the account where there is none, and go on with an API token."""
    if link:
        form = {"token": link.rpartition("=")[2], "name": "bench", "password": PASSWORD, "again": PASSWORD}
        client.post("/setup", data=form)
    else:
        client.post("/login", data={"name": "bench", "password": PASSWORD, "next": "/"})
    page = client.get("/connectors/new").text
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
    client.headers["x-csrf-token"] = csrf
    made = client.post("/api/v1/api-tokens", json={"name": "bench", "days": 1, "scope": "write"})
    made.raise_for_status()
    client.cookies.clear()
    client.headers["authorization"] = f"Bearer {made.json()['token']}"


@contextmanager
def running(client: httpx.Client, tenant: RunningSimulator) -> Iterator[list[str]]:
    """Runs of the connector, one after the other, until the end; gives how each ended, as it ends.

    Before each, products of a fiftieth of the devices are upgraded, so that runs close, find and publish something.
    """
    ended: list[str] = []
    is_over = threading.Event()

    def run() -> None:
        for number in itertools.count(int(time.time())):
            if is_over.is_set():
                return
            tenant.control("scenario", {"name": "upgrade", "devices": 1_000, "seed": number})
            begun = client.post(f"/api/v1/connectors/{CONNECTOR}/runs")
            if begun.status_code >= 400 and begun.json().get("code") != "run.under-way":
                ended.append(f"{begun.status_code}: {begun.text}")
                return
            while not is_over.wait(0.5):
                state = client.get(
                    f"/api/v1/connectors/{CONNECTOR}/progress", headers={"accept": "application/json"}
                ).json()
                if state.get("state") not in ("queued", "running"):
                    ended.append(str(state.get("state")))
                    break

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield ended
    finally:
        is_over.set()
        thread.join()


def measure(client: httpx.Client, requests: int, console: Console) -> dict[str, Any]:
    timings: dict[str, list[float]] = {name: [] for name in KINDS}
    for name, ask in KINDS.items():
        console.print(f"Asking once: {name}")
        get(client, ask, 95)
    console.print(f"Measuring {requests} of each kind …")
    for number in range(requests):
        for name, ask in KINDS.items():
            timings[name].append(get(client, ask, number + 1))
    every = [t for kind in timings.values() for t in kind]
    return {"kinds": {name: figures(t) for name, t in timings.items()}, "all": figures(every), "requests": len(every)}


def measure_pages(client: httpx.Client, browser: httpx.Client, requests: int, console: Console) -> dict[str, Any]:
    """Pages with all that is in them, as a browser without scripts gets them."""
    console.print(f"Measuring {requests} of each page …")
    assets = client.get("/api/v1/assets", params={"columns": "asset_name", "limit": requests + 1}).json()["rows"]
    findings = client.get("/api/v1/findings", params={"columns": "qds", "limit": requests + 1}).json()["rows"]
    timings: dict[str, list[float]] = {name: [] for name in PAGES}
    for number in range(requests + 1):
        for name, path in PAGES.items():
            address = path(90 - number, assets[number]["asset_id"], findings[number]["finding_id"])
            began_at = time.perf_counter()
            answer = browser.get(address)
            elapsed_ms = (time.perf_counter() - began_at) * 1_000
            if answer.status_code != 200:
                sys.exit(f"{address} answered {answer.status_code}: {answer.text[:500]}")
            if number:  # the first of each makes its statements
                timings[name].append(elapsed_ms)
    return {name: figures(t) for name, t in timings.items()}


def get(client: httpx.Client, ask: Ask, value: int) -> float:
    path, parameters = ask(value)
    began_at = time.perf_counter()
    answer = client.get(f"/api/v1{path}", params=parameters)
    elapsed_ms = (time.perf_counter() - began_at) * 1_000
    if answer.status_code != 200:
        sys.exit(f"{path} {parameters} answered {answer.status_code}: {answer.text[:500]}")
    return elapsed_ms


def figures(timings: Sequence[float]) -> dict[str, float]:
    """Milliseconds."""
    ordered = sorted(timings)
    return {
        "p50": round(statistics.median(ordered), 1),
        "p95": round(ordered[max(0, -(-len(ordered) * 95 // 100) - 1)], 1),
        "max": round(ordered[-1], 1),
    }


def render(report: dict[str, Any]) -> Table:
    table = Table(title="Milliseconds over HTTP while runs go on")
    for heading in ("request", "p50", "p95", "max"):
        table.add_column(heading, justify="left" if heading == "request" else "right")
    pages = {f"page: {name}": found for name, found in report["pages"].items()}
    for name, found in {**report["kinds"], "all": report["all"], **pages}.items():
        table.add_row(name, *(f"{found[n]:,.0f}" for n in ("p50", "p95", "max")))
    return table


if __name__ == "__main__":
    main()
