"""Failures as RFC 9457 problem bodies, with the same code and remedy as on the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from riskbridge.api.etag import StaleEditError
from riskbridge.errors import ConfigError, FatalError, InputError, RetryableError, RiskbridgeError

MEDIA_TYPE = "application/problem+json"
MOST_FAULTS = 50
_CONFLICTS = (
    "run.under-way",
    "run.not-under-way",
    "run.paused",
    "run.not-paused",
    "hold.decided",
    "map.in-use",
    "model.in-use",
    "upload.in-use",
)
_BY_CODE = {
    "cloud.unknown": HTTPStatus.BAD_REQUEST,
    "score.unknown-rule": HTTPStatus.NOT_FOUND,
    "account.wrong-login": HTTPStatus.UNAUTHORIZED,
    "account.no-login": HTTPStatus.UNAUTHORIZED,
    "account.bad-csrf": HTTPStatus.FORBIDDEN,
    "account.foreign-origin": HTTPStatus.FORBIDDEN,
    "account.read-only": HTTPStatus.FORBIDDEN,
    "file.not-allowed": HTTPStatus.FORBIDDEN,
    "view.not-yours": HTTPStatus.FORBIDDEN,
    "account.wait": HTTPStatus.TOO_MANY_REQUESTS,
    "edit.no-tag": HTTPStatus.PRECONDITION_REQUIRED,
    "edit.stale": HTTPStatus.PRECONDITION_FAILED,
    "request.not-json": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "upload.too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "request.too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}
_STATUS: dict[type[RiskbridgeError], HTTPStatus] = {
    InputError: HTTPStatus.BAD_REQUEST,
    ConfigError: HTTPStatus.UNPROCESSABLE_ENTITY,
    RetryableError: HTTPStatus.SERVICE_UNAVAILABLE,
    FatalError: HTTPStatus.BAD_GATEWAY,
}
_SEE = "See /api/v1/openapi.json for what is expected."
_log = structlog.get_logger(__name__)


def status_of(error: RiskbridgeError) -> HTTPStatus:
    """The HTTP status of a failure: 404 for what is not there, 409 for what is taken or under way, else by remedy."""
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    if isinstance(error, InputError):
        if error.code.endswith(".unknown"):
            return HTTPStatus.NOT_FOUND
        if error.code.endswith(".exists") or error.code in _CONFLICTS:
            return HTTPStatus.CONFLICT
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), HTTPStatus.BAD_REQUEST)


def problem_of(error: RiskbridgeError) -> Response:
    """A failure as an answer; after a stale edit with the resource as it is now, and its ETag."""
    context, headers = dict[str, object](error.context), dict[str, str]()
    if isinstance(error, StaleEditError):
        context["current"], headers["etag"] = error.current, error.tag
    if error.code == "account.no-login":
        headers["www-authenticate"] = "Bearer"
    return problem(status_of(error), error.code, error.message, error.remedy, context, headers)


def problem(
    status: HTTPStatus,
    code: str,
    message: str,
    remedy: str,
    context: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem body."""
    body = {
        **(context or {}),
        "type": f"https://riskbridge.invalid/errors#{code}",
        "title": status.phrase,
        "status": status.value,
        "detail": message,
        "code": code,
        "remedy": remedy,
    }
    # What somebody sent may come back here; as ASCII it can be written whatever it holds.
    text = json.dumps(jsonable_encoder(body), ensure_ascii=True)
    return Response(text, status.value, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def http_problem(_: Request, error: Exception) -> Response:
    """What the server itself refuses, such as an address that is none, as an answer."""
    found = error if isinstance(error, HTTPException) else HTTPException(HTTPStatus.BAD_REQUEST)
    status = HTTPStatus(found.status_code)
    message = f"{found.detail.rstrip('.')}." if isinstance(found.detail, str) else f"{status.phrase}."
    return problem(status, f"http.{status.value}", message, _SEE, headers=found.headers)


def add_problems(app: FastAPI) -> None:
    """Every failure of the API leaves it as a problem body."""

    @app.exception_handler(RiskbridgeError)
    def _known(_: Request, error: RiskbridgeError) -> Response:
        return problem_of(error)

    @app.exception_handler(RequestValidationError)
    def _invalid(_: Request, error: RequestValidationError) -> Response:
        # What was sent stays out of it: it may be a secret.
        faults = [_fault(found) for found in error.errors()[:MOST_FAULTS]]
        first = faults[0] if faults else {"where": "body", "message": "it cannot be read"}
        message = f"The request's {first['where']} cannot be used: {first['message']}."
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", message, _SEE, {"faults": faults})

    app.add_exception_handler(HTTPException, http_problem)

    @app.exception_handler(Exception)
    def _fault_of_ours(request: Request, error: Exception) -> Response:
        _log.error("request.broken", method=request.method, path=request.url.path, exc_info=error)
        message = "The request met a fault of ours."
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "server.fault", message, "See the server's log; report it.")


def _fault(found: Any) -> dict[str, str]:
    return {"where": ".".join(str(part) for part in found["loc"]), "message": str(found["msg"])}
