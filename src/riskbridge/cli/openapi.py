"""The command that prints the description of the REST API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from riskbridge.cli.commands import app


@app.command()
def openapi(
    path: Annotated[Path | None, typer.Argument(help="File to write; left out: standard output")] = None,
) -> None:
    """Print the REST API as an OpenAPI 3.1 document, for clients to be made from; needs no home."""
    import json  # noqa: PLC0415

    from riskbridge.api.application import describe_api  # noqa: PLC0415 - loads the server
    from riskbridge.errors import ConfigError  # noqa: PLC0415

    text = json.dumps(describe_api(), indent=2, ensure_ascii=False) + "\n"
    if path is None:
        typer.echo(text, nl=False)
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}.",
            code="openapi.unwritable",
            remedy="Choose another file.",
        ) from error
    typer.echo(f"Written to {path}.")
