"""Failures as RFC 9457 problem bodies, with the same code and remedy as on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from riskbridge.api.etag import StaleEditError
from riskbridge.errors import ConfigError, FatalError, InputError, RetryableError, RiskbridgeError

MEDIA_TYPE = "application/problem+json"
_CONFLICTS = (
    "connector.exists",
    "profile.exists",
    "account.exists",
    "map.exists",
    "map.in-use",
    "run.under-way",
    "run.not-under-way",
    "run.paused",
    "run.not-paused",
)
_BY_CODE = {
    "account.wrong-login": HTTPStatus.UNAUTHORIZED,
    "account.no-login": HTTPStatus.UNAUTHORIZED,
    "account.bad-csrf": HTTPStatus.FORBIDDEN,
    "account.wait": HTTPStatus.TOO_MANY_REQUESTS,
    "edit.no-tag": HTTPStatus.PRECONDITION_REQUIRED,
    "edit.stale": HTTPStatus.PRECONDITION_FAILED,
}
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
        if error.code in _BY_CODE:
            return _BY_CODE[error.code]
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), HTTPStatus.BAD_REQUEST)


def add_problems(app: FastAPI) -> None:
    """Every failure of the API leaves it as a problem body."""

    @app.exception_handler(RiskbridgeError)
    def _known(_: Request, error: RiskbridgeError) -> JSONResponse:
        problem = _problem(status_of(error), error.code, error.message, error.remedy, error.context | _extras(error))
        if isinstance(error, StaleEditError):
            problem.headers["etag"] = error.tag
        return problem

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


def _extras(error: RiskbridgeError) -> dict[str, object]:
    """What a failure brings along besides its context: after a stale edit, the resource as it is now."""
    return {"current": error.current} if isinstance(error, StaleEditError) else {}


def _problem(status: HTTPStatus, code: str, message: str, remedy: str, context: Mapping[str, object]) -> JSONResponse:
    body = {
        **context,
        "type": f"https://riskbridge.invalid/errors#{code}",
        "title": status.phrase,
        "status": status.value,
        "detail": message,
        "code": code,
        "remedy": remedy,
    }
    return JSONResponse(jsonable_encoder(body), status.value, media_type=MEDIA_TYPE)
