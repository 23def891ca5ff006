"""Tokens of the machine's own identity in Azure: from the instance's metadata service, or from its app platform.

Source: Microsoft's pages on managed identities of virtual machines and of App Service.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from riskbridge.errors import ConfigError, RetryableError, RiskbridgeError
from riskbridge.source.defender.settings import SYSTEM_IDENTITY, DefenderSettings
from riskbridge.source.http import Answer, HttpClient, HttpSettings

METADATA_HOST = "http://169.254.169.254"
METADATA_HOST_VARIABLE = "AZURE_POD_IDENTITY_AUTHORITY_HOST"
"""Names another metadata host, as Azure's own libraries read it."""
CONNECT_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token and the seconds it is good for."""

    token: str
    lasts_s: float


def fetch_token(settings: DefenderSettings) -> IssuedToken:
    """A token of the managed identity that the settings name, asked for without a proxy.

    Raises:
        ConfigError: `defender.no-managed-identity`: this machine has none; `defender.managed-identity-refused`.
        RetryableError: `defender.login-unavailable`: the service is there and busy.
    """
    url, headers = _request(settings)
    try:
        with HttpClient(HttpSettings(connect_timeout_s=CONNECT_TIMEOUT_S, read_timeout_s=30.0)) as http:
            answer = http.send("GET", url, headers=headers)
    except RiskbridgeError as error:
        raise _nobody_answers(url, error) from error
    if answer.status in (404, 410, 429) or answer.status >= 500:
        raise RetryableError(
            f"The machine's identity service is not available (status {answer.status}).",
            code="defender.login-unavailable",
            remedy="Try again in some minutes.",
        )
    if answer.status != 200:
        raise _refused(answer)
    try:
        values = json.loads(answer.body)
        return IssuedToken(str(values["access_token"]), float(values["expires_on"]) - time.time())
    except (ValueError, KeyError, TypeError) as error:
        raise _refused(answer) from error


def _request(settings: DefenderSettings) -> tuple[str, dict[str, str]]:
    resource = settings.audience.rstrip("/").removesuffix("/.default")
    chosen = {} if settings.managed_identity == SYSTEM_IDENTITY else {"client_id": str(settings.managed_identity)}
    endpoint, secret = os.environ.get("IDENTITY_ENDPOINT"), os.environ.get("IDENTITY_HEADER")
    if endpoint and secret:
        options = {"api-version": "2019-08-01", "resource": resource, **chosen}
        return f"{endpoint}?{urlencode(options)}", {"X-IDENTITY-HEADER": secret}
    host = os.environ.get(METADATA_HOST_VARIABLE, METADATA_HOST).rstrip("/")
    options = {"api-version": "2018-02-01", "resource": resource, **chosen}
    return f"{host}/metadata/identity/oauth2/token?{urlencode(options)}", {"Metadata": "true"}


def _nobody_answers(url: str, error: RiskbridgeError) -> ConfigError:
    host = url.split("/metadata", 1)[0].split("?", 1)[0]
    return ConfigError(
        f"This machine has no managed identity: nothing answers at {host} ({error.message})",
        code="defender.no-managed-identity",
        remedy="Run riskbridge on an Azure machine or app with a managed identity, or give the connector a certificate "
        "or a secret.",
    )


def _refused(answer: Answer) -> ConfigError:
    try:
        said = json.loads(answer.body)
        text = str(said.get("error_description") or said.get("message") or said.get("error") or "nothing")
    except (ValueError, AttributeError):
        text = "nothing that can be read"
    return ConfigError(
        f"The machine's identity service gave no token (status {answer.status}). It said: {text[:300]}",
        code="defender.managed-identity-refused",
        remedy="Assign the identity to this machine, and check its client id and the audience.",
    )
