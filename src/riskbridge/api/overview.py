"""The estate over time and at a glance, over REST: what the first page shows."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from riskbridge.api.access import Asked, Served
from riskbridge.overview import count_ages, count_clocks, count_freshness, list_attention, list_events, list_worst_cves
from riskbridge.service import Service

router = APIRouter(tags=["overview"])
Days = Annotated[int, Query(description="How far back", ge=1, le=366)]


def states_of(service: Service) -> dict[str, str]:
    """The state of every connector by its name."""
    return {c.name: service.state_of(c.name).value for c in service.app.store.list_connectors()}


@router.get("/overview/events")
def show_events(_: Asked, service: Served, days: Days = 90) -> dict[str, Any]:
    """Findings found, returned and fixed by day, oldest first."""
    with service.reading() as app:
        rows = list_events(app, days=days)
    return {"count": len(rows), "rows": rows}


@router.get("/overview/ages")
def show_ages(_: Asked, service: Served) -> dict[str, Any]:
    """Open findings by age, each with the query that describes the same findings."""
    with service.reading() as app:
        rows = count_ages(app)
    return {"count": len(rows), "rows": rows}


@router.get("/overview/clocks")
def show_clocks(_: Asked, service: Served) -> dict[str, Any]:
    """Open findings against their due dates."""
    with service.reading() as app:
        rows = count_clocks(app)
    return {"count": len(rows), "rows": rows}


@router.get("/overview/freshness")
def show_freshness(_: Asked, service: Served) -> dict[str, Any]:
    """Assets by when a source last reported them."""
    with service.reading() as app:
        rows = count_freshness(app)
    return {"count": len(rows), "rows": rows}


@router.get("/overview/cves")
def show_cves(_: Asked, service: Served, limit: Annotated[int, Query(ge=1, le=1_000)] = 100) -> dict[str, Any]:
    """CVEs of open findings with CVSS and EPSS, the worst first."""
    with service.reading() as app:
        rows = list_worst_cves(app, limit=limit)
    return {"count": len(rows), "rows": rows}


@router.get("/attention")
def show_attention(_: Asked, service: Served) -> dict[str, Any]:
    """What waits for a person, and what to do about it."""
    states = states_of(service)
    with service.reading() as app:
        rows = list_attention(app, states)
    return {"count": len(rows), "rows": rows}
