"""Messages between a command and the server that works for it: one JSON object a line."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from typing import Any

LONGEST_GREETING = 1 << 20
"""Characters of a line that may come before both sides have proven themselves."""


class Wire:
    """One end of a connection. Messages may be sent from several threads.

    Args:
        connection: The connected socket; closed with the wire.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # words are short, and each is waited for
        self._reader = connection.makefile("r", encoding="utf-8", newline="\n")
        self._sending = threading.Lock()

    def send(self, **message: Any) -> None:
        """Send a message.

        Raises:
            OSError: The other end is gone.
        """
        data = json.dumps(message, ensure_ascii=True).encode() + b"\n"
        with self._sending:
            self._socket.sendall(data)

    def receive(self, *, longest: int = -1) -> dict[str, Any] | None:
        """The next message; None when the other end is gone, or sent what is no message.

        Args:
            longest: Characters it may have; -1 for any number.
        """
        try:
            line = self._reader.readline(longest)
        except (OSError, ValueError):
            return None
        if not line.endswith("\n"):
            return None
        with suppress(ValueError):
            message = json.loads(line)
            return message if isinstance(message, dict) else None
        return None

    def set_timeout(self, seconds: float | None) -> None:
        """How long `receive` waits; None for ever."""
        self._socket.settimeout(seconds)

    def close(self) -> None:
        """End the connection; whoever waits for a message gets None."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            self._reader.close()
        self._socket.close()
