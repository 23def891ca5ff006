"""The API as one ASGI application."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from riskbridge import __version__
from riskbridge.api import connectors, judgements, lists, maps, models, overview, profiles, runs, schedules, tokens
from riskbridge.api.access import Asked
from riskbridge.api.problems import add_problems
from riskbridge.service import Service


def make_api(service: Service) -> FastAPI:
    """The API of a service, to be mounted at `/api/v1`."""
    api = FastAPI(title="riskbridge", version=__version__, openapi_url=None, docs_url=None, redoc_url=None)
    api.state.service = service
    add_problems(api)
    for router in (
        lists.router,
        connectors.router,
        profiles.router,
        runs.router,
        schedules.router,
        judgements.router,
        maps.router,
        models.router,
        overview.router,
        tokens.router,
    ):
        api.include_router(router)

    @api.get("/openapi.json", tags=["about"])
    def describe(_: Asked) -> dict[str, Any]:
        """This API in OpenAPI 3.1."""
        return api.openapi()

    return api
