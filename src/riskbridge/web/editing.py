"""A saved connector and its profiles, edited: each form carries what it is an edit of, so that nobody overwrites another."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from riskbridge.api import connectors as over_connectors
from riskbridge.api import profiles as over_profiles
from riskbridge.api.access import Caller, Served
from riskbridge.api.etag import StaleEditError
from riskbridge.api.problems import status_of
from riskbridge.api.shapes import ConnectorEdit, FilterTry, ProfileEdit, ProfileShape
from riskbridge.errors import InputError, RiskbridgeError
from riskbridge.maps import list_summaries
from riskbridge.model.connector import Strategy
from riskbridge.service import Service
from riskbridge.web.access import ChangingPerson, Person
from riskbridge.web.filing import change_files, maps_for, show_files
from riskbridge.web.forms import Form, typed_values
from riskbridge.web.render import page

router = APIRouter(default_response_class=HTMLResponse)
LOGIN_TEXTS = ("tenant_id", "client_id", "login_url", "api_url", "audience")
OPTIONAL_TEXTS = ("certificate", "federated_token_file", "managed_identity", "ca_bundle", "proxy", "secret_expires_on")
NUMBERS = ("calls_per_minute",)
PROFILE_TEXTS = ("name", "description", "transform_map", "device_filter", "finding_filter", "strategy", "page_size")
PROFILE_TICKS = ("has_software", "is_active")
_BLANK_IS_NONE = frozenset({*OPTIONAL_TEXTS, *NUMBERS, "device_filter", "finding_filter", "page_size"})


@router.get("/connectors/{name}/edit")
def show_connector_form(request: Request, caller: Person, service: Served, name: str) -> Response:
    """A connector's values, open to change: of a tenant, or of files."""
    if service.app.store.get_connector(name).file is not None:
        return show_files(request, caller, service, name)
    answer = Response()
    shown = over_connectors.show_connector(caller, service, name, answer)
    return _connector(request, caller, name, Form.of(shown.model_dump(mode="json")), answer.headers["etag"])


@router.post("/connectors/{name}/edit")
async def change_connector(request: Request, caller: ChangingPerson, service: Served, name: str) -> Response:
    """Keep a connector's values; where its login changes, once its connection test has passed."""
    typed = await request.form()
    is_of_files = service.app.store.get_connector(name).file is not None
    change = change_files if is_of_files else _change_connector
    return await run_in_threadpool(change, request, caller, service, name, typed)


def _change_connector(request: Request, caller: Caller, service: Service, name: str, typed: FormData) -> Response:
    texts = ("name", "description", *LOGIN_TEXTS, *OPTIONAL_TEXTS, *NUMBERS)
    values = typed_values(typed, (*texts, "client_secret"), ("retain_missing",))
    form, tag = Form.of(values), str(typed.get("tag", ""))
    before = over_connectors.show_connector(caller, service, name, Response()).model_dump(mode="json")
    try:
        if typed.get("action") == "delete":
            over_connectors.delete_connector(caller, service, name, tag)
            return RedirectResponse("/connectors", 303)
        changes = _changes({n: values[n] for n in (*texts, "retain_missing") if n in values}, before)
        if values.get("client_secret"):
            changes["client_secret"] = values["client_secret"]
        edit = _shape(ConnectorEdit, changes, form)
        saved = over_connectors.change_connector(caller, service, name, edit, Response(), tag)
    except StaleEditError as error:
        # What was typed stays; sent again it is an edit of what is there now.
        form.faults[""] = f"{error.message} What you typed is below; keep it to put it in place of that."
        return _connector(request, caller, name, form, error.tag, 412)
    except RiskbridgeError as error:
        form.blame(error)
        return _connector(request, caller, name, form, tag, status_of(error))
    return RedirectResponse(f"/connectors/{saved.name}", 303)


@router.get("/connectors/{name}/profiles/{profile}")
def show_profile_form(request: Request, caller: Person, service: Served, name: str, profile: str) -> Response:
    """A profile's values, open to change; `+` begins another."""
    if profile == "+":
        beginning = ProfileShape(name="another").model_dump(mode="json") | {"name": ""}
        return _profile(request, caller, service, name, profile, Form.of(beginning), "")
    answer = Response()
    shown = over_profiles.show_profile(caller, service, name, profile, answer)
    form = Form.of(shown.model_dump(mode="json"))
    return _profile(request, caller, service, name, profile, form, answer.headers["etag"])


@router.post("/connectors/{name}/profiles/{profile}")
async def change_profile(
    request: Request, caller: ChangingPerson, service: Served, name: str, profile: str
) -> Response:
    """Keep a profile, count what its filters match, see what would go out of scope, or delete it."""
    typed = await request.form()
    return await run_in_threadpool(_change_profile, request, caller, service, name, profile, typed)


def _change_profile(
    request: Request, caller: Caller, service: Service, name: str, profile: str, typed: FormData
) -> Response:
    values = typed_values(typed, PROFILE_TEXTS, PROFILE_TICKS)
    form, tag, action = Form.of(values), str(typed.get("tag", "")), str(typed.get("action", "save"))
    found: dict[str, Any] = {}
    try:
        if action in ("count", "scope"):
            filters = {n: values.get(n, "") for n in ("device_filter", "finding_filter")}
            tried = FilterTry(profile=None if profile == "+" else profile, **filters)
            ask = over_profiles.count if action == "count" else over_profiles.out_of_scope
            found = {action: ask(caller, service, name, tried)}
        elif action == "delete":
            over_profiles.delete_profile(caller, service, name, profile, tag)
        elif profile == "+":
            given = {n: v for n, v in _nulled(values).items() if v is not None}
            over_profiles.make_profile(caller, service, name, _shape(ProfileShape, given, form), Response())
        else:
            before = over_profiles.show_profile(caller, service, name, profile, Response()).model_dump(mode="json")
            edit = _shape(ProfileEdit, _changes(values, before), form)
            over_profiles.edit_profile(caller, service, name, profile, edit, Response(), tag)
    except StaleEditError as error:
        form.faults[""] = f"{error.message} What you typed is below; keep it to put it in place of that."
        return _profile(request, caller, service, name, profile, form, error.tag, 412)
    except RiskbridgeError as error:
        form.blame(error)
        return _profile(request, caller, service, name, profile, form, tag, status_of(error))
    if found:
        return _profile(request, caller, service, name, profile, form, tag, **found)
    return RedirectResponse(f"/connectors/{name}", 303)


def _changes(values: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """What differs from what is kept; a blank text of what may be empty is null."""
    told = _nulled(values)
    return {
        n: v for n, v in told.items() if str("" if v is None else v) != str("" if before.get(n) is None else before[n])
    }


def _nulled(values: dict[str, Any]) -> dict[str, Any]:
    return {n: None if v == "" and n in _BLANK_IS_NONE else v for n, v in values.items()}


def _shape(kind: type[Any], values: dict[str, Any], form: Form) -> Any:
    try:
        shape: BaseModel = kind.model_validate(values)
    except ValidationError as error:
        form.faults |= {str(found["loc"][0]): found["msg"] for found in error.errors()}
        raise InputError("Something cannot be kept.", code="form.invalid", remedy="See below.") from error
    return shape


def _connector(request: Request, caller: Caller, name: str, form: Form, tag: str, status: int = 200) -> Response:
    return page(request, "connector_edit.html", status, caller=caller, name=name, form=form, tag=tag)


def _profile(
    request: Request,
    caller: Caller,
    service: Service,
    name: str,
    profile: str,
    form: Form,
    tag: str,
    status: int = 200,
    **found: Any,
) -> Response:
    store, connector = service.app.store, service.app.store.get_connector(name)
    maps = list_summaries(store) if connector.file is None else maps_for(store, connector.file)
    values = {
        "maps": [m["name"] for m in maps],
        "strategies": [s.value for s in Strategy],
        "connector": asdict(connector),
        "is_new": profile == "+",
        "counted": found.get("count"),
        "scope": found.get("scope"),
    }
    return page(
        request, "profile_edit.html", status, caller=caller, name=name, profile=profile, form=form, tag=tag, **values
    )
