"""Fetching ahead: the next item is made in a thread while the one before is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

from riskbridge.source.retry import StoppedError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Item(Generic[T]):
    value: T


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None


def prefetch(produce: Callable[[Event], Iterator[T]], *, depth: int = 1) -> Iterator[T]:
    """The items of `produce` in order, made in a thread of their own up to `depth` + 1 ahead.

    An error of the thread is raised here, after the items before it. When the consumer goes away the event that
    `produce` was given is set; the thread is a daemon, so that a request under way never holds up the process's end.
    """
    stop = Event()
    made: Queue[_Item[T] | _End] = Queue(depth)
    Thread(target=_fill, args=(produce, made, stop), name="prefetch", daemon=True).start()
    try:
        while isinstance(got := made.get(), _Item):
            yield got.value
        if got.error is not None:
            raise got.error
    finally:
        stop.set()
        # A thread that waits for room in the queue gets it here, and then sees the event.
        with suppress(Empty):
            made.get_nowait()


def _fill(produce: Callable[[Event], Iterator[T]], made: Queue[_Item[T] | _End], stop: Event) -> None:
    error: BaseException | None = None
    try:
        for value in produce(stop):
            if stop.is_set():
                return
            made.put(_Item(value))
    except StoppedError:
        return
    except BaseException as caught:  # noqa: BLE001 - handed to the consumer, which raises it
        error = caught
    if not stop.is_set():
        made.put(_End(error))
