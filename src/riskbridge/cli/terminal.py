"""The terminal a command speaks to: this process's own, or that of the client for whom a server works."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

    from riskbridge.app import App

_COLOURS = ("TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
"""Variables that say how a terminal wants its text."""
_USUAL_SIZE = (80, 25)


@dataclass(frozen=True, slots=True)
class TerminalSize:
    """How large a terminal is, which of the three streams are one, and what its environment says of colours."""

    columns: int
    lines: int
    has_input: bool
    has_output: bool
    has_error: bool
    environment: Mapping[str, str] = field(default_factory=dict)


class Session:
    """A command that a server runs for a client. Its streams are the client's.

    Args:
        terminal: The client's.
        stdin: Asks the client for what its person types.
        stdout: Sends what is printed.
        stderr: The same for messages.
    """

    def __init__(self, terminal: TerminalSize, stdin: Any, stdout: Any, stderr: Any) -> None:
        self.terminal = terminal
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr

    def ask_secret(self, text: str) -> str:
        """What the client's person types without being shown it."""
        raise NotImplementedError

    def lend(self) -> App:
        """The served home, for this command."""
        raise NotImplementedError


current_session: ContextVar[Session | None] = ContextVar("current_session", default=None)
"""The client for whom this thread works; None in a command of its own."""


class _Routed:
    """A standard stream that is the session's in its thread, and the process's own elsewhere."""

    def __init__(self, name: str, own: TextIO) -> None:
        self._name, self._own = name, own

    def __getattr__(self, name: str) -> Any:
        session = current_session.get()
        return getattr(self._own if session is None else getattr(session, self._name), name)


def route_streams() -> None:
    """Let the standard streams of this process be the session's in the threads that work for clients."""
    for name in ("stdin", "stdout", "stderr"):
        own = getattr(sys, name)
        if not isinstance(own, _Routed):
            setattr(sys, name, _Routed(name, own))


def make_console(*, stderr: bool = False) -> Console:
    """A console on the terminal that this thread works for."""
    from rich.console import Console  # noqa: PLC0415 - takes a tenth of a second

    session = current_session.get()
    if session is None:
        return Console(stderr=stderr)
    size = session.terminal
    return Console(
        file=session.stderr if stderr else session.stdout,
        width=size.columns,
        height=size.lines,
        _environ=size.environment,
    )


def error_stream() -> TextIO:
    """Standard error, to be kept by who writes to it from other threads."""
    session = current_session.get()
    return sys.stderr if session is None else session.stderr


def ask_secret(text: str) -> str:
    """What the person types without being shown it."""
    import typer  # noqa: PLC0415

    session = current_session.get()
    return typer.prompt(text, hide_input=True) if session is None else session.ask_secret(text)


def measure_terminal() -> TerminalSize:
    """This process's terminal, measured as the consoles of a local command would."""
    columns, lines = _USUAL_SIZE
    for stream in (0, 1, 2):
        try:
            columns, lines = os.get_terminal_size(stream)
        except OSError:
            continue
        break
    columns = int(os.environ["COLUMNS"]) if os.environ.get("COLUMNS", "").isdigit() else columns
    lines = int(os.environ["LINES"]) if os.environ.get("LINES", "").isdigit() else lines
    return TerminalSize(
        columns=columns or _USUAL_SIZE[0],
        lines=lines or _USUAL_SIZE[1],
        has_input=sys.stdin is not None and sys.stdin.isatty(),
        has_output=sys.stdout.isatty(),
        has_error=sys.stderr.isatty(),
        environment={n: os.environ[n] for n in _COLOURS if n in os.environ},
    )
