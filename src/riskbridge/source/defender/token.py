"""Access tokens from Entra, by MSAL over the connector's own HTTP client."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from threading import Lock
from typing import Any

from riskbridge.source.defender.credentials import read_certificate, read_federated_token
from riskbridge.source.defender.login import discovery_refusal, login_refusal, login_unavailable
from riskbridge.source.defender.managed_identity import IssuedToken, fetch_token
from riskbridge.source.defender.settings import DefenderSettings
from riskbridge.source.http import Answer, HttpClient
from riskbridge.source.retry import Clock, SystemClock, ThrottledError
from riskbridge.source.throttling import retry_after_s

RENEWED_BEFORE_S = 300.0
"""A token is renewed so long before it expires, or in the last tenth of a shorter life."""


class TokenProvider:
    """Tokens of the client-credentials flow, kept until five minutes before they expire. Safe to share among threads.

    MSAL asks for the tenant's OpenID document before the first token and accepts https alone. Of itself it would take
    certificates from environment variables, so it is given the connector's client instead.
    """

    def __init__(self, settings: DefenderSettings, http: HttpClient, clock: Clock | None = None) -> None:
        self._settings = settings
        self._adapter = _MsalHttp(settings, http, clock or SystemClock())
        self._lock = Lock()
        self._application: Any = None
        self._issued: IssuedToken | None = None
        self._renew_at = 0.0

    def token(self) -> str:
        """A valid access token.

        Raises:
            ConfigError: Entra refused the credentials: which one, and the remedy.
            RetryableError: The login host cannot be reached or is busy.
            FatalError: `defender.bad-login-url`.
        """
        with self._lock:
            return self._acquire()

    def force_refresh(self, refused: str) -> str:
        """A token other than `refused`, which the API did not accept; raises as `token`."""
        with self._lock:
            token = self._acquire()
            if token == refused:
                self._issued = None
                if self._application is not None:
                    self._application.remove_tokens_for_client()
                token = self._acquire()
            return token

    def _acquire(self) -> str:
        if self._settings.managed_identity is not None:
            return self._acquire_of_machine()
        scope = f"{self._settings.audience.rstrip('/').removesuffix('/.default')}/.default"
        try:
            if self._application is None:
                self._application = self._make_application()
            answer: Mapping[str, Any] = self._application.acquire_token_for_client(scopes=[scope])
        except (ValueError, KeyError, AttributeError, RuntimeError) as error:
            # What MSAL raises for a refused, foreign or incomplete OpenID document and for a token that is no JSON.
            raise discovery_refusal(self._settings, self._adapter.last) from error
        if "access_token" not in answer:
            # MSAL would repeat a remembered refusal for a minute after the cause is mended.
            self._application = None
            raise login_refusal(self._settings, answer)
        return str(answer["access_token"])

    def _acquire_of_machine(self) -> str:
        if self._issued is None or time.monotonic() >= self._renew_at:
            self._issued = fetch_token(self._settings)
            # Counted from the receipt on a clock that only goes forward, so a wrong one does no harm.
            self._renew_at = time.monotonic() + self._issued.lasts_s - min(RENEWED_BEFORE_S, self._issued.lasts_s / 10)
        return self._issued.token

    def _make_application(self) -> Any:
        import msal  # noqa: PLC0415 - takes half a second, and most commands need no token

        return msal.ConfidentialClientApplication(
            self._settings.client_id,
            client_credential=self._credential(),
            authority=f"{self._settings.login_url}/{self._settings.tenant_id}",
            http_client=self._adapter,
            instance_discovery=False,
        )

    def _credential(self) -> Any:
        """The credential in MSAL's form; a federated token is read anew for each request, since its file is rotated."""
        settings = self._settings
        if settings.federated_token_file is not None:
            path = settings.federated_token_file
            return {"client_assertion": lambda: read_federated_token(path)}
        if settings.certificate is not None:
            found = read_certificate(settings.certificate, settings.client_secret)
            # MSAL signs with PS256 and names the SHA-256 thumbprint when it has the certificate itself.
            return {"private_key": found.key_pem, "public_certificate": found.certificate_pem}
        return settings.client_secret


class _MsalHttp:
    """What MSAL wants of an HTTP client, over ours; what MSAL would turn into vague errors is raised as ours here."""

    def __init__(self, settings: DefenderSettings, http: HttpClient, clock: Clock) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        self.last: Answer | None = None

    def get(self, url: str, **options: Any) -> _MsalAnswer:
        return self._wrap(
            self._http.send("GET", url, params=options.get("params"), headers=_texts(options.get("headers")))
        )

    def post(self, url: str, **options: Any) -> _MsalAnswer:
        return self._wrap(
            self._http.send(
                "POST",
                url,
                params=options.get("params"),
                form=_texts(options.get("data")),
                headers=_texts(options.get("headers")),
            )
        )

    def close(self) -> None:
        """The connector closes its client itself."""

    def _wrap(self, answer: Answer) -> _MsalAnswer:
        self.last = answer
        if answer.status == 429:
            error = login_unavailable(self._settings, "429, too many requests")
            wait_s = retry_after_s(answer, self._clock.now())
            raise ThrottledError(error.message, code="defender.login-throttled", remedy=error.remedy, wait_s=wait_s)
        if answer.status >= 500:
            raise login_unavailable(self._settings, f"status {answer.status}")
        return _MsalAnswer(answer)


class _MsalAnswer:
    """An answer as MSAL reads it."""

    def __init__(self, answer: Answer) -> None:
        self.status_code = answer.status
        self.text = answer.text
        self.headers = dict(answer.headers)

    def raise_for_status(self) -> None:
        """Statuses that MSAL would raise for were raised already."""


def token_claims(token: str) -> dict[str, Any]:
    """The payload of a JWT, unverified: it is ours to show, the API's to trust. Empty when it cannot be read."""
    try:
        payload = token.split(".")[1]
        claims: Any = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _texts(values: Mapping[str, Any] | None) -> dict[str, str] | None:
    if values is None:
        return None
    # MSAL hands assertions over as bytes.
    return {n: v.decode() if isinstance(v, bytes) else str(v) for n, v in values.items() if v is not None}
