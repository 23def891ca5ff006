from __future__ import annotations

import os
import sys
import threading

import pytest

from riskbridge.store.priority import LOWER_BY, started_threads_yield, yield_to_others

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone gives threads a priority of their own")


def niceness_of(what: threading.Thread | None = None) -> int:
    return os.getpriority(os.PRIO_PROCESS, (what or threading.current_thread()).native_id or 0)


def test_a_thread_that_yields_leaves_the_others_as_they_are() -> None:
    before, found = niceness_of(), []

    def work() -> None:
        yield_to_others()
        found.append(niceness_of())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert (found, niceness_of()) == ([max(before, LOWER_BY)], before)


def test_threads_that_are_started_meanwhile_yield_and_those_before_do_not() -> None:
    is_over = threading.Event()
    early, late = (threading.Thread(target=is_over.wait, daemon=True) for _ in range(2))
    early.start()
    before = niceness_of(early)
    with started_threads_yield():
        late.start()
    found = (niceness_of(early), niceness_of(late))
    is_over.set()
    assert found == (before, max(before, LOWER_BY))
