"""Whose turn it is to publish: one at a time, from what is read as the ground of a change to its being written."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from riskbridge.errors import InputError

WAIT_S = 3.0
"""How long a person's change waits for a run, or another change, to end."""


class PublishingTurn:
    """One turn for all connections to a warehouse. Who has it may take it again in the same thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    @contextmanager
    def taken(self, wait_s: float | None = WAIT_S) -> Iterator[None]:
        """Have the turn; None waits for it as long as it takes.

        Raises:
            InputError: `run.under-way`: somebody else had it all that time.
        """
        if not self._lock.acquire(timeout=-1 if wait_s is None else wait_s):
            raise InputError(
                "A run is under way, and what it publishes would not know of the change.",
                code="run.under-way",
                remedy="Try again when it has ended, or cancel it.",
            )
        try:
            yield
        finally:
            self._lock.release()
