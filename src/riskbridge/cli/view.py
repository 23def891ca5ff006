"""Commands for saved views."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from riskbridge.cli.commands import app, open_app
from riskbridge.cli.options import Home, Json

view_app = typer.Typer(help="Saved views: a name for a query, columns, sort and grouping.", no_args_is_help=True)
app.add_typer(view_app, name="view")

Name = Annotated[str, typer.Argument(help="Its name or id")]


@view_app.command("list")
def view_list(home: Home = None, *, as_json: Json = False) -> None:
    """Show your views and all that are shared."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.saved_views import shown_view  # noqa: PLC0415

    with open_app(home) as opened:
        rows = [shown_view(v) for v in opened.store.views.list_views(opened.store.actor)]
    if as_json:
        say_json({"count": len(rows), "rows": rows})
    else:
        shown = ("name", "subject", "owner", "is_shared", "query", "group")
        render_rows([{n: r[n] for n in shown} for r in rows], empty="There is none. See: riskbridge view save --help")


@view_app.command("save")
def view_save(
    name: Name,
    query: Annotated[str, typer.Option(help="QQL; left out: everything")] = "",
    about: Annotated[str, typer.Option("--about", help="findings or assets")] = "findings",
    columns: Annotated[str, typer.Option(help="Columns, comma-separated; left out: the usual ones")] = "",
    sort: Annotated[str, typer.Option(help="Columns, comma-separated, each after a minus for falling order")] = "",
    group: Annotated[str | None, typer.Option(help="What rows are put together by, such as product")] = None,
    home: Home = None,
    *,
    shared: Annotated[bool, typer.Option("--shared", help="Everybody sees it")] = False,
    as_json: Json = False,
) -> None:
    """Save a view, or change yours of that name."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.saved_views import change_view, make_view, shown_view  # noqa: PLC0415

    shown: dict[str, Any] = {
        "query": query,
        "columns": tuple(n.strip() for n in columns.split(",") if n.strip()),
        "sort": tuple(n.strip() for n in sort.split(",") if n.strip()),
        "group": group,
        "is_shared": shared,
    }
    with open_app(home) as opened:
        actor, views = opened.store.actor, opened.store.views
        mine = [v for v in views.list_views(actor, about) if v.owner == actor and v.name.casefold() == name.casefold()]
        view = change_view(opened, mine[0], actor, **shown) if mine else make_view(opened, actor, name, about, **shown)
        views.save_view(view)
    say(shown_view(view), f"Saved. See it with: riskbridge {about} --view '{view.name}'", as_json=as_json)


@view_app.command("show")
def view_show(name: Name, home: Home = None, *, as_json: Json = False) -> None:
    """Show one view."""
    from riskbridge.cli.render import render_pairs, say_json  # noqa: PLC0415
    from riskbridge.saved_views import shown_view  # noqa: PLC0415

    with open_app(home) as opened:
        shown = shown_view(opened.store.views.get_view(name, opened.store.actor))
    if as_json:
        say_json(shown)
    else:
        render_pairs(shown)


@view_app.command("delete")
def view_delete(name: Name, home: Home = None, *, as_json: Json = False) -> None:
    """Delete a view of yours."""
    from riskbridge.cli.render import say  # noqa: PLC0415
    from riskbridge.saved_views import require_owner  # noqa: PLC0415

    with open_app(home) as opened:
        view = opened.store.views.get_view(name, opened.store.actor)
        require_owner(view, opened.store.actor)
        opened.store.views.delete_view(view)
    say({"deleted": view.name}, f"The view {view.name} is deleted.", as_json=as_json)
