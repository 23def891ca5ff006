"""Commands that list assets and findings: by a query, a saved view, grouped, at any past moment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from riskbridge.cli.commands import app, open_app
from riskbridge.cli.options import AsOf, Home, Json, Limit, spread

if TYPE_CHECKING:
    from riskbridge.app import App
    from riskbridge.search.tokens import Subject

Query = Annotated[str, typer.Argument(help="QQL; empty for all")]


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What of a list is shown, and how."""

    limit: Limit = 20
    as_of: AsOf = None
    view: Annotated[str | None, typer.Option("--view", help="A saved view; a query narrows it further")] = None
    sort: Annotated[str, typer.Option(help="Columns, comma-separated, each after a minus for falling order")] = ""
    columns: Annotated[str, typer.Option(help="Columns to show, comma-separated")] = ""
    group: Annotated[
        str | None,
        typer.Option("--group", "--group-by", help="Put rows together by this, or by its column, such as tags"),
    ] = None

    def asked(self, opened: App, subject: Subject, query: str) -> Asked:
        """What is asked for: that of the view, and what is said besides."""
        said = Asked(query, _names(self.sort), _names(self.columns), _grouping(subject, self.group))
        if self.view is None:
            return said
        saved = opened.store.views.get_view(self.view, opened.store.actor, subject)
        both = " and ".join(f"({q})" for q in (saved.query, query) if q.strip())
        return Asked(both, said.sort or saved.sort, said.columns or saved.columns, said.group or saved.group)


@dataclass(frozen=True, slots=True)
class Asked:
    """A list as it is asked for: query, sort, columns and grouping."""

    query: str
    sort: tuple[str, ...]
    columns: tuple[str, ...]
    group: str | None

    @property
    def is_plain(self) -> bool:
        """Whether it is shown as usual."""
        return not (self.sort or self.columns or self.group)


@app.command()
@spread
def assets(options: ListOptions, query: Query = "", home: Home = None, *, as_json: Json = False) -> None:
    """Search assets, highest TruRisk first. Groups: tag, group, system, criticality, band, source."""
    _list("assets", query, options, home, as_json=as_json)


@app.command()
@spread
def findings(options: ListOptions, query: Query = "", home: Home = None, *, as_json: Json = False) -> None:
    """Search findings, highest QDS first. Groups: cve, product, fix, asset, tag, owner, status, severity."""
    _list("findings", query, options, home, as_json=as_json)


def _list(subject: Subject, query: str, options: ListOptions, home: Path | None, *, as_json: bool) -> None:
    from riskbridge.cli.render import ASSET_COLUMNS, FINDING_COLUMNS, render_listing  # noqa: PLC0415

    with open_app(home) as opened:
        asked = options.asked(opened, subject, query)
        if not asked.is_plain:
            _show(opened, subject, asked, options, as_json=as_json)
            return
        find = opened.list_assets if subject == "assets" else opened.list_findings
        found = find(asked.query, limit=options.limit, as_of=options.as_of)
        render_listing(found, ASSET_COLUMNS if subject == "assets" else FINDING_COLUMNS, subject, as_json=as_json)


def _show(opened: App, subject: Subject, asked: Asked, options: ListOptions, *, as_json: bool) -> None:
    from riskbridge.app import Listing  # noqa: PLC0415
    from riskbridge.browse import MOST_ROWS, browse, group_assets, group_findings  # noqa: PLC0415
    from riskbridge.cli.render import render_listing, render_rows, say_json  # noqa: PLC0415

    limit = max(1, min(options.limit, MOST_ROWS))
    if asked.group:
        grouped: Any = group_findings if subject == "findings" else group_assets
        rows = grouped(opened, asked.group, asked.query, limit=limit, as_of=options.as_of)
        if as_json:
            say_json({"count": len(rows), "rows": rows})
        else:
            render_rows([{n: v for n, v in r.items() if n != "query"} for r in rows], empty=f"No {subject} match.")
        return
    columns = asked.columns or None
    page = browse(opened, subject, asked.query, sort=asked.sort, columns=columns, limit=limit, as_of=options.as_of)
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
