"""The public feeds as the simulator's catalogue knows them: CISA KEV and Vulnrichment, FIRST EPSS, Metasploit modules."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zipfile
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
        Route("/feeds/modules_metadata_base.json", _exploits),
        Route("/feeds/vulnrichment.zip", _vulnrichment),
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
    return _conditional(request, _epss_file(), "application/gzip")


async def _exploits(request: Request) -> Response:
    return _conditional(request, _exploits_file(), "application/json")


async def _vulnrichment(request: Request) -> Response:
    return _conditional(request, _vulnrichment_file(), "application/zip")


def _conditional(request: Request, body: bytes, media_type: str) -> Response:
    """The body under its entity tag, or 304 to who has it already."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"etag": etag})
    return Response(body, media_type=media_type, headers={"etag": etag})


@cache
def _epss_file() -> bytes:
    lines = ["#model_version:v2025.03.14,score_date:2025-08-31T00:00:00+0000", "cve,epss,percentile"]
    lines += [f"{c.id},{c.epss},{c.epss_percentile}" for c in load_cves().values() if c.epss is not None]
    return gzip.compress("\n".join(lines).encode() + b"\n", mtime=0)


@cache
def _exploits_file() -> bytes:
    """Modules for the catalogue's CVEs with a verified exploit, and scanners for every third with a public one."""
    modules = {}
    for number, cve in enumerate(load_cves().values()):
        if cve.exploit in ("verified", "kit") or (cve.exploit == "public" and number % 3 == 0):
            kind = "auxiliary" if cve.exploit == "public" else "exploit"
            name = f"{kind}/multi/{cve.products[0].replace('/', '_').lower()}_{number}"
            modules[name.replace("/", "_")] = {
                "name": f"{cve.products[0]} {cve.id}",
                "fullname": name,
                "type": kind,
                "references": [cve.id, f"URL-https://example.org/{number}"],
                "mod_time": "2025-08-30 10:00:00 +0000",
            }
    return json.dumps(modules).encode()


@cache
def _vulnrichment_file() -> bytes:
    """CVE records with CISA's additions for a part of the catalogue; one of them states a score its vector denies."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, cve in enumerate(load_cves().values()):
            if number % 2 == 0 and cve.cvss is not None and cve.vector.startswith("CVSS:3"):
                path = zipfile.ZipInfo(f"vulnrichment-develop/{cve.id[4:8]}/{cve.id}.json", (2025, 8, 31, 0, 0, 0))
                archive.writestr(path, json.dumps(_enriched(number, cve)))
    return packed.getvalue()


def _enriched(number: int, cve: Cve) -> dict[str, object]:
    version = cve.vector[5:8].replace(".", "_")
    stated = (cve.cvss or 0) - 1 if number == 0 else cve.cvss
    exploitation = "active" if cve.kev else "none" if cve.exploit == "none" else "poc"
    options = [{"Exploitation": exploitation}, {"Automatable": "no"}, {"Technical Impact": "total"}]
    score = {"baseScore": stated, "vectorString": cve.vector, "version": version.replace("_", ".")}
    return {
        "dataType": "CVE_RECORD",
        "dataVersion": "5.1",
        "cveMetadata": {"cveId": cve.id, "state": "PUBLISHED", "dateUpdated": "2025-08-31T00:00:00.000Z"},
        "containers": {
            "cna": {"providerMetadata": {"shortName": "vendor"}, "metrics": []},
            "adp": [
                {
                    "title": "CISA ADP Vulnrichment",
                    "providerMetadata": {"shortName": "CISA-ADP"},
                    "metrics": [
                        {f"cvssV{version}": score},
                        {"other": {"type": "ssvc", "content": {"id": cve.id, "options": options, "version": "2.0.3"}}},
                    ],
                }
            ],
        },
    }
