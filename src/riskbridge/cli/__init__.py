"""The `riskbridge` command: parse, call the app, render. Exit codes are those of `riskbridge.errors`."""

from __future__ import annotations

import gc
import json
import sys

from riskbridge.errors import RiskbridgeError


def main() -> None:
    """Run the command line; a failure is said in words, with its remedy, and as JSON when `--json` was asked for."""
    from riskbridge.cli import (  # noqa: PLC0415 - add their commands
        decide,  # noqa: F401
        feeds,  # noqa: F401
        file,  # noqa: F401
        held,  # noqa: F401
        identity,  # noqa: F401
        lists,  # noqa: F401
        map,  # noqa: A004, F401
        model,  # noqa: F401
        openapi,  # noqa: F401
        preview,  # noqa: F401
        profile,  # noqa: F401
        qql,  # noqa: F401
        record,  # noqa: F401
        rule,  # noqa: F401
        score,  # noqa: F401
        score_map,  # noqa: F401
        serve,  # noqa: F401
        tag,  # noqa: F401
        token,  # noqa: F401
        view,  # noqa: F401
    )
    from riskbridge.cli.commands import app  # noqa: PLC0415 - keeps the import of this package light

    # Expressions are many small objects that live as long as the command; looking through them often takes a tenth of a run.
    gc.set_threshold(100_000, 20, 20)
    try:
        app(standalone_mode=True)
    except RiskbridgeError as error:
        if "--json" in sys.argv:
            sys.stdout.write(json.dumps({"error": error.as_dict()}) + "\n")
        else:
            sys.stderr.write(f"Error: {error.message}\n{error.remedy}\n")
            faults = error.context.get("faults")
            for fault in faults if isinstance(faults, list) and len(faults) > 1 else ():
                place = f"row {fault['row']}: " if fault.get("row") else ""
                sys.stderr.write(f"  {place}{fault['message']} → {fault['remedy']}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. A run that was under way goes on where it was with the next `riskbridge run`.\n")
        sys.exit(130)
