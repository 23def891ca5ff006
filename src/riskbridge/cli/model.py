"""Commands for data models: what sources give, and what maps fill."""

from __future__ import annotations

from typing import Annotated

import typer

from riskbridge.cli.commands import app, open_app
from riskbridge.cli.options import Home, Json

model_app = typer.Typer(help="Data models: the fields of sources, and those that maps fill.", no_args_is_help=True)
app.add_typer(model_app, name="model")


@model_app.command("list")
def model_list(home: Home = None, *, as_json: Json = False) -> None:
    """List data models: sources first, then the tables of the target."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.data_models import list_models  # noqa: PLC0415

    with open_app(home) as opened:
        rows = list_models(opened.store)
    if as_json:
        say_json({"count": len(rows), "rows": rows})
    else:
        render_rows(rows, empty="")


@model_app.command("show")
def model_show(
    name: Annotated[str, typer.Argument(help="Data model, such as defender.machines or asset_draft")],
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Show a data model's fields: path, type, whether it may be null, meaning, example, and what searches it."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.data_models import show_model  # noqa: PLC0415

    with open_app(home) as opened:
        shown = show_model(opened.store, name)
    if as_json:
        say_json(shown)
        return
    typer.echo(f"{shown['name']} ({shown['kind']}): {shown['description']}")
    rows = [{k: v for k, v in field.items() if k != "tokens" or shown["kind"] == "target"} for field in shown["fields"]]
    render_rows([{**r, **({"tokens": ", ".join(r["tokens"])} if "tokens" in r else {})} for r in rows], empty="")
