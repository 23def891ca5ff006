"""Commands for the weights of scores, for trying others, for the best fixes, and for the estate's score over time."""

from __future__ import annotations

from typing import Annotated

import typer

from riskbridge.cli.commands import app, open_app
from riskbridge.cli.options import Home, Json

score_app = typer.Typer(help="Weights of the scores, what-if, best fixes, history.", no_args_is_help=True)
app.add_typer(score_app, name="score")

Weights = Annotated[list[str], typer.Argument(metavar="NAME=VALUE...", help="Such as trurisk.formula=trurisk-2")]


@score_app.command("show")
def score_show(home: Home = None, *, as_json: Json = False) -> None:
    """Show every weight that scores are made with."""
    from riskbridge.cli.render import render_pairs, say_json  # noqa: PLC0415
    from riskbridge.scoring import list_score_settings, load_score_settings  # noqa: PLC0415

    with open_app(home) as opened:
        weights = list_score_settings(load_score_settings(opened.store))
    if as_json:
        say_json(weights)
    else:
        render_pairs(weights)


@score_app.command("set")
def score_set(weights: Weights, home: Home = None, *, as_json: Json = False) -> None:
    """Change weights, and score everything anew; try them first with: riskbridge score try."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.rescoring import change_weights  # noqa: PLC0415
    from riskbridge.scoring import parse_changes  # noqa: PLC0415

    changes = parse_changes(weights)
    with open_app(home) as opened:
        moved = change_weights(opened, changes)
    say({"changed": changes, "rescored": moved}, _told(moved), as_json=as_json)


@score_app.command("reset")
def score_reset(home: Home = None, *, as_json: Json = False) -> None:
    """Take the built-in weights again, and score everything anew."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.rescoring import reset_weights  # noqa: PLC0415

    with open_app(home) as opened:
        moved = reset_weights(opened)
    say({"rescored": moved}, _told(moved), as_json=as_json)


@score_app.command("try")
def score_try(weights: Weights, home: Home = None, *, as_json: Json = False) -> None:
    """Show what scores would be under other weights; nothing is saved."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.scoring import parse_changes  # noqa: PLC0415
    from riskbridge.whatif import try_weights  # noqa: PLC0415 - loads Ibis

    with open_app(home) as opened:
        tried = try_weights(opened, parse_changes(weights))
    if as_json:
        say_json(tried)
        return
    estate = tried["estate"]
    typer.echo(f"Estate TruRisk: {estate['before']:.1f} now, {estate['after']:.1f} then. Nothing was saved.")
    typer.echo(f"{tried['findings_moved']:,} findings would move, {tried['assets_moved']:,} assets change their band.")
    typer.echo("Findings by QDS band")
    render_rows(tried["findings"], empty="")
    typer.echo("Assets by TruRisk band")
    render_rows(tried["assets"], empty="")
    shown = ("asset_name", "trurisk", "now_trurisk", "rank", "now_rank")
    render_rows([{n: r[n] for n in shown} for r in tried["moves"]], empty="No asset would move.")


@score_app.command("fixes")
def score_fixes(
    limit: Annotated[int, typer.Option("--limit", min=1, max=100, help="How many")] = 10,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Rank products by the risk that their upgrade takes away, and show what the estate comes to with all of them done."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.whatif import rank_fixes  # noqa: PLC0415 - loads Ibis

    with open_app(home) as opened:
        ranked = rank_fixes(opened, limit)
    if as_json:
        say_json(ranked)
        return
    rows = [row | {"estate_after": f"{row['estate_after']:.1f}"} for row in ranked["fixes"]]
    render_rows(rows, empty="No open finding names a product.")
    estate = ranked["estate"]
    typer.echo(
        f"If these upgrades are done, estate TruRisk goes from {estate['before']:.1f} to {estate['after'] or 0:.1f}."
    )


@score_app.command("groups")
def score_groups(
    by: Annotated[str, typer.Option("--by", help="group, tag, system or criticality")] = "group",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Rows to show")] = 50,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Show the TruRisk of groups of assets, highest first."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.whatif import list_groups  # noqa: PLC0415 - loads Ibis

    with open_app(home) as opened:
        rows = list_groups(opened, by, limit=limit)
    if as_json:
        say_json({"count": len(rows), "rows": rows})
        return
    render_rows([row | {"trurisk": f"{row['trurisk']:.1f}"} for row in rows], empty="There is no such group.")


@score_app.command("history")
def score_history(
    days: Annotated[int, typer.Option(min=1, max=3660, help="At most so many days")] = 90,
    by: Annotated[str | None, typer.Option("--by", help="group, tag, system or criticality; else the estate")] = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Show TruRisk at the end of each day on which something was published."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.whatif import list_history  # noqa: PLC0415 - loads Ibis

    with open_app(home) as opened:
        rows = list_history(opened, days=days, by=by)
    if as_json:
        say_json({"count": len(rows), "rows": rows})
        return
    render_rows([row | {"trurisk": f"{row['trurisk']:.1f}"} for row in rows], empty="Nothing is published yet.")


def _told(moved: dict[str, int] | None) -> str:
    if moved is None:
        return "Kept. The first run scores with it."
    return f"Scored anew (run {moved['run']}): {moved['findings']:,} findings and {moved['assets']:,} assets moved."
