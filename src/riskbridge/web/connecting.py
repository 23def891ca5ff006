"""Connectors: what there is, adding one, its runs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from riskbridge.api import connectors as over_api
from riskbridge.api.access import Served
from riskbridge.schedules import list_schedules
from riskbridge.service import Service
from riskbridge.web.access import ChangingPerson, Person, require_changing_person
from riskbridge.web.render import page

router = APIRouter(default_response_class=HTMLResponse)
RUNS_SHOWN = 20


@router.get("/connectors")
def list_connectors(request: Request, caller: Person, service: Served) -> Response:
    """Connectors with their state, their newest run and how fresh their data is."""
    rows = []
    for connector in service.app.store.list_connectors():
        newest = service.app.store.list_runs(connector.connector_id, limit=1)
        rows.append(
            {**over_api.shown(service, connector), "newest": over_api.run_as_dict(newest[0]) if newest else None}
        )
    return page(request, "connectors.html", caller=caller, connectors=rows)


@router.get("/connectors/{name}")
def show_connector(request: Request, caller: Person, service: Served, name: str) -> Response:
    """One connector: its state, the run under way, its history."""
    return page(request, "connector.html", caller=caller, **_connector(service, name))


@router.get("/connectors/{name}/live")
def show_live(request: Request, caller: Person, service: Served, name: str) -> Response:
    """The part of a connector's page that changes while it runs."""
    progress = service.find_progress(name)
    return page(request, "live.html", caller=caller, progress=progress.as_dict() if progress else {})


def _connector(service: Service, name: str) -> dict[str, Any]:
    connector = service.app.store.get_connector(name)
    progress = service.find_progress(name)
    return {
        "connector": over_api.shown(service, connector),
        "progress": progress.as_dict() if progress else None,
        "is_live": progress is not None and not progress.is_over,
        "schedules": {
            s["profile"]: s["words"]
            for s in list_schedules(service.app.store, service.clock.now(), count=1)
            if s["connector"] == connector.name
        },
        "runs": [
            over_api.run_as_dict(r) for r in service.app.store.list_runs(connector.connector_id, limit=RUNS_SHOWN)
        ],
    }


@router.post("/connectors/{name}/run", dependencies=[Depends(require_changing_person)])
async def run_connector(request: Request, service: Served, name: str) -> Response:
    """Begin a run of a profile; of the only one where none is named."""
    profile = str((await request.form()).get("profile", "")) or None
    await run_in_threadpool(service.start_run, name, profile)
    return RedirectResponse(f"/connectors/{name}", 303)


@router.post("/connectors/{name}/pause", dependencies=[Depends(require_changing_person)])
def pause_run(service: Served, name: str) -> Response:
    """Pause the run at its next step."""
    service.pause_run(name)
    return RedirectResponse(f"/connectors/{name}", 303)


@router.post("/connectors/{name}/resume", dependencies=[Depends(require_changing_person)])
def resume_run(service: Served, name: str) -> Response:
    """Let the paused run go on where it was."""
    service.resume_run(name)
    return RedirectResponse(f"/connectors/{name}", 303)


@router.post("/connectors/{name}/cancel", dependencies=[Depends(require_changing_person)])
def cancel_run(service: Served, name: str) -> Response:
    """Cancel the run that is under way."""
    service.cancel_run(name)
    return RedirectResponse(f"/connectors/{name}", 303)


@router.post("/connectors/{name}/test")
async def test_connector(request: Request, caller: ChangingPerson, service: Served, name: str) -> Response:
    """Test a saved connection again, and show its page with what the test says."""

    def test() -> Response:
        report = over_api.check_saved(caller, service, name)
        return page(request, "connector.html", caller=caller, **_connector(service, name), checks=report)

    return await run_in_threadpool(test)
