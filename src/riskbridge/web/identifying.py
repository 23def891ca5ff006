"""Identification rules of a connector: in order, on or off, tried on what is stored."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from riskbridge.api import identification as over_api
from riskbridge.api.access import Caller, Served
from riskbridge.api.etag import StaleEditError
from riskbridge.api.problems import status_of
from riskbridge.errors import InputError, RiskbridgeError
from riskbridge.service import Service
from riskbridge.web.access import ChangingPerson, Person
from riskbridge.web.render import page
from riskbridge.web.ruleset import is_rule_edit, typed_rules

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/identification")
def show_rules(request: Request, caller: Person, service: Served, connector: str = "") -> Response:
    """The rules of a connector, or of the first there is."""
    name = connector or _first(service)
    if not name:
        return page(request, "identification_none.html", caller=caller)
    return _rules(request, caller, service, name)


@router.post("/identification")
async def change_rules(request: Request, caller: ChangingPerson, service: Served, connector: str) -> Response:
    """Change the list that is shown, simulate it, keep it, apply what is kept, or take the built-in rules."""
    typed = await request.form()
    return await run_in_threadpool(_change, request, caller, service, connector, typed)


def _change(request: Request, caller: Caller, service: Service, name: str, typed: FormData) -> Response:
    rules, tag, action = typed_rules(typed), str(typed.get("tag", "")), str(typed.get("action", "save"))
    found: dict[str, Any] = {}
    try:
        if is_rule_edit(typed):
            pass
        elif action == "simulate":
            found["simulated"] = over_api.simulate_rules(caller, service, name, rules_shape(rules), samples=10)
        elif action == "apply":
            over_api.set_rules(caller, service, name, rules_shape(rules), Response(), tag)
            return _rules(request, caller, service, name, applied=over_api.apply_rules(caller, service))
        elif action == "reset":
            over_api.reset_rules(caller, service, name, Response(), tag)
            return RedirectResponse(_address(name), 303)
        else:
            over_api.set_rules(caller, service, name, rules_shape(rules), Response(), tag)
            return RedirectResponse(_address(name), 303)
    except StaleEditError as error:
        return _rules(request, caller, service, name, rules=rules, tag=error.tag, fault=error)
    except RiskbridgeError as error:
        found["fault"] = error
    return _rules(request, caller, service, name, rules=rules, tag=tag, **found)


def rules_shape(rules: list[dict[str, Any]]) -> over_api.RulesShape:
    """Rules as the API takes them.

    Raises:
        InputError: `identity.rule`.
    """
    try:
        return over_api.RulesShape.model_validate({"rules": rules})
    except ValidationError as error:
        raise InputError(
            f"A rule cannot be: {error.errors()[0]['msg']}.",
            code="identity.rule",
            remedy="Give it a name and at least one attribute.",
        ) from error


def _first(service: Service) -> str:
    found = service.app.store.list_connectors()
    return found[0].name if found else ""


def _address(name: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415

    return f"/identification?connector={quote(name)}"


def _rules(request: Request, caller: Caller, service: Service, name: str, **given: Any) -> Response:
    answer = Response()
    kept = over_api.show_rules(caller, service, name, answer)
    values: dict[str, Any] = {
        "rules": kept["rules"],
        "tag": answer.headers["etag"],
        "fault": None,
        "simulated": None,
        "applied": None,
        **given,
    }
    fault: RiskbridgeError | None = values["fault"]
    return page(
        request,
        "identification.html",
        200 if fault is None else status_of(fault),
        caller=caller,
        name=kept["connector"],
        connectors=[c.name for c in service.app.store.list_connectors()],
        attributes=kept["attributes"],
        built_in={str(r["name"]) for r in kept["rules"] if r["is_built_in"]},
        refused=over_api.list_refused(caller, service, limit=20)["rows"],
        judged=over_api.list_judged(caller, service, limit=20)["rows"],
        **values,
    )
