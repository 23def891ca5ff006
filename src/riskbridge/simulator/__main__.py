"""`python -m riskbridge.simulator`: serve a tenant until stopped."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from riskbridge.errors import RiskbridgeError
from riskbridge.simulator.server import serve, stop_on_signals
from riskbridge.simulator.settings import SimulatorSettings

_DEFAULTS = SimulatorSettings(home=Path())


def main() -> int:
    """Read the options, serve, and give the exit code."""
    options = _parser().parse_args()
    values = {k: v for k, v in vars(options).items() if k not in ("exit_with_parent", "no_quotas", "roles", "sources")}
    settings = SimulatorSettings(
        **values,
        sources=tuple(options.sources),
        roles=tuple(r for r in options.roles.split(",") if r),
        has_quotas=not options.no_quotas,
    )
    stop_on_signals()
    try:
        serve(settings, exits_with_parent=options.exit_with_parent)
    except RiskbridgeError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="riskbridge simulator", description="A Defender tenant on localhost.")
    add = parser.add_argument
    add("--home", type=Path, default=Path.home() / ".riskbridge" / "simulator", help="folder of the authority")
    add("--devices", type=int, default=_DEFAULTS.devices)
    add("--findings-per-device", type=int, default=_DEFAULTS.findings_per_device)
    add("--seed", type=int, default=_DEFAULTS.seed)
    add("--from", dest="sources", type=Path, action="append", default=[], help="saved JSON, a file or folder")
    add("--port", type=int, default=_DEFAULTS.port)
    add("--login-port", type=int, default=_DEFAULTS.login_port)
    add("--tenant-id", default=_DEFAULTS.tenant_id)
    add("--client-id", default=_DEFAULTS.client_id)
    add("--client-secret", default=_DEFAULTS.client_secret)
    add("--audience", default=_DEFAULTS.audience)
    add("--roles", default=",".join(_DEFAULTS.roles), help="application permissions in tokens, by comma")
    add("--token-life-s", type=int, default=_DEFAULTS.token_life_s)
    add("--no-quotas", action="store_true", help="no call limits")
    add("--exit-with-parent", action="store_true", help="stop when the process that started it has ended")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
