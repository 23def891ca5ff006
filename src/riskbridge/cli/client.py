"""The client's side of client mode: lets the server that owns the home run this command, here."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from riskbridge import __version__
from riskbridge.cli.terminal import measure_terminal
from riskbridge.cli.wire import LONGEST_GREETING, Wire
from riskbridge.errors import ConfigError, RetryableError
from riskbridge.security.loopback import is_proven, new_nonce, prove, read_secret

CONNECT_WITHIN_S = 5.0
STOP_WITHIN_S = 5.0


class ServedElsewhereError(Exception):
    """The home of this command is owned by a server; whoever runs commands lets it run this one.

    Args:
        home: The home.
        address: Where the server's relay listens.
    """

    def __init__(self, home: Path, address: str) -> None:
        super().__init__(f"{home} at {address}")
        self.home, self.address = home, address


def run_there(where: ServedElsewhereError, words: list[str]) -> int:
    """Let the server run a command line with this process's streams; gives its exit code.

    Raises:
        RetryableError: `home.no-token`, `home.server-gone`, `home.not-its-server`.
        ConfigError: `home.other-version`: the server is of another release.
        KeyboardInterrupt: Ctrl-C, once the server has stopped what it did.
    """
    wire = _connect(where, words)
    try:
        return _follow(wire, where)
    except KeyboardInterrupt:
        return _stop(wire, where)
    except BrokenPipeError:
        # As with any command whose output nobody reads any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    finally:
        wire.close()


def _connect(where: ServedElsewhereError, words: list[str]) -> Wire:
    secret = read_secret(where.home)
    host, _, port = where.address.rpartition(":")
    try:
        wire = Wire(socket.create_connection((host, int(port)), CONNECT_WITHIN_S))
        mine = new_nonce()
        wire.send(nonce=mine)
        answer = wire.receive(longest=LONGEST_GREETING)
    except (OSError, ValueError):
        answer = None
    if answer is None:
        raise _gone(where)
    nonces = (mine, str(answer.get("nonce")))
    if not is_proven(secret, "server", nonces, answer.get("proof")):
        wire.close()
        raise RetryableError(
            f"What listens at {where.address} is not the server of {where.home}; it was told nothing.",
            code="home.not-its-server",
            remedy="Try again; if it stays so, start the server again.",
        )
    if answer.get("version") != __version__:
        wire.close()
        raise ConfigError(
            f"The server of {where.home} is riskbridge {answer.get('version')}, and this is {__version__}.",
            code="home.other-version",
            remedy="Start the server again, with this release.",
        )
    wire.send(
        proof=prove(secret, "client", nonces),
        words=words,
        directory=_directory(),
        terminal=asdict(measure_terminal()),
    )
    wire.set_timeout(None)
    return wire


def _follow(wire: Wire, where: ServedElsewhereError) -> int:
    streams = {"output": sys.stdout, "error": sys.stderr}
    while (message := wire.receive()) is not None:
        for name, stream in streams.items():
            if name in message:
                stream.write(message[name])
                stream.flush()
        if "ask" in message:
            wire.send(typed=_ask(message))
        if "exit" in message:
            return int(message["exit"])
    raise _gone(where)


def _ask(message: dict[str, Any]) -> str | None:
    if message["ask"] == "rest":
        return sys.stdin.read()
    if message["ask"] == "line":
        return sys.stdin.readline()
    try:
        return getpass.getpass(f"{message['text']}: ")
    except EOFError:
        return None


def _stop(wire: Wire, where: ServedElsewhereError) -> int:
    """Tell the server, and wait a little for it to have stopped."""
    try:
        wire.send(stop=True)
        wire.set_timeout(STOP_WITHIN_S)
        return _follow(wire, where)
    except (OSError, RetryableError) as error:
        raise KeyboardInterrupt from error


def _directory() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # it was removed
        return "/"


def _gone(where: ServedElsewhereError) -> RetryableError:
    return RetryableError(
        f"The server of {where.home} ended, or hung up, while it worked for this command.",
        code="home.server-gone",
        remedy="Give the command again; a run that was under way goes on when the server is started again.",
    )
