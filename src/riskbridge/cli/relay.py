"""The server's side of client mode: runs commands for others on the home that it owns.

It listens on loopback, on a port of its own. Nobody is answered before both sides have proven that they can read the secret in
the home; what is no greeting of ours, such as a browser's request, is hung up on. A command runs in a thread of its own, with
the client's streams, terminal and working directory.
"""

from __future__ import annotations

import contextvars
import io
import queue
import socket
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog

from riskbridge import __version__
from riskbridge.app import App
from riskbridge.cli.directory import working_in
from riskbridge.cli.terminal import Session, TerminalSize, current_session, route_streams
from riskbridge.cli.wire import LONGEST_GREETING, Wire
from riskbridge.security.loopback import forget_secret, is_proven, make_secret, new_nonce, prove
from riskbridge.service import Follower, Service

GREETED_WITHIN_S = 5.0
MOST_CLIENTS = 32
STOP_WITHIN_S = 5.0
_log = structlog.get_logger(__name__)


class Relay:
    """Runs commands for clients from `start` to `close`.

    Args:
        service: The served home.
        perform: Runs a command line and gives its exit code.
    """

    def __init__(self, service: Service, perform: Callable[[list[str]], int]) -> None:
        self._service, self._perform = service, perform
        self._home = service.app.settings.home
        self._places = threading.Semaphore(MOST_CLIENTS)
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, Wire] = {}
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._secret = make_secret(self._home)
        self._thread = threading.Thread(target=self._listen, name="relay", daemon=True)

    @property
    def address(self) -> str:
        """Where it listens."""
        host, port = self._listening.getsockname()[:2]
        return f"{host}:{port}"

    def start(self) -> None:
        """Work for clients from now on, and let them know."""
        route_streams()
        self._thread.start()
        self._service.app.announce(self.address)

    def close(self) -> None:
        """Hang up on everybody; commands that are under way end at their next word."""
        forget_secret(self._home)
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self._lock:
            left = dict(self._open)
        for wire in left.values():
            wire.close()
        for thread in left:
            thread.join(STOP_WITHIN_S)

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            if not self._places.acquire(blocking=False):
                connection.close()
                continue
            wire = Wire(connection)
            thread = threading.Thread(target=self._serve, args=(wire,), name="client", daemon=True)
            with self._lock:
                self._open[thread] = wire
            thread.start()

    def _serve(self, wire: Wire) -> None:
        try:
            request = self._greet(wire)
            if request is not None:
                contextvars.copy_context().run(self._work, wire, request)
        except OSError:
            pass  # the client is gone
        except Exception:  # noqa: BLE001 - one client's trouble is not the others'
            _log.exception("relay.broken")
        finally:
            wire.close()
            self._places.release()
            with self._lock:
                self._open.pop(threading.current_thread(), None)

    def _greet(self, wire: Wire) -> dict[str, Any] | None:
        """The client's request, once both sides have proven themselves."""
        wire.set_timeout(GREETED_WITHIN_S)
        hello = wire.receive(longest=LONGEST_GREETING)
        if hello is None or not isinstance(hello.get("nonce"), str):
            return None
        nonces = (str(hello["nonce"]), new_nonce())
        wire.send(nonce=nonces[1], proof=prove(self._secret, "server", nonces), version=__version__)
        request = wire.receive(longest=LONGEST_GREETING)
        if request is None or not is_proven(self._secret, "client", nonces, request.get("proof")):
            return None
        wire.set_timeout(None)
        return request

    def _work(self, wire: Wire, request: dict[str, Any]) -> None:
        session = _ClientSession(wire, TerminalSize(**request["terminal"]), self._service)
        current_session.set(session)
        threading.Thread(target=session.listen, name="client-words", daemon=True).start()
        with working_in(str(request["directory"])):
            try:
                code = self._perform([str(word) for word in request["words"]])
            except Exception:  # noqa: BLE001 - said as a command of its own would say it
                _log.exception("relay.broken", words=request["words"][:2])
                session.stderr.write(traceback.format_exc())
                code = 1
        wire.send(exit=code)


class _ClientSession(Session):
    """A client's command: its streams, what its person types, and whether it is there still."""

    def __init__(self, wire: Wire, terminal: TerminalSize, service: Service) -> None:
        self._wire, self._service = wire, service
        self._typed: queue.Queue[str | None] = queue.Queue()
        self._is_gone = threading.Event()
        super().__init__(
            terminal,
            _Input(self, is_terminal=terminal.has_input),
            _Output(wire, "output", is_terminal=terminal.has_output),
            _Output(wire, "error", is_terminal=terminal.has_error),
        )

    def listen(self) -> None:
        """Take what the client sends, until it is gone or wants to stop."""
        while (message := self._wire.receive()) is not None:
            if "typed" in message:
                self._typed.put(message["typed"])
            elif message.get("stop"):
                self._is_gone.set()
                self._typed.put(None)
        self._is_gone.set()
        self._typed.put(None)

    def ask(self, kind: str, text: str = "") -> str:
        """What the person types, '' at the end of it; `kind` is line, rest or secret."""
        self._wire.send(ask=kind, text=text)
        typed = self._typed.get()
        if typed is None:
            raise KeyboardInterrupt
        return typed

    def ask_secret(self, text: str) -> str:
        """What the client's person types without being shown it."""
        return self.ask("secret", text)

    def lend(self) -> App:
        """The served home, whose runs go through the server's queue."""
        app = self._service.app.fork()
        app.runner = Follower(self._service, lambda: not self._is_gone.is_set())
        return app


class _Output(io.TextIOBase):
    encoding = "utf-8"
    errors = "strict"

    def __init__(self, wire: Wire, stream: str, *, is_terminal: bool) -> None:
        super().__init__()
        self._wire, self._stream, self._is_terminal = wire, stream, is_terminal

    def write(self, text: str, /) -> int:
        """Send it to the client."""
        if not isinstance(text, str):
            raise TypeError("text is written here, not bytes")  # by which Typer knows what a stream takes
        if text:
            try:
                self._wire.send(**{self._stream: text})
            except OSError as error:
                raise BrokenPipeError(*error.args) from error
        return len(text)

    def isatty(self) -> bool:
        """Whether the client's stream is a terminal."""
        return self._is_terminal

    def writable(self) -> bool:
        """It is."""
        return True


class _Input(io.TextIOBase):
    encoding = "utf-8"
    errors = "strict"

    def __init__(self, session: _ClientSession, *, is_terminal: bool) -> None:
        super().__init__()
        self._session, self._is_terminal = session, is_terminal

    def readline(self, _: int | None = -1, /) -> str:  # type: ignore[override]
        """A line as typed at the client; '' at the end."""
        return self._session.ask("line")

    def read(self, size: int | None = -1, /) -> str:
        """All that the client's input has left, cut to so many characters."""
        if size == 0:
            return ""  # asked for by Typer, to learn what a stream gives
        text = self._session.ask("rest")
        return text if size is None or size < 0 else text[:size]

    def isatty(self) -> bool:
        """Whether the client's input is a terminal."""
        return self._is_terminal

    def readable(self) -> bool:
        """It is."""
        return True
