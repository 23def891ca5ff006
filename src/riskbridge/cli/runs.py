"""Commands that run a connector, and that show what became of runs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from riskbridge.cli.commands import app, open_app
from riskbridge.cli.options import ChosenProfile, Home, Json, Limit


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="Connector")],
    profile: ChosenProfile = None,
    home: Home = None,
    *,
    accept_drop: Annotated[
        bool, typer.Option(help="Close findings even after a large drop or a doubtful reading")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run a connector now; one that was killed goes on where it was."""
    from riskbridge.cli.progress import show_progress  # noqa: PLC0415
    from riskbridge.cli.render import record_as_dict, render_run, say_json  # noqa: PLC0415

    with open_app(home) as opened, show_progress(as_json=as_json) as progress:
        record = opened.run(name, profile_name=profile, progress=progress, is_drop_accepted=accept_drop)
    if as_json:
        say_json(record_as_dict(record))
    else:
        render_run(record)


@app.command()
def runs(home: Home = None, limit: Limit = 20, *, as_json: Json = False) -> None:
    """List runs, newest first."""
    from riskbridge.cli.render import record_as_dict, render_rows, say_json  # noqa: PLC0415

    with open_app(home) as opened:
        records = [record_as_dict(r) for r in opened.store.list_runs(limit=limit)]
    if as_json:
        say_json({"count": len(records), "rows": records})
        return
    render_rows([_line(r) for r in records], empty="No run yet. Start one with: riskbridge run NAME")


def _line(record: dict[str, Any]) -> dict[str, Any]:
    """A run in 80 characters; --json gives the rest."""
    return {
        "run": record["run"],
        "connector": record["connector"],
        "outcome": record["outcome"],
        "started (UTC)": record["started_at"][:16].replace("T", " "),
        "seconds": record["seconds"],
        "new": record["findings_new"],
        "fixed": record["findings_fixed"],
        "rejects": record["rejects"],
    }


@app.command()
def rejects(
    run: Annotated[
        str | None, typer.Option("--run", help="Number or id of a run; left out: the newest that read a source")
    ] = None,
    home: Home = None,
    limit: Limit = 50,
    *,
    as_json: Json = False,
) -> None:
    """List the rows that a run could not use, with the reason of each, and count the reasons."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.rejected import find_rejects, show_rejects  # noqa: PLC0415

    with open_app(home) as opened:
        found = show_rejects(opened, limit=limit) if run is None else find_rejects(opened, run, limit=limit)
    if as_json:
        say_json(found.as_dict())
        return
    which = "The newest run" if run is None else f"Run {run}"
    unused = f"{which} published nothing." if found.run is None else f"{which} used every row."
    render_rows(found.reasons, empty=unused)
    if found.rows:
        typer.echo("")
        render_rows([{k: v for k, v in r.items() if k not in ("run", "raw")} for r in found.rows], empty="")
        typer.echo(f"{len(found.rows):,} of {found.count:,} rejects of run {found.run}")
