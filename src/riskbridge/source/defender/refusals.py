"""What the API's refusals mean, and what to do about each."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from riskbridge.errors import ConfigError, FatalError, RetryableError, RiskbridgeError
from riskbridge.source.defender.settings import DefenderSettings
from riskbridge.source.http import Answer, host_of
from riskbridge.source.retry import ThrottledError
from riskbridge.source.throttling import retry_after_s

NOT_FOUND = "defender.not-found"
BAD_REQUEST = "defender.bad-request"
MISSING_LICENCE = "defender.missing-licence"
_ROLES = re.compile(r"required roles:\s*([\w.,\s]*?),?\s*application roles:\s*([\w.,\s]*)", re.IGNORECASE)
_LICENCE = re.compile(r"licen[cs]e|subscription", re.IGNORECASE)
_LONGEST_TEXT = 600
_MUCH = {False: "many requests", True: "much processor time"}


def refusal(settings: DefenderSettings, url: str, answer: Answer, now: datetime) -> RiskbridgeError:
    """The error for an answer other than 200.

    429 and 5xx become retryable, 400 a matter of configuration, the rest ends the run. Source: Defender's common errors
    page; the sentences as observed (see the tests).
    """
    path, host = urlsplit(url).path, host_of(url)
    text, correlation = error_text(answer.body)
    said = f" It said: {text}" if text else ""
    names: dict[str, Any] = {"status": answer.status, "path": path, "correlation_id": correlation}
    is_for_load = re.search(r"\bCPU\b", text) is not None
    match answer.status:
        case 400:
            return ConfigError(
                f"{host} does not understand the request for {path} (400).{said}",
                code=BAD_REQUEST,
                remedy=_bad_request_remedy(url),
                **names,
            )
        case 401:
            return FatalError(
                f"{host} did not accept a fresh token for {path} (401).{said}",
                code="defender.unauthorised",
                remedy=f"Check that the audience ({settings.audience}) is that of the API's cloud, and the clock.",
                **names,
            )
        case 403:
            return _forbidden(settings, f"{host} refuses {path} (403)", text, names)
        case 404:
            return FatalError(
                f"{host} has no {path} (404).{said}",
                code=NOT_FOUND,
                remedy="Check the API URL; it is the host alone, such as https://api.security.microsoft.com.",
                **names,
            )
        case 429:
            return ThrottledError(
                f"{host} keeps asking for patience with {path} (429, too {_MUCH[is_for_load]}).{said}",
                code="defender.throttled",
                remedy="Run again later, or schedule the profile for a quieter hour; the run goes on where it was.",
                wait_s=retry_after_s(answer, now),
                is_for_load=is_for_load,
            )
    return _broken(f"{host} answered {path} with status {answer.status}.{said}", answer, names, now)


def _broken(message: str, answer: Answer, names: dict[str, Any], now: datetime) -> RiskbridgeError:
    if answer.status == 503 and answer.headers.get("retry-after"):
        return ThrottledError(
            message, code="defender.server-error", remedy="Run again later.", wait_s=retry_after_s(answer, now)
        )
    if answer.status >= 500 or answer.status == 408:
        return RetryableError(
            message,
            code="defender.server-error",
            remedy="Run again later; the run goes on at the page it had reached.",
            **names,
        )
    location = answer.headers.get("location")
    return FatalError(
        f"{message} It points to {host_of(location)}; the token was not sent there." if location else message,
        code="defender.unexpected-status",
        remedy="Check the API URL and any proxy or sign-in page on the way.",
        **names,
    )


def _forbidden(settings: DefenderSettings, what: str, text: str, names: dict[str, Any]) -> RiskbridgeError:
    found = _ROLES.search(text)
    needed = _split(found[1]) if found else ()
    if not needed and _LICENCE.search(text):
        return FatalError(
            f"{what}: the tenant lacks the licence for it. It said: {text}",
            code=MISSING_LICENCE,
            remedy="Give the tenant Defender for Endpoint Plan 2 or Defender Vulnerability Management.",
            **names,
        )
    if not needed:
        return FatalError(
            f"{what}. It said: {text or 'nothing'}",
            code="defender.forbidden",
            remedy=f"Check that the tenant has Defender Vulnerability Management, and that the audience is right: most "
            f"commercial tenants need https://api.securitycenter.microsoft.com, and {settings.audience} is set.",
            **names,
        )
    held = _split(found[2]) if found else ()
    return FatalError(
        f"{what}: the application lacks the role {needed[0]}; it holds {', '.join(held) or 'none'}.",
        code="defender.missing-role",
        remedy=f"In Entra, give the application the permission {needed[0]} (application, not delegated) of "
        "WindowsDefenderATP, and grant admin consent again.",
        role=needed[0],
        **names,
    )


def error_text(body: bytes) -> tuple[str, str | None]:
    """The message of an error body and its correlation id (`target`); empty and None where it has none.

    Defender answers `{"error": {"code", "message", "target"}}`; gateways in front of it answer HTML, of which nothing
    is quoted.
    """
    try:
        error = json.loads(body)["error"]
        return str(error.get("message") or "").strip()[:_LONGEST_TEXT], error.get("target")
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", None


def is_error_body(body: bytes) -> bool:
    """Whether a body is Defender's own (an error object, or empty), not a gateway's page."""
    try:
        return not body.strip() or isinstance(json.loads(body)["error"], dict)
    except (ValueError, KeyError, TypeError):
        return False


def _split(text: str) -> tuple[str, ...]:
    return tuple(role.strip(" .") for role in text.split(",") if role.strip(" ."))


def _bad_request_remedy(url: str) -> str:
    if "$filter=" in url:
        return "Mend the profile's filter: OData v4, with the properties that this stream can be filtered by."
    return "Check the API URL and the profile's page size."
