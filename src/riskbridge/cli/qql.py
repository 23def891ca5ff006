"""Commands that help with queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from riskbridge.cli.commands import app, open_app
from riskbridge.cli.options import Home, Json

if TYPE_CHECKING:
    from riskbridge.search.tokens import Subject

qql_app = typer.Typer(help="Queries: check one, complete one, list what may be asked.", no_args_is_help=True)
app.add_typer(qql_app, name="qql")

About = Annotated[str, typer.Option("--about", help="findings or assets")]


@qql_app.command("check")
def qql_check(
    query: Annotated[str, typer.Argument(help="QQL")],
    about: About = "findings",
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Say whether a query can be asked, in one spelling, or where its fault is."""
    from riskbridge.assist import check  # noqa: PLC0415
    from riskbridge.cli.render import say, say_json  # noqa: PLC0415
    from riskbridge.errors import InputError  # noqa: PLC0415

    with open_app(home) as opened:
        checked = check(opened, _subject(about), query)
    if checked["is_valid"] or as_json:
        if as_json:
            say_json(checked)
        else:
            say(
                checked, f"{checked['query'] or '(everything)'}\nasks for {', '.join(checked['tokens'])}", as_json=False
            )
    if not checked["is_valid"]:
        if as_json:
            raise typer.Exit(2)
        fault = checked["fault"]
        raise InputError(fault["message"], code=fault["code"], remedy=fault["remedy"])


@qql_app.command("complete")
def qql_complete(
    query: Annotated[str, typer.Argument(help="The query as far as it is typed")],
    about: About = "findings",
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Show what may come next."""
    from riskbridge.assist import complete  # noqa: PLC0415
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415

    with open_app(home) as opened:
        found = complete(opened, _subject(about), query)
    if as_json:
        say_json(found)
    else:
        render_rows(found["suggestions"], empty="Nothing fits.")


@qql_app.command("tokens")
def qql_tokens(about: About = "findings", *, as_json: Json = False) -> None:
    """List every token, and the published ones whose facts are not collected."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.search.tokens import TOKENS  # noqa: PLC0415
    from riskbridge.search.uncollected import UNCOLLECTED  # noqa: PLC0415

    subject = _subject(about)
    rows = [{"token": t.name, "kind": t.kind, "meaning": t.description} for t in TOKENS[subject]]
    rows += [{"token": n, "kind": "not collected", "meaning": u.why} for u in UNCOLLECTED for n in u.names]
    if as_json:
        say_json({"count": len(rows), "rows": rows})
    else:
        render_rows(rows, empty="There is none.")


def _subject(about: str) -> Subject:
    from riskbridge.errors import InputError  # noqa: PLC0415

    if about not in ("findings", "assets"):
        raise InputError(
            f"Nobody can ask about '{about}'.",
            code="qql.unknown-subject",
            remedy="Say --about findings or --about assets.",
        )
    return cast("Subject", about)
