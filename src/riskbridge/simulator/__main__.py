"""`python -m riskbridge.simulator`, and `riskbridge simulator`: serve a tenant until stopped."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from riskbridge.errors import RiskbridgeError
from riskbridge.simulator.server import serve
from riskbridge.simulator.settings import SimulatorSettings
from riskbridge.simulator.steering import COMMANDS, read_scenario, steer

_DEFAULTS = SimulatorSettings(home=Path.home() / ".riskbridge" / "simulator")


def main() -> int:
    """Read the options, serve, and give the exit code."""
    return run(sys.argv[1:])


def run(words: Sequence[str]) -> int:
    """Serve as the words of a command line say, or steer the one that runs; gives the exit code."""
    if words and words[0] in COMMANDS:
        return steer(words)
    options = vars(_parser().parse_args(words))
    chosen = {f.name: options[f.name] for f in fields(SimulatorSettings)}
    try:
        serve(
            SimulatorSettings(**chosen),
            exits_with_parent=options["exits_with_parent"],
            ready_file=options["ready_file"],
        )
    except RiskbridgeError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _roles(text: str) -> tuple[str, ...]:
    return tuple(role for role in text.split(",") if role)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="riskbridge simulator",
        description="A Microsoft Defender for Endpoint tenant on localhost. Prints one line of JSON once it listens.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    d = _DEFAULTS
    add("--devices", type=int, default=d.devices, help="devices in the tenant")
    add("--findings-per-device", type=int, default=d.findings_per_device, help="finding rows divided by devices")
    add("--seed", type=int, default=d.seed, help="the same seed makes the same tenant")
    add("--as-of", default=d.as_of, help="the tenant's clock at its start")
    add("--speed", type=float, default=d.speed, help="seconds of that clock a second; 0: it stands still")
    add("--from", dest="sources", type=Path, action=_Source, default=(), metavar="PATH",
        help="serve saved JSON: a file or a folder; may be repeated")  # fmt: skip
    add("--home", type=Path, default=d.home, help="folder of the certificate authority")
    add("--port", type=int, default=d.port, help="the API's port; 0 picks a free one")
    add("--login-port", type=int, default=d.login_port, help="the login host's port; 0 picks a free one")
    add("--tls", dest="has_api_tls", action="store_true", help="serve the API over https too")
    add("--tenant-id", default=d.tenant_id, help="the tenant's id")
    add("--tenant-domain", default=d.tenant_domain, help="the tenant's domain name")
    add("--client-id", default=d.client_id, help="the application's id")
    add("--client-secret", default=d.client_secret, help="the application's secret")
    add("--audience", default=d.audience, help="the resource that the API takes tokens for")
    add("--roles", type=_roles, default=d.roles, help="application permissions in tokens, by comma")
    add("--token-life-s", type=int, default=d.token_life_s, help="seconds a token lives")
    add("--page-size", type=int, default=d.page_size, help="rows of a page without $top")
    add("--empty-is-404", dest="is_empty_missing", action="store_true", help="answer 404 for an empty list of devices")
    add("--no-quotas", dest="has_quotas", action="store_false", help="no call limits")
    add("--quota-scale", type=float, default=d.quota_scale, help="factor on the calls allowed")
    add("--quota-speed", type=float, default=d.quota_speed, help="factor on the quotas' clock")
    add("--scenario", dest="scenarios", type=read_scenario, action=_Source, default=(), metavar="NAME[:VALUES]",
        help="a scenario that happens before the first request; may be repeated")  # fmt: skip
    add("--ready-file", type=Path, help="write the line of JSON to this file too")
    add("--exit-with-parent", dest="exits_with_parent", action="store_true",
        help="stop when the process that started it has ended")  # fmt: skip
    return parser


class _Source(argparse.Action):
    """Gathers repeated paths in a tuple."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        setattr(namespace, self.dest, (*getattr(namespace, self.dest), values))


if __name__ == "__main__":
    raise SystemExit(main())
