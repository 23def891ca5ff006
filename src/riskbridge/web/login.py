"""Logging in and out, and the first account."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from riskbridge.api.access import COOKIE, Served
from riskbridge.api.problems import status_of
from riskbridge.errors import InputError
from riskbridge.web.access import ChangingPerson
from riskbridge.web.render import page

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/setup")
def show_setup(request: Request, service: Served, token: str = "") -> Response:
    """The form for the first account; its address is printed when the server starts."""
    if not service.accounts.is_link(token):
        return RedirectResponse("/login", 303)
    return page(request, "setup.html", token=token, name="", fault="")


@router.post("/setup")
async def make_first_account(request: Request, service: Served) -> Response:
    """Make the first account and log it in."""
    typed = await request.form()
    token, name, password = (str(typed.get(n, "")) for n in ("token", "name", "password"))
    try:
        if password != str(typed.get("again", "")):
            raise InputError("The two passwords differ.", code="account.bad-password", remedy="Type them again.")
        account = service.accounts.make_first(token, name, password)
    except InputError as error:
        return page(request, "setup.html", status_of(error), token=token, name=name, fault=str(error))
    return _logged_in(request, service.accounts.begin_session(account), "/")


@router.get("/login")
def show_login(request: Request, service: Served, next: str = "/") -> Response:  # noqa: A002 - its name in addresses
    """The login form."""
    return page(request, "login.html", next=next, name="", fault="", is_empty=service.accounts.is_empty)


@router.post("/login")
async def log_in(request: Request, service: Served) -> Response:
    """Log in; a wrong password says no more than that the two do not fit."""
    typed = await request.form()
    name, target = str(typed.get("name", "")), str(typed.get("next", "/"))
    try:
        cookie = service.accounts.log_in(name, str(typed.get("password", "")))
    except InputError as error:
        return page(request, "login.html", status_of(error), next=target, name=name, fault=str(error), is_empty=False)
    return _logged_in(request, cookie, target)


@router.post("/logout")
def log_out(caller: ChangingPerson, service: Served) -> Response:
    """End the session."""
    assert caller.session is not None
    service.accounts.log_out(caller.session)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE)
    return answer


def _logged_in(request: Request, cookie: str, target: str) -> Response:
    # Another site's address would be a way to send people there with our name on it.
    is_ours = target.startswith("/") and not target.startswith(("//", "/\\"))
    answer = RedirectResponse(target if is_ours else "/", 303)
    answer.set_cookie(COOKIE, cookie, httponly=True, samesite="lax", secure=request.url.scheme == "https")
    return answer
