"""Who asks: an API token or a browser's session. Nothing but the first account's link answers without either."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from riskbridge.api.problems import problem_of
from riskbridge.errors import InputError, RiskbridgeError
from riskbridge.model.account import Account, ApiToken, Session, TokenScope
from riskbridge.service import Service

COOKIE = "riskbridge_session"
CSRF_HEADER, CSRF_FIELD = "x-csrf-token", "csrf"
BODIES = ("application/json", "multipart/form-data", "application/octet-stream")
"""Kinds of bodies that routes take; which of them, each says itself."""
_SAFE = ("GET", "HEAD", "OPTIONS")
_LOOKING = (
    "/assets/search",
    "/filters/check",
    "/findings/search",
    "/identification/simulate",
    "/map-difference",
    "/map-preview",
    "/maps/check",
    "/out-of-scope",
    "/qql/check",
    "/rules/try",
    "/schedules/preview",
    "/score-settings/try",
)
"""Addresses that are posted to and change nothing, nor ask anybody else."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: by a session, or, a script, by a token."""

    account: Account
    session: Session | None
    token: ApiToken | None = None


def service_of(request: Request) -> Service:
    """The service that this server stands for."""
    service: Service = request.app.state.service
    return service


def find_caller(request: Request) -> Caller | None:
    """Who asks, or None; a token that is none is nobody, even where a cookie comes with it."""
    return _find(service_of(request), request)


def check_csrf(session: Session, given: str) -> None:
    """Raise unless a request that changes something carries its session's token.

    Raises:
        InputError: `account.bad-csrf`.
    """
    if not hmac.compare_digest(session.csrf.encode(), given.encode()):
        raise InputError(
            "This form is of another login.", code="account.bad-csrf", remedy="Load the page again, then repeat it."
        )


def check_origin(request: Request) -> None:
    """Raise where a browser says that another site's page asks.

    Raises:
        InputError: `account.foreign-origin`.
    """
    origin = request.headers.get("origin")
    if origin is not None and not _is_ours(origin, request.headers.get("host", "")):
        raise InputError(
            "Another site's page asked.",
            code="account.foreign-origin",
            remedy="Open riskbridge itself. Scripts send an API token and no Origin.",
        )


def require_caller(request: Request) -> Caller:
    """Who asks, as the door let them in."""
    caller: Caller = request.state.caller
    return caller


class Door:
    """Lets nobody into the API without a login: not to its routes, and not to what it says of routes that are none.

    Args:
        app: What is behind it.
        service: Whose accounts and tokens count.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a problem, or let the request through, with its caller."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            request.state.caller = await run_in_threadpool(self._admit, request)
        except RiskbridgeError as error:
            await problem_of(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _admit(self, request: Request) -> Caller:
        caller = _find(self._service, request)
        if caller is None:
            raise InputError(
                "Nobody is logged in.",
                code="account.no-login",
                remedy="Send an API token as `Authorization: Bearer …`, or log in.",
            )
        if caller.session is not None:
            check_origin(request)
            if request.method not in _SAFE:
                check_csrf(caller.session, request.headers.get(CSRF_HEADER, ""))
        _check_scope(caller, request)
        _check_kind(request)
        return caller


def _find(service: Service, request: Request) -> Caller | None:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme:
        held = service.accounts.find_token(text.strip()) if scheme.lower() == "bearer" else None
        return None if held is None else Caller(held[0], None, held[1])
    found = service.accounts.find_session(request.cookies.get(COOKIE, ""))
    return None if found is None else Caller(*found)


def _check_scope(caller: Caller, request: Request) -> None:
    is_looking = request.method == "POST" and request.url.path.endswith(_LOOKING)
    is_reading = request.method in _SAFE or is_looking
    if caller.token is not None and caller.token.scope == TokenScope.READ and not is_reading:
        raise InputError(
            f"The token '{caller.token.name}' may look, and change nothing.",
            code="account.read-only",
            remedy="Use one that was made with the scope write.",
        )


def _check_kind(request: Request) -> None:
    """Raise where a body is of a kind that no route takes; a form of another site could not be any other."""
    is_there = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if is_there and kind not in BODIES:
        raise InputError(
            f"The body is {kind or 'of no kind that it names'}.",
            code="request.not-json",
            remedy="Send JSON, with `Content-Type: application/json`.",
        )


def _is_ours(origin: str, host: str) -> bool:
    try:
        asked, ours = urlsplit(origin), urlsplit(f"//{host}")
        is_same_name, is_port_told = asked.hostname == ours.hostname, ours.port is not None
    except ValueError:
        return False
    # A proxy may leave the port out of Host; on this machine ports tell programs apart.
    is_proxied = not is_port_told and ours.hostname not in ("localhost", "127.0.0.1", "::1")
    return asked.netloc.lower() == ours.netloc.lower() or (is_same_name and is_proxied)


Asked: TypeAlias = Annotated[Caller, Depends(require_caller)]
Served: TypeAlias = Annotated[Service, Depends(service_of)]
