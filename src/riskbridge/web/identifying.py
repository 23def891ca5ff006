"""Identification rules of a connector: in order, on or off, tried on what is stored; merges and splits by hand."""

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


@router.post("/identification/judgements/{judgement_id}/undo")
async def undo(request: Request, caller: ChangingPerson, service: Served, judgement_id: str) -> Response:
    """Undo a merge or split."""
    shape = over_api.UndoShape(why=str((await request.form()).get("why", "")).strip() or "undone")
    await run_in_threadpool(over_api.undo, caller, service, judgement_id, shape)
    return RedirectResponse("/identification", 303)


@router.post("/inventory/assets/{asset_id}/identity")
async def judge_identity(request: Request, caller: ChangingPerson, service: Served, asset_id: str) -> Response:
    """Merge an asset with another, or take one of its source records from it."""
    typed = await request.form()
    why, record, other = (str(typed.get(n, "")).strip() for n in ("why", "record_id", "other_id"))

    def judge() -> None:
        try:
            if typed.get("action") == "split":
                split = over_api.SplitShape(asset_id=asset_id, record_id=record, why=why)
                over_api.split(caller, service, split)
            else:
                over_api.merge(caller, service, over_api.MergeShape(asset_id=asset_id, other_id=other, why=why))
        except ValidationError as error:
            raise InputError(
                "A record or asset and a reason are needed.", code="form.invalid", remedy="Fill in both."
            ) from error

    await run_in_threadpool(judge)
    return RedirectResponse(f"/inventory/assets?query=asset.id%3A+%60{asset_id}%60", 303)


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
