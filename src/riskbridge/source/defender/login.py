"""What Entra's refusals mean, and what to do about each."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from riskbridge.errors import ConfigError, FatalError, RetryableError, RiskbridgeError
from riskbridge.source.defender.settings import DefenderSettings
from riskbridge.source.http import Answer, host_of


@dataclass(frozen=True, slots=True)
class LoginFault:
    """One of Entra's numbered errors: our code, what it means, and the remedy."""

    code: str
    meaning: str
    remedy: str


LOGIN_FAULTS: dict[int, LoginFault] = {
    7000215: LoginFault(
        "defender.wrong-secret",
        "The client secret of application {client_id} is wrong",
        "Enter the secret's value, not its id; Entra shows it only once, so make a new one if it is lost.",
    ),
    7000222: LoginFault(
        "defender.expired-secret",
        "The client secret of application {client_id} has expired",
        "Make a new client secret for the application in Entra and enter its value.",
    ),
    700016: LoginFault(
        "defender.unknown-app",
        "Tenant {tenant_id} has no application {client_id}",
        "Check the client id, and that the application is registered in this tenant.",
    ),
    90002: LoginFault(
        "defender.unknown-tenant",
        "{login_url} knows no tenant {tenant_id}",
        "Check the tenant id, and that the login URL is that of the right cloud.",
    ),
    500011: LoginFault(
        "defender.bad-audience",
        "The resource {audience} is not known in tenant {tenant_id}",
        "Check the audience; Defender for Endpoint may never have been set up in the tenant, or its cloud is another.",
    ),
    70011: LoginFault(
        "defender.bad-audience",
        "The audience {audience} is not valid",
        "Give the resource alone, such as https://api.securitycenter.microsoft.com.",
    ),
    7000218: LoginFault(
        "defender.no-credentials",
        "No client secret was sent for application {client_id}",
        "Enter the application's client secret.",
    ),
    700027: LoginFault(
        "defender.unknown-certificate",
        "Application {client_id} has no such certificate",
        "Upload the certificate (without its key) to the application in Entra; the thumbprints must be the same.",
    ),
    700024: LoginFault(
        "defender.stale-assertion",
        "Entra found the assertion of application {client_id} past its time",
        "Set this machine's clock; where a federated token is used, check that its file is kept fresh.",
    ),
    700023: LoginFault(
        "defender.wrong-cloud",
        "The assertion of application {client_id} is for another login host than {login_url}",
        "Choose the cloud of the tenant: its login URL, API URL and audience belong together.",
    ),
    700211: LoginFault(
        "defender.no-federated-trust",
        "Application {client_id} does not trust the identity in the federated token",
        "Add a federated credential to the application in Entra with the token's issuer, subject and audience "
        "(api://AzureADTokenExchange).",
    ),
    7000112: LoginFault(
        "defender.disabled-app",
        "Application {client_id} is disabled",
        "Enable the application in Entra.",
    ),
    7000229: LoginFault(
        "defender.no-consent",
        "Application {client_id} has no service principal in tenant {tenant_id}",
        "Give admin consent to the application in this tenant.",
    ),
    90038: LoginFault(
        "defender.wrong-cloud",
        "Tenant {tenant_id} is in another national cloud than {login_url}",
        "Choose the cloud of the tenant: its login URL, API URL and audience belong together.",
    ),
}
_SAME_FAULT = {
    70021: 700211,
    700212: 700211,
    700213: 700211,
    1002012: 70011,
    700022: 70011,
    900382: 90038,
    900432: 90038,
    90023: 90002,
}
_TRANSIENT = frozenset({90055, 90024, 90033, 90006, 90012})
_CODE = re.compile(r"AADSTS(\d+)")


def login_refusal(settings: DefenderSettings, answer: Mapping[str, Any]) -> RiskbridgeError:
    """The error for Entra's error body (`error`, `error_description`, `error_codes`).

    Entra's own text is quoted for numbers that are not known here; it holds ids, never the secret.
    """
    number = _number(answer)
    if number in _TRANSIENT or answer.get("error") == "temporarily_unavailable":
        return login_unavailable(settings, f"AADSTS{number}")
    text = _first_sentence(str(answer.get("error_description") or answer.get("error") or "no reason given"))
    fault = LOGIN_FAULTS.get(_SAME_FAULT.get(number, number))
    if fault is None:
        return ConfigError(
            f"Entra refused the login: {text}",
            code="defender.login-refused",
            remedy="Check tenant id, client id, client secret and audience of the connector.",
            aadsts=number,
        )
    names = {n: getattr(settings, n) for n in ("client_id", "tenant_id", "login_url", "audience")}
    return ConfigError(
        f"{fault.meaning.format(**names)} (AADSTS{number}).", code=fault.code, remedy=fault.remedy, aadsts=number
    )


def discovery_refusal(settings: DefenderSettings, answer: Answer | None) -> RiskbridgeError:
    """The error for a refused or unreadable OpenID document, which MSAL asks for before any token."""
    try:
        body = json.loads(answer.body) if answer is not None else None
    except ValueError:
        body = None
    if isinstance(body, dict) and "error" in body:
        return login_refusal(settings, body)
    status = f"status {answer.status}" if answer is not None else "nothing"
    return FatalError(
        f"{settings.login_url} does not answer as Entra's login host does: it gave {status} and no token document.",
        code="defender.bad-login-url",
        remedy="Check the login URL (https://login.microsoftonline.com for most) and any proxy on the way.",
    )


def login_unavailable(settings: DefenderSettings, why: str) -> RetryableError:
    """The error for a login host that answers, but not now."""
    return RetryableError(
        f"The login host {host_of(settings.login_url)} is not available ({why}).",
        code="defender.login-unavailable",
        remedy="Try again in some minutes.",
    )


def _number(answer: Mapping[str, Any]) -> int:
    codes = answer.get("error_codes")
    if isinstance(codes, list) and codes and isinstance(codes[0], int):
        return codes[0]
    found = _CODE.search(str(answer.get("error_description", "")))
    return int(found[1]) if found else 0


def _first_sentence(text: str) -> str:
    return re.split(r"\s*(?:Trace ID:|\r?\n)", text, maxsplit=1)[0].strip()[:400]
