"""The first page: the estate at a glance, over time, and what waits for a person."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from riskbridge.api import connectors as over_api
from riskbridge.api.access import Served
from riskbridge.api.overview import concerns_of
from riskbridge.app import App
from riskbridge.browse import browse, group_findings, summarise
from riskbridge.overview import (
    OPEN,
    count_ages,
    count_clocks,
    count_freshness,
    list_attention,
    list_events,
    list_worst_cves,
    say_why,
)
from riskbridge.score.bands import QDS_BANDS, TRURISK_BANDS, Band
from riskbridge.web.access import Person
from riskbridge.web.lists import ROW_COLUMNS, ListState
from riskbridge.web.render import page
from riskbridge.whatif import list_history

router = APIRouter(default_response_class=HTMLResponse)
TOP = 6
COLOURS = {"Critical": "red", "Severe": "red", "High": "orange", "Medium": "yellow", "Low": "azure"}
ATTENTION_AT = {"connector": "/connectors/{name}", "hold": "/holds", "feed": "/scoring/feeds"}


@router.get("/")
def show_home(request: Request, caller: Person, service: Served) -> Response:
    """The estate at a glance; what to do first where there is nothing yet."""
    connectors = [over_api.shown(service, c) for c in service.app.store.list_connectors()]
    concerns = concerns_of(service)
    with service.reading() as app:
        attention = [{**item, "address": _address_of(item)} for item in list_attention(app, concerns)]
        values = _estate(app) if app.warehouse.last_read() else {}
    runs = [over_api.run_as_dict(r) for r in service.app.store.list_runs(limit=6)]
    return page(
        request,
        "home.html",
        caller=caller,
        connectors=connectors,
        attention=attention,
        runs=runs,
        estate=values,
    )


def _estate(app: App) -> dict[str, Any]:
    summary = summarise(app)
    columns = (*ROW_COLUMNS["findings"], "score_key", "connector_id")
    findings = browse(app, "findings", OPEN, limit=TOP, columns=columns).rows
    return {
        "summary": summary,
        "worst": browse(app, "assets", limit=TOP, columns=ROW_COLUMNS["assets"]).rows,
        "findings": findings,
        "why": say_why(app, findings),
        "products": group_findings(app, "product", OPEN, limit=8),
        "finding_bands": [
            _band(b, summary["findings_by_band"], "finding.qds", f" and {OPEN}", "/findings") for b in QDS_BANDS
        ],
        "asset_bands": [
            _band(b, summary["assets_by_band"], "asset.truRisk", "", "/inventory/assets") for b in TRURISK_BANDS
        ],
        "colours": COLOURS,
        "history": list_history(app),
        "events": list_events(app),
        "ages": count_ages(app),
        "clocks": count_clocks(app),
        "freshness": count_freshness(app),
        "cves": [c for c in list_worst_cves(app) if c["epss"] is not None and c["cvss_score"] is not None],
        "open_link": findings_link(OPEN),
        "link": findings_link,
        "assets_link": assets_link,
    }


def findings_link(query: str) -> str:
    """The address of the findings that a query describes."""
    return ListState("/findings").link(query=query)


def assets_link(query: str) -> str:
    """The address of the assets that a query describes."""
    return ListState("/inventory/assets").link(query=query)


def _band(band: Band, counted: dict[str, int], token: str, more: str, path: str) -> tuple[str, int, str]:
    query = f"{token}: [{band.lowest} .. {band.highest}]{more}"
    return band.name, counted[band.name], ListState(path).link(query=query)


def _address_of(item: dict[str, Any]) -> str:
    if item["query"]:
        return findings_link(item["query"])
    return ATTENTION_AT[item["kind"]].format(name=quote(item["name"], safe=""))
