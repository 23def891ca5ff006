"""The Defender API: devices, findings and the CVE catalogue, with paging, filters, refusals, quotas and faults.

Paths exist with and without `/v1.0`. Source of the behaviour: the pages of each endpoint, and recorded answers.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from riskbridge.simulator.answers import (
    ResetResponse,
    SeveredResponse,
    broken_answer,
    framework_error,
    json_answer,
    service_error,
    throttled,
)
from riskbridge.simulator.entra import Entra
from riskbridge.simulator.export_api import BadRequestError, Exports, refused
from riskbridge.simulator.faults import Fault, Faults, with_bad_records
from riskbridge.simulator.listing import CAPS, OptionError, next_link, origin, read_listing
from riskbridge.simulator.odata import Filter, FilterError, parse_filter
from riskbridge.simulator.quota import Quota
from riskbridge.simulator.recorded import RecordedTenant
from riskbridge.simulator.selections import RecordRows
from riskbridge.simulator.settings import SimulatorSettings
from riskbridge.simulator.tenant import Tenant

CONTEXTS = {
    "machines": "Machines",
    "machinesVulnerabilities": "Collection(microsoft.windowsDefenderATP.api.PublicAssetVulnerabilityDto)",
    "vulnerabilities": "Vulnerabilities",
    "machineVulnerabilities": "Vulnerabilities/microsoft.windowsDefenderATP.api.PublicVulnerabilityDto",
}
ROLES = {
    "machines": ("Machine.Read.All", "Machine.ReadWrite.All"),
    "machinesVulnerabilities": ("Vulnerability.Read.All",),
    "vulnerabilities": ("Vulnerability.Read.All",),
    "machineVulnerabilities": ("Vulnerability.Read.All",),
    "softwareVulnerabilitiesByMachine": ("Vulnerability.Read.All",),
    "softwareVulnerabilitiesExport": ("Vulnerability.Read.All",),
    "softwareVulnerabilityChangesByMachine": ("Vulnerability.Read.All",),
    "softwareInventoryByMachine": ("Software.Read.All",),
    "softwareInventoryExport": ("Software.Read.All",),
    "findByTag": ("Machine.Read.All", "Machine.ReadWrite.All"),
}
_COUNTED = frozenset({"machinesVulnerabilities", "machineVulnerabilities"})
"""Streams whose pages carry `@odata.count` unasked: the number of rows that match, of all pages."""
_REMEMBERED_REQUESTS = 20_000
ONE_GROUP = "rbacGroupId eq 7458"

World = Tenant | RecordedTenant


@dataclass(frozen=True, slots=True)
class _Page:
    """One page: its rows as the inside of a JSON array, and what stands around them."""

    rows: bytes
    context: str
    count: int | None
    following: int | None


class DefenderApi:
    """The API over a tenant's world."""

    def __init__(
        self, settings: SimulatorSettings, world: World, entra: Entra, faults: Faults, exports: Exports | None = None
    ) -> None:
        self._settings = settings
        self._world = world
        self._entra = entra
        self._faults = faults
        self.exports = exports
        self._quota = Quota(scale=settings.quota_scale, speed=settings.quota_speed, clock=time.monotonic)
        self._selecting = threading.Lock()
        self.requests: deque[dict[str, Any]] = deque(maxlen=_REMEMBERED_REQUESTS)
        """The last requests: path, query, status (0: reset), and whether they carried a token."""

    def routes(self) -> list[Route]:
        """The API's paths, with and without a version; what is none of them is answered 404 in the service's form."""
        routes = [] if self.exports is None else [Route("/tvm-export/{rest:path}", self._file)]
        for base in ("/api", "/api/v1.0"):
            routes += self._export_routes(base)
            routes += [
                Route(f"{base}/machines", self._answering("machines", self._list)),
                Route(f"{base}/machines/findbytag", self._answering("findByTag", self._by_tag)),
                Route(f"{base}/machines/{{id}}", self._answering("machines", self._one_machine)),
                Route(
                    f"{base}/machines/{{id}}/vulnerabilities", self._answering("machineVulnerabilities", self._of_one)
                ),
                Route(
                    f"{base}/vulnerabilities/machinesVulnerabilities",
                    self._answering("machinesVulnerabilities", self._list),
                ),
                Route(f"{base}/vulnerabilities", self._answering("vulnerabilities", self._list)),
                Route(f"{base}/vulnerabilities/{{id}}", self._answering("vulnerabilities", self._one_cve)),
            ]
        return [*routes, Route("/api/{rest:path}", self._unknown)]

    def _export_routes(self, base: str) -> list[Route]:
        if self.exports is None:
            return []
        answers = {
            "SoftwareVulnerabilitiesByMachine": self.exports.by_machine,
            "SoftwareVulnerabilitiesExport": self.exports.files,
            "SoftwareVulnerabilityChangesByMachine": self.exports.changes,
            "SoftwareInventoryByMachine": self.exports.inventory,
            "SoftwareInventoryExport": self.exports.files,
        }
        return [
            Route(f"{base}/machines/{name}", self._answering(name[0].lower() + name[1:], _refusing(answer)))
            for name, answer in answers.items()
        ]

    async def _file(self, request: Request) -> Response:
        assert self.exports is not None
        fault = self._faults.take("exportFile")
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        response = broken_answer(fault.kind if fault is not None else None)
        if response is None:
            response = await run_in_threadpool(self.exports.file, request, fault)
        self._log(request, 0 if isinstance(response, ResetResponse) else response.status_code)
        return response

    def _answering(
        self, api: str, answer: Callable[[Request, str, Fault | None], Response]
    ) -> Callable[[Request], Awaitable[Response]]:
        """A route's handler: faults first, then refusals, then the answer, made off the event loop; and the log."""

        async def handle(request: Request) -> Response:
            fault = self._faults.take(api)
            if fault is not None and fault.kind == "slow":
                await asyncio.sleep(fault.seconds)
            response = broken_answer(fault.kind if fault is not None else None) or self._refuse(request, api, fault)
            if response is None and api in self._world.refusals:
                status, text = self._world.refusals[api]
                response = service_error(status, "Forbidden" if status == 403 else "NotFound", text)
            if response is None:
                response = await run_in_threadpool(answer, request, api, fault)
            self._log(request, 0 if isinstance(response, ResetResponse) else response.status_code)
            return response

        return handle

    async def _unknown(self, request: Request) -> Response:
        response = service_error(404, "NotFound", f"No HTTP resource was found at {request.url.path}")
        self._log(request, response.status_code)
        return response

    def _refuse(self, request: Request, api: str, fault: Fault | None) -> Response | None:
        kind = fault.kind if fault is not None else None
        if kind == "token-expired":
            self._entra.revoke_issued()
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        claims = self._entra.claims(token) if scheme.lower() == "bearer" else None
        if claims is None:
            return service_error(401, "Unauthorized", "The bearer token is missing, invalid or expired.")
        if claims["aud"] not in self._entra.audiences:
            return service_error(403, "Forbidden", f"The token's audience {claims['aud']} is not accepted.")
        held = [] if kind == "missing-role" else claims.get("roles", [])
        if not set(held) & set(ROLES[api]):
            text = (
                f"Missing application roles. API required roles: {','.join(ROLES[api])}, "
                f"application roles: {','.join(held) or ' '}."
            )
            return service_error(403, "Forbidden", text)
        if kind == "throttle" and fault is not None:
            seconds = max(1, round(fault.seconds))
            text = f"API calls quota exceeded! You can send requests again in {seconds} seconds."
            return throttled(seconds, text, self._settings.tenant_id)
        if kind == "throttle-cpu" and fault is not None:
            seconds = max(1, round(fault.seconds))
            text = f"Maximum allowed CPU time is exceeded. You can send requests again in {seconds} seconds."
            return throttled(seconds, text, self._settings.tenant_id)
        if kind == "transient-404":
            return service_error(404, "ResourceNotFound", "The resource was not found")
        if kind == "missing-licence":
            return service_error(403, "Forbidden", "Tenant does not have the required license.")
        over = self._quota.refusal(api) if self._settings.has_quotas else None
        return throttled(*over, self._settings.tenant_id) if over is not None else None

    def _list(self, request: Request, api: str, fault: Fault | None) -> Response:
        try:
            listing = read_listing(request, api)
        except OptionError as error:
            return framework_error(str(error))
        except FilterError as error:
            if api == "machines":
                return framework_error(str(error))
            return service_error(400, "BadRequest", "Filter parameter is invalid")
        kind = fault.kind if fault is not None else None
        if kind == "group-limited" and listing.filter is None:
            listing = replace(listing, filter=parse_filter(ONE_GROUP, api), query=ONE_GROUP)
        with self._selecting:
            if kind == "rows-shift" and isinstance(self._world, Tenant):
                self._world.shift()
            rows = self._world.select(api, listing.filter, listing.order, query=listing.query)
        if api == "machines" and not rows.count and self._settings.is_empty_missing:
            return service_error(404, "ResourceNotFound", "No machines were found")
        size = listing.top if listing.top is not None else min(self._settings.page_size, CAPS[api])
        is_short = kind == "filtered-disagrees" and listing.filter is not None
        page = rows.page(listing.skip, min(listing.skip + size, rows.count - is_short))
        is_full = listing.skip + size <= rows.count
        found = _Page(
            _projected(page, listing.select) if listing.select is not None else page,
            context=CONTEXTS[api] + (f"({','.join(listing.select)})" if listing.select is not None else ""),
            count=rows.count if api in _COUNTED or listing.has_count else None,
            following=listing.skip + size if listing.top is None and is_full else None,
        )
        return self._render(request, api, found, fault)

    def _by_tag(self, request: Request, api: str, fault: Fault | None) -> Response:
        """Devices with a tag, or one that begins so, in any letter case; all on one page."""
        options = {name.lower(): value for name, value in request.query_params.items()}
        tag = options.get("tag", "").lower()
        if not tag:
            return service_error(400, "MissingRequiredParameter", "The parameter 'tag' is required.")
        is_start = options.get("usestartswithfilter", "").lower() == "true"

        def keeps(machine: dict[str, Any]) -> bool:
            tags = [str(held).lower() for held in machine.get("machineTags") or ()]
            return any(held.startswith(tag) for held in tags) if is_start else tag in tags

        wanted = Filter(keeps, frozenset({"machineTags"}))
        with self._selecting:
            rows = self._world.select("machines", wanted, query=f"\0{is_start}\0{tag}")
        page = _Page(rows.page(0, rows.count), CONTEXTS["machines"], count=None, following=None)
        return self._render(request, api, page, fault)

    def _of_one(self, request: Request, api: str, fault: Fault | None) -> Response:
        name = request.path_params["id"]
        if any(option.startswith("$") for option in request.query_params):
            return service_error(400, "BadRequest", "OData query options are not supported here.")
        found = self._world.cves_of(name)
        if found is None:
            return service_error(404, "ResourceNotFound", f"Machine {name} was not found")
        page = _Page(RecordRows(found).page(0, len(found)), CONTEXTS[api], count=len(found), following=None)
        return self._render(request, api, page, fault)

    def _one_machine(self, request: Request, api: str, fault: Fault | None) -> Response:
        del fault
        name = request.path_params["id"]
        return self._one(request, api, self._world.find_machine(name), f"Machine {name} was not found")

    def _one_cve(self, request: Request, api: str, fault: Fault | None) -> Response:
        del fault
        name = request.path_params["id"]
        return self._one(request, api, self._world.find_cve(name), f"Vulnerability {name} was not found")

    @staticmethod
    def _one(request: Request, api: str, found: dict[str, Any] | None, missing: str) -> Response:
        if found is None:
            return service_error(404, "ResourceNotFound", missing)
        context = {"@odata.context": f"{origin(request)}/api/$metadata#{CONTEXTS[api]}/$entity"}
        return json_answer(request, _compact(context | found))

    @staticmethod
    def _render(request: Request, api: str, page: _Page, fault: Fault | None) -> Response:
        kind = fault.kind if fault is not None else None
        rows = with_bad_records(api, page.rows) if kind == "bad-records" else page.rows
        body = b'{"@odata.context":' + _compact(f"{origin(request)}/api/$metadata#{page.context}")
        body += b',"@odata.count":%d' % page.count if page.count is not None else b""
        body += b',"value":[' + rows
        if kind == "bad-json-tail":
            body += (b"," if rows else b"") + b'{"id":"5f3c1a5b7d9e2f4a6b8c'
        else:
            body += b"]" + _next(request, page.following, fault) + b"}"
        answer = json_answer(request, body)
        return SeveredResponse(answer) if kind == "truncate-page" else answer

    def _log(self, request: Request, status: int) -> None:
        self.requests.append(
            {
                "path": request.url.path,
                "query": request.url.query,
                "status": status,
                "has_authorization": "authorization" in request.headers,
                "user_agent": request.headers.get("user-agent", ""),
            }
        )


def _refusing(
    answer: Callable[[Request, str, Fault | None], Response],
) -> Callable[[Request, str, Fault | None], Response]:
    def answered(request: Request, api: str, fault: Fault | None) -> Response:
        try:
            return answer(request, api, fault)
        except BadRequestError as error:
            return refused(error)

    return answered


def _next(request: Request, following: int | None, fault: Fault | None) -> bytes:
    link = next_link(request, following) if following is not None else None
    if fault is not None and fault.kind == "endless-next-link":
        link = str(request.url)
    if fault is not None and fault.kind == "foreign-host-next-link":
        link = f"{fault.host}{request.url.path}?$skip={following or 0}"
    return b',"@odata.nextLink":' + _compact(link) if link is not None else b""


def _projected(page: bytes, names: tuple[str, ...]) -> bytes:
    records = json.loads(b"[" + page + b"]")
    return _compact([{name: r[name] for name in names if name in r} for r in records])[1:-1]


def _compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
