"""The simulator as a process: the login host over TLS, the API over plain http (or TLS), both on loopback alone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from riskbridge.errors import ConfigError
from riskbridge.simulator import feeds
from riskbridge.simulator.api import DefenderApi, World
from riskbridge.simulator.assertions import register
from riskbridge.simulator.authority import ensure_certificates
from riskbridge.simulator.clock import TenantClock
from riskbridge.simulator.control import Control
from riskbridge.simulator.entra import Entra
from riskbridge.simulator.export_api import Exports
from riskbridge.simulator.faults import Faults
from riskbridge.simulator.machine_identity import MachineIdentity
from riskbridge.simulator.recorded import RecordedTenant
from riskbridge.simulator.recorded_exports import RecordedArchive
from riskbridge.simulator.scenarios import play
from riskbridge.simulator.settings import SimulatorSettings
from riskbridge.simulator.snapshots import Archive
from riskbridge.simulator.tenant import Tenant

HOST = "127.0.0.1"
RUNNING = "running.json"
"""File in the home of a running simulator: its printed line."""
_PARENT_CHECK_S = 0.25


def serve(settings: SimulatorSettings, *, exits_with_parent: bool = False, ready_file: Path | None = None) -> None:
    """Serve a tenant until SIGTERM or SIGINT.

    Once both hosts listen, one line of JSON goes to standard output (and to `ready_file`): addresses, credentials,
    counts and the process id.

    Args:
        settings: The tenant and where it listens.
        exits_with_parent: Stop when the process that started this one has ended.
        ready_file: Where the line is written too, whole or not at all.

    Raises:
        ConfigError: A recording cannot be served, a setting is wrong, the home cannot be used, or a port is taken.
    """
    parent = os.getppid()
    world = make_world(settings)
    faults = Faults()
    bundle, certificate = ensure_certificates(settings.home)
    registered = register(settings.home, settings.client_secret)
    entra = Entra(settings, faults, registered)
    clock = TenantClock(_start_of(settings, world), speed=settings.speed)
    archive = _make_archive(world, clock)
    exports = Exports(archive, clock, settings.tenant_id) if archive is not None else None
    api = DefenderApi(settings, world, entra, faults, exports)
    control = Control(world, api, entra, faults, clock)
    for name, values in settings.scenarios:
        play(name, values, world, faults)
    tls = {"ssl_certfile": str(certificate), "ssl_keyfile": str(certificate)}
    login_config = _config(Starlette(routes=entra.routes()), tls)
    identity = MachineIdentity(entra, settings.client_id)
    routes = [*api.routes(), *identity.routes(), *control.routes(), *feeds.routes()]
    api_config = _config(Starlette(routes=routes), tls if settings.has_api_tls else {})
    certificate.unlink()
    with _listen(settings.port) as api_socket, _listen(settings.login_port) as login_socket:
        login, defender = _Server(login_config, login_socket), _Server(api_config, api_socket)
        line = json.dumps(_described(settings, world, api_socket, login_socket, bundle, registered.files))
        running = settings.home / RUNNING
        running.write_text(line + "\n", encoding="utf-8")
        try:
            asyncio.run(_serve_both(login, defender, line, parent if exits_with_parent else None, ready_file))
        finally:
            _forget_running(running)


def _forget_running(running: Path) -> None:
    """Another simulator of the same home may have written its own line since."""
    with suppress(OSError, ValueError):
        if json.loads(running.read_text(encoding="utf-8"))["pid"] == os.getpid():
            running.unlink()


def make_world(settings: SimulatorSettings) -> World:
    """The tenant that the settings describe.

    Raises:
        ConfigError: `simulator.bad-setting`, or what a recording raises.
    """
    if settings.sources:
        return RecordedTenant(settings.sources)
    now = _start_of(settings)
    if settings.devices < 0 or settings.findings_per_device < 0:
        raise _bad_setting("The numbers of devices and findings cannot be negative.")
    return Tenant(
        devices=settings.devices, findings_per_device=settings.findings_per_device, seed=settings.seed, now=now
    )


def _make_archive(world: World, clock: TenantClock) -> Archive | RecordedArchive | None:
    if isinstance(world, Tenant):
        return Archive(world, clock)
    return RecordedArchive(world.saved, clock.now()) if world.has_exports else None


def _start_of(settings: SimulatorSettings, world: World | None = None) -> datetime:
    """When the tenant's clock starts: a recording says it itself."""
    recorded_at = world.saved.recorded_at if isinstance(world, RecordedTenant) else ""
    try:
        return datetime.fromisoformat(recorded_at or settings.as_of).astimezone(UTC)
    except ValueError as error:
        raise _bad_setting(f"The tenant's clock {settings.as_of!r} is no time.") from error


class _Server(uvicorn.Server):
    """A server on a socket of ours that leaves signals to whoever runs it."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket) -> None:
        super().__init__(config)
        self._listener = listener

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: two servers share this process."""
        yield

    async def run_on_socket(self) -> None:
        """Serve until `should_exit`."""
        await self.serve(sockets=[self._listener])


class _ResettableProtocol(H11Protocol):
    """HTTP/1.1 whose application may reset the connection, for the fault of that name."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Hand the application the means to reset this connection."""
        super().connection_made(transport)
        inner = self.app

        def reset() -> None:
            # Lingering on for zero seconds makes the kernel send RST in place of FIN.
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()

        async def with_reset(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})["riskbridge.reset"] = {"reset": reset}
            await inner(scope, receive, send)

        self.app = with_reset


def _config(app: Starlette, tls: dict[str, Any]) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=_ResettableProtocol,
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
        **tls,
    )
    config.load()
    return config


async def _serve_both(
    login: _Server, defender: _Server, line: str, parent: int | None, ready_file: Path | None
) -> None:
    servers = (login, defender)
    tasks = [asyncio.create_task(server.run_on_socket()) for server in servers]
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    while not all(server.started for server in servers):  # noqa: ASYNC110 - uvicorn offers a flag alone
        await asyncio.sleep(0.005)
    _announce(line, ready_file)
    while not stop.is_set() and not any(task.done() for task in tasks):
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _PARENT_CHECK_S)
        if parent is not None and os.getppid() != parent:
            break
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*tasks)


def _announce(line: str, ready_file: Path | None) -> None:
    # The file first: who reads the line may count on it.
    if ready_file is not None:
        temporary = ready_file.with_name(f".{ready_file.name}.{os.getpid()}")
        temporary.write_text(line + "\n", encoding="utf-8")
        temporary.replace(ready_file)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections take it over: a body does not wait 40 ms until the client has acknowledged its head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigError(
            f"Port {port} on {HOST} cannot be used: {error}.",
            code="simulator.port-taken",
            remedy="Choose another port, or 0 for a free one.",
        ) from error
    return listener


def _described(
    settings: SimulatorSettings,
    world: World,
    api: socket.socket,
    login: socket.socket,
    bundle: Path,
    files: Mapping[str, Path],
) -> dict[str, object]:
    api_url = f"http{'s' if settings.has_api_tls else ''}://{HOST}:{api.getsockname()[1]}"
    return {
        "login_url": f"https://{HOST}:{login.getsockname()[1]}/",
        "api_url": api_url,
        "control_url": f"{api_url}/_simulator",
        "feeds_url": f"{api_url}/feeds",
        "ca_bundle": str(bundle.resolve()),
        "tenant_id": settings.tenant_id,
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
        **{name: str(path) for name, path in files.items()},
        "audience": settings.audience,
        "devices": world.machine_count,
        "findings": world.finding_count,
        "pid": os.getpid(),
    }


def _bad_setting(text: str) -> ConfigError:
    return ConfigError(text, code="simulator.bad-setting", remedy="Mend the setting and start the simulator again.")
