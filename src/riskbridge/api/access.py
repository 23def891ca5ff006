"""Who asks: an API token or a browser's session. Nothing but the first account's link answers without either."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from fastapi import Depends, Request

from riskbridge.errors import InputError
from riskbridge.model.account import Account, Session
from riskbridge.service import Service

COOKIE = "riskbridge_session"
CSRF_HEADER, CSRF_FIELD = "x-csrf-token", "csrf"
_SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks; `session` is None for a script with a token."""

    account: Account
    session: Session | None


def service_of(request: Request) -> Service:
    """The service that this server stands for."""
    service: Service = request.app.state.service
    return service


def find_caller(request: Request) -> Caller | None:
    """Who asks, or None; a token that is none is nobody, even where a cookie comes with it."""
    service = service_of(request)
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme:
        account = service.accounts.find_token(text.strip()) if scheme.lower() == "bearer" else None
        return None if account is None else Caller(account, None)
    found = service.accounts.find_session(request.cookies.get(COOKIE, ""))
    return None if found is None else Caller(*found)


def check_csrf(session: Session, given: str) -> None:
    """Raise unless a request that changes something carries its session's token.

    Raises:
        InputError: `account.bad-csrf`.
    """
    if not hmac.compare_digest(session.csrf.encode(), given.encode()):
        raise InputError(
            "This form is of another login.", code="account.bad-csrf", remedy="Load the page again, then repeat it."
        )


def require_caller(request: Request) -> Caller:
    """Who asks.

    Raises:
        InputError: `account.no-login`, `account.bad-csrf`.
    """
    caller = find_caller(request)
    if caller is None:
        raise InputError(
            "Nobody is logged in.",
            code="account.no-login",
            remedy="Send an API token as `Authorization: Bearer …`, or log in.",
        )
    if caller.session is not None and request.method not in _SAFE:
        check_csrf(caller.session, request.headers.get(CSRF_HEADER, ""))
    return caller


Asked: TypeAlias = Annotated[Caller, Depends(require_caller)]
Served: TypeAlias = Annotated[Service, Depends(service_of)]
