"""The estate over time and at a glance, over REST: what the first page shows."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from riskbridge.api.access import Asked, Served
from riskbridge.api.shapes import Rows
from riskbridge.overview import count_ages, count_clocks, count_freshness, list_attention, list_events, list_worst_cves
from riskbridge.service import Service

router = APIRouter(tags=["overview"])
Days = Annotated[int, Query(description="How far back", ge=1, le=366)]
SameRows = Annotated[str, Field(description="QQL that describes the same rows")]


class DayShown(BaseModel):
    """Findings found, returned and fixed on one day, UTC."""

    day: date
    found: int
    reopened: int
    fixed: int


class AgeShown(BaseModel):
    """Open findings of one age; `critical` are those with a QDS of 90 or more."""

    label: str
    findings: int
    critical: int
    query: SameRows


class ClockShown(BaseModel):
    """Open findings by how they stand against their due dates."""

    state: str
    findings: int
    query: SameRows


class FreshnessShown(BaseModel):
    """Assets by when a source last reported them."""

    label: str
    assets: int
    query: SameRows


class CveRiskShown(BaseModel):
    """A CVE of open findings; CVSS and EPSS are null where nobody told us."""

    cve_id: str
    cvss_score: float | None
    epss: float | None
    qds: int
    findings: int


class AttentionShown(BaseModel):
    """Something that waits for a person: `name` is of a connector, `query` of findings, where it is about one of them."""

    kind: str
    what: str
    remedy: str
    name: str
    query: str
    count: int


def concerns_of(service: Service) -> dict[str, list[dict[str, str]]]:
    """What wants attention of every connector, by its name; held closings are told apart."""
    names = [c.name for c in service.app.store.list_connectors()]
    told = {name: service.standing_of(name).as_dict()["attention"] for name in names}
    return {name: [c for c in found if c["code"] != "attention.closings-held"] for name, found in told.items()}


@router.get("/overview/events")
def show_events(_: Asked, service: Served, days: Days = 90) -> Rows[DayShown]:
    """Findings found, returned and fixed by day, oldest first."""
    with service.reading() as app:
        rows = list_events(app, days=days)
    return Rows.of([DayShown.model_validate(r) for r in rows])


@router.get("/overview/ages")
def show_ages(_: Asked, service: Served) -> Rows[AgeShown]:
    """Open findings by age, each with the query that describes the same findings."""
    with service.reading() as app:
        rows = count_ages(app)
    return Rows.of([AgeShown.model_validate(r) for r in rows])


@router.get("/overview/clocks")
def show_clocks(_: Asked, service: Served) -> Rows[ClockShown]:
    """Open findings against their due dates."""
    with service.reading() as app:
        rows = count_clocks(app)
    return Rows.of([ClockShown.model_validate(r) for r in rows])


@router.get("/overview/freshness")
def show_freshness(_: Asked, service: Served) -> Rows[FreshnessShown]:
    """Assets by when a source last reported them."""
    with service.reading() as app:
        rows = count_freshness(app)
    return Rows.of([FreshnessShown.model_validate(r) for r in rows])


@router.get("/overview/cves")
def show_cves(_: Asked, service: Served, limit: Annotated[int, Query(ge=1, le=1_000)] = 100) -> Rows[CveRiskShown]:
    """CVEs of open findings with CVSS and EPSS, the worst first."""
    with service.reading() as app:
        rows = list_worst_cves(app, limit=limit)
    return Rows.of([CveRiskShown.model_validate(r) for r in rows])


@router.get("/attention")
def show_attention(_: Asked, service: Served) -> Rows[AttentionShown]:
    """What waits for a person, and what to do about it."""
    concerns = concerns_of(service)
    with service.reading() as app:
        rows = list_attention(app, concerns)
    return Rows.of([AttentionShown.model_validate(r) for r in rows])
