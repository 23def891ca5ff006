"""The wizard: a connector from nothing to its first run, step by step; every step can be left and taken up again."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from riskbridge.api import drafts as over_api
from riskbridge.api.access import Caller, Served
from riskbridge.api.problems import status_of
from riskbridge.data_models import list_models, show_model
from riskbridge.drafts import begin_draft, change_draft, delete_draft, get_draft, list_drafts
from riskbridge.errors import InputError, RiskbridgeError
from riskbridge.maps import list_summaries
from riskbridge.model.connector import Strategy
from riskbridge.model.draft import Draft
from riskbridge.model.score_map import ScoreMap
from riskbridge.schedule.zone import local_zone_name
from riskbridge.service import Service
from riskbridge.store.config.score_maps import plain_map
from riskbridge.web.access import ChangingPerson, Person, require_changing_person
from riskbridge.web.filing import files_choices, fitting_maps, infer_models
from riskbridge.web.forms import Form, typed_values
from riskbridge.web.render import page
from riskbridge.web.ruleset import is_rule_edit, typed_rules
from riskbridge.web.scoremap import typed_score_map
from riskbridge.web.steps import BEGINNINGS, LABELS, REVIEWED, STEPS, TEXTS, TICKS, Step, faulty_steps
from riskbridge.web.timing import timing_fields, typed_timing

router = APIRouter(default_response_class=HTMLResponse)
CLOUDS = ("commercial", "us", "eu", "uk", "au", "swa", "ina", "aea", "gcc", "gcc-high", "dod")


@router.get("/wizard")
def show_beginnings(request: Request, caller: Person, service: Served) -> Response:
    """What was begun and can be taken up again, and how to begin another."""
    drafts = [over_api.show_draft(d) for d in list_drafts(service.app, caller.account.account_id)]
    return page(request, "wizard_begin.html", caller=caller, drafts=drafts)


@router.post("/wizard")
async def begin(request: Request, caller: ChangingPerson, service: Served) -> Response:
    """Begin a connector of a tenant, or with `kind=file` one of files."""
    kind = str((await request.form()).get("kind", "connector"))
    beginning = BEGINNINGS.get(kind, {})
    draft = await run_in_threadpool(begin_draft, service.app, caller.account.account_id, kind, beginning)
    return RedirectResponse(_address(draft, "basics"), 303)


@router.get("/wizard/{draft_id}/{step}")
def show_step(request: Request, caller: Person, service: Served, draft_id: str, step: Step) -> Response:
    """One step, as far as it is filled in."""
    return _step(request, caller, service, _draft(caller, service, draft_id), step)


@router.post("/wizard/{draft_id}/{step}/keep")
async def keep(request: Request, caller: ChangingPerson, service: Served, draft_id: str, step: Step) -> Response:
    """Keep what is typed so far; asked by a script while somebody types."""
    typed = await request.form()
    draft = await run_in_threadpool(_keep, caller, service, draft_id, step, typed)
    return HTMLResponse(f"Kept at {draft.changed_at:%H:%M:%S} UTC")


@router.post("/wizard/{draft_id}/delete", dependencies=[Depends(require_changing_person)])
def throw_away(caller: Person, service: Served, draft_id: str) -> Response:
    """Throw a draft away, with its secret."""
    delete_draft(service.app, caller.account.account_id, draft_id)
    return RedirectResponse("/wizard", 303)


@router.post("/wizard/{draft_id}/{step}")
async def send_step(request: Request, caller: ChangingPerson, service: Served, draft_id: str, step: Step) -> Response:
    """Keep the step, then do what was asked: go on, back or elsewhere, test the connection, count matches, or save."""
    typed = await request.form()
    # The test asks the tenant, which may take seconds; other requests are answered meanwhile.
    return await run_in_threadpool(_send, request, caller, service, draft_id, step, typed)


def _send(request: Request, caller: Caller, service: Service, draft_id: str, step: Step, typed: FormData) -> Response:
    draft = _keep(caller, service, draft_id, step, typed)
    action = str(typed.get("action", "next"))
    verb, _, target = action.partition(":")
    try:
        if verb == "to" and target in STEPS:
            return RedirectResponse(_address(draft, target), 303)
        if verb == "reset" or (step == "rules" and is_rule_edit(typed)):
            return _step(request, caller, service, draft, step)
        if verb == "infer" and draft.kind == "file":
            draft = infer_models(service, caller, draft)
            return RedirectResponse(_address(draft, "model"), 303)
        if verb == "test" or (verb == "next" and step == "basics" and _is_to_be_tested(draft)):
            draft = over_api.check_draft(service, draft)
            if verb == "test" or not over_api.show_draft(draft).is_tested:
                return _step(
                    request, caller, service, draft, step, status=200 if (draft.checks or {}).get("ok") else 422
                )
        if verb == "count":
            counted = over_api.count_draft(service, draft)
            return _step(request, caller, service, draft, step, counted=counted)
        if verb in ("save", "run"):
            saved = over_api.finish_draft(service, draft, caller.account.name, is_run=verb == "run")
            return RedirectResponse(f"/connectors/{saved.name}", 303)
    except RiskbridgeError as error:
        return _step(request, caller, service, draft, step, fault=error)
    return RedirectResponse(_address(draft, STEPS[min(STEPS.index(step) + 1, len(STEPS) - 1)]), 303)


def _keep(caller: Caller, service: Service, draft_id: str, step: Step, typed: FormData) -> Draft:
    draft = _draft(caller, service, draft_id)
    values = typed_values(typed, TEXTS[draft.kind].get(step, ()), TICKS[draft.kind].get(step, ()))
    if step == "profile" and "timing" in typed:
        values["schedule"] = typed_timing(typed)
    if step == "scoring" and "source_values" in typed:
        values["score_map"] = None if typed.get("action") == "reset" else typed_score_map(typed)
    if step == "rules" and "rule" in typed:
        values["rules"] = None if typed.get("action") == "reset" else typed_rules(typed)
    return change_draft(service.app, draft, values)


def _step(
    request: Request,
    caller: Caller,
    service: Service,
    draft: Draft,
    step: Step,
    *,
    fault: RiskbridgeError | None = None,
    counted: dict[str, Any] | None = None,
    status: int = 200,
) -> Response:
    shown = over_api.show_draft(draft)
    form = Form.of(draft.values)
    if step == "review" or (isinstance(fault, InputError) and fault.code == "draft.incomplete"):
        form = Form.of(draft.values, over_api.find_faults(draft))
    if fault is not None:
        form.blame(fault)
    return page(
        request,
        "wizard.html",
        status if fault is None else status_of(fault),
        caller=caller,
        draft=shown,
        step=step,
        steps=LABELS,
        form=form,
        counted=counted,
        faulty=faulty_steps(draft.kind, over_api.find_faults(draft)),
        reviewed=REVIEWED[draft.kind],
        **_choices(service, step, request, draft),
    )


def _choices(service: Service, step: Step, request: Request, draft: Draft) -> dict[str, Any]:
    from riskbridge.identity.rules import BUILT_IN_RULES, CHOOSABLE  # noqa: PLC0415 - loads Ibis
    from riskbridge.matching import rules_as_rows  # noqa: PLC0415

    store = service.app.store
    values: dict[str, Any] = {"clouds": CLOUDS, "strategies": [s.value for s in Strategy], "maps": [], "models": []}
    if step in ("map", "profile", "review"):
        values["maps"] = list_summaries(store) if draft.kind == "connector" else fitting_maps(store, draft)
        given: Any = draft.values.get("schedule")
        values |= {"timing": timing_fields(given, local_zone_name()), "zones": sorted(available_timezones())}
    if step in ("scoring", "review"):
        values["score_map"] = draft.values.get("score_map") or plain_map(ScoreMap())
    if step in ("rules", "review"):
        rows = rules_as_rows(BUILT_IN_RULES)
        values |= {"rules": draft.values.get("rules") or rows, "attributes": CHOOSABLE}
        values["built_in"] = {str(r["name"]) for r in rows}
    if draft.kind == "file":
        values |= files_choices(service, step, draft)
    elif step == "model":
        models = list_models(store)
        values |= {"models": models, "model": show_model(store, request.query_params.get("model") or models[0]["name"])}
    return values


def _is_to_be_tested(draft: Draft) -> bool:
    """A connection is tested before the second step; files wait for the steps that say what they hold."""
    is_known = draft.kind == "connector" or bool(draft.values.get("format"))
    return is_known and not over_api.show_draft(draft).is_tested


def _draft(caller: Caller, service: Service, draft_id: str) -> Draft:
    return get_draft(service.app, caller.account.account_id, draft_id)


def _address(draft: Draft, step: str) -> str:
    return f"/wizard/{draft.draft_id}/{step}"
