"""The `riskbridge` command: parse, call the app, render. Exit codes are those of `riskbridge.errors`."""

from __future__ import annotations

import json
import sys

from riskbridge.errors import RiskbridgeError


def main() -> None:
    """Run the command line; a failure is said in words, with its remedy, and as JSON when `--json` was asked for."""
    from riskbridge.cli import decide, feeds, held, preview, record, rule, schedule, score, serve  # noqa: F401, PLC0415 - add their commands
    from riskbridge.cli.commands import app  # noqa: PLC0415 - keeps the import of this package light

    try:
        app(standalone_mode=True)
    except RiskbridgeError as error:
        if "--json" in sys.argv:
            sys.stdout.write(json.dumps({"error": error.as_dict()}) + "\n")
        else:
            sys.stderr.write(f"Error: {error.message}\n{error.remedy}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. A run that was under way goes on where it was with the next `riskbridge run`.\n")
        sys.exit(130)
