"""`riskbridge simulator step` and `scenario`: commands for a simulator that runs, found through its home."""

from __future__ import annotations

import argparse
import json
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from riskbridge.errors import InputError, RiskbridgeError
from riskbridge.simulator.scenarios import SCENARIOS
from riskbridge.simulator.server import RUNNING

COMMANDS = ("step", "scenario")
_HOME = Path.home() / ".riskbridge" / "simulator"


def steer(words: Sequence[str]) -> int:
    """Carry out a command; gives the exit code."""
    options = _parser().parse_args(words)
    if options.command == "scenario" and options.name is None:
        width = max(map(len, SCENARIOS))
        sys.stdout.writelines(f"{s.name:{width}}  {s.sentence}\n" for s in SCENARIOS.values())
        return 0
    try:
        if options.command == "step":
            path, body = "step", {"days": options.days, "hours": options.hours}
        else:
            path, body = "scenario", read_scenario(f"{options.name}:{','.join(options.values)}")[1]
            body = {"name": options.name} | body
        answer = _call(options.home, path, body)
    except RiskbridgeError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
    return 0


def read_scenario(text: str) -> tuple[str, dict[str, Any]]:
    """A scenario's name and values from `NAME`, `NAME:key=value,key=value` or `NAME:{"key": value}`."""
    name, _, rest = text.partition(":")
    if rest.startswith("{"):
        return name, json.loads(rest)
    pairs = (part.partition("=") for part in rest.split(",") if part)
    return name, {key: _value(value) for key, _, value in pairs}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _call(home: Path, path: str, body: dict[str, Any]) -> Any:
    try:
        running = json.loads((home / RUNNING).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"No simulator runs with the home {home}.",
            code="simulator.not-running",
            remedy="Start one with: riskbridge simulator, or name its home with --home.",
        ) from error
    url = f"{running['control_url']}/{path}"
    trust = ssl.create_default_context(cafile=running["ca_bundle"]) if url.startswith("https:") else None
    request = urllib.request.Request(url, data=json.dumps(body).encode(), method="POST")  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=60, context=trust) as answer:  # noqa: S310
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        told = json.loads(error.read())
        raise InputError(told["message"], code=told["code"], remedy=told["remedy"]) from error
    except OSError as error:
        raise InputError(
            f"The simulator at {running['control_url']} does not answer.",
            code="simulator.not-running",
            remedy="Start it again with: riskbridge simulator",
        ) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="riskbridge simulator", description="Steer a simulator that runs.")
    commands = parser.add_subparsers(dest="command", required=True)
    step = commands.add_parser("step", help="move the tenant's clock")
    step.add_argument("--days", type=int, default=0, help="days; devices that report do so again")
    step.add_argument("--hours", type=float, default=0, help="hours; a snapshot is made every six")
    scenario = commands.add_parser("scenario", help="make something happen; without a name, list what can")
    scenario.add_argument("name", nargs="?", help="the scenario")
    scenario.add_argument("values", nargs="*", help="such as devices=3 seed=7")
    for command in (step, scenario):
        command.add_argument("--home", type=Path, default=_HOME, help="folder that the simulator was started with")
    return parser
