"""Connectors of files on the page: what the wizard's steps show of them, and a saved one's settings, open to change."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError
from starlette.datastructures import FormData

from riskbridge.api import connectors as over_connectors
from riskbridge.api import files as over_api
from riskbridge.api.access import Caller
from riskbridge.api.draft_kinds import files_of
from riskbridge.api.etag import StaleEditError
from riskbridge.api.problems import status_of
from riskbridge.data_models import list_models, show_model
from riskbridge.drafts import change_draft
from riskbridge.errors import ConfigError, InputError, RiskbridgeError
from riskbridge.file_connectors import find_models, require_mapped
from riskbridge.file_setup import infer_from, list_formats, look_at_files, save_model
from riskbridge.maps import list_summaries
from riskbridge.model.draft import Draft
from riskbridge.model.file_settings import DELIMITERS, ENCODINGS, FileSettings
from riskbridge.service import Service
from riskbridge.store.config.store import ConfigStore
from riskbridge.web.forms import Form, typed_values
from riskbridge.web.render import page
from riskbridge.web.steps import FILES, Step

TEXTS = ("name", "description", *FILES, "findings_model", "assets_model")
TICKS = ("has_header", "retain_missing")
_STREAMS = {"findings": "findings_model", "assets": "assets_model"}


def files_choices(service: Service, step: Step, draft: Draft) -> dict[str, Any]:
    """What a step of a connector of files lets choose among, and the beginning of the files as far as they can be read."""
    store, settings = service.app.store, files_of(draft)
    values: dict[str, Any] = {"formats": list_formats(), "encodings": ENCODINGS, "looks": {}, "looks_fault": None}
    if step in ("model", "map"):
        values |= {"models": _source_names(store), "shown_models": _shown_models(store, settings)}
        values["suggested_name"] = _plain_name(draft)
    if settings is not None and (step == "model" or (step == "basics" and (draft.checks or {}).get("ok"))):
        try:
            values["looks"] = _look(service, settings)
        except RiskbridgeError as error:
            values["looks_fault"] = error if values.get("shown_models") else None
    return values


def fitting_maps(store: ConfigStore, draft: Draft) -> list[dict[str, Any]]:
    """The maps that say what the files of a draft hold; none while nothing says what data models they have."""
    settings = files_of(draft)
    return [] if settings is None else maps_for(store, settings)


def maps_for(store: ConfigStore, settings: FileSettings) -> list[dict[str, Any]]:
    """The maps that say what files of those settings hold."""

    def fits(name: str) -> bool:
        try:
            require_mapped(store, find_models(store, settings), name)
        except (InputError, ConfigError):
            return False
        return True

    return [m for m in list_summaries(store) if fits(str(m["name"]))]


def infer_models(service: Service, caller: Caller, draft: Draft) -> Draft:
    """Make and keep a data model of each kind of file that a draft names, and take them for it.

    Raises:
        RiskbridgeError: `file.*`: a file cannot be read so; `model.in-use`: a map needs what would be gone.
    """
    settings = files_of(draft)
    if settings is None:
        raise InputError(
            "No file is named yet.", code="file.bad-settings", remedy="Name or upload one in the first step."
        )
    over_api.require_paths(service, settings)
    app, made = service.app.acting_as(caller.account.name), {}
    for stream, field in _STREAMS.items():
        paths: tuple[str, ...] = getattr(settings, stream)
        if paths:
            name = _model_name(app.store, draft, stream, field)
            found = infer_from(app, paths[0], settings, name, stream).model.as_dict()
            with service.editing(caller.account.name):
                save_model(app, found | {"description": f"Made from {paths[0]}"})
            made[field] = name
    return change_draft(service.app, draft, made)


def show_files(request: Request, caller: Caller, service: Service, name: str) -> Response:
    """The settings of a connector of files, open to change."""
    answer = Response()
    shown = over_connectors.show_connector(caller, service, name, answer)
    return _form(request, caller, service, name, _form_of(shown.model_dump(mode="json")), answer.headers["etag"])


def change_files(request: Request, caller: Caller, service: Service, name: str, typed: FormData) -> Response:
    """Look at the files with what is typed, keep it, or delete the connector."""
    form, tag = Form.of(typed_values(typed, TEXTS, TICKS)), str(typed.get("tag", ""))
    action = str(typed.get("action", "save"))
    try:
        if action == "delete":
            over_connectors.delete_connector(caller, service, name, tag)
            return RedirectResponse("/connectors", 303)
        edit = _edit(form)
        if action == "look":
            files = over_api.FilesShape.model_validate(edit.model_dump(include=set(over_api.FilesShape.model_fields)))
            looks = _look(service, files.settings(), service.app.store.get_connector(name).file)
            return _form(request, caller, service, name, form, tag, looks=looks)
        saved = over_api.change(caller, service, name, edit, Response(), tag)
    except StaleEditError as error:
        # What was typed stays; sent again it is an edit of what is there now.
        form.faults[""] = f"{error.message} What you typed is below; keep it to put it in place of that."
        return _form(request, caller, service, name, form, error.tag, 412)
    except RiskbridgeError as error:
        form.blame(error)
        return _form(request, caller, service, name, form, tag, status_of(error))
    return RedirectResponse(f"/connectors/{saved.name}", 303)


def _edit(form: Form) -> over_api.FileConnectorEdit:
    lists = {n: [p.strip() for p in str(form.values[n] or "").split(",") if p.strip()] for n in _STREAMS}
    try:
        return over_api.FileConnectorEdit.model_validate({**form.values, **lists})
    except ValidationError as error:
        form.faults |= {
            str(f["loc"][0]): "Is needed." if f["type"] == "too_short" else f["msg"] for f in error.errors()
        }
        raise InputError("Something cannot be kept.", code="form.invalid", remedy="See below.") from error


def _form_of(shown: dict[str, Any]) -> Form:
    """A saved connector as its form holds it: paths by commas, a delimiter by its word."""
    files: dict[str, Any] = shown["file"]
    words = {mark: word for word, mark in DELIMITERS.items()}
    paths = {n: ", ".join(files[n]) for n in _STREAMS}
    delimiter = words.get(files["delimiter"], files["delimiter"])
    return Form.of({**shown, **files, **paths, "delimiter": delimiter})


def _form(
    request: Request, caller: Caller, service: Service, name: str, form: Form, tag: str, status: int = 200, **found: Any
) -> Response:
    values = {
        "formats": list_formats(),
        "encodings": ENCODINGS,
        "models": _source_names(service.app.store),
        "looks": found.get("looks", {}),
    }
    return page(request, "file_edit.html", status, caller=caller, name=name, form=form, tag=tag, **values)


def _look(
    service: Service, settings: FileSettings, before: FileSettings | None = None
) -> dict[str, list[dict[str, Any]]]:
    over_api.require_paths(service, settings, before)
    found = look_at_files(service.app, settings)
    return {stream: [asdict(one) for one in looks] for stream, looks in found.items()}


def _shown_models(store: ConfigStore, settings: FileSettings | None) -> list[dict[str, Any]]:
    if settings is None:
        return []
    try:
        models = find_models(store, settings)
    except InputError:
        return []
    return [show_model(store, m.name) for m in (models.findings, models.assets) if m is not None]


def _source_names(store: ConfigStore) -> list[str]:
    return [str(m["name"]) for m in list_models(store) if m["kind"] == "source"]


def _plain_name(draft: Draft) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", str(draft.values.get("name") or "")).strip("-_").lower()[:40] or "files"


def _model_name(store: ConfigStore, draft: Draft, stream: str, field: str) -> str:
    """A name that is free, or that of the model which was made for the draft before."""
    wanted, number = f"{_plain_name(draft)}.{stream}", 1
    taken = {n.casefold() for n in _source_names(store)}
    name = wanted
    while name.casefold() in taken and name != draft.values.get(field):
        number += 1
        name = f"{wanted}-{number}"
    return name
