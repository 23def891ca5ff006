"""Tokens of the machine's own identity in Azure: from the instance's metadata service, or from its app platform.

Source: Microsoft's pages on managed identities of virtual machines and of App Service.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode, urlsplit

from riskbridge.errors import ConfigError, RetryableError, RiskbridgeError
from riskbridge.source.defender.settings import SYSTEM_IDENTITY, DefenderSettings
from riskbridge.source.http import Answer, HttpClient, HttpSettings
from riskbridge.source.retry import ThrottledError
from riskbridge.source.throttling import retry_after_s

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
        ConfigError: `defender.no-managed-identity`: this machine has none; `defender.managed-identity-refused`;
            `defender.foreign-identity-service`: the environment names a service that is not of this machine.
        RetryableError: `defender.login-unavailable`, `defender.login-throttled`: the service is there and busy;
            `http.timeout`, `http.cut-off`: it broke off.
    """
    url, headers = _request(settings)
    try:
        with HttpClient(HttpSettings(connect_timeout_s=CONNECT_TIMEOUT_S, read_timeout_s=30.0)) as http:
            answer = http.send("GET", url, headers=headers)
    except RiskbridgeError as error:
        if error.code in ("http.unreachable", "http.unknown-host"):
            raise _nobody_answers(url, error) from error
        raise
    if answer.status == 429:
        raise ThrottledError(
            "The machine's identity service asks for patience (429).",
            code="defender.login-throttled",
            remedy="Try again in some minutes.",
            wait_s=retry_after_s(answer, datetime.now(UTC)),
        )
    if answer.status in (404, 410) or answer.status >= 500:
        raise RetryableError(
            f"The machine's identity service is not available (status {answer.status}).",
            code="defender.login-unavailable",
            remedy="Try again in some minutes.",
        )
    if answer.status != 200:
        raise _refused(answer)
    try:
        values = json.loads(answer.body)
        return IssuedToken(str(values["access_token"]), _lasts_s(values, answer))
    except (ValueError, KeyError, TypeError) as error:
        raise _refused(answer) from error


def _lasts_s(values: Mapping[str, Any], answer: Answer) -> float:
    """Seconds from now, by the service's own count or its own clock; this machine's is asked last."""
    if values.get("expires_in"):
        return float(values["expires_in"])
    now = answer.dated_at or datetime.now(UTC)
    return float(values["expires_on"]) - now.timestamp()


def _require_of_this_machine(url: str, variable: str) -> None:
    """Raise unless the service is this machine's own: the request carries its secret, or gives its tokens away.

    Raises:
        ConfigError: `defender.foreign-identity-service`.
    """
    host = urlsplit(url).hostname or ""
    is_ours = host == "localhost"
    with suppress(ValueError):
        address = ip_address(host)
        is_ours = address.is_loopback or address.is_link_local
    if not is_ours:
        raise ConfigError(
            f"{variable} names {host or 'no host'}, which is not this machine's identity service.",
            code="defender.foreign-identity-service",
            remedy=f"Unset {variable}, or give it a loopback or link-local address, as Azure does.",
        )


def _request(settings: DefenderSettings) -> tuple[str, dict[str, str]]:
    resource = settings.audience.rstrip("/").removesuffix("/.default")
    chosen = {} if settings.managed_identity == SYSTEM_IDENTITY else {"client_id": str(settings.managed_identity)}
    endpoint, secret = os.environ.get("IDENTITY_ENDPOINT"), os.environ.get("IDENTITY_HEADER")
    if endpoint and secret:
        _require_of_this_machine(endpoint, "IDENTITY_ENDPOINT")
        options = {"api-version": "2019-08-01", "resource": resource, **chosen}
        return f"{endpoint}?{urlencode(options)}", {"X-IDENTITY-HEADER": secret}
    host = os.environ.get(METADATA_HOST_VARIABLE, METADATA_HOST).rstrip("/")
    _require_of_this_machine(host, METADATA_HOST_VARIABLE)
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
