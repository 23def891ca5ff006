"""Commands for tags of assets."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from riskbridge.cli.commands import app, open_app
from riskbridge.cli.options import Home, Json

tag_app = typer.Typer(help="Tags of assets: by hand, by query, of sources; with criticality.", no_args_is_help=True)
app.add_typer(tag_app, name="tag")

Name = Annotated[str, typer.Argument(help="Its name")]
Where = Annotated[str, typer.Option(help="QQL: the assets that it describes now")]
Assets = Annotated[list[str] | None, typer.Option("--asset", help="Id of an asset, or its beginning; may be repeated")]


@tag_app.command("list")
def tag_list(home: Home = None, *, as_json: Json = False) -> None:
    """Show every tag, who gives it, and how many assets have it."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.tagging import list_tags  # noqa: PLC0415

    with open_app(home) as opened:
        rows = list_tags(opened)
    if as_json:
        say_json({"count": len(rows), "rows": rows})
    else:
        shown = ("name", "acs", "query", "assets", "by_hand", "from_sources")
        render_rows([{n: r[n] for n in shown} for r in rows], empty="There is none. See: riskbridge tag set --help")


@tag_app.command("set")
def tag_set(
    name: Name,
    query: Annotated[
        str | None, typer.Option(help="QQL: assets that have it besides those given it by hand; '' for none")
    ] = None,
    acs: Annotated[
        int | None, typer.Option(min=0, max=5, help="Criticality of its assets, 1 to 5; the highest counts; 0 for none")
    ] = None,
    description: Annotated[str | None, typer.Option()] = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Make or change a tag; what is left out stays. Its query is asked at once, and with every run."""
    from dataclasses import replace  # noqa: PLC0415

    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.model.tag import Tag  # noqa: PLC0415
    from riskbridge.tagging import save_tag, show_tag  # noqa: PLC0415

    changes: dict[str, Any] = {"query": query, "acs": acs, "description": description}
    changes = {n: v for n, v in changes.items() if v is not None}
    if acs == 0:
        changes["acs"] = None
    with open_app(home) as opened:
        tag = replace(opened.store.tags.find_tag(name) or Tag(name), **changes)
        done = save_tag(opened, tag)
        done["assets"] = show_tag(opened, tag.name)["assets"]
    say(done, f"Tag {tag.name}: {done['assets']:,} assets have it.", as_json=as_json)


@tag_app.command("delete")
def tag_delete(name: Name, home: Home = None, *, as_json: Json = False) -> None:
    """Delete a tag; assets keep one of the same name where a source gives it."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.tagging import delete_tag  # noqa: PLC0415

    with open_app(home) as opened:
        done = delete_tag(opened, name)
    say(done, f"Tag {name} is deleted.", as_json=as_json)


@tag_app.command("assign")
def tag_assign(
    name: Name, where: Where = "", asset: Assets = None, home: Home = None, *, as_json: Json = False
) -> None:
    """Give a tag to assets by hand."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.tagging import assign_tag  # noqa: PLC0415

    with open_app(home) as opened:
        done = assign_tag(opened, name, query=where, asset_ids=asset or ())
    say(done, f"Tag {name} is given to {done['assets']:,} assets more.", as_json=as_json)


@tag_app.command("unassign")
def tag_unassign(
    name: Name, where: Where = "", asset: Assets = None, home: Home = None, *, as_json: Json = False
) -> None:
    """Take a tag that was given by hand from assets."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.tagging import unassign_tag  # noqa: PLC0415

    with open_app(home) as opened:
        done = unassign_tag(opened, name, query=where, asset_ids=asset or ())
    say(done, f"Tag {name} is taken from {done['assets']:,} assets.", as_json=as_json)
