"""Connectors: what there is, adding one, its runs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from riskbridge.api import connectors as over_api
from riskbridge.api.access import Caller, Served
from riskbridge.api.problems import status_of
from riskbridge.errors import RiskbridgeError
from riskbridge.model.connector import Strategy
from riskbridge.service import Service
from riskbridge.web.access import ChangingPerson, Person, require_changing_person
from riskbridge.web.forms import ConnectorForm
from riskbridge.web.render import page

router = APIRouter(default_response_class=HTMLResponse)
CLOUDS = ("commercial", "us", "eu", "uk", "au", "swa", "ina", "aea", "gcc", "gcc-high", "dod")


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


@router.get("/connectors/new")
def show_new_connector(request: Request, caller: Person) -> Response:
    """The form for a connector."""
    return _connector_form(request, caller, ConnectorForm.empty())


@router.post("/connectors/new")
async def add_connector(request: Request, caller: ChangingPerson, service: Served) -> Response:
    """Test the connection; with `action=save`, save it once the test has passed, and run it."""
    typed = await request.form()
    form = ConnectorForm.of(typed)
    # The test asks the tenant, which may take seconds; other requests are answered meanwhile.
    return await run_in_threadpool(_try_connector, request, caller, service, form, typed.get("action"))


def _try_connector(request: Request, caller: Caller, service: Service, form: ConnectorForm, action: object) -> Response:
    shape = form.to_shape()
    if shape is None:
        return _connector_form(request, caller, form, 422)
    try:
        form.checks = over_api.check(service, shape)
        if action != "save" or not form.checks["ok"]:
            return _connector_form(request, caller, form, 200 if form.checks["ok"] else 422)
        saved = over_api.add(service, shape)
    except RiskbridgeError as error:
        form.blame(error)
        return _connector_form(request, caller, form, status_of(error))
    service.start_run(saved.name)
    return RedirectResponse(f"/connectors/{saved.name}", 303)


def _connector_form(request: Request, caller: Caller, form: ConnectorForm, status: int = 200) -> Response:
    return page(
        request, "connector_new.html", status, caller=caller, form=form, clouds=CLOUDS, strategies=list(Strategy)
    )


@router.get("/connectors/{name}")
def show_connector(request: Request, caller: Person, service: Served, name: str) -> Response:
    """One connector: its state, the run under way, its history."""
    return page(request, "connector.html", caller=caller, **_connector(service, name))


@router.get("/connectors/{name}/live")
def show_live(request: Request, caller: Person, service: Served, name: str) -> Response:
    """The part of a connector's page that changes while it runs."""
    return page(request, "live.html", caller=caller, **_connector(service, name, runs=1))


def _connector(service: Service, name: str, runs: int = 20) -> dict[str, Any]:
    connector = service.app.store.get_connector(name)
    progress = service.find_progress(name)
    return {
        "connector": over_api.shown(service, connector),
        "progress": progress.as_dict() if progress else None,
        "is_live": progress is not None and not progress.is_over,
        "runs": [over_api.run_as_dict(r) for r in service.app.store.list_runs(connector.connector_id, limit=runs)],
    }


@router.post("/connectors/{name}/run", dependencies=[Depends(require_changing_person)])
def run_connector(service: Served, name: str) -> Response:
    """Begin a run."""
    service.start_run(name)
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
