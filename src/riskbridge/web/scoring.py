"""How scores come about: weights tried before they are kept, rules for assets, due dates, and the feeds behind them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from riskbridge.api import feeds as over_feeds
from riskbridge.api import scoring as over_api
from riskbridge.api.access import Caller, Served
from riskbridge.api.etag import tag_of
from riskbridge.api.problems import status_of
from riskbridge.errors import InputError, RiskbridgeError
from riskbridge.feeds import list_feeds
from riskbridge.scoring import list_score_settings, load_score_settings
from riskbridge.service import Service
from riskbridge.web.access import ChangingPerson, Person
from riskbridge.web.render import page

router = APIRouter(default_response_class=HTMLResponse)
SLA_NAMES = ("critical", "high", "medium", "low", "information", "at_risk")


@router.get("/scoring")
def show_scoring(request: Request, caller: Person, service: Served) -> Response:
    """Weights, rules for assets and due dates, open to change."""
    return _scoring(request, caller, service)


@router.post("/scoring")
async def change_scoring(request: Request, caller: ChangingPerson, service: Served) -> Response:
    """Try or keep weights, keep or remove a rule, keep due dates; what is typed stays where it is refused."""
    typed = await request.form()
    return await run_in_threadpool(_change, request, caller, service, typed)


def _change(request: Request, caller: Caller, service: Service, typed: FormData) -> Response:
    values: dict[str, Any] = {k: str(v).strip() for k, v in typed.items() if isinstance(v, str)}
    verb, _, name = values.get("action", "").partition(":")
    tag, answer = values.get("tag", ""), Response()
    try:
        if verb in ("try", "save"):
            changes = _changed_weights(service, typed)
            if verb == "try":
                edit = _shape(over_api.WeightsEdit, {"changes": changes})
                return _scoring(
                    request, caller, service, typed=values, tried=over_api.try_changes(caller, service, edit)
                )
            over_api.edit_weights(caller, service, _shape(over_api.WeightsEdit, {"changes": changes}), answer, tag)
        elif verb == "reset":
            over_api.forget_weights(caller, service, answer, tag)
        elif verb in ("rule", "try-rule"):
            shape = _rule(values)
            if verb == "try-rule":
                wanted = over_api.RuleTry(name=values.get("name", "") or "new", **shape.model_dump())
                return _scoring(
                    request, caller, service, typed=values, tried=over_api.try_rule(caller, service, wanted)
                )
            over_api.put_rule(caller, service, values.get("name", ""), shape, answer, "*")
        elif verb == "remove":
            over_api.delete_rule(caller, service, name, "*")
        elif verb == "sla":
            days = {n: values[n] for n in SLA_NAMES if values.get(n)}
            over_api.edit_sla(caller, service, _shape(over_api.SlaEdit, days), answer, tag)
    except RiskbridgeError as error:
        return _scoring(request, caller, service, typed=values, fault=error)
    return RedirectResponse("/scoring", 303)


def _changed_weights(service: Service, typed: FormData) -> dict[str, Any]:
    now = _weights(service)
    given = {n.removeprefix("w:"): str(v).strip() for n, v in typed.items() if n.startswith("w:")}
    return {n: v for n, v in given.items() if n in now and v != str(now[n])}


def _weights(service: Service) -> dict[str, Any]:
    return list_score_settings(load_score_settings(service.app.store))


def _rule(values: dict[str, Any]) -> over_api.RuleShape:
    given = {n: values[n] for n in ("where", "why", "acs", "factor") if values.get(n)}
    shape: over_api.RuleShape = _shape(
        over_api.RuleShape, {**given, "is_internet_facing": "is_internet_facing" in values}
    )
    return shape


def _shape(kind: type[Any], values: dict[str, Any]) -> Any:
    try:
        shape: BaseModel = kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = " ".join(str(part) for part in first["loc"])
        raise InputError(
            f"{where}: {first['msg']}.", code="form.invalid", remedy="Mend it and send it again."
        ) from error
    return shape


def _scoring(
    request: Request,
    caller: Caller,
    service: Service,
    *,
    typed: dict[str, Any] | None = None,
    tried: over_api.Tried | None = None,
    fault: RiskbridgeError | None = None,
) -> Response:
    weights, answer = _weights(service), Response()
    sla = over_api.show_sla(caller, service, answer)
    rules = over_api.show_rules(caller, service).rows
    return page(
        request,
        "scoring.html",
        200 if fault is None else status_of(fault),
        caller=caller,
        weights=weights,
        weights_tag=tag_of(weights),
        sla=sla.model_dump(),
        sla_tag=answer.headers["etag"],
        rules=rules,
        typed=typed or {},
        tried=tried,
        fault=fault,
    )


@router.get("/scoring/feeds")
def show_feeds(request: Request, caller: Person, service: Served) -> Response:
    """Feeds: what is in use, how old it is, and where it comes from."""
    return page(request, "feeds.html", caller=caller, feeds=list_feeds(service.app), done=None, fault=None)


@router.post("/scoring/feeds")
async def change_feeds(request: Request, caller: ChangingPerson, service: Served) -> Response:
    """Refresh feeds, or import one from a path or URL; findings are scored anew by what is new."""
    typed = await request.form()

    def change() -> Response:
        done, fault = None, None
        try:
            if str(typed.get("action", "")) == "import":
                shape = _shape(over_feeds.FeedImport, {"location": str(typed.get("location", "")).strip()})
                over_feeds.take_feed(caller, service, _feed(typed), shape)
            else:
                wanted = over_feeds.RefreshShape(feeds=[_feed(typed)] if typed.get("feed") else [])
                done = over_feeds.refresh_feeds(caller, service, wanted)
        except RiskbridgeError as error:
            fault = error
        feeds = list_feeds(service.app)
        status = 200 if fault is None else status_of(fault)
        return page(request, "feeds.html", status, caller=caller, feeds=feeds, done=done, fault=fault)

    return await run_in_threadpool(change)


def _feed(typed: FormData) -> Any:
    return _shape(over_feeds.RefreshShape, {"feeds": [str(typed.get("feed", ""))]}).feeds[0]
