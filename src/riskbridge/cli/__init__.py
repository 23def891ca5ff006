"""The `riskbridge` command: parse, call the app, render. Exit codes are those of `riskbridge.errors`."""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import TYPE_CHECKING

from riskbridge.errors import RiskbridgeError

if TYPE_CHECKING:
    from typer import Typer

_STOPPED = 130
_ENDED = "\nStopped. A run that was under way has ended, and nothing of it was published.\n"


def main() -> None:
    """Run the command line: here, or, where a server owns the home, there."""
    # Expressions are many small objects that live as long as the command; looking through them often takes a tenth of a run.
    gc.set_threshold(100_000, 20, 20)
    # numpy comes with Arrow; its threads wait by asking, for nothing.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    code = perform(sys.argv[1:])
    gc.freeze()  # and they all go with the process, so that nothing is looked through once more at its end
    sys.exit(code)


def perform(words: list[str]) -> int:
    """Run a command line on the terminal that this thread works for; gives its exit code.

    A failure is said in words, with its remedy, and as JSON when `--json` was asked for.
    """
    from riskbridge.cli.client import ServedElsewhereError, run_there  # noqa: PLC0415

    app = load_commands()
    try:
        try:
            app(args=words, prog_name="riskbridge", standalone_mode=True)
        except ServedElsewhereError as served:
            return run_there(served, words)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if code == _STOPPED:  # Typer's word for Ctrl-C
            sys.stderr.write(_ENDED)
        return code
    except RiskbridgeError as error:
        _say(error, as_json="--json" in words)
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write(_ENDED)
        return _STOPPED
    return 0


def load_commands() -> Typer:
    """The command line with every command."""
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
        runs,  # noqa: F401
        schedule,  # noqa: F401
        score,  # noqa: F401
        score_map,  # noqa: F401
        serve,  # noqa: F401
        tag,  # noqa: F401
        token,  # noqa: F401
        view,  # noqa: F401
    )
    from riskbridge.cli.commands import app  # noqa: PLC0415 - keeps the import of this package light

    return app


def _say(error: RiskbridgeError, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"error": error.as_dict()}) + "\n")
        return
    sys.stderr.write(f"Error: {error.message}\n{error.remedy}\n")
    faults = error.context.get("faults")
    for fault in faults if isinstance(faults, list) and len(faults) > 1 else ():
        place = f"row {fault['row']}: " if fault.get("row") else ""
        sys.stderr.write(f"  {place}{fault['message']} → {fault['remedy']}\n")
