"""Commands for closings that were held back."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from riskbridge.cli.commands import app, open_app
from riskbridge.cli.options import Home, Json, Limit

held_app = typer.Typer(help="Closings that runs held back for a person.", no_args_is_help=True)
app.add_typer(held_app, name="held")
Why = Annotated[str, typer.Option("--why", help="The reason, kept with the decision")]
Id = Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it")]


@held_app.command("list")
def held_list(
    connector: Annotated[str | None, typer.Argument(help="Connector; left out: all")] = None,
    home: Home = None,
    *,
    is_all: Annotated[bool, typer.Option("--all", help="Decided ones too")] = False,
    as_json: Json = False,
) -> None:
    """List closings that wait for a decision."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.holds import list_holds  # noqa: PLC0415

    with open_app(home) as opened:
        rows = list_holds(opened, connector, is_all=is_all)
    if as_json:
        say_json({"count": len(rows), "rows": rows})
        return
    shown = ("hold_id", "connector_name", "run", "cause", "findings", "assets", "state", "message")
    render_rows([{n: row[n] for n in shown} for row in rows], empty="Nothing is held.")


@held_app.command("show")
def held_show(hold_id: Id, home: Home = None, limit: Limit = 20, *, as_json: Json = False) -> None:
    """Show why closings are held, and which findings they would close."""
    from riskbridge.cli.render import render_pairs, render_rows, say_json  # noqa: PLC0415
    from riskbridge.holds import show_hold  # noqa: PLC0415

    with open_app(home) as opened:
        found = show_hold(opened, hold_id, limit=limit)
    if as_json:
        say_json(found)
        return
    render_pairs(found["hold"] | {"still out of sight": found["still_out_of_sight"]})
    render_rows(found["reasons"], empty="")
    render_rows(found["findings"], empty="")


@held_app.command("approve")
def held_approve(hold_id: Id, why: Why, home: Home = None, *, as_json: Json = False) -> None:
    """Close what is held and was not seen since."""
    _decide(hold_id, why, home, is_approved=True, as_json=as_json)


@held_app.command("reject")
def held_reject(hold_id: Id, why: Why, home: Home = None, *, as_json: Json = False) -> None:
    """Keep open what is held."""
    _decide(hold_id, why, home, is_approved=False, as_json=as_json)


def _decide(hold_id: str, why: str, home: Any, *, is_approved: bool, as_json: bool) -> None:
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.holds import decide_hold  # noqa: PLC0415

    with open_app(home) as opened:
        decided = decide_hold(opened, hold_id, why, is_approved=is_approved)
    word = f"Approved: {decided['closed']:,} detections closed." if is_approved else "Rejected: all stay open."
    say(decided, word, as_json=as_json)
