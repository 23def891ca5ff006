"""The command that serves the page and the API."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from riskbridge.cli.commands import Home, app, open_app

if TYPE_CHECKING:
    from riskbridge.app import App
    from riskbridge.serve import Binding
    from riskbridge.service import Service


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes any that is free")] = 8580,
    certificate: Annotated[Path | None, typer.Option(help="PEM certificate, to speak TLS")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM key of the certificate")] = None,
    name: Annotated[list[str] | None, typer.Option(help="Host name it is reached by; may be repeated")] = None,
    home: Home = None,
    *,
    behind_proxy: Annotated[bool, typer.Option(help="A proxy on this machine speaks TLS for it")] = False,
) -> None:
    """Serve the page and the REST API; runs that were stopped go on. Ctrl-C ends it."""
    from riskbridge.serve import Binding  # noqa: PLC0415 - loads the server

    with open_app(home) as opened:
        serve_home(opened, Binding(host, port, certificate, key, tuple(name or ()), is_behind_proxy=behind_proxy))


def serve_home(opened: App, binding: Binding) -> None:
    """Serve an open home until SIGINT or SIGTERM, and say where.

    Raises:
        ConfigError: `serve.*`: listening there would be unsafe, or is not possible.
    """
    from riskbridge.serve import check_binding, open_socket  # noqa: PLC0415 - loads the server
    from riskbridge.serve import serve as serve_until_stopped  # noqa: PLC0415
    from riskbridge.service import Service  # noqa: PLC0415

    service = Service(opened)
    try:
        check_binding(binding, service)
        with open_socket(binding) as listening:
            say_where(binding, service, listening.getsockname()[1])
            serve_until_stopped(service, binding, listening)
    finally:
        service.close()


def say_where(binding: Binding, service: Service, port: int) -> None:
    """Print the address, and the one-time link while nobody has an account."""
    shown = f"[{binding.host}]" if ":" in binding.host else binding.host
    address = f"{'https' if binding.certificate else 'http'}://{shown}:{port}"
    typer.echo(f"riskbridge is at {address}/")
    if service.accounts.is_empty:
        typer.echo(
            f"Make the first account (this link works once): {address}/setup?token={service.accounts.link_token}"
        )
    typer.echo("Ctrl-C stops it; a run that is under way goes on at the next start.")
