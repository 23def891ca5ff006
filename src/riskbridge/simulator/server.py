"""The simulator as a process: the login host over TLS, the API over plain http, both on loopback alone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import trustme
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from starlette.applications import Starlette

from riskbridge.errors import ConfigError
from riskbridge.simulator.api import DefenderApi
from riskbridge.simulator.control import Control
from riskbridge.simulator.entra import Entra
from riskbridge.simulator.faults import Faults
from riskbridge.simulator.recorded import RecordedTenant
from riskbridge.simulator.settings import SimulatorSettings
from riskbridge.simulator.tenant import Tenant

HOST = "127.0.0.1"


def serve(settings: SimulatorSettings, *, exits_with_parent: bool = False) -> None:
    """Serve a tenant until SIGTERM or SIGINT; prints one JSON line on standard output once it listens.

    Raises:
        ConfigError: A recording cannot be served, or a port is taken.
    """
    tenant = _make_tenant(settings)
    entra, faults = Entra(settings), Faults()
    api = DefenderApi(settings, tenant, entra, faults)
    control = Control(tenant, api, faults)
    bundle, certificate = make_certificates(settings.home)
    with _listen(settings.port) as api_socket, _listen(settings.login_port) as login_socket:
        login = uvicorn.Config(
            Starlette(routes=entra.routes()), ssl_certfile=str(certificate), ssl_keyfile=str(certificate), **_QUIET
        )
        defender = uvicorn.Config(Starlette(routes=[*api.routes(), *control.routes()]), **_QUIET)
        line = _describe(settings, tenant, api_socket, login_socket, bundle)
        asyncio.run(_serve_both([(login, login_socket), (defender, api_socket)], line, exits_with_parent))


_QUIET: dict[str, Any] = {"log_level": "error", "access_log": False, "lifespan": "off", "timeout_graceful_shutdown": 1}


async def _serve_both(
    configs: list[tuple[uvicorn.Config, socket.socket]],
    line: dict[str, object],
    exits_with_parent: bool,  # noqa: FBT001 - handed through asyncio.run
) -> None:
    servers = [uvicorn.Server(config) for config, _ in configs]
    tasks = [asyncio.create_task(s.serve(sockets=[sock])) for s, (_, sock) in zip(servers, configs, strict=True)]
    while not all(s.started for s in servers):
        await asyncio.sleep(0.01)
    print(json.dumps(line), flush=True)  # noqa: T201 - the line is the interface
    parent = os.getppid()
    while not any(t.done() for t in tasks):
        await asyncio.sleep(0.2)
        if exits_with_parent and os.getppid() != parent:
            break
    for server in servers:
        server.should_exit = True
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks)


def make_certificates(home: Path) -> tuple[Path, Path]:
    """The authority's certificate and the server's key with certificate, made at first use and kept in `home`."""
    bundle, certificate = home / "ca.pem", home / "server.pem"
    if not (bundle.exists() and certificate.exists()) or _is_expired(bundle):
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        authority = trustme.CA(organization_name="riskbridge simulator")
        issued = authority.issue_cert(HOST, "localhost")
        pem = issued.private_key_pem.bytes() + b"".join(b.bytes() for b in issued.cert_chain_pems)
        certificate.touch(mode=0o600)
        certificate.write_bytes(pem)
        bundle.write_bytes(authority.cert_pem.bytes())
    return bundle, certificate


def _is_expired(bundle: Path) -> bool:
    from datetime import UTC, datetime  # noqa: PLC0415

    try:
        certificate = x509.load_pem_x509_certificate(bundle.read_bytes())
    except ValueError:
        return True
    return certificate.not_valid_after_utc < datetime.now(UTC)


def _make_tenant(settings: SimulatorSettings) -> Tenant | RecordedTenant:
    if settings.sources:
        return RecordedTenant(settings.sources)
    return Tenant(devices=settings.devices, findings_per_device=settings.findings_per_device, seed=settings.seed)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"Port {port} on {HOST} cannot be used: {error.strerror}.",
            code="simulator.port-taken",
            remedy="Choose another port, or 0 for a free one.",
        ) from error
    return listener


def _describe(
    settings: SimulatorSettings,
    tenant: Tenant | RecordedTenant,
    api: socket.socket,
    login: socket.socket,
    bundle: Path,
) -> dict[str, object]:
    api_url = f"http://{HOST}:{api.getsockname()[1]}"
    return {
        "login_url": f"https://{HOST}:{login.getsockname()[1]}/",
        "api_url": api_url,
        "control_url": f"{api_url}/_simulator",
        "feeds_url": f"{api_url}/feeds",
        "ca_bundle": str(bundle),
        "tenant_id": settings.tenant_id,
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
        "audience": settings.audience,
        "devices": tenant.machine_count,
        "findings": tenant.finding_count,
        "pid": os.getpid(),
    }


def stop_on_signals() -> None:
    """Let SIGTERM end the process as SIGINT does; uvicorn takes over once it serves."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
