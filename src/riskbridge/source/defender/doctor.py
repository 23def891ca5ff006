"""The test of a connection: what works, what does not, and the remedy, in the order of a run's needs."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from riskbridge.errors import RiskbridgeError
from riskbridge.source.defender.settings import DefenderSettings
from riskbridge.source.defender.token import TokenProvider
from riskbridge.source.http import ApiClient

REQUIRED_ROLES = ("Machine.Read.All", "Vulnerability.Read.All")


@dataclass(frozen=True, slots=True)
class CheckItem:
    """One thing that was tried; `remedy` is empty when it worked."""

    name: str
    is_ok: bool
    message: str
    remedy: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was tried, in order; a failure of the token ends the list."""

    items: tuple[CheckItem, ...]

    @property
    def is_ok(self) -> bool:
        """Whether everything worked."""
        return all(item.is_ok for item in self.items)


def check(tokens: TokenProvider, api: ApiClient, settings: DefenderSettings, paths: Mapping[str, str]) -> CheckReport:
    """Ask for a token, read its roles, and ask each endpoint for one row."""
    items: list[CheckItem] = []
    try:
        token = tokens.token()
    except RiskbridgeError as error:
        return CheckReport((_failed("token", error),))
    roles = token_roles(token)
    items.append(CheckItem("token", is_ok=True, message=f"Entra gave a token for {settings.audience}."))
    items.append(_roles(roles))
    for name, path in paths.items():
        try:
            api.get(f"{settings.api_url.rstrip('/')}{path}?$top=1")
            items.append(CheckItem(name, is_ok=True, message=f"{path} answers."))
        except RiskbridgeError as error:
            items.append(_failed(name, error))
    return CheckReport(tuple(items))


def token_roles(token: str) -> tuple[str, ...]:
    """The application permissions in a token's `roles` claim, sorted; empty when it cannot be read or has none."""
    try:
        payload = token.split(".")[1]
        claims: Any = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return tuple(sorted(str(role) for role in claims.get("roles", [])))
    except (IndexError, ValueError, AttributeError):
        return ()


def _roles(roles: tuple[str, ...]) -> CheckItem:
    missing = [r for r in REQUIRED_ROLES if r not in roles and r.replace("Read.", "ReadWrite.") not in roles]
    if not missing:
        return CheckItem("roles", is_ok=True, message=f"The token carries {', '.join(roles)}.")
    carried = ", ".join(roles) or "no role"
    return CheckItem(
        "roles",
        is_ok=False,
        message=f"The token carries {carried}; {' and '.join(missing)} is missing.",
        remedy=f"Grant {' and '.join(missing)} as application (not delegated) permission on WindowsDefenderATP, "
        "then give admin consent again.",
        code="defender.missing-role",
    )


def _failed(name: str, error: RiskbridgeError) -> CheckItem:
    return CheckItem(name, is_ok=False, message=error.message, remedy=error.remedy, code=error.code)
