"""The working directory of a client, for the thread that works for it."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from riskbridge.errors import RetryableError

_CLONE_FS = 0x200
WAIT_S = 10.0


def has_own_directory() -> bool:
    """Let this thread have a working directory of its own; False where the system forbids it, as in some containers."""
    return bool(ctypes.CDLL(None, use_errno=True).unshare(_CLONE_FS) == 0)


class SharedDirectory:
    """The working directory of the process, for threads that cannot have their own: one at a time, shared by who wants it.

    Args:
        wait_s: How long to wait for those who work in another one.
    """

    def __init__(self, wait_s: float = WAIT_S) -> None:
        self._wait_s = wait_s
        self._users = 0
        self._path: str | None = None
        self._changed = threading.Condition()

    @contextmanager
    def entered(self, path: str) -> Iterator[None]:
        """The process works there meanwhile.

        Raises:
            RetryableError: `home.other-directory`: another command works in another one all that time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: not self._users or self._path == path, self._wait_s):
                raise RetryableError(
                    f"The server works for a command that was given in {self._path}, and can be in one directory at a time.",
                    code="home.other-directory",
                    remedy="Give this command there too, or when that one has ended.",
                )
            if not self._users:
                _enter(path)
                self._path = path
            self._users += 1
        try:
            yield
        finally:
            with self._changed:
                self._users -= 1
                self._changed.notify_all()


_shared = SharedDirectory()


@contextmanager
def working_in(path: str) -> Iterator[None]:
    """This thread works in that directory; relative paths are of it. Call it once in a thread's life."""
    if has_own_directory():
        _enter(path)
        yield
        return
    with _shared.entered(path):
        yield


def _enter(path: str) -> None:
    """A directory that is gone, or that nobody may enter, is left alone: as in a command of its own, paths fail then."""
    with suppress(OSError):
        os.chdir(path)
