"""The command that records a tenant for the simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from riskbridge.cli.commands import connector_app, open_app
from riskbridge.cli.options import Home, Json


@connector_app.command("record")
def connector_record(
    name: Annotated[str, typer.Argument(help="Connector")],
    folder: Annotated[Path, typer.Argument(help="New folder")],
    devices: Annotated[int | None, typer.Option(min=1, help="Records of so many devices alone")] = None,
    hide: Annotated[
        list[str] | None, typer.Option(help="A word to replace wherever it stands; may be repeated")
    ] = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Save a tenant's answers with names replaced, for: riskbridge simulator --from FOLDER."""
    from dataclasses import asdict  # noqa: PLC0415

    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415
    from riskbridge.recording import record_tenant  # noqa: PLC0415 - loads the source

    with open_app(home) as opened:
        found = record_tenant(opened, name, folder, hidden=hide or (), most_devices=devices)
    rows = [asdict(s) for s in found]
    if as_json:
        say_json({"folder": str(folder), "count": len(rows), "rows": rows})
        return
    render_rows([{n: r[n] for n in ("stream", "records", "status", "code")} for r in rows], empty="")
    typer.echo(f"Saved in {folder}. Look it through before you give it away; serve it with:")
    typer.echo(f"  riskbridge simulator --from {folder}")
