"""Commands that list assets and findings: by a query, a saved view, grouped, at any past moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from riskbridge.cli.commands import AsOf, Home, Json, Limit, app, open_app

if TYPE_CHECKING:
    from riskbridge.app import App
    from riskbridge.search.tokens import Subject

Query = Annotated[str, typer.Argument(help="QQL; empty for all")]
View = Annotated[str | None, typer.Option("--view", help="A saved view; a query narrows it further")]
Sort = Annotated[str, typer.Option(help="Columns, comma-separated, each after a minus for falling order")]
Columns = Annotated[str, typer.Option(help="Columns to show, comma-separated")]
Group = Annotated[
    str | None, typer.Option("--group", "--group-by", help="Put rows together by this, or by its column, such as tags")
]


@app.command()
def assets(
    query: Query = "",
    home: Home = None,
    limit: Limit = 20,
    as_of: AsOf = None,
    view: View = None,
    sort: Sort = "",
    columns: Columns = "",
    group: Group = None,
    *,
    as_json: Json = False,
) -> None:
    """Search assets, highest TruRisk first. Groups: tag, group, system, criticality, band, source."""
    from riskbridge.cli.render import ASSET_COLUMNS, render_listing  # noqa: PLC0415

    with open_app(home) as opened:
        asked = _asked(opened, "assets", query, view, sort, columns, group)
        if any(asked[n] for n in ("sort", "columns", "group")):
            _show(opened, "assets", asked, limit, as_of, as_json=as_json)
            return
        found = opened.list_assets(asked["query"], limit=limit, as_of=as_of)
        render_listing(found, ASSET_COLUMNS, "assets", as_json=as_json)


@app.command()
def findings(
    query: Query = "",
    home: Home = None,
    limit: Limit = 20,
    as_of: AsOf = None,
    view: View = None,
    sort: Sort = "",
    columns: Columns = "",
    group: Group = None,
    *,
    as_json: Json = False,
) -> None:
    """Search findings, highest QDS first. Groups: cve, product, fix, asset, tag, owner, status, severity."""
    from riskbridge.cli.render import FINDING_COLUMNS, render_listing  # noqa: PLC0415

    with open_app(home) as opened:
        asked = _asked(opened, "findings", query, view, sort, columns, group)
        if any(asked[n] for n in ("sort", "columns", "group")):
            _show(opened, "findings", asked, limit, as_of, as_json=as_json)
            return
        found = opened.list_findings(asked["query"], limit=limit, as_of=as_of)
        render_listing(found, FINDING_COLUMNS, "findings", as_json=as_json)


def _asked(
    opened: App, subject: Subject, query: str, view: str | None, sort: str, columns: str, group: str | None
) -> dict[str, Any]:
    """What is asked for: that of the view, and what is said besides."""
    asked: dict[str, Any] = {
        "query": query,
        "sort": _names(sort),
        "columns": _names(columns),
        "group": _grouping(subject, group),
    }
    if view is None:
        return asked
    saved = opened.store.views.get_view(view, opened.store.actor, subject)
    both = [f"({q})" for q in (saved.query, query) if q.strip()]
    kept = {"sort": saved.sort, "columns": saved.columns, "group": saved.group}
    return {"query": " and ".join(both), **{n: asked[n] or kept[n] for n in kept}}


def _show(
    opened: App, subject: Subject, asked: dict[str, Any], limit: int, as_of: str | None, *, as_json: bool
) -> None:
    from riskbridge.app import Listing  # noqa: PLC0415
    from riskbridge.browse import MOST_ROWS, browse, group_assets, group_findings  # noqa: PLC0415
    from riskbridge.cli.render import render_listing, render_rows, say_json  # noqa: PLC0415

    rows_wanted = max(1, min(limit, MOST_ROWS))
    if asked["group"]:
        grouped = group_findings if subject == "findings" else group_assets
        rows = grouped(opened, asked["group"], asked["query"], limit=rows_wanted, as_of=as_of)
        if as_json:
            say_json({"count": len(rows), "rows": rows})
        else:
            render_rows([{n: v for n, v in r.items() if n != "query"} for r in rows], empty=f"No {subject} match.")
        return
    columns = asked["columns"] or None
    page = browse(opened, subject, asked["query"], sort=asked["sort"], columns=columns, limit=rows_wanted, as_of=as_of)
    shown = {n: n for n in columns or page.rows[0] if page.rows} if page.rows else {}
    render_listing(Listing(page.count, page.rows), shown, subject, as_json=as_json)


def _grouping(subject: Subject, text: str | None) -> str | None:
    """The name of a grouping, which may be told by its first column too, in any letter case; else as it was typed."""
    from riskbridge.browse import ASSET_GROUPS, GROUPS  # noqa: PLC0415

    wanted = (text or "").strip().lower()
    of_findings, of_assets = [(n, c[0]) for n, c in GROUPS.items()], ASSET_GROUPS.items()
    groups: list[tuple[str, str]] = [*(of_findings if subject == "findings" else of_assets)]
    return next((name for name, column in groups if wanted in (name, column)), text)


def _names(text: str) -> tuple[str, ...]:
    return tuple(n.strip() for n in text.split(",") if n.strip())
