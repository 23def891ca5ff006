from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event
from typing import Any

import httpx
import pytest

from riskbridge.errors import FatalError, RetryableError
from riskbridge.source.http import Answer
from riskbridge.source.retry import Retries, RetryPolicy, StoppedError, ThrottledError, Traffic
from riskbridge.source.throttling import retry_after_s


def fault() -> RetryableError:
    return RetryableError("it broke.", code="x.broke", remedy="Wait.")


def throttle(wait_s: float | None) -> ThrottledError:
    return ThrottledError("too many.", code="x.throttled", remedy="Wait.", wait_s=wait_s)


def script(*outcomes: object) -> Callable[[], object]:
    left = list(outcomes)

    def call() -> object:
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return call


def test_throttling_waits_as_long_as_told_and_uses_up_no_attempt(clock: Any) -> None:
    traffic = Traffic()
    retries = Retries(RetryPolicy(attempts=2), clock, traffic)
    call = script(throttle(8), throttle(0.5), fault(), throttle(30), "rows")
    assert retries.run(call, Event()) == "rows"
    assert [clock.waits[n] for n in (0, 1, 3)] == [8, 0.5, 30]
    assert traffic == Traffic(retries=1, throttle_waits=3, throttle_wait_s=38.5)


def test_throttling_without_a_time_waits_longer_each_time(clock: Any) -> None:
    retries = Retries(RetryPolicy(first_wait_s=2), clock, Traffic())
    retries.run(script(throttle(None), throttle(None), throttle(None), 1), Event())
    assert all(low <= w <= 2 * low for low, w in zip((1, 2, 4), clock.waits, strict=True))


def test_throttling_beyond_patience_ends_with_the_time_to_try_again(clock: Any) -> None:
    retries = Retries(RetryPolicy(throttle_patience_s=100), clock, Traffic())
    with pytest.raises(ThrottledError) as caught:
        retries.run(script(throttle(60), throttle(60)), Event())
    assert caught.value.retry_at == datetime(2026, 11, 20, 12, 2, tzinfo=UTC)


def test_faults_are_tried_again_with_growing_waits_until_attempts_run_out(clock: Any) -> None:
    retries = Retries(RetryPolicy(attempts=4, first_wait_s=1, longest_wait_s=3), clock, Traffic())
    with pytest.raises(RetryableError, match="it broke"):
        retries.run(script(*(fault() for _ in range(4))), Event())
    assert len(clock.waits) == 3
    assert all(low <= w <= 2 * low for low, w in zip((0.5, 1, 1.5), clock.waits, strict=True))


def test_a_fatal_error_is_not_tried_again(clock: Any) -> None:
    retries = Retries(RetryPolicy(), clock, Traffic())
    with pytest.raises(FatalError):
        retries.run(script(FatalError("no.", code="x.no", remedy="Stop."), "never"), Event())
    assert clock.waits == []


def test_nobody_waits_for_a_consumer_that_went_away(clock: Any) -> None:
    stop = Event()
    stop.set()
    with pytest.raises(StoppedError):
        Retries(RetryPolicy(), clock, Traffic()).run(script(fault(), "never"), stop)


@pytest.mark.parametrize(
    ("header", "body", "wait_s"),
    [
        pytest.param("8", b"", 8.0, id="seconds"),
        pytest.param("1.5", b"", 1.5, id="fractions of seconds"),
        pytest.param("Fri, 20 Nov 2026 12:00:30 GMT", b"", 30.0, id="a date"),
        pytest.param("Fri, 20 Nov 2026 11:00:00 GMT", b"", 0.0, id="a date gone by"),
        pytest.param(
            "",
            b'{"error":{"code":"429","message":"API calls quota exceeded! Maximum allowed 30 per 00:01:00 for the key '
            b'Destination+TenantID+AppID. You can send requests again in 17 seconds.","target":"t"}}',
            17.0,
            id="the number in the message",
        ),
        pytest.param("soon", b"again in 3 seconds", 3.0, id="an unreadable header and a message"),
        pytest.param("", b"<html>slow down</html>", None, id="neither"),
    ],
)
def test_patience_is_read_from_header_then_message(header: str, body: bytes, wait_s: float | None) -> None:
    answer = Answer(429, httpx.Headers({"retry-after": header} if header else {}), body, len(body))
    assert retry_after_s(answer, datetime(2026, 11, 20, 12, 0, tzinfo=UTC)) == wait_s
