"""The login host: OpenID document, v1 and v2 token endpoints with a secret, and the documented refusals.

Source: the client credentials flow of the Microsoft identity platform, and observed bodies.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from riskbridge.simulator.answers import SeveredResponse, broken_answer
from riskbridge.simulator.assertions import AssertionRefusedError, Registered, check
from riskbridge.simulator.faults import Fault, Faults
from riskbridge.simulator.settings import SimulatorSettings
from riskbridge.simulator.tokens import Tokens

EXPIRED_SECRET = "expired"  # noqa: S105 - the word that stands for a secret past its end
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALIASES = frozenset(
    {"https://securitycenter.onmicrosoft.com/windowsatpservice", "https://api.securitycenter.windows.com"}
)
"""Older names of the commercial service: tokens for them are taken too."""
OTHER_RESOURCES = frozenset({"https://api.security.microsoft.com", "https://graph.microsoft.com"})
"""Resources of every tenant that are not this API: tokens are issued, the API refuses them."""

_NO_STORE = {
    "Cache-Control": "no-store, no-cache",
    "Pragma": "no-cache",
    "Expires": "-1",
    "x-ms-ests-server": "2.1.0 - simulator",
}
_INVALID_SCOPE = "The provided value for the input parameter 'scope' is not valid. The scope {0} is not valid."
_MISSING = "The request body must contain the following parameter: {0}."
_NOT_INSTALLED = (
    "This can happen if the application has not been installed by the administrator of the tenant or consented to by "
    "any user in the tenant. You may have sent your authentication request to the wrong tenant."
)
_TEXTS = {
    90002: "Tenant '{0}' not found. Check to make sure you have the correct tenant ID and are signing into the correct "
    "cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the "
    "tenant.",
    700016: "Application with identifier '{0}' was not found in the directory '{1}'. " + _NOT_INSTALLED,
    7000215: "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
    "not the client secret ID, for a secret added to app '{0}'.",
    7000222: "The provided client secret keys for app '{0}' are expired. Visit the Azure portal to create new keys for "
    "your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: "
    "https://aka.ms/certCreds.",
    500011: "The resource principal named {0} was not found in the tenant named {1}. " + _NOT_INSTALLED,
    700027: "Client assertion contains an invalid signature. [Reason - The key was not found.]",
    700024: "Client assertion is not within its valid time range.",
    700023: "Client assertion audience claim does not match Realm issuer.",
    700021: "Client assertion application identifier doesn't match 'client_id' parameter.",
    700211: "No matching federated identity record found for presented assertion issuer.",
    700212: "No matching federated identity record found for presented assertion audience.",
    700213: "No matching federated identity record found for presented assertion subject.",
    50027: "Invalid JWT token. AADSTS50027: Invalid JWT token. Token format not valid.",
    7000112: "Application '{0}' is disabled.",
    70003: "The app requested an unsupported grant type '{0}'.",
    1002012: "The provided value for scope {0} is not valid. Client credential flows must have a scope value with "
    "/.default suffixed to the resource identifier (application ID URI).",
    700022: "The provided value for the input parameter scope is not valid because it contains more than one resource.",
}


class _Refusal(Exception):  # noqa: N818 - an answer on its way out, not a failure
    """A refusal of the token endpoint: status, error word, number and the text's values."""

    def __init__(self, status: int, error: str, code: int, text: str) -> None:
        super().__init__(text)
        self.status, self.error, self.code, self.text = status, error, code, text


class Entra:
    """Issues and checks the tokens of one tenant with one application.

    Attributes:
        roles: Application permissions of tokens issued from now on.
        is_disabled: Whether the application is disabled.
        is_secret_expired: Whether the application's secret has expired.
    """

    def __init__(self, settings: SimulatorSettings, faults: Faults, registered: Registered) -> None:
        self._settings = settings
        self._registered = registered
        self._faults = faults
        self._tokens = Tokens(settings.tenant_id, time.time)
        self.roles = settings.roles
        self.is_disabled = False
        self.is_secret_expired = False
        self.audiences = ALIASES | {settings.audience}
        self.claims = self._tokens.claims
        self.revoke_issued = self._tokens.revoke_issued

    def routes(self) -> list[Route]:
        """The login host's paths."""
        return [
            Route("/{tenant}/v2.0/.well-known/openid-configuration", self._openid),
            Route("/{tenant}/.well-known/openid-configuration", self._openid),
            Route("/{tenant}/discovery/v2.0/keys", self._keys),
            Route("/{tenant}/oauth2/v2.0/token", self._answering(self._token_v2), methods=["POST"]),
            Route("/{tenant}/oauth2/token", self._answering(self._token_v1), methods=["POST"]),
        ]

    def _answering(
        self, issue: Callable[[str, dict[str, str]], dict[str, object]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            fault = self._faults.take("token")
            if fault is not None and fault.kind == "slow":
                await asyncio.sleep(fault.seconds)
            broken = _broken(fault)
            if broken is not None:
                return broken
            tenant = request.path_params["tenant"]
            form = await _form(request)
            form["token_url"] = f"{request.url.scheme}://{request.url.netloc}{request.url.path}"
            try:
                body = issue(tenant, form)
            except _Refusal as refusal:
                return _refused(refusal)
            response = JSONResponse(body, headers=_NO_STORE)
            return SeveredResponse(response) if fault is not None and fault.kind == "truncate-page" else response

        return answer

    async def _openid(self, request: Request) -> Response:
        tenant = request.path_params["tenant"]
        if not self._is_tenant(tenant):
            return _refused(_refusal(400, "invalid_tenant", 90002, tenant))
        host = f"{request.url.scheme}://{request.url.netloc}"
        version = "/v2.0" if "/v2.0/" in request.url.path else ""
        return JSONResponse(
            {
                "token_endpoint": f"{host}/{tenant}/oauth2{version}/token",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "client_secret_basic",
                    "private_key_jwt",
                ],
                "jwks_uri": f"{host}/{tenant}/discovery/v2.0/keys",
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code"],
                "issuer": f"{host}/{self._settings.tenant_id}{version}",
                "authorization_endpoint": f"{host}/{tenant}/oauth2{version}/authorize",
                "tenant_region_scope": "EU",
                "cloud_instance_name": "microsoftonline.com",
            }
        )

    async def _keys(self, request: Request) -> Response:
        del request
        return JSONResponse(self._tokens.key_set())

    def _token_v2(self, tenant: str, form: dict[str, str]) -> dict[str, object]:
        self._check(tenant, form, "scope")
        life_s = self._settings.token_life_s
        token = self._issue(_resource(form["scope"]))
        return {"token_type": "Bearer", "expires_in": life_s, "ext_expires_in": life_s, "access_token": token}

    def _token_v1(self, tenant: str, form: dict[str, str]) -> dict[str, object]:
        """The older endpoint: every number is text, and there are four more members."""
        self._check(tenant, form, "resource")
        now, life_s = int(time.time()), self._settings.token_life_s
        return {
            "token_type": "Bearer",
            "expires_in": str(life_s),
            "ext_expires_in": str(life_s),
            "expires_on": str(now + life_s + 1),
            "not_before": str(now - 300),
            "resource": form["resource"],
            "access_token": self._issue(form["resource"]),
        }

    def issue(self, resource: str) -> tuple[str, int]:
        """A token of the application for a resource, whoever it was asked by, and the seconds it lives."""
        return self._issue(resource), self._settings.token_life_s

    def _issue(self, resource: str) -> str:
        if resource not in self.audiences | OTHER_RESOURCES:
            raise _refusal(400, "invalid_resource", 500011, resource, self._settings.tenant_id)
        settings = self._settings
        return self._tokens.issue(resource, settings.client_id, self.roles, settings.token_life_s)

    def _check(self, tenant: str, form: dict[str, str], wanted: str) -> None:
        """The refusals that both endpoints share, in the order the service makes them."""
        if not self._is_tenant(tenant):
            raise _refusal(400, "invalid_request", 90002, tenant)
        for name in ("grant_type", "client_id", wanted):
            if not form.get(name):
                raise _missing(400, "invalid_request", 900144, f"'{name}'")
        if form["grant_type"] != "client_credentials":
            raise _refusal(400, "unsupported_grant_type", 70003, form["grant_type"])
        client = form["client_id"]
        if client.lower() != self._settings.client_id.lower():
            raise _refusal(400, "unauthorized_client", 700016, client, tenant)
        if self.is_disabled:
            raise _refusal(400, "unauthorized_client", 7000112, client)
        self._check_secret(client, form)

    def _check_secret(self, client: str, form: dict[str, str]) -> None:
        if form.get("client_assertion"):
            self._check_assertion(client, form)
            return
        secret = form.get("client_secret", "")
        if not secret:
            raise _missing(401, "invalid_client", 7000218, "'client_assertion' or 'client_secret'")
        is_right = hmac.compare_digest(secret.encode(), self._settings.client_secret.encode())
        if secret == EXPIRED_SECRET or (is_right and self.is_secret_expired):
            raise _refusal(401, "invalid_client", 7000222, client)
        if not is_right:
            raise _refusal(401, "invalid_client", 7000215, client)

    def _check_assertion(self, client: str, form: dict[str, str]) -> None:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise _missing(401, "invalid_client", 7000218, f"'client_assertion_type' of value {ASSERTION_TYPE}")
        urls = [form["token_url"].replace(f"/{name}/", f"/{other}/") for name in self._names for other in self._names]
        try:
            check(form["client_assertion"], self._registered, client_id=client, audiences=urls)
        except AssertionRefusedError as error:
            raise _refusal(401, "invalid_client", error.number) from error

    @property
    def _names(self) -> tuple[str, str]:
        return self._settings.tenant_id, self._settings.tenant_domain

    def _is_tenant(self, tenant: str) -> bool:
        return tenant.lower() in (self._settings.tenant_id.lower(), self._settings.tenant_domain.lower())


def _resource(scope: str) -> str:
    """The one resource that a v2 scope names with `/.default`."""
    names = scope.split()
    resources = {name.removesuffix("/.default") for name in names}
    if any("//" not in name for name in names):
        raise _Refusal(400, "invalid_scope", 70011, _INVALID_SCOPE.format(scope))
    if len(resources) > 1:
        raise _refusal(400, "invalid_scope", 700022)
    if not all(name.endswith("/.default") for name in names):
        raise _refusal(400, "invalid_scope", 1002012, scope)
    return resources.pop()


async def _form(request: Request) -> dict[str, str]:
    text = (await request.body()).decode("utf-8", "replace")
    form = dict(parse_qsl(text, keep_blank_values=True))
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client, _, secret = base64.b64decode(value, validate=True).decode("utf-8", "replace").partition(":")
        except binascii.Error:
            return form
        form |= {"client_id": unquote_plus(client), "client_secret": unquote_plus(secret)}
    return form


def _refusal(status: int, error: str, code: int, *values: str) -> _Refusal:
    return _Refusal(status, error, code, _TEXTS[code].format(*values))


def _missing(status: int, error: str, code: int, names: str) -> _Refusal:
    return _Refusal(status, error, code, _MISSING.format(names))


def _refused(refusal: _Refusal) -> Response:
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    text = f"AADSTS{refusal.code}: {refusal.text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {at}"
    body: dict[str, Any] = {
        "error": refusal.error,
        "error_description": text,
        "error_codes": [refusal.code],
        "timestamp": at,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={refusal.code}",
    }
    return JSONResponse(body, refusal.status, headers=_NO_STORE | {"x-ms-request-id": trace})


def _broken(fault: Fault | None) -> Response | None:
    if fault is not None and fault.kind == "throttle":
        headers = _NO_STORE | {"Retry-After": str(max(1, round(fault.seconds)))}
        return JSONResponse({"error": "temporarily_unavailable", "error_codes": [90055]}, 429, headers=headers)
    return broken_answer(fault.kind if fault is not None else None)
