"""Commands for feeds, and for scoring anew with them."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from riskbridge.cli.commands import app, open_app
from riskbridge.cli.options import Home, Json

if TYPE_CHECKING:
    from riskbridge.app import App

feeds_app = typer.Typer(
    help="Facts of CVEs from CISA KEV, FIRST EPSS, Metasploit and CISA Vulnrichment.", no_args_is_help=True
)
app.add_typer(feeds_app, name="feeds")

Kind = Annotated[str, typer.Argument(help="kev, epss, exploits or cvss")]
NoRescore = Annotated[bool, typer.Option("--no-rescore", help="Leave scores as they are until the next run")]


@feeds_app.command("import")
def feeds_import(
    kind: Kind,
    location: Annotated[str, typer.Argument(help="Path or http(s) URL")],
    released: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day of its facts, where the file states none")
    ] = None,
    home: Home = None,
    *,
    accept_older: Annotated[bool, typer.Option("--accept-older", help="Take it though it is older")] = False,
    no_rescore: NoRescore = False,
    as_json: Json = False,
) -> None:
    """Read a feed, keep it, and score everything anew with it."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.feeds import import_feed  # noqa: PLC0415

    with open_app(home) as opened:
        day = released.date() if released else None
        version = import_feed(opened, kind, location, released_on=day, is_older_accepted=accept_older)
        moved, text = _rescored(opened, f"feed {version.label}", is_wanted=not no_rescore)
    say(
        {"feed": kind, "cves": version.cves, "released_on": str(version.day), "rescored": moved},
        f"Read {version.cves:,} CVEs of {version.label}. {text}",
        as_json=as_json,
    )


@feeds_app.command("bundle")
def feeds_bundle(
    path: Annotated[Path, typer.Argument(help="Archive to write")], home: Home = None, *, as_json: Json = False
) -> None:
    """Write the feeds in use to a signed archive, for a home without internet."""
    from riskbridge.bundles import make_bundle  # noqa: PLC0415
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415

    with open_app(home) as opened:
        made = make_bundle(opened, path)
    if as_json:
        say_json(made)
        return
    render_rows(made["feeds"], empty="")
    typer.echo(f"Written to {path}, signed with {made['key']}")
    typer.echo("Where it is to be used, type once, with the key told by another way than the bundle:")
    typer.echo(f"  riskbridge feeds trust {made['key']}")
    typer.echo(f"and then: riskbridge feeds unbundle {path.name}")


@feeds_app.command("trust")
def feeds_trust(
    key: Annotated[str, typer.Argument(help="Public key, as `feeds bundle` printed it")],
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Take bundles that are signed with this key."""
    from riskbridge.bundles import trust_key  # noqa: PLC0415
    from riskbridge.cli.render import say  # noqa: PLC0415

    with open_app(home) as opened:
        keys = trust_key(opened, key)
    say({"keys": keys}, f"Bundles signed with {key} are taken from now on.", as_json=as_json)


@feeds_app.command("unbundle")
def feeds_unbundle(
    path: Annotated[Path, typer.Argument(help="Archive that `feeds bundle` wrote")],
    home: Home = None,
    *,
    no_rescore: NoRescore = False,
    as_json: Json = False,
) -> None:
    """Take the feeds of a signed archive, and score everything anew with what is newer."""
    from riskbridge.bundles import import_bundle  # noqa: PLC0415
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415

    with open_app(home) as opened:
        rows = import_bundle(opened, path)
        is_new = any(r["state"] == "new" for r in rows)
        moved, text = _rescored(opened, "feeds of a bundle", is_wanted=is_new and not no_rescore)
    if as_json:
        say_json({"count": len(rows), "rows": rows, "rescored": moved})
        return
    render_rows(rows, empty="")
    typer.echo(text)


@feeds_app.command("refresh")
def feeds_refresh(
    kinds: Annotated[list[str] | None, typer.Argument(metavar="[FEED]...", help="None means all")] = None,
    home: Home = None,
    *,
    due: Annotated[bool, typer.Option("--due", help="Those alone whose interval is over")] = False,
    no_rescore: NoRescore = False,
    as_json: Json = False,
) -> None:
    """Read feeds again from where they come from; one that fails keeps its facts and says why."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.feeds import refresh  # noqa: PLC0415

    with open_app(home) as opened:
        rows = refresh(opened, tuple(kinds or ()), is_due_only=due)
        is_new = any(r["state"] == "new" for r in rows)
        moved, text = _rescored(opened, "feeds refreshed", is_wanted=is_new and not no_rescore)
    failed = [r for r in rows if r["state"] == "failed"]
    if as_json:
        say_json({"count": len(rows), "rows": rows, "rescored": moved})
    else:
        render_rows([{n: r[n] for n in ("feed", "state", "cves", "released_on")} for r in rows], empty="None is due.")
        for row in failed:
            typer.echo(f"{row['feed']}: {row['problem']} {row['remedy']}")
        typer.echo(text)
    if failed:
        raise typer.Exit(1)


@feeds_app.command("list")
def feeds_list(home: Home = None, *, as_json: Json = False) -> None:
    """Show what is in use of every feed, how old it is, and where it comes from."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.feeds import list_feeds  # noqa: PLC0415

    with open_app(home) as opened:
        rows = list_feeds(opened)
    if as_json:
        say_json({"count": len(rows), "rows": rows})
        return
    shown = ("feed", "title", "state", "cves", "released_on", "every_hours")
    render_rows([{n: r[n] for n in shown} for r in rows], empty="")


@feeds_app.command("set")
def feeds_set(
    kind: Kind,
    url: Annotated[str | None, typer.Option(help="http(s) URL, or a whole path that something else fills")] = None,
    every: Annotated[int | None, typer.Option(min=1, help="Hours between readings")] = None,
    home: Home = None,
    *,
    on: Annotated[bool | None, typer.Option("--on/--off", help="Read it with `feeds refresh`")] = None,
    as_json: Json = False,
) -> None:
    """Say where a feed comes from and how often it is read."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.feeds import save_source  # noqa: PLC0415

    with open_app(home) as opened:
        source = save_source(opened, kind, url=url, every_hours=every, is_on=on)
    state = f"read from {source['url']} every {source['every_hours']} hours" if source["is_on"] else "switched off"
    say({"feed": kind, **source}, f"{kind} is {state}.", as_json=as_json)


@app.command()
def rescore(home: Home = None, *, as_json: Json = False) -> None:
    """Enrich and score everything anew with what is kept; calls nobody."""
    from riskbridge.cli.render import say  # noqa: PLC0415

    with open_app(home) as opened:
        moved, text = _rescored(opened, "rescored", is_wanted=True)
    say({"rescored": moved}, text, as_json=as_json)


def _rescored(opened: App, why: str, *, is_wanted: bool) -> tuple[dict[str, Any] | None, str]:
    from riskbridge.feeds import rescore as renew  # noqa: PLC0415

    if not is_wanted:
        return None, "Scores stay as they are."
    began = time.monotonic()
    moved = renew(opened, why)
    if moved is None:
        return None, "The first run scores with it."
    moved["seconds"] = round(time.monotonic() - began, 2)
    text = (
        f"Scored anew in {moved['seconds']:g} s (run {moved['run']}): {moved['findings']:,} findings and "
        f"{moved['assets']:,} assets moved."
    )
    return moved, text
