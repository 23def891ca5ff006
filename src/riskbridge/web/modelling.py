"""Data models: browsed, and one's own made by hand, from another or from a sample, changed and deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from riskbridge.api import models as over_api
from riskbridge.api.access import Caller, Served
from riskbridge.api.etag import StaleEditError, tag_of
from riskbridge.api.problems import status_of
from riskbridge.data_models import find_source_model, list_models, show_model
from riskbridge.errors import InputError, RiskbridgeError
from riskbridge.model.file_settings import ENCODINGS
from riskbridge.model.source_model import KINDS
from riskbridge.service import Service
from riskbridge.web.access import ChangingPerson, Person
from riskbridge.web.forms import Form, then_path, typed_values, validated
from riskbridge.web.render import page

router = APIRouter(default_response_class=HTMLResponse)
TEXTS = ("name", "stream", "description", "findings", "reader", "delimiter", "qualifier", "encoding")
SAMPLE = ("reader", "delimiter", "qualifier", "encoding", "has_header")
BEGINNING = {"stream": "findings", "reader": "auto", "delimiter": "auto", "qualifier": '"', "encoding": "auto"}
FLAT = tuple(kind for kind in KINDS if kind not in ("object", "objects"))
"""Kinds that a column of a file may have."""
_COLUMNS = ("field", "kind", "meaning", "example")


@router.get("/models")
def show_models(request: Request, caller: Person, service: Served, model: str = "") -> Response:
    """Data models, and the fields of one."""
    models = list_models(service.app.store)
    shown = show_model(service.app.store, model or models[0]["name"])
    return page(request, "models.html", caller=caller, models=models, model=shown)


@router.get("/models/+")
def begin_model(request: Request, caller: Person, service: Served, clone: str = "", then: str = "") -> Response:
    """A new data model: blank, or with the fields of another."""
    form, fields = Form.of({**BEGINNING, "has_header": True}), []
    if clone:
        source = show_model(service.app.store, clone)
        fields = [_shown_field(f) for f in source["fields"]]
        form.values |= {"name": f"{source['name']}-own", "description": source["description"]}
    return _form(request, caller, form, fields, then=then_path(then))


@router.get("/models/{name}/edit")
def show_model_form(request: Request, caller: Person, service: Served, name: str, then: str = "") -> Response:
    """A data model of one's own, open to change."""
    model = find_source_model(service.app.store, name)
    if model.is_read_only:
        raise InputError(
            f"The data model '{model.name}' came with riskbridge and cannot be changed.",
            code="model.read-only",
            remedy="Clone it under another name.",
        )
    values = model.as_dict()
    return _form(request, caller, Form.of(values), values["fields"], tag=tag_of(values), then=then_path(then))


@router.post("/models/+")
async def send_new(request: Request, caller: ChangingPerson, service: Served) -> Response:
    """Read the fields from a sample, or keep a new data model."""
    typed = await request.form()
    return await run_in_threadpool(_send_new, request, caller, service, typed)


@router.post("/models/{name}/edit")
async def send_change(request: Request, caller: ChangingPerson, service: Served, name: str) -> Response:
    """Keep a changed data model, or delete it."""
    typed = await request.form()
    return await run_in_threadpool(_send_change, request, caller, service, name, typed)


def _send_new(request: Request, caller: Caller, service: Service, typed: FormData) -> Response:
    form, fields = Form.of(typed_values(typed, TEXTS, ("has_header",))), typed_fields(typed)
    then = then_path(str(typed.get("then", "")))
    try:
        if typed.get("action") == "infer":
            found = over_api.infer_data_model(caller, service, _sample(form))
            told = {c["name"]: _told(c) for c in found["columns"]}
            fields = [{**f, "told": told.get(f["name"], "")} for f in found["model"]["fields"]]
            return _form(request, caller, form, fields, then=then, inferred=found["rows"])
        made = over_api.add_data_model(caller, service, _shape(form, fields), Response())
    except RiskbridgeError as error:
        form.blame(error)
        return _form(request, caller, form, fields, then=then, status=status_of(error))
    return RedirectResponse(then or f"/models?model={made['name']}", 303)


def _send_change(request: Request, caller: Caller, service: Service, name: str, typed: FormData) -> Response:
    kept = find_source_model(service.app.store, name)
    form, fields = Form.of(typed_values(typed, TEXTS)), typed_fields(typed)
    form.values |= {"name": kept.name, "stream": kept.stream}
    tag, then = str(typed.get("tag", "")), then_path(str(typed.get("then", "")))
    try:
        if typed.get("action") == "delete":
            over_api.delete_data_model(caller, service, name, tag)
            return RedirectResponse(then or "/models", 303)
        over_api.change_data_model(caller, service, name, _shape(form, fields), Response(), tag)
    except StaleEditError as error:
        form.faults[""] = f"{error.message} What you typed is below; save it to put it in place of that."
        return _form(request, caller, form, fields, tag=error.tag, then=then, status=412)
    except RiskbridgeError as error:
        form.blame(error)
        return _form(request, caller, form, fields, tag=tag, then=then, status=status_of(error))
    return RedirectResponse(then or f"/models?model={kept.name}", 303)


def typed_fields(typed: FormData) -> list[dict[str, Any]]:
    """The fields that a form holds, in its order, those without a name left out."""
    columns = [[str(v).strip() for v in typed.getlist(name)] for name in _COLUMNS]
    keys = [str(v) for v in typed.getlist("row")]
    required = {str(v) for v in typed.getlist("required")}
    return [
        {"name": name, "kind": kind, "description": meaning, "example": example, "required": key in required}
        for key, (name, kind, meaning, example) in zip(keys, zip(*columns, strict=False), strict=False)
        if name
    ]


def _shown_field(field: dict[str, Any]) -> dict[str, Any]:
    """A field as `show_model` tells it, as a form holds it."""
    kind = "strings" if field["type"] == "list" else field["type"]
    told = {n: field[n] for n in ("description", "example")}
    return {"name": field["path"], "kind": kind, "required": not field["may_be_null"], **told}


def _told(column: dict[str, Any]) -> str:
    blanks = f", {column['blanks']:,} blank" if column["blanks"] else ""
    values = "one value" if column["distinct"] == 1 else f"{column['distinct']:,} values"
    return f"{values}{blanks}"


def _sample(form: Form) -> over_api.InferShape:
    if not form.values["findings"]:
        raise InputError("No sample is named.", code="file.bad-settings", remedy="Name a file, or upload one.")
    written = {n: form.values[n] for n in SAMPLE if form.values[n] is not None}
    named = {"name": form.values["name"] or "sample", "stream": form.values["stream"] or "findings"}
    path = str(form.values["findings"]).rpartition(",")[2].strip()
    return validated(over_api.InferShape, {**written, **named, "findings": [path]})


def _shape(form: Form, fields: Sequence[dict[str, Any]]) -> over_api.ModelShape:
    values = {n: form.values[n] or "" for n in ("name", "stream", "description")}
    return validated(over_api.ModelShape, {**values, "fields": list(fields)})


def _form(
    request: Request,
    caller: Caller,
    form: Form,
    fields: Sequence[dict[str, Any]],
    *,
    tag: str = "",
    then: str = "",
    inferred: int | None = None,
    status: int = 200,
) -> Response:
    values = {"is_new": not tag, "tag": tag, "then": then, "inferred": inferred}
    return page(
        request,
        "model_edit.html",
        status,
        caller=caller,
        form=form,
        fields=fields,
        kinds=FLAT,
        encodings=list(ENCODINGS),
        **values,
    )
