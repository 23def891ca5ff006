"""The pages and where they are."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from riskbridge.api.access import find_caller
from riskbridge.api.problems import status_of
from riskbridge.errors import InputError, RiskbridgeError
from riskbridge.service import Service
from riskbridge.web import (
    connecting,
    details,
    editing,
    holding,
    home,
    identifying,
    joining,
    listing,
    login,
    mapping,
    modelling,
    running,
    scheduling,
    scoremap,
    scoring,
    settings,
    tagging,
    viewing,
    wizard,
)
from riskbridge.web.access import LoginNeededError
from riskbridge.web.render import STATIC, page

ROOMS = (
    login,
    home,
    identifying,
    joining,
    listing,
    details,
    holding,
    connecting,
    editing,
    running,
    scheduling,
    mapping,
    modelling,
    scoremap,
    scoring,
    settings,
    tagging,
    viewing,
    wizard,
)


def make_site(service: Service) -> FastAPI:
    """The pages of a service, to be mounted at `/`."""
    site = FastAPI(title="riskbridge pages", openapi_url=None, docs_url=None, redoc_url=None)
    site.state.service = service
    site.mount("/static", StaticFiles(directory=STATIC), name="static")
    for room in ROOMS:
        site.include_router(room.router)

    @site.exception_handler(LoginNeededError)
    def _log_in_first(request: Request, _: LoginNeededError) -> Response:
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(asked, safe='/')}", 303)

    @site.exception_handler(RiskbridgeError)
    def _known(request: Request, error: RiskbridgeError) -> Response:
        return page(request, "error.html", status_of(error), error=error, caller=_looker(request))

    @site.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> Response:
        missing = InputError("There is no such page.", code="page.unknown", remedy="Begin at the home page.")
        return page(request, "error.html", error.status_code, error=missing, caller=_looker(request))

    return site


def _looker(request: Request) -> object:
    caller = find_caller(request)
    return caller if caller is not None and caller.session is not None else None
