"""A home has one owner at a time: a lock the kernel gives back when its process dies."""

from __future__ import annotations

import fcntl
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from riskbridge.errors import ConfigError, FatalError, RetryableError


class HomeLock:
    """Exclusive ownership of a home directory, by `flock` on its `owner.lock`.

    The file names the owner for the message that others get; its content means nothing without the lock.

    Args:
        home: The home directory; made, private to its user, when missing.
        command: What a person typed.
    """

    def __init__(self, home: Path, *, command: str) -> None:
        self._home = home
        self._command = command
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Own the home until `release` or the process's end.

        Raises:
            RetryableError: `home.in-use`: another process owns it.
            ConfigError: `home.unusable`: it cannot be made or written.
        """
        try:
            self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = (self._home / "owner.lock").open("a+", encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"The home directory {self._home} cannot be used: {error.strerror}.",
                code="home.unusable",
                remedy="Choose a directory you may write to with --home or RISKBRIDGE_HOME.",
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            owner = handle.read()
            handle.close()
            raise self._in_use(owner) from None
        self._file = handle
        self._write_owner(handle)

    def release(self) -> None:
        """Give the home back; harmless when it is not owned."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write_owner(self, handle: IO[str]) -> None:
        owner = {"pid": os.getpid(), "command": self._command, "since": datetime.now(UTC).isoformat(timespec="seconds")}
        try:
            handle.truncate(0)
            handle.write(json.dumps(owner))
            handle.flush()
        except OSError as error:
            self._file = None
            handle.close()
            raise FatalError(
                f"The home directory {self._home} cannot be written: {error.strerror}.",
                code="home.disk",
                remedy="Free disk space and run again. Nothing stored was changed.",
            ) from error

    def _in_use(self, text: str) -> RetryableError:
        try:
            owner = json.loads(text)
            who = f"process {owner['pid']} ({owner['command']}) since {owner['since']}"
        except (ValueError, KeyError, TypeError):
            who = "another process"
        return RetryableError(
            f"The home {self._home} is in use by {who}.",
            code="home.in-use",
            remedy="Wait until it has ended, stop it, or choose another home with --home.",
        )
