"""The login host: OpenID document, v1 and v2 token endpoints with a secret, and the documented refusals."""

from __future__ import annotations

import base64
import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from riskbridge.simulator.settings import SimulatorSettings

_NO_STORE = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache", "Expires": "-1"}


class Entra:
    """Issues and checks the tokens of one tenant with one application; its signing key lives as long as it does."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self._settings = settings
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.roles = settings.roles
        self.revoked_before = 0.0

    def routes(self) -> list[Route]:
        """The login host's paths."""
        return [
            Route("/{tenant}/v2.0/.well-known/openid-configuration", self._openid),
            Route("/{tenant}/.well-known/openid-configuration", self._openid),
            Route("/{tenant}/oauth2/v2.0/token", self._token_v2, methods=["POST"]),
            Route("/{tenant}/oauth2/token", self._token_v1, methods=["POST"]),
        ]

    def claims(self, token: str) -> dict[str, Any] | None:
        """The claims of a token that this tenant signed and that has not expired; else None."""
        try:
            head, body, signature = token.split(".")
            self._key.public_key().verify(
                _unpadded(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256()
            )
            claims: dict[str, Any] = json.loads(_unpadded(body))
        except (ValueError, InvalidSignature):
            return None
        is_alive = claims["exp"] > time.time() and claims["issued"] >= self.revoked_before
        return claims if is_alive else None

    async def _openid(self, request: Request) -> Response:
        tenant = request.path_params["tenant"]
        if not self._is_tenant(tenant):
            return _refusal(400, "invalid_tenant", 90002, _unknown_tenant(tenant))
        base = f"{request.url.scheme}://{request.url.netloc}/{tenant}"
        return JSONResponse(
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def _token_v2(self, request: Request) -> Response:
        form = await _form(request)
        refusal = self._refuse(request.path_params["tenant"], form, "scope")
        if refusal is not None:
            return refusal
        scopes = form["scope"].split()
        resources = {s.removesuffix("/.default") for s in scopes if s.endswith("/.default")}
        if not resources:
            text = f"The provided value for the input parameter 'scope' is not valid. The scope {form['scope']} is not valid."
            return _refusal(400, "invalid_scope", 70011, text)
        if len(resources) > 1:
            return _refusal(400, "invalid_scope", 700022, "The scope names more than one resource.")
        resource = resources.pop()
        if resource != self._settings.audience:
            return self._unknown_resource(resource)
        life = self._settings.token_life_s
        return JSONResponse(
            {"token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": self._issue(resource)},
            headers=_NO_STORE,
        )

    async def _token_v1(self, request: Request) -> Response:
        form = await _form(request)
        refusal = self._refuse(request.path_params["tenant"], form, "resource")
        if refusal is not None:
            return refusal
        if form["resource"] != self._settings.audience:
            return self._unknown_resource(form["resource"])
        now, life = int(time.time()), self._settings.token_life_s
        return JSONResponse(
            {
                "token_type": "Bearer",
                "expires_in": str(life),
                "ext_expires_in": str(life),
                "expires_on": str(now + life),
                "not_before": str(now - 300),
                "resource": form["resource"],
                "access_token": self._issue(form["resource"]),
            },
            headers=_NO_STORE,
        )

    def _refuse(self, tenant: str, form: dict[str, str], wanted: str) -> Response | None:
        if not self._is_tenant(tenant):
            return _refusal(400, "invalid_request", 90002, _unknown_tenant(tenant))
        for name in ("grant_type", "client_id", wanted):
            if not form.get(name):
                text = f"The request body must contain the following parameter: '{name}'."
                return _refusal(400, "invalid_request", 900144, text)
        client = form["client_id"]
        if client != self._settings.client_id:
            text = (
                f"Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if "
                "the application has not been installed by the administrator of the tenant."
            )
            return _refusal(400, "unauthorized_client", 700016, text)
        if not form.get("client_secret"):
            text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            return _refusal(401, "invalid_client", 7000218, text)
        if form["client_secret"] == "expired":  # noqa: S105 - the word that stands for an expired secret
            text = f"The provided client secret keys for app '{client}' are expired."
            return _refusal(401, "invalid_client", 7000222, text)
        if form["client_secret"] != self._settings.client_secret:
            text = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
                f"not the client secret ID, for a secret added to app '{client}'."
            )
            return _refusal(401, "invalid_client", 7000215, text)
        return None

    def _unknown_resource(self, resource: str) -> Response:
        text = f"The resource principal named {resource} was not found in the tenant named {self._settings.tenant_id}."
        return _refusal(400, "invalid_resource", 500011, text)

    def _is_tenant(self, tenant: str) -> bool:
        return tenant.lower() in (self._settings.tenant_id.lower(), "simulator.example.test")

    def _issue(self, audience: str) -> str:
        now = int(time.time())
        tenant, client = self._settings.tenant_id, self._settings.client_id
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{tenant}/",
            "iat": now - 300,
            "nbf": now - 300,
            "exp": now + self._settings.token_life_s,
            "issued": time.time(),
            "appid": client,
            "appidacr": "1",
            "idp": f"https://sts.windows.net/{tenant}/",
            "oid": client,
            "sub": client,
            "tid": tenant,
            "uti": uuid.uuid4().hex,
            "ver": "1.0",
        }
        if self.roles:
            claims["roles"] = list(self.roles)
        signed = f"{_padded({'typ': 'JWT', 'alg': 'RS256'})}.{_padded(claims)}"
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


async def _form(request: Request) -> dict[str, str]:
    pairs = parse_qs((await request.body()).decode("utf-8", "replace"))
    form = {name: values[0] for name, values in pairs.items()}
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        client, _, secret = base64.b64decode(value).decode("utf-8", "replace").partition(":")
        form |= {"client_id": unquote(client), "client_secret": unquote(secret)}
    return form


def _refusal(status: int, error: str, code: int, text: str) -> Response:
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    body = {
        "error": error,
        "error_description": f"AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {at}",
        "error_codes": [code],
        "timestamp": at,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={code}",
    }
    return JSONResponse(body, status_code=status, headers=_NO_STORE | {"x-ms-request-id": trace})


def _unknown_tenant(tenant: str) -> str:
    return (
        f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct "
        "cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the "
        "tenant."
    )


def _padded(values: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).rstrip(b"=").decode()


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
