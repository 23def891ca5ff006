"""Runs: their history, and one of them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from riskbridge.api import connectors as over_api
from riskbridge.api import rejects as over_rejects
from riskbridge.api.access import Served
from riskbridge.holds import list_holds
from riskbridge.web.access import Person
from riskbridge.web.render import page

router = APIRouter(default_response_class=HTMLResponse)
MOST_RUNS, CHARTED, REJECTS_SHOWN = 200, 40, 200


@router.get("/runs")
def list_runs(request: Request, caller: Person, service: Served, connector: str = "") -> Response:
    """The history of runs, with charts of what they found and how long they took."""
    connector_id = service.app.store.get_connector(connector).connector_id if connector else None
    runs = [over_api.run_as_dict(r) for r in service.app.store.list_runs(connector_id, limit=MOST_RUNS)]
    charted = [r for r in reversed(runs[:CHARTED]) if r["run"]]
    names = [c.name for c in service.app.store.list_connectors()]
    return page(request, "runs.html", caller=caller, runs=runs, charted=charted, connectors=names, chosen=connector)


@router.get("/runs/{run_id}")
def show_run(request: Request, caller: Person, service: Served, run_id: str) -> Response:
    """One run: how it went, its counts, warnings and how each stream was read."""
    run = over_api.run_as_dict(service.app.store.get_run(run_id))
    progress = service.find_run_progress(run["run_id"])
    with service.reading() as app:
        holds = [h for h in list_holds(app) if h["run"] == run["run"]]
    rejected = over_rejects.list_rejects_of_run(caller, service, run["run_id"], limit=REJECTS_SHOWN).model_dump()
    is_live = progress is not None and not progress.is_over
    live: dict[str, Any] = {"progress": progress.as_dict() if progress else None, "is_live": is_live}
    return page(request, "run.html", caller=caller, run=run, rejected=rejected, holds=holds, **live)


@router.get("/runs/{run_id}/live")
def show_live(request: Request, caller: Person, service: Served, run_id: str) -> Response:
    """The part of a run's page that changes while it goes on; empty once the server has forgotten it."""
    progress = service.find_run_progress(service.app.store.get_run(run_id).run_id)
    return page(request, "live.html", caller=caller, progress=progress.as_dict() if progress else {})
