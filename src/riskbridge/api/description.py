"""The API in OpenAPI 3.1, with every problem that a route may answer with and how to log in."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from riskbridge.api.problems import MEDIA_TYPE

_METHODS = ("get", "post", "put", "patch", "delete")
_ALWAYS = (400, 401, 403, 404, 500, 502, 503)
_WITH_BODY = (413, 415)
_WITH_CHANGE = (409, 429)
_WITH_TAG = (412, 428)
_ABOUT = (
    "Everything the pages show and do. Lists come in pages, failures as problem bodies (RFC 9457) with a code and a remedy, "
    "edits with ETag and If-Match."
)
_PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "A failure: what happened, and what to do next. Further members are ids and small values.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "remedy"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "examples": ["connector.unknown"]},
        "remedy": {"type": "string", "examples": ["Did you mean: Contoso?"]},
        "faults": {"type": "array", "items": {"type": "object"}, "description": "A row for each of several mistakes"},
        "current": {"description": "After a stale edit (412): the resource as it is now"},
        "changed_by": {"type": "string", "description": "After a stale edit (412): who changed it"},
        "changed_at": {"type": "string", "format": "date-time"},
    },
}
_ETAG = {"description": "To be sent back as If-Match with an edit", "schema": {"type": "string"}}


def describe(api: FastAPI) -> dict[str, Any]:
    """The whole API as an OpenAPI 3.1 document."""
    found = get_openapi(
        title=api.title, version=api.version, openapi_version="3.1.0", description=_ABOUT, routes=api.routes
    )
    parts = found.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    parts["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "An API token"},
        "session": {"type": "apiKey", "in": "cookie", "name": "riskbridge_session"},
    }
    found["security"] = [{"token": []}, {"session": []}]
    found["servers"] = [{"url": "/api/v1"}]
    for path in found["paths"].values():
        has_tag = any(_takes_tag(operation) for operation in path.values())
        for method, operation in path.items():
            if method in _METHODS:
                _add_problems(operation, is_change=method != "get")
                if has_tag:
                    _add_tag(operation)
    return found


def _add_problems(operation: dict[str, Any], *, is_change: bool) -> None:
    statuses = [*_ALWAYS, 422]
    statuses += _WITH_BODY if "requestBody" in operation else ()
    statuses += _WITH_CHANGE if is_change else ()
    statuses += _WITH_TAG if _takes_tag(operation) else ()
    told = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status in sorted(statuses):
        operation["responses"][str(status)] = {"description": HTTPStatus(status).phrase, "content": told}


def _takes_tag(operation: dict[str, Any]) -> bool:
    return any(p["name"].lower() == "if-match" for p in operation.get("parameters", ()))


def _add_tag(operation: dict[str, Any]) -> None:
    for status, answer in operation["responses"].items():
        if status in ("200", "201", "412"):
            answer.setdefault("headers", {})["ETag"] = _ETAG
