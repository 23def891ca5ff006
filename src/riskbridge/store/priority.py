"""Which threads come first where there are more than processors: requests before runs, in a server that does both.

Linux alone gives each thread a priority of its own; elsewhere nothing changes.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOWER_BY = 15
"""Steps of `nice`: beside a thread that waits for the processor too, a thirtieth of it is left."""


def yield_to_others(thread: int | None = None) -> None:
    """Let a thread, this one unless its native id is given, and those it starts give way to the others from now on."""
    if sys.platform != "linux":
        return
    thread = threading.get_native_id() if thread is None else thread
    with suppress(OSError):  # it has ended, or may not
        os.setpriority(os.PRIO_PROCESS, thread, max(LOWER_BY, os.getpriority(os.PRIO_PROCESS, thread)))


@contextmanager
def started_threads_yield() -> Iterator[None]:
    """Threads of this process that are started meanwhile give way to the others."""
    before = _threads()
    yield
    for thread in _threads() - before:
        yield_to_others(thread)


def _threads() -> set[int]:
    folder = Path("/proc/self/task")
    return {int(entry.name) for entry in folder.iterdir()} if folder.is_dir() else set()
