"""The Defender API: devices, findings and the CVE catalogue, with paging, filters, refusals, quotas and faults."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from riskbridge.simulator.entra import Entra
from riskbridge.simulator.faults import Faults, bad_records
from riskbridge.simulator.odata import FilterError, Predicate, parse_filter, sort_key
from riskbridge.simulator.quota import Quota
from riskbridge.simulator.recorded import RecordedTenant
from riskbridge.simulator.settings import SimulatorSettings
from riskbridge.simulator.tenant import Tenant

PAGE = 10_000
CAPS = {"machines": 10_000, "machinesVulnerabilities": 10_000, "vulnerabilities": 8_000}
CONTEXTS = {
    "machines": "Machines",
    "machinesVulnerabilities": "Collection(microsoft.windowsDefenderATP.api.PublicAssetVulnerabilityDto)",
    "vulnerabilities": "Vulnerabilities",
}
FILTERABLE = {
    "machines": (
        "computerDnsName", "id", "version", "deviceValue", "aadDeviceId", "machineTags", "lastSeen", "exposureLevel",
        "onboardingStatus", "lastIpAddress", "healthStatus", "osPlatform", "riskScore", "rbacGroupId",
    ),
    "machinesVulnerabilities": (
        "id", "cveId", "machineId", "fixingKbId", "productName", "productVersion", "severity", "productVendor",
    ),
    "vulnerabilities": ("id", "name", "description", "cvssV3", "publishedOn", "severity", "updatedOn"),
}  # fmt: skip
ROLES = {
    "machines": ("Machine.Read.All", "Machine.ReadWrite.All"),
    "machinesVulnerabilities": ("Vulnerability.Read.All",),
    "vulnerabilities": ("Vulnerability.Read.All",),
}
OPTIONS = frozenset({"$filter", "$top", "$skip", "$orderby", "$select", "$count", "$expand"})


class DefenderApi:
    """The API over a tenant's world."""

    def __init__(
        self, settings: SimulatorSettings, tenant: Tenant | RecordedTenant, entra: Entra, faults: Faults
    ) -> None:
        self._settings = settings
        self._tenant = tenant
        self._entra = entra
        self._quota = Quota()
        self._faults = faults
        self.requests: list[dict[str, Any]] = []

    def routes(self) -> list[Route]:
        """The API's paths, with and without a version."""
        routes = []
        for base in ("/api", "/api/v1.0"):
            routes += [
                Route(f"{base}/machines", self._lister("machines")),
                Route(f"{base}/machines/{{id}}", self._one_machine),
                Route(f"{base}/vulnerabilities/machinesVulnerabilities", self._lister("machinesVulnerabilities")),
                Route(f"{base}/vulnerabilities", self._lister("vulnerabilities")),
                Route(f"{base}/vulnerabilities/{{id}}", self._one_cve),
            ]
        return routes

    def _lister(self, api: str) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            fault = self._faults.take(api)
            response = self._refuse(request, api, fault) or self._list(request, api, fault)
            self._log(request, response.status_code)
            return response

        return answer

    async def _one_machine(self, request: Request) -> Response:
        return self._one(request, "machines", self._tenant.find_machine(request.path_params["id"]))

    async def _one_cve(self, request: Request) -> Response:
        wanted = request.path_params["id"].upper()
        found = next((c for c in self._tenant.catalogue() if c["id"] == wanted), None)
        return self._one(request, "vulnerabilities", found)

    def _one(self, request: Request, api: str, found: dict[str, Any] | None) -> Response:
        refusal = self._refuse(request, api, None)
        if refusal is not None:
            return refusal
        if found is None:
            noun = "Machine" if api == "machines" else "Vulnerability"
            return _error(404, "ResourceNotFound", f"{noun} {request.path_params['id']} was not found")
        context = f"{_origin(request)}/api/$metadata#{CONTEXTS[api]}/$entity"
        return _encoded(request, json.dumps({"@odata.context": context} | found, ensure_ascii=False).encode())

    def _refuse(self, request: Request, api: str, fault: str | None) -> Response | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        claims = self._entra.claims(token) if scheme == "Bearer" and fault != "token-expired" else None
        if claims is None:
            return _error(401, "Unauthorized", "The bearer token is missing, invalid or expired.")
        if claims["aud"] != self._settings.audience:
            return _error(403, "Forbidden", "The token is for another audience.")
        roles = [] if fault == "missing-role" else claims.get("roles", [])
        if not set(roles) & set(ROLES[api]):
            held = ",".join(roles) or " "
            text = f"Missing application roles. API required roles: {','.join(ROLES[api])}, application roles: {held}."
            return _error(403, "Forbidden", text)
        if fault == "throttle":
            return _throttled(1, "API calls quota exceeded! You can send requests again in 1 seconds.")
        over = self._quota.wait_s(api, time.monotonic()) if self._settings.has_quotas else None
        return None if over is None else _throttled(*over)

    def _list(self, request: Request, api: str, fault: str | None) -> Response:
        if fault in ("html-502", "not-json", "server-500"):
            return _broken(fault)
        options = {k: v for k, v in request.query_params.multi_items() if k.startswith("$")}
        unknown = next((k for k in options if k not in OPTIONS), None)
        if unknown is not None:
            return _odata_error(f"Custom query option '{unknown}' that starts with '$' is not supported.")
        try:
            top, skip = _number(options, "$top"), _number(options, "$skip") or 0
            predicate = parse_filter(options["$filter"], FILTERABLE[api]) if options.get("$filter") else None
        except FilterError as error:
            if api == "vulnerabilities":
                return _error(400, "BadRequest", "Filter parameter is invalid")
            return _odata_error(str(error))
        if top is not None and top > CAPS[api]:
            return _odata_error(f"The limit of '{CAPS[api]}' for Top query has been exceeded. The value is '{top}'.")
        size = top if top is not None else min(PAGE, CAPS[api])
        page, is_full = self._page(api, predicate, options, skip, size)
        if api == "machines" and not self._tenant.machine_count:
            return _error(404, "ResourceNotFound", "No recent machines were found")
        return self._render(request, api, page, skip + size if is_full and top is None else None, fault)

    def _page(
        self, api: str, predicate: Predicate | None, options: dict[str, str], skip: int, size: int
    ) -> tuple[bytes, bool]:
        """The inside of the page's array, and whether more follows."""
        is_plain = predicate is None and not options.get("$orderby") and not options.get("$select")
        if api == "machinesVulnerabilities" and is_plain:
            return self._tenant.findings_json(skip, skip + size), skip + size < self._tenant.finding_count
        rows: Iterator[dict[str, Any]]
        if api == "machines" and is_plain:
            rows = self._tenant.machines(skip, skip + size + 1)
            found = list(rows)
        else:
            rows = self._rows(api)
            if predicate is not None:
                rows = filter(predicate, rows)
            if options.get("$orderby"):
                key, is_descending = sort_key(options["$orderby"])
                rows = iter(sorted(rows, key=key, reverse=is_descending))
            found = list(islice(rows, skip, skip + size + 1))
        chosen = [_select(row, options.get("$select")) for row in found[:size]]
        return json.dumps(chosen, ensure_ascii=False, separators=(",", ":")).encode()[1:-1], len(found) > size

    def _rows(self, api: str) -> Iterator[dict[str, Any]]:
        if api == "machines":
            return self._tenant.machines()
        return self._tenant.findings() if api == "machinesVulnerabilities" else iter(self._tenant.catalogue())

    def _render(self, request: Request, api: str, page: bytes, following: int | None, fault: str | None) -> Response:
        if fault == "bad-records":
            page = bad_records(api, page)
        context = f"{_origin(request)}/api/$metadata#{CONTEXTS[api]}"
        body = b'{"@odata.context":' + json.dumps(context).encode() + b',"value":[' + page + b"]"
        if fault == "endless-next-link":
            following = following if following is not None else 0
            body += b',"@odata.nextLink":' + json.dumps(str(request.url)).encode()
        elif fault == "foreign-host-next-link":
            body += b',"@odata.nextLink":"https://evil.example.test/api/machines?$skip=10000"'
        elif following is not None:
            body += b',"@odata.nextLink":' + json.dumps(_next_link(request, following)).encode()
        response = _encoded(request, body + b"}")
        return _Severed(response) if fault in ("truncate-page", "connection-reset") else response

    def _log(self, request: Request, status: int) -> None:
        self.requests.append(
            {
                "path": request.url.path,
                "query": request.url.query,
                "status": status,
                "has_authorization": "authorization" in request.headers,
            }
        )


class _Severed(Response):
    """Promises a whole body, sends half of it, and drops the connection."""

    def __init__(self, whole: Response) -> None:
        super().__init__(bytes(whole.body), whole.status_code, dict(whole.headers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await asyncio.sleep(0.05)
        # Ending the response early makes the server close the connection short of the promised length.


def _number(options: dict[str, str], name: str) -> int | None:
    text = options.get(name)
    if text is None:
        return None
    if not text.strip().isdigit():
        raise FilterError(f"Invalid value '{text}' for {name} query option found.")
    return int(text)


def _select(row: dict[str, Any], select: str | None) -> dict[str, Any]:
    if not select:
        return row
    wanted = {name.strip().lower() for name in select.split(",")}
    return {k: v for k, v in row.items() if k.lower() in wanted}


def _next_link(request: Request, skip: int) -> str:
    kept = [(k, v) for k, v in request.query_params.multi_items() if k != "$skip"]
    query = "&".join(f"{k}={quote(v, safe='')}" for k, v in [*kept, ("$skip", str(skip))])
    return f"{_origin(request)}{request.url.path}?{query}"


def _origin(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"


def _encoded(request: Request, body: bytes) -> Response:
    accepted = request.headers.get("accept-encoding", "")
    headers = {
        "Content-Type": "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8",
        "OData-Version": "4.0",
        "Vary": "Accept-Encoding",
    }
    if "gzip" in accepted:
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, compresslevel=1, mtime=0)
    elif "deflate" in accepted:
        headers["Content-Encoding"] = "deflate"
        packer = zlib.compressobj(1, zlib.DEFLATED, -15)
        body = packer.compress(body) + packer.flush()
    return Response(body, headers=headers)


def _error(status: int, code: str, message: str) -> Response:
    body = {"error": {"code": code, "message": message, "target": str(uuid.uuid4())}}
    return Response(json.dumps(body), status, media_type="application/json")


def _odata_error(message: str) -> Response:
    body = {"error": {"code": "", "message": f"The query specified in the URI is not valid. {message}", "details": []}}
    return Response(json.dumps(body), 400, media_type="application/json")


def _throttled(wait_s: int, message: str) -> Response:
    response = _error(429, "429", message)
    response.headers["Retry-After"] = str(wait_s)
    return response


def _broken(fault: str) -> Response:
    page = "<html><body>Bad gateway</body></html>"
    if fault == "server-500":
        return _error(500, "InternalServerError", "")
    return Response(page, 502 if fault == "html-502" else 200, media_type="text/html")
