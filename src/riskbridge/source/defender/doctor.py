"""The test of a connection: what works, what does not, and the remedy, in the order of a run's needs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from riskbridge.errors import RiskbridgeError
from riskbridge.model.source_model import (
    MACHINES,
    MACHINES_VULNERABILITIES,
    SOFTWARE_INVENTORY,
    VULNERABILITIES,
    VULNERABILITIES_BY_MACHINE,
    VULNERABILITIES_EXPORT,
    VULNERABILITY_CHANGES,
    SourceModel,
)
from riskbridge.source.defender.api import DefenderApi, Tokens
from riskbridge.source.defender.credentials import read_certificate
from riskbridge.source.defender.decode import PageDecoder
from riskbridge.source.defender.links import PATHS
from riskbridge.source.defender.settings import DefenderSettings
from riskbridge.source.defender.token import token_claims
from riskbridge.source.http import Answer, host_of
from riskbridge.source.presented import look_at
from riskbridge.source.protocol import CheckItem, CheckReport
from riskbridge.source.retry import Clock, ThrottledError

__all__ = ["REQUIRED_ROLES", "CheckItem", "CheckReport", "check_connection", "token_roles"]

REQUIRED_ROLES = ("Machine.Read.All", "Vulnerability.Read.All")
EXPIRY_WARNING_DAYS = 30
LARGEST_SKEW = timedelta(minutes=5)
_PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
WITHOUT = {
    VULNERABILITIES_BY_MACHINE.stream: "findings are read page by page",
    VULNERABILITIES_EXPORT.stream: "findings cannot be fetched as files",
    VULNERABILITY_CHANGES.stream: "each run reads everything, not what changed since the last",
    SOFTWARE_INVENTORY.stream: "software without findings stays unknown; it needs the role Software.Read.All",
}
OPTIONAL = (VULNERABILITIES_BY_MACHINE, VULNERABILITIES_EXPORT, VULNERABILITY_CHANGES, SOFTWARE_INVENTORY)
"""Streams that a run can do without, and `WITHOUT` what then."""
NEEDED = (MACHINES, MACHINES_VULNERABILITIES, VULNERABILITIES)
"""Streams without which nothing can be read."""


def check_connection(settings: DefenderSettings, tokens: Tokens, api: DefenderApi, clock: Clock) -> CheckReport:
    """Look at the certificate, ask for a token, read its roles, ask each endpoint for one row, and compare clocks.

    Nothing is asked twice and nothing waits: a busy endpoint counts as one that works. A failure of the token ends the
    list, since nothing else can be tried.
    """
    try:
        items = _check_certificate(settings, clock)
        token = tokens.token()
    except RiskbridgeError as error:
        return CheckReport(_explain_login(error, settings, clock))
    claims, roles = token_claims(token), token_roles(token)
    items += [*_check_secret(settings, clock)]
    items += [
        CheckItem("token", is_ok=True, message=f"Entra gave a token for {settings.audience}."),
        _check_roles(roles, claims),
    ]
    answers: list[Answer] = []
    items += [_probe(model, settings, api, answers) for model in NEEDED]
    items += [_probe_optional(model, settings, api, clock) for model in OPTIONAL]
    items += [_check_clock(answer, settings, clock) for answer in answers[:1]]
    return CheckReport(tuple(items), roles)


def _explain_login(error: RiskbridgeError, settings: DefenderSettings, clock: Clock) -> tuple[CheckItem, ...]:
    """The failed login, with what the login host shows of itself: who issued its certificate, and what time it has."""
    item = _failed("token", error, settings)
    if error.code not in ("http.untrusted-certificate", "defender.stale-assertion"):
        return (item,)
    shown = look_at(settings.login_url, settings.proxy)
    if shown is None:
        return (item,)
    now, items = clock.now(), []
    if error.code == "http.untrusted-certificate":
        told = f"{item.message} It was issued by {shown.issuer}."
        if not shown.not_before <= now <= shown.not_after:
            told += f" It holds from {shown.not_before:%Y-%m-%d} to {shown.not_after:%Y-%m-%d}."
        remedy = f"If {shown.issuer} is your organisation's own TLS inspection or authority, name its PEM file as the "
        remedy += "connector's CA bundle (--ca-bundle); if not, do not go on: somebody else may be answering."
        item = replace(item, message=told, remedy=remedy)
    if shown.dated_at is not None and abs(now - shown.dated_at) > LARGEST_SKEW:
        items.append(_skewed(now - shown.dated_at, host_of(settings.login_url)))
    return (item, *items)


def token_roles(token: str) -> tuple[str, ...]:
    """The application permissions in a token's `roles` claim, sorted; empty when it has none or cannot be read."""
    roles = token_claims(token).get("roles")
    return tuple(sorted(str(role) for role in roles)) if isinstance(roles, list) else ()


def _check_certificate(settings: DefenderSettings, clock: Clock) -> list[CheckItem]:
    if settings.certificate is None:
        return []
    found = read_certificate(settings.certificate, settings.client_secret)
    days = (found.expires_at - clock.now()).days
    soon = f" That is in {days} days: make its successor now." if days < EXPIRY_WARNING_DAYS else ""
    message = f"Certificate {found.thumbprint} is valid until {found.expires_at:%Y-%m-%d}.{soon}"
    return [CheckItem("certificate", is_ok=True, message=message)]


def _check_secret(settings: DefenderSettings, clock: Clock) -> list[CheckItem]:
    """A warning before the secret ends, where someone said when; Entra does not tell an application."""
    if settings.secret_expires_on is None:
        return []
    days = (settings.secret_expires_on - clock.now().date()).days
    when = f"{settings.secret_expires_on:%Y-%m-%d}"
    if days < 0:
        return [
            CheckItem("secret", is_ok=True, message=f"The secret was to end on {when}; correct the date if it did not.")
        ]
    soon = f" That is in {days} days: make its successor now." if days < EXPIRY_WARNING_DAYS else ""
    return [CheckItem("secret", is_ok=True, message=f"The secret is valid until {when}, as was entered.{soon}")]


def _check_roles(roles: tuple[str, ...], claims: Mapping[str, Any]) -> CheckItem:
    if not roles and claims.get("scp"):
        return CheckItem(
            "roles",
            is_ok=False,
            message=f"The token carries delegated permissions ({claims['scp']}), which act for a signed-in person.",
            remedy="In Entra, give the application the same as application permissions of WindowsDefenderATP, and grant "
            "admin consent.",
            code="defender.delegated-permission",
        )
    if not roles:
        return CheckItem(
            "roles",
            is_ok=False,
            message="The token carries no role: nobody consented to the application's permissions.",
            remedy=f"In Entra, give the application {' and '.join(REQUIRED_ROLES)} (application, not delegated) of "
            "WindowsDefenderATP, and grant admin consent.",
            code="defender.no-consent",
        )
    missing = [r for r in REQUIRED_ROLES if r not in roles and r.replace(".Read.", ".ReadWrite.") not in roles]
    if not missing:
        return CheckItem("roles", is_ok=True, message=f"The token carries {', '.join(roles)}.")
    wanted = " and ".join(missing)
    return CheckItem(
        "roles",
        is_ok=False,
        message=f"The token carries {', '.join(roles)}; it lacks {wanted}.",
        remedy=f"In Entra, give the application {wanted} (application, not delegated) of WindowsDefenderATP, and grant "
        "admin consent again.",
        code="defender.missing-role",
    )


def _probe(model: SourceModel, settings: DefenderSettings, api: DefenderApi, answers: list[Answer]) -> CheckItem:
    path = PATHS[model.stream]
    try:
        answer = api.get_once(f"{settings.api_url}{path}?$top=1", is_missing_ok=model is MACHINES)
        answers.append(answer)
        if answer.status == 404:
            return CheckItem(
                model.stream, is_ok=True, message=f"{path} answers; it knows of no device that reported lately."
            )
        PageDecoder(model).parse(answer.body)
    except ThrottledError:
        return CheckItem(
            model.stream, is_ok=True, message=f"{path} answers; it is busy just now and asks for patience."
        )
    except RiskbridgeError as error:
        return _failed(model.stream, error, settings)
    return CheckItem(model.stream, is_ok=True, message=f"{path} answers.")


def _lightest(model: SourceModel, clock: Clock) -> str:
    """The options of the lightest call of a stream: one row, one hour of changes, an address that lives an hour."""
    if model is VULNERABILITIES_EXPORT:
        return "?sasValidHours=1"
    if model is VULNERABILITY_CHANGES:
        since = clock.now() - timedelta(hours=1)
        return f"?pageSize=1&sinceTime={since:%Y-%m-%dT%H:%M:%SZ}"
    return "?pageSize=1"


def _probe_optional(model: SourceModel, settings: DefenderSettings, api: DefenderApi, clock: Clock) -> CheckItem:
    """Whether a stream is offered that a run can do without; that it is not is told, and fails nothing."""
    path = PATHS[model.stream]
    try:
        api.get_once(f"{settings.api_url}{path}{_lightest(model, clock)}")
    except ThrottledError:
        return CheckItem(model.stream, is_ok=True, message=f"{path} answers; it is busy just now.")
    except RiskbridgeError as error:
        message = f"{path} is not offered ({error.code}): {WITHOUT[model.stream]}."
        return CheckItem(model.stream, is_ok=True, message=message)
    return CheckItem(model.stream, is_ok=True, message=f"{path} answers.")


def _check_clock(answer: Answer, settings: DefenderSettings, clock: Clock) -> CheckItem:
    host = host_of(settings.api_url)
    if answer.dated_at is None:
        return CheckItem("clock", is_ok=True, message=f"{host} does not tell its time.")
    skew = clock.now() - answer.dated_at
    if abs(skew) <= LARGEST_SKEW:
        return CheckItem("clock", is_ok=True, message=f"This machine's clock agrees with that of {host}.")
    return _skewed(skew, host)


def _skewed(skew: timedelta, host: str) -> CheckItem:
    minutes, direction = abs(skew).total_seconds() / 60, "ahead of" if skew > timedelta(0) else "behind"
    return CheckItem(
        "clock",
        is_ok=False,
        message=f"This machine's clock is {minutes:,.0f} minutes {direction} that of {host}.",
        remedy="Set the clock (time synchronisation): tokens and the times of findings depend on it.",
        code="defender.clock-skew",
    )


def _failed(name: str, error: RiskbridgeError, settings: DefenderSettings) -> CheckItem:
    remedy = error.remedy
    variable = next((v for v in _PROXY_VARIABLES if os.environ.get(v)), None)
    if error.code in ("http.unreachable", "http.unknown-host", "http.timeout") and settings.proxy is None and variable:
        remedy = f"{remedy} {variable} is set but not read: name the proxy on the connector (--proxy)."
    return CheckItem(name, is_ok=False, message=error.message, remedy=remedy, code=error.code)
