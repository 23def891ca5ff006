"""The API as one ASGI application."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware

from riskbridge import __version__
from riskbridge.api import (
    audit,
    connectors,
    drafts,
    feeds,
    files,
    identification,
    judgements,
    lists,
    maps,
    models,
    overview,
    profiles,
    qql,
    rejects,
    runs,
    schedules,
    score_maps,
    scoring,
    tags,
    tokens,
    uploads,
    views,
)
from riskbridge.api.access import Door
from riskbridge.api.description import describe
from riskbridge.api.problems import add_problems
from riskbridge.service import Service

ROUTERS: tuple[APIRouter, ...] = (
    lists.router,
    qql.router,
    overview.router,
    connectors.router,
    rejects.router,
    profiles.router,
    identification.router,
    files.router,
    uploads.router,
    drafts.router,
    runs.router,
    schedules.router,
    maps.router,
    models.router,
    judgements.router,
    scoring.router,
    score_maps.router,
    tags.router,
    views.router,
    feeds.router,
    tokens.router,
    audit.router,
)
"""One a noun, in the order in which the description has them."""


def make_api(service: Service) -> FastAPI:
    """The API of a service, to be mounted at `/api/v1`."""
    api = _make([Middleware(Door, service=service)])
    api.state.service = service
    add_problems(api)

    @api.get("/openapi.json", tags=["about"])
    def show_description() -> dict[str, Any]:
        """This API in OpenAPI 3.1."""
        return describe_api()

    return api


def describe_api() -> dict[str, Any]:
    """The API as an OpenAPI 3.1 document; needs no home."""
    return describe(_make([]))


def _make(middleware: list[Middleware]) -> FastAPI:
    api = FastAPI(
        title="riskbridge",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        middleware=middleware,
        # The door has an answer of its own for bodies of another kind.
        strict_content_type=False,
    )
    for router in ROUTERS:
        api.include_router(router)
    return api
