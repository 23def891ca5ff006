"""The control API under `/_simulator/`: what the world is, and changes to it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from riskbridge.simulator.api import DefenderApi
from riskbridge.simulator.catalogue import load_cves
from riskbridge.simulator.faults import Faults
from riskbridge.simulator.recorded import RecordedTenant
from riskbridge.simulator.tenant import Tenant


class Control:
    """Steers the world of a made tenant; a recorded one can only be looked at and broken."""

    def __init__(self, tenant: Tenant | RecordedTenant, api: DefenderApi, faults: Faults) -> None:
        self._tenant = tenant
        self._api = api
        self._faults = faults

    def routes(self) -> list[Route]:
        """The control API's paths, and the public feeds as the simulator's catalogue knows them."""
        return [
            Route("/_simulator/truth", self._truth),
            Route("/_simulator/requests", self._requests),
            Route("/_simulator/faults", self._arm, methods=["POST"]),
            Route("/_simulator/patch", self._changer(_patch), methods=["POST"]),
            Route("/_simulator/upgrade", self._changer(_upgrade), methods=["POST"]),
            Route("/_simulator/remove-device", self._changer(_remove), methods=["POST"]),
            Route("/_simulator/seen", self._changer(_seen), methods=["POST"]),
            Route("/feeds/known_exploited_vulnerabilities.json", _kev),
            Route("/feeds/epss.csv.gz", _epss),
        ]

    async def _truth(self, _: Request) -> Response:
        return JSONResponse(self._tenant.truth())

    async def _requests(self, _: Request) -> Response:
        return JSONResponse(self._api.requests)

    async def _arm(self, request: Request) -> Response:
        try:
            self._faults.arm(json.loads(await request.body()))
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({"armed": len(self._faults.armed)})

    def _changer(self, change: Callable[[Tenant, dict[str, Any]], object]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            if not isinstance(self._tenant, Tenant):
                return JSONResponse({"error": "a recorded tenant does not change"}, 409)
            try:
                return JSONResponse({"changed": change(self._tenant, json.loads(await request.body()))})
            except (ValueError, KeyError, TypeError) as error:
                return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 400)

        return answer


def _patch(tenant: Tenant, values: dict[str, Any]) -> int:
    return tenant.patch(values["machineId"], values.get("productName"))


def _upgrade(tenant: Tenant, values: dict[str, Any]) -> int:
    return tenant.upgrade(values["machineId"], values["productName"])


def _remove(tenant: Tenant, values: dict[str, Any]) -> None:
    tenant.remove_device(values["machineId"])


def _seen(tenant: Tenant, values: dict[str, Any]) -> None:
    tenant.let_days_pass(int(values["days"]))


async def _kev(_: Request) -> Response:
    entries = [
        {
            "cveID": c.id,
            "vendorProject": c.vendor,
            "product": c.product,
            "dateAdded": c.kev[0],
            "dueDate": c.kev[1],
            "knownRansomwareCampaignUse": "Known" if c.kev[2] else "Unknown",
        }
        for c in load_cves()
        if c.kev
    ]
    return JSONResponse(
        {"title": "Simulated subset of the KEV catalogue", "count": len(entries), "vulnerabilities": entries}
    )


async def _epss(_: Request) -> Response:
    known = sorted((c.epss, c.id) for c in load_cves() if c.epss is not None)
    lines = ["#model_version:simulated,score_date:2026-11-20T00:00:00+0000", "cve,epss,percentile"]
    lines += [f"{cve},{epss},{place / len(known):.5f}" for place, (epss, cve) in enumerate(known, 1)]
    return Response(gzip.compress("\n".join(lines).encode() + b"\n", mtime=0), media_type="application/gzip")
