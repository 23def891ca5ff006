"""Commands that run a connector, and that show what became of runs."""

from __future__ import annotations

from typing import Annotated

import typer

from riskbridge.cli.commands import Home, Json, Limit, app, open_app


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="Connector")],
    profile: Annotated[str | None, typer.Option(help="Profile, where there are several")] = None,
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
    shown = (
        "run",
        "connector",
        "outcome",
        "started_at",
        "seconds",
        "findings_new",
        "findings_fixed",
        "events",
        "rejects",
    )
    render_rows(
        [{k: r.get(k) for k in shown} for r in records], empty="No run yet. Start one with: riskbridge run NAME"
    )


@app.command()
def rejects(home: Home = None, limit: Limit = 50, *, as_json: Json = False) -> None:
    """List the rows that the newest run could not use, with the reason of each."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415

    with open_app(home) as opened:
        rows = opened.list_rejects(limit=limit)
    if as_json:
        say_json({"count": len(rows), "rows": rows})
    else:
        render_rows([{k: v for k, v in r.items() if k != "raw"} for r in rows], empty="The newest run used every row.")
