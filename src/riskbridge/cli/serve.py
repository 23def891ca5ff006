"""The command that serves the page and the API."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from riskbridge.cli.commands import app, own_app
from riskbridge.cli.options import Home

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
    file_folder: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of which callers of the page and the API may name files, besides the home's 'files'; "
            "may be repeated; else the setting file_folders"
        ),
    ] = None,
    home: Home = None,
    *,
    clock_speed: Annotated[
        float,
        typer.Option(min=1.0, max=100_000.0, help="For trials: schedules see time pass so many times as fast"),
    ] = 1.0,
    behind_proxy: Annotated[bool, typer.Option(help="A proxy on this machine speaks TLS for it")] = False,
) -> None:
    """Serve the page and the REST API; runs that were stopped go on. Ctrl-C ends it."""
    from riskbridge.serve import Binding  # noqa: PLC0415 - loads the server

    binding = Binding(host, port, certificate, key, tuple(name or ()), is_behind_proxy=behind_proxy)
    folders = [str(folder.absolute()) for folder in file_folder or ()]
    with own_app(home, {"file_folders": folders or None}) as opened:
        serve_home(opened, binding, clock_speed=clock_speed)


def serve_home(opened: App, binding: Binding, *, clock_speed: float = 1.0) -> None:
    """Serve an open home until SIGINT or SIGTERM, and say where; other commands on it work through the server meanwhile.

    Raises:
        ConfigError: `serve.*`: listening there would be unsafe, or is not possible.
    """
    from riskbridge.cli import perform  # noqa: PLC0415
    from riskbridge.cli.relay import Relay  # noqa: PLC0415
    from riskbridge.schedule.clock import ScheduleClock  # noqa: PLC0415
    from riskbridge.serve import check_binding, open_socket  # noqa: PLC0415 - loads the server
    from riskbridge.serve import serve as serve_until_stopped  # noqa: PLC0415
    from riskbridge.service import Service  # noqa: PLC0415

    opened.settings.files_path.mkdir(mode=0o700, exist_ok=True)
    service = Service(opened, clock=ScheduleClock(clock_speed, now=opened.now))
    try:
        check_binding(binding, service)
        relay = Relay(service, perform)
        try:
            with open_socket(binding) as listening:

                def get_ready() -> None:
                    relay.start()
                    say_where(binding, service, listening.getsockname()[1])

                serve_until_stopped(service, binding, listening, on_ready=get_ready)
        finally:
            relay.close()
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
    if service.clock.speed != 1.0:
        typer.echo(f"For a trial, schedules go by a clock that runs {service.clock.speed:g} times as fast.")
    typer.echo("Ctrl-C stops it; a run that is under way goes on at the next start.")
