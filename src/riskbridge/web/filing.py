"""Connectors of files: a form that looks at the files before it saves."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from riskbridge.api import files as over_api
from riskbridge.api.access import Caller, Served
from riskbridge.api.problems import status_of
from riskbridge.data_models import list_models
from riskbridge.errors import InputError, RiskbridgeError
from riskbridge.file_setup import list_formats
from riskbridge.maps import list_summaries
from riskbridge.service import Service
from riskbridge.web.access import ChangingPerson, Person
from riskbridge.web.forms import Form, typed_values
from riskbridge.web.render import page

router = APIRouter(default_response_class=HTMLResponse)
TEXTS = (
    *("name", "description", "format", "findings", "assets", "findings_model", "assets_model", "transform_map"),
    *("reader", "delimiter", "qualifier", "encoding", "takes", "source_name"),
)
TICKS = ("has_header", "retain_missing")
BEGINNING = {
    "format": "csv",
    "reader": "auto",
    "delimiter": "auto",
    "qualifier": '"',
    "encoding": "auto",
    "takes": "all",
}


@router.get("/file-connectors/new")
def show_form(request: Request, caller: Person, service: Served) -> Response:
    """The form for a connector of files."""
    return _form(request, caller, service, Form.of({**BEGINNING, "has_header": True}))


@router.post("/file-connectors/new")
async def send_form(request: Request, caller: ChangingPerson, service: Served) -> Response:
    """Look at the files; with `action=save` or `run`, save the connector once they can be read."""
    typed = await request.form()
    return await run_in_threadpool(_send, request, caller, service, typed)


def _send(request: Request, caller: Caller, service: Service, typed: FormData) -> Response:
    form, action = Form.of(typed_values(typed, TEXTS, TICKS)), str(typed.get("action", "look"))
    found: dict[str, Any] = {}
    try:
        shape = _shape(form)
        found["checks"] = over_api.check_unsaved(caller, service, shape)
        settings = over_api.FilesShape.model_validate(shape.model_dump(include=set(over_api.FilesShape.model_fields)))
        found["looks"] = over_api.look(caller, service, settings)
        if action != "look" and found["checks"].ok:
            saved = over_api.add(caller, service, shape, Response())
            if action == "run":
                service.start_run(saved.name)
            return RedirectResponse(f"/connectors/{saved.name}", 303)
    except RiskbridgeError as error:
        form.blame(error)
        return _form(request, caller, service, form, status_of(error), **found)
    return _form(request, caller, service, form, **found)


def _shape(form: Form) -> over_api.FileConnectorShape:
    lists = {n: [p.strip() for p in str(form.values[n] or "").split(",") if p.strip()] for n in ("findings", "assets")}
    try:
        return over_api.FileConnectorShape.model_validate({**form.values, **lists})
    except ValidationError as error:
        form.faults |= {str(fault["loc"][0]): fault["msg"] for fault in error.errors()}
        raise InputError("Something is missing.", code="form.invalid", remedy="See below.") from error


def _form(request: Request, caller: Caller, service: Service, form: Form, status: int = 200, **found: Any) -> Response:
    store = service.app.store
    return page(
        request,
        "file_connector.html",
        status,
        caller=caller,
        form=form,
        formats=list_formats(),
        models=[m["name"] for m in list_models(store) if m["kind"] == "source"],
        maps=[m["name"] for m in list_summaries(store)],
        checks=found.get("checks"),
        looks=found.get("looks") or {},
    )
