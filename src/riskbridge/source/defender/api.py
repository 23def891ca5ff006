"""GET on the Defender API: authorised, counted, asked again by remedy."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Protocol, TypeVar

from riskbridge.errors import RiskbridgeError
from riskbridge.source.budget import CallBudget
from riskbridge.source.defender.quotas import QUOTAS, endpoint_of
from riskbridge.source.defender.refusals import is_error_body, refusal
from riskbridge.source.defender.settings import DefenderSettings
from riskbridge.source.http import Answer, HttpClient
from riskbridge.source.retry import Clock, Retries, RetryPolicy, StoppedError, ThrottledError, Traffic

T = TypeVar("T")


class Tokens(Protocol):
    """Where tokens come from."""

    def token(self) -> str:
        """A valid token."""

    def force_refresh(self, refused: str) -> str:
        """A token other than the one that was refused."""


class DefenderApi:
    """Asks one tenant's API.

    Args:
        settings: The tenant.
        http: The connections.
        tokens: Where tokens come from.
        policy: How patient to be.
        clock: The time.
    """

    def __init__(
        self, settings: DefenderSettings, http: HttpClient, tokens: Tokens, policy: RetryPolicy, clock: Clock
    ) -> None:
        self._settings = settings
        self._http = http
        self._tokens = tokens
        self._clock = clock
        self.budget = CallBudget(QUOTAS, settings.budget_file, per_minute=settings.calls_per_minute)
        self.traffic = Traffic()
        self._retries = Retries(policy, clock, self.traffic)

    def get(self, url: str, parse: Callable[[Answer], T], stop: Event, *, is_missing_ok: bool = False) -> T:
        """What `parse` makes of the answer; a `RetryableError` of it asks for the same page again.

        Raises:
            RiskbridgeError: As `get_once`, a retryable one only after patience has run out.
            StoppedError: `stop` was set while waiting.
        """
        return self._retries.run(lambda: parse(self._get_in_budget(url, stop, is_missing_ok=is_missing_ok)), stop)

    def _get_in_budget(self, url: str, stop: Event, *, is_missing_ok: bool) -> Answer:
        try:
            answer = self._get_once(url, stop, is_missing_ok=is_missing_ok)
        except ThrottledError as error:
            if error.is_for_load:
                self.budget.slow_down()
            raise
        self.budget.ease()
        return answer

    def _take_turn(self, endpoint: str, stop: Event) -> None:
        wait_s = self.budget.take(endpoint, self._clock.now().timestamp())
        if wait_s > 0:
            self.traffic.budget_waits += 1
            self.traffic.budget_wait_s += wait_s
            self._clock.wait(wait_s, stop)
            if stop.is_set():
                raise StoppedError
            self.budget.note(endpoint, self._clock.now().timestamp())

    def get_once(self, url: str, *, is_missing_ok: bool = False) -> Answer:
        """The answer, which is 200; a token that expired on the way is renewed once.

        It counts and does not wait for the budget, for the connection test. With `is_missing_ok` it may be 404, if the
        API itself said so: it says it for a list of devices that is empty.

        Raises:
            RiskbridgeError: The login's, the connection's, or the API's refusal.
        """
        return self._get_once(url, None, is_missing_ok=is_missing_ok)

    def _get_once(self, url: str, stop: Event | None, *, is_missing_ok: bool) -> Answer:
        token = self._tokens.token()
        answer = self._send(url, token, stop)
        if answer.status == 401:
            answer = self._send(url, self._tokens.force_refresh(token), stop)
        if answer.status == 404 and is_missing_ok and is_error_body(answer.body):
            return answer
        if answer.status != 200:
            raise self._refused(url, answer)
        return answer

    def _refused(self, url: str, answer: Answer) -> RiskbridgeError:
        now = self._clock.now()
        error = refusal(self._settings, url, answer, now)
        if isinstance(error, ThrottledError) and error.wait_s:
            self.budget.hold(endpoint_of(url), now.timestamp() + error.wait_s)
        return error

    def _send(self, url: str, token: str, stop: Event | None) -> Answer:
        """Send once; `stop` is None for a call that counts but cannot wait."""
        if stop is None:
            self.budget.note(endpoint_of(url), self._clock.now().timestamp())
        else:
            self._take_turn(endpoint_of(url), stop)
        self.traffic.calls += 1
        answer = self._http.send("GET", url, headers={"Authorization": f"Bearer {token}", "Accept": "application/json"})
        self.traffic.received_bytes += answer.sent_bytes
        self.traffic.decoded_bytes += len(answer.body)
        return answer
