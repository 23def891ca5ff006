"""The server: API and pages in one process, on loopback until told otherwise."""

from __future__ import annotations

import ipaddress
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from riskbridge.api.application import make_api
from riskbridge.api.problems import http_problem
from riskbridge.errors import ConfigError
from riskbridge.service import Service
from riskbridge.web.site import make_site

LARGEST_BODY = 1 << 20
UPLOADS = "/api/v1/uploads"
"""The one route whose bodies may be larger: by the setting `largest_upload_mib`, and a form around the file."""
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
_LOOPBACK_NAMES = ["127.0.0.1", "localhost", "[::1]"]


@dataclass(frozen=True, slots=True)
class Binding:
    """Where the server listens. `names` are the host names it answers to besides loopback's."""

    host: str = "127.0.0.1"
    port: int = 8580
    certificate: Path | None = None
    key: Path | None = None
    names: tuple[str, ...] = ()
    is_behind_proxy: bool = False

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine reaches it."""
        if self.host == "localhost":
            return True
        with suppress(ValueError):
            return ipaddress.ip_address(self.host).is_loopback
        return False


def check_binding(binding: Binding, service: Service) -> None:
    """Raise where listening there would be unsafe.

    Raises:
        ConfigError: `serve.no-account`, `serve.no-tls`, `serve.no-name`.
    """
    if binding.is_loopback:
        return
    if service.accounts.is_empty:
        raise ConfigError(
            f"Nobody has an account yet, and {binding.host} can be reached from other machines.",
            code="serve.no-account",
            remedy="Start once without --host and make the first account, then start again.",
        )
    if binding.certificate is None and not binding.is_behind_proxy:
        raise ConfigError(
            f"Passwords would cross the network in clear text to {binding.host}.",
            code="serve.no-tls",
            remedy="Give --certificate and --key, or --behind-proxy where a proxy on this machine speaks TLS.",
        )
    if not binding.names:
        raise ConfigError(
            "The names under which the server is reached are not known.",
            code="serve.no-name",
            remedy="Give each with --name, such as --name riskbridge.example.org.",
        )


def open_socket(binding: Binding) -> socket.socket:
    """The listening socket.

    Raises:
        ConfigError: `serve.cannot-listen`.
    """
    family = socket.AF_INET6 if ":" in binding.host else socket.AF_INET
    try:
        listening = socket.create_server((binding.host, binding.port), family=family)
    except OSError as error:
        raise ConfigError(
            f"Port {binding.port} of {binding.host} cannot be listened on: {error.strerror}.",
            code="serve.cannot-listen",
            remedy="Choose another with --port; 0 takes any that is free.",
        ) from error
    # Connections take it over: a body does not wait 40 ms until the client has acknowledged its head.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def make_server(service: Service, binding: Binding) -> Starlette:
    """API and pages as one ASGI application."""
    names = [*_LOOPBACK_NAMES, *binding.names] if binding.is_loopback else list(binding.names)
    return Starlette(
        routes=[
            Route("/healthz", _is_alive),
            Mount("/api/v1", make_api(service)),
            Mount("/", make_site(service)),
        ],
        # Addresses with a line break are of neither.
        exception_handlers={HTTPException: http_problem},
        middleware=[
            # A name of somebody else's that leads here must not open what is meant for this machine alone.
            Middleware(TrustedHostMiddleware, allowed_hosts=names, www_redirect=False),
            Middleware(_Guard, largest_upload=(service.app.settings.largest_upload_mib << 20) + LARGEST_BODY),
            Middleware(GZipMiddleware, minimum_size=2_000),
        ],
    )


def serve(
    service: Service, binding: Binding, listening: socket.socket, *, on_ready: Callable[[], None] = lambda: None
) -> None:
    """Answer until SIGINT or SIGTERM; call it in the main thread.

    Args:
        service: The served home.
        binding: Where it listens.
        listening: The socket there.
        on_ready: Called once a signal ends it in order, before the first request is answered.
    """
    config = uvicorn.Config(
        make_server(service, binding),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=binding.is_behind_proxy,
        ssl_certfile=binding.certificate,
        ssl_keyfile=binding.key,
        timeout_graceful_shutdown=3,
    )
    server = uvicorn.Server(config)

    def stop(*_: object) -> None:
        server.should_exit = True

    # In its own thread uvicorn leaves signals alone; in the main one it would end the process by the signal itself.
    answering = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="http")
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        on_ready()
        answering.start()
        answering.join()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _is_alive(_: Request) -> Response:
    return PlainTextResponse("ok\n")


class _Guard:
    """Bounds what comes in, and puts the same protective headers on everything that goes out."""

    def __init__(self, app: ASGIApp, largest_upload: int) -> None:
        self._app = app
        self._largest_upload = largest_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        most = self._largest_upload if scope["path"] == UPLOADS and scope["method"] == "POST" else LARGEST_BODY
        is_too_large = not declared.isdigit() or int(declared) > most
        receiving = _bounded(receive, 0 if is_too_large else most, most)
        await self._app(scope, receiving, _with_headers(send, scope["path"]))


def _bounded(receive: Receive, most: int, told: int) -> Receive:
    """What comes in, up to so many bytes; whoever reads on answers 413, which is where logins have been looked at."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most or (most == 0 and message["type"] == "http.request"):
            raise HTTPException(413, f"The body is larger than {told:,} bytes")
        return message

    return bounded


def _with_headers(send: Send, path: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _ in message["headers"]}
            added = HEADERS | ({"cache-control": "public, max-age=3600"} if path.startswith("/static/") else {})
            message["headers"] = [
                *message["headers"],
                *((n.encode(), v.encode()) for n, v in added.items() if n.encode() not in own),
            ]
        await send(message)

    return sending
