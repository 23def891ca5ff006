"""The identity service of an Azure machine: the metadata service's form and the app platform's, on the API's host.

Source: Microsoft's pages on managed identities of virtual machines and of App Service.
"""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from riskbridge.simulator.entra import OTHER_RESOURCES, Entra

APP_SECRET = "simulator-identity-header"  # noqa: S105 - the app platform's word, of a made platform


class MachineIdentity:
    """Issues tokens to whoever asks as a machine would."""

    def __init__(self, entra: Entra, client_id: str) -> None:
        self._entra = entra
        self._client_id = client_id

    def routes(self) -> list[Route]:
        """Both forms."""
        return [Route("/metadata/identity/oauth2/token", self._metadata), Route("/msi/token", self._platform)]

    async def _metadata(self, request: Request) -> Response:
        if request.headers.get("metadata") != "true" or "x-forwarded-for" in request.headers:
            return _refusal("bad_request", "Required metadata header not specified")
        return self._answer(request, "2018-02-01")

    async def _platform(self, request: Request) -> Response:
        if request.headers.get("x-identity-header") != APP_SECRET:
            return _refusal("invalid_client", "The identity header is not the one of this app", 401)
        return self._answer(request, "2019-08-01")

    def _answer(self, request: Request, version: str) -> Response:
        options = request.query_params
        if options.get("api-version") != version:
            return _refusal("invalid_request", f"api-version {options.get('api-version')} is not supported")
        resource, wanted = options.get("resource"), options.get("client_id", self._client_id)
        if not resource:
            return _refusal("invalid_request", "Required query variable 'resource' is missing")
        if wanted != self._client_id:
            return _refusal("invalid_request", "Identity not found")
        if resource not in self._entra.audiences | OTHER_RESOURCES:
            text = f"AADSTS500011: The resource principal named {resource} was not found in the tenant."
            return _refusal("invalid_resource", text)
        token, life_s = self._entra.issue(resource)
        now = int(time.time())
        return JSONResponse(
            {
                "access_token": token,
                "client_id": self._client_id,
                "expires_in": str(life_s),
                "expires_on": str(now + life_s),
                "not_before": str(now),
                "resource": resource,
                "token_type": "Bearer",
            }
        )


def _refusal(error: str, text: str, status: int = 400) -> Response:
    return JSONResponse({"error": error, "error_description": text}, status)
