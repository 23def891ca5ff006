"""A home has one owner at a time: a lock the kernel gives back when its process dies."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from riskbridge.errors import ConfigError, FatalError, RetryableError, RiskbridgeError

_ASK_AGAIN_S = 0.1
_SAY_SO_AFTER_S = 1.0
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class ServedHomeError(RetryableError):
    """The home is owned by a server, which works for other commands.

    Args:
        message: Whose the home is.
        code: Always `home.served`.
        remedy: What to do.
        address: Where the server's relay listens on loopback, `127.0.0.1:PORT`.
        pid: The server's process.
    """

    def __init__(self, message: str, *, code: str, remedy: str, address: str, pid: int) -> None:
        super().__init__(message, code=code, remedy=remedy, pid=pid)
        self.address = address


class HomeLock:
    """Exclusive ownership of a home directory, by `flock` on its `owner.lock`.

    The file names the owner for the message that others get; its content means nothing without the lock, and the file
    stays when the lock is given back. A child made by `fork` alone shares the lock; one that runs another program
    does not.

    Args:
        home: The home directory; made, private to its user, when missing.
        command: What a person typed.
        wait_s: How long to wait for another owner to end; not for a server, which does not.
        on_wait: Told whose end is waited for, once that takes more than a moment.
    """

    def __init__(
        self, home: Path, *, command: str, wait_s: float = 0.0, on_wait: Callable[[str], None] | None = None
    ) -> None:
        self._home = home
        self._command = command
        self._wait_s = wait_s
        self._on_wait = on_wait
        self._handle: int | None = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def acquire(self) -> None:
        """Own the home until `release` or the process's end; harmless when it is owned by this lock already.

        Raises:
            RetryableError: `home.in-use`: another process owns it still; `home.served`: a server does.
            ConfigError: `home.unusable`: it cannot be made or written.
            FatalError: `home.disk`: the disk is full.
        """
        if self._handle is not None:
            return
        try:
            ensure_home(self._home)
            handle = os.open(self._home / "owner.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _cannot_use(self._home, error) from error
        try:
            self._lock(handle)
            self._write_owner(handle, {})
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle

    def release(self) -> None:
        """Give the home back; harmless when it is not owned."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def announce(self, address: str) -> None:
        """Let other commands know that the owner works for them at that address of loopback."""
        assert self._handle is not None
        self._write_owner(self._handle, {"address": address})

    def _lock(self, handle: int) -> None:
        began = time.monotonic()
        on_wait = self._on_wait
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                problem = _in_use(self._home, os.pread(handle, 4096, 0))
                passed = time.monotonic() - began
                if isinstance(problem, ServedHomeError) or passed >= self._wait_s:
                    raise problem from None
                if on_wait is not None and passed >= _SAY_SO_AFTER_S:
                    on_wait(problem.message)
                    on_wait = None
                time.sleep(_ASK_AGAIN_S)
            except OSError as error:
                raise _cannot_use(self._home, error) from error
            else:
                return

    def _write_owner(self, handle: int, more: dict[str, str]) -> None:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        text = json.dumps({"pid": os.getpid(), "command": self._command, "since": since} | more).encode()
        try:
            # Written over what was there, which is at least as long as the rest: who reads meanwhile sees one or the other.
            os.pwrite(handle, text.ljust(os.fstat(handle).st_size), 0)
        except OSError as error:
            raise _cannot_use(self._home, error) from error


def ensure_home(home: Path) -> None:
    """The directory exists; one that is made here is private to its user, one that was there keeps its mode."""
    if not home.is_dir():
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(mode=0o700, exist_ok=True)


def _cannot_use(home: Path, error: OSError) -> RiskbridgeError:
    if error.errno in _NO_SPACE:
        return FatalError(
            f"The home directory {home} cannot be written: {error.strerror}.",
            code="home.disk",
            remedy="Free disk space and run again. Nothing stored was changed.",
        )
    return ConfigError(
        f"The home directory {home} cannot be used: {error.strerror}.",
        code="home.unusable",
        remedy="Choose a directory you may write to with --home or RISKBRIDGE_HOME.",
    )


def _in_use(home: Path, text: bytes) -> RetryableError:
    try:
        owner = json.loads(text)
        who = f"process {owner['pid']} ({owner['command']}) since {owner['since']}"
        pid = int(owner["pid"])
    except (ValueError, KeyError, TypeError):
        who, pid, owner = "another process", None, {}
    address = owner.get("address")
    if pid is not None and isinstance(address, str):
        return ServedHomeError(
            f"The home {home} is served by {who}.",
            code="home.served",
            remedy="Commands work through it; to serve or try something here, stop it, or choose another home with --home.",
            address=address,
            pid=pid,
        )
    return RetryableError(
        f"The home {home} is in use by {who}.",
        code="home.in-use",
        remedy="Wait until it has ended, stop it, or choose another home with --home.",
        pid=pid,
    )
