"""Tags of assets: static ones, ones by a query, their criticality; and giving one to the assets of a list."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from riskbridge.api import tags as over_api
from riskbridge.api.access import Caller, Served
from riskbridge.api.problems import status_of
from riskbridge.errors import InputError, RiskbridgeError
from riskbridge.service import Service
from riskbridge.web.access import ChangingPerson, Person
from riskbridge.web.forms import validated
from riskbridge.web.render import page

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/tags")
def show_tags(request: Request, caller: Person, service: Served) -> Response:
    """Every tag, with its assets and criticality."""
    return _tags(request, caller, service)


@router.post("/tags")
async def change_tags(request: Request, caller: ChangingPerson, service: Served) -> Response:
    """Make a tag, change or delete one."""
    typed = await request.form()
    return await run_in_threadpool(_change, request, caller, service, typed)


def _change(request: Request, caller: Caller, service: Service, typed: FormData) -> Response:
    values = {k: str(v).strip() for k, v in typed.items()}
    verb, _, name = values.get("action", "").partition(":")
    try:
        if verb == "delete":
            over_api.remove_tag(caller, service, name, "*")
        else:
            given = {n: values[n] for n in ("name", "description", "query", "acs") if values.get(n)}
            shape: Any = validated(over_api.TagNew, given)
            over_api.make_tag(caller, service, shape, Response())
    except RiskbridgeError as error:
        return _tags(request, caller, service, typed=values, fault=error)
    return RedirectResponse("/tags", 303)


@router.post("/inventory/assets/tag")
async def tag_assets(request: Request, caller: ChangingPerson, service: Served) -> Response:
    """Give a tag to the assets that are ticked, or to all that the query describes."""
    typed = await request.form()
    name, query = str(typed.get("tag", "")).strip(), str(typed.get("query", ""))
    chosen = [str(v) for v in typed.getlist("asset_id")]
    by_query = typed.get("about") == "query"
    if not by_query and not chosen:
        raise InputError("No asset is ticked.", code="tag.no-subject", remedy="Tick those you mean.")
    shape: Any = validated(over_api.TagAssets, {"query": query} if by_query else {"asset_ids": chosen})
    await run_in_threadpool(over_api.give_tag, caller, service, name, shape)
    back = str(typed.get("back", ""))
    return RedirectResponse(back if back.partition("?")[0] == "/inventory/assets" else "/inventory/assets", 303)


def _tags(
    request: Request,
    caller: Caller,
    service: Service,
    *,
    typed: dict[str, Any] | None = None,
    fault: RiskbridgeError | None = None,
) -> Response:
    tags = over_api.list_all_tags(caller, service).rows
    status = 200 if fault is None else status_of(fault)
    return page(request, "tags.html", status, caller=caller, tags=tags, typed=typed or {}, fault=fault)
