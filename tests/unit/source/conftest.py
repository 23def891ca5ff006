"""A scripted HTTP server on a real socket, a clock that stands still, and tokens out of nowhere."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import trustme

from riskbridge.source.defender.api import DefenderApi
from riskbridge.source.defender.settings import DefenderSettings
from riskbridge.source.http import HttpClient, HttpSettings
from riskbridge.source.retry import RetryPolicy


@dataclass
class Reply:
    """An answer. `cut_at` promises the whole body and hangs up after so many bytes; `is_reset` sends nothing."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_at: int | None = None
    is_reset: bool = False
    hold: Event | None = None


@dataclass
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    port: int


class ScriptedServer:
    """Answers requests in order from `replies`, or by `route`; remembers what was asked."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.replies: list[Reply] = []
        self.route: Callable[[str], Reply] | None = None
        self.seen: list[Seen] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.scheme = "http" if context is None else "https"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}"

    @property
    def paths(self) -> list[str]:
        return [s.path for s in self.seen]

    def reply(self, path: str) -> Reply:
        if self.route is not None:
            return self.route(path)
        return self.replies.pop(0) if self.replies else Reply(599, b"the script has ended")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(scripted: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", 0))
            headers = {k.lower(): v for k, v in self.headers.items()}
            body = self.rfile.read(length)
            scripted.seen.append(Seen(self.command, self.path, headers, body, self.client_address[1]))
            reply = scripted.reply(self.path)
            if reply.hold is not None:
                reply.hold.wait(30)
            if reply.is_reset:
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.close_connection = True
                self.connection.close()
                return
            self._send(reply)

        do_POST = do_HEAD = do_CONNECT = do_GET  # noqa: N815 - http.server wants the names

        def _send(self, reply: Reply) -> None:
            self.send_response_only(reply.status)
            for name, value in ({"Content-Length": str(len(reply.body))} | reply.headers).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body[: reply.cut_at])
            if reply.cut_at is not None:
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


class FakeClock:
    """Time that passes only by waiting, and remembers each wait."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
        self.waits: list[float] = []

    def now(self) -> datetime:
        return self.at

    def wait(self, seconds: float, stop: Event) -> None:  # noqa: ARG002
        self.waits.append(seconds)
        self.at += timedelta(seconds=seconds)


class FakeTokens:
    """Tokens by number."""

    def __init__(self) -> None:
        self.number = 1

    def token(self) -> str:
        return f"token-{self.number}"

    def force_refresh(self, refused: str) -> str:
        if refused == self.token():
            self.number += 1
        return self.token()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    scripted = ScriptedServer()
    yield scripted
    scripted.close()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_bundle(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_bytes(authority.cert_pem.bytes())
    return path


@pytest.fixture
def tls_server(authority: trustme.CA) -> Iterator[ScriptedServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    scripted = ScriptedServer(context)
    yield scripted
    scripted.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def client() -> Iterator[HttpClient]:
    with HttpClient(HttpSettings()) as made:
        yield made


@pytest.fixture
def make_settings(server: ScriptedServer) -> Callable[..., DefenderSettings]:
    def make(**changes: Any) -> DefenderSettings:
        values: dict[str, Any] = {
            "login_url": "https://login.example.test",
            "api_url": server.url,
            "audience": "https://api.securitycenter.microsoft.com",
            "tenant_id": "11111111-1111-4111-8111-111111111111",
            "client_id": "22222222-2222-4222-8222-222222222222",
            "client_secret": "s3cret",
        }
        return DefenderSettings(**(values | changes))

    return make


@pytest.fixture
def tokens() -> FakeTokens:
    return FakeTokens()


@pytest.fixture
def api(
    make_settings: Callable[..., DefenderSettings], client: HttpClient, tokens: FakeTokens, clock: FakeClock
) -> DefenderApi:
    return DefenderApi(make_settings(), client, tokens, RetryPolicy(attempts=3), clock)


def page(records: list[Any], next_link: str | None = None, **more: Any) -> bytes:
    """A page's body."""
    body: dict[str, Any] = {"@odata.context": "https://x/$metadata#Any", "value": records} | more
    if next_link is not None:
        body["@odata.nextLink"] = next_link
    return json.dumps(body).encode()


@pytest.fixture
def make_page() -> Callable[..., bytes]:
    return page


@pytest.fixture
def reply() -> type[Reply]:
    return Reply
