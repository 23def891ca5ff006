from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from threading import Event

import pytest

from riskbridge.source.prefetch import prefetch


def test_items_come_in_order() -> None:
    assert list(prefetch(lambda _: iter(range(100)))) == list(range(100))


def test_the_next_item_is_made_while_one_is_used() -> None:
    made = [Event() for _ in range(3)]

    def produce(_: Event) -> Iterator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    items = prefetch(produce)
    assert next(items) == 0
    assert made[1].wait(10)
    assert list(items) == [1, 2]


def test_an_error_comes_after_the_items_before_it() -> None:
    def produce(_: Event) -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("broke")

    got = []
    with pytest.raises(ValueError, match="broke"):
        got.extend(prefetch(produce))
    items = prefetch(produce)
    assert [next(items), next(items)] == [1, 2]


def test_a_consumer_that_goes_away_stops_the_thread() -> None:
    ended = Event()

    def produce(stop: Event) -> Iterator[int]:
        try:
            for number in count():
                if stop.is_set():
                    return
                yield number
        finally:
            ended.set()

    items = prefetch(produce)
    next(items)
    items.close()  # type: ignore[attr-defined]
    assert ended.wait(10)


def test_at_most_depth_and_one_more_are_made_ahead() -> None:
    made: list[int] = []
    blocked = Event()

    def produce(_: Event) -> Iterator[int]:
        for number in range(10):
            made.append(number)
            if number == 3:
                blocked.set()
            yield number

    items = prefetch(produce, depth=1)
    next(items)
    next(items)
    assert blocked.wait(10)
    assert made == [0, 1, 2, 3]
    items.close()  # type: ignore[attr-defined]
