"""The public feeds as the simulator's catalogue knows them: CISA's exploited vulnerabilities, and FIRST's EPSS."""

from __future__ import annotations

import gzip
from functools import cache

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from riskbridge.simulator.catalogue import Cve, load_cves

_ACTION = "Apply mitigations per vendor instructions or discontinue use of the product if mitigations are unavailable."


def routes() -> list[Route]:
    """The feeds' paths; nobody has to log in."""
    return [
        Route("/feeds/known_exploited_vulnerabilities.json", _kev),
        Route("/feeds/epss.csv.gz", _epss),
    ]


async def _kev(request: Request) -> Response:
    del request
    entries = [_kev_entry(c) for c in load_cves().values() if c.kev is not None]
    newest = max(str(e["dateAdded"]) for e in entries)
    return JSONResponse(
        {
            "title": "CISA Catalog of Known Exploited Vulnerabilities",
            "catalogVersion": newest.replace("-", "."),
            "dateReleased": f"{newest}T17:04:19.9796Z",
            "count": len(entries),
            "vulnerabilities": entries,
        }
    )


def _kev_entry(cve: Cve) -> dict[str, object]:
    assert cve.kev is not None
    vendor, product = cve.products[0].split("/")
    return {
        "cveID": cve.id,
        "vendorProject": vendor,
        "product": product,
        "vulnerabilityName": f"{vendor} {product} vulnerability",
        "dateAdded": cve.kev.added,
        "shortDescription": f"{vendor} {product} contains a vulnerability that is exploited.",
        "requiredAction": _ACTION,
        "dueDate": cve.kev.due,
        "knownRansomwareCampaignUse": "Known" if cve.kev.is_ransomware else "Unknown",
        "notes": "",
        "cwes": [],
    }


async def _epss(request: Request) -> Response:
    del request
    return Response(_epss_file(), media_type="application/gzip")


@cache
def _epss_file() -> bytes:
    lines = ["#model_version:v2025.03.14,score_date:2025-08-31T00:00:00+0000", "cve,epss,percentile"]
    lines += [f"{c.id},{c.epss},{c.epss_percentile}" for c in load_cves().values() if c.epss is not None]
    return gzip.compress("\n".join(lines).encode() + b"\n", mtime=0)
