"""Access tokens from Entra, by MSAL over the connector's own HTTP client."""

from __future__ import annotations

import re
from typing import Any

import httpx

from riskbridge.errors import ConfigError, FatalError, RetryableError, RiskbridgeError
from riskbridge.source.defender.settings import DefenderSettings

_REMEDIES: dict[int, tuple[str, str]] = {
    7000215: ("defender.wrong-secret", "Enter the client secret's value (not its id), as Entra showed it once."),
    7000222: ("defender.expired-secret", "Make a new client secret in Entra and enter it."),
    700016: ("defender.unknown-app", "Check the client id, and that the application is in this tenant."),
    90002: ("defender.unknown-tenant", "Check the tenant id and that the login URL is of the right cloud."),
    500011: (
        "defender.bad-audience",
        "Check the audience: Defender may not be set up in the tenant, or the cloud is another.",
    ),
    70011: ("defender.bad-audience", "Check the audience of the connector."),
    7000112: ("defender.disabled-app", "Enable the application in Entra."),
    7000229: ("defender.no-consent", "Give admin consent to the application in this tenant."),
}


class TokenProvider:
    """Tokens for the client-credentials flow, kept until shortly before they expire.

    MSAL would take its certificates from environment variables; it is given an adapter over our client instead.
    """

    def __init__(self, settings: DefenderSettings, client: httpx.Client) -> None:
        self._settings = settings
        self._client = client
        self._application: Any = None

    def authorisation(self, is_refused: bool = False) -> str:  # noqa: FBT001, FBT002 - ApiClient's callback
        """The `Authorization` header's value; a refused token is not used again.

        Raises:
            ConfigError: Entra refused the credentials; names which and the remedy.
            RetryableError: Entra cannot be reached.
        """
        return f"Bearer {self.token(is_refused=is_refused)}"

    def token(self, *, is_refused: bool = False) -> str:
        """An access token; errors as in `authorisation`."""
        try:
            application = self._make_application()
            if is_refused:
                application.remove_tokens_for_client()
            answer = application.acquire_token_for_client(scopes=[f"{self._settings.audience.rstrip('/')}/.default"])
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        except ValueError as error:
            raise self._bad_authority(error) from error
        if "access_token" not in answer:
            raise self._refused(answer)
        return str(answer["access_token"])

    def _make_application(self) -> Any:
        if self._application is None:
            import msal  # noqa: PLC0415 - slow to load, and not needed by most commands

            authority = f"{self._settings.login_url.rstrip('/')}/{self._settings.tenant_id}"
            self._application = msal.ConfidentialClientApplication(
                self._settings.client_id,
                client_credential=self._settings.client_secret,
                authority=authority,
                http_client=_HttpxAdapter(self._client),
                instance_discovery=False,
            )
        return self._application

    def _refused(self, answer: dict[str, Any]) -> RiskbridgeError:
        codes = answer.get("error_codes") or [0]
        text = str(answer.get("error_description", answer.get("error", "")))
        code, remedy = _REMEDIES.get(int(codes[0]), ("defender.login-refused", "Check tenant, client id and secret."))
        return ConfigError(f"Entra refused the login: {_first_sentence(text)}", code=code, remedy=remedy)

    def _bad_authority(self, error: ValueError) -> RiskbridgeError:
        text = str(error)
        if "90002" in text or "invalid_tenant" in text or "Unable to get authority configuration" in text:
            return ConfigError(
                f"Entra does not know the tenant '{self._settings.tenant_id}' at {self._settings.login_url}.",
                code="defender.unknown-tenant",
                remedy=_REMEDIES[90002][1],
            )
        return FatalError(
            f"The login at {self._settings.login_url} cannot be used: {_first_sentence(text)}",
            code="defender.bad-login",
            remedy="Check the login URL and the tenant id.",
        )

    def _unreachable(self, error: httpx.TransportError) -> RiskbridgeError:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return ConfigError(
                f"The certificate of {self._settings.login_url} is not trusted.",
                code="http.untrusted-certificate",
                remedy="If a proxy inspects TLS or the host has its own authority, name its PEM file as the CA bundle.",
            )
        return RetryableError(
            f"The login host {self._settings.login_url} cannot be reached: {_first_sentence(str(error))}",
            code="defender.login-unreachable",
            remedy="Check the login URL, the network and the proxy.",
        )


class _HttpxAdapter:
    """What MSAL wants of an HTTP client, on httpx."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def post(self, url: str, **options: Any) -> httpx.Response:
        options.pop("timeout", None)
        return self._client.post(
            url, params=options.get("params"), data=options.get("data"), headers=options.get("headers")
        )

    def get(self, url: str, **options: Any) -> httpx.Response:
        return self._client.get(url, params=options.get("params"), headers=options.get("headers"))

    def close(self) -> None:
        """The connector closes its client itself."""


def _first_sentence(text: str) -> str:
    return re.split(r"\s*(?:Trace ID:|\r?\n)", text, maxsplit=1)[0].strip()[:400]
