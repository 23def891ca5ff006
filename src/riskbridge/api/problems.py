"""Failures as RFC 9457 problem bodies, with the same code and remedy as on the command line."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from riskbridge.errors import ConfigError, FatalError, InputError, RetryableError, RiskbridgeError

MEDIA_TYPE = "application/problem+json"
_CONFLICTS = ("connector.exists", "profile.exists", "account.exists", "run.under-way", "run.not-under-way")
_STATUS: dict[type[RiskbridgeError], HTTPStatus] = {
    InputError: HTTPStatus.BAD_REQUEST,
    ConfigError: HTTPStatus.UNPROCESSABLE_ENTITY,
    RetryableError: HTTPStatus.SERVICE_UNAVAILABLE,
    FatalError: HTTPStatus.BAD_GATEWAY,
}


def status_of(error: RiskbridgeError) -> HTTPStatus:
    """The HTTP status of a failure: 404 for what is not there, 409 for what is taken or under way, else by remedy."""
    if isinstance(error, InputError):
        if error.code.endswith(".unknown"):
            return HTTPStatus.NOT_FOUND
        if error.code in _CONFLICTS:
            return HTTPStatus.CONFLICT
        if error.code in ("account.wrong-login", "account.no-login"):
            return HTTPStatus.UNAUTHORIZED
        if error.code == "account.bad-csrf":
            return HTTPStatus.FORBIDDEN
        if error.code == "account.wait":
            return HTTPStatus.TOO_MANY_REQUESTS
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), HTTPStatus.BAD_REQUEST)


def add_problems(app: FastAPI) -> None:
    """Every failure of the API leaves it as a problem body."""

    @app.exception_handler(RiskbridgeError)
    def _known(_: Request, error: RiskbridgeError) -> JSONResponse:
        status = status_of(error)
        return _problem(status, error.code, error.message, error.remedy, dict(error.context))

    @app.exception_handler(RequestValidationError)
    def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0] if error.errors() else {"loc": (), "msg": "it cannot be read"}
        where = ".".join(str(part) for part in first["loc"])
        return _problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "request.invalid",
            f"The request's {where} cannot be used: {first['msg']}.",
            "See /api/v1/openapi.json for what is expected.",
            {},
        )

    @app.exception_handler(HTTPException)
    def _http(_: Request, error: HTTPException) -> JSONResponse:
        status = HTTPStatus(error.status_code)
        return _problem(
            status, f"http.{status.value}", f"{status.phrase}.", "See /api/v1/openapi.json for what there is.", {}
        )


def _problem(
    status: HTTPStatus, code: str, message: str, remedy: str, context: dict[str, str | float | None]
) -> JSONResponse:
    body = {
        **context,
        "type": f"https://riskbridge.invalid/errors#{code}",
        "title": status.phrase,
        "status": status.value,
        "detail": message,
        "code": code,
        "remedy": remedy,
    }
    return JSONResponse(body, status.value, media_type=MEDIA_TYPE)
