"""An asset's page: its TruRisk taken apart, its sources, findings, and merges and splits by hand, which can be undone."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from riskbridge.api import identification as over_api
from riskbridge.api.access import Caller, Served
from riskbridge.api.problems import status_of
from riskbridge.browse import browse
from riskbridge.errors import InputError, RiskbridgeError
from riskbridge.model.target import ASSET
from riskbridge.overview import OPEN
from riskbridge.service import Service
from riskbridge.web.access import ChangingPerson, Person
from riskbridge.web.lists import COLUMNS, PAGE_ROWS, ROW_COLUMNS
from riskbridge.web.render import page

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/inventory/assets/{asset_id}")
def show_asset(request: Request, caller: Person, service: Served, asset_id: str) -> Response:
    """One asset: its TruRisk taken apart, its sources and why they are one, its findings."""
    return _asset(request, caller, service, asset_id)


@router.post("/inventory/assets/{asset_id}/identity")
async def judge_identity(request: Request, caller: ChangingPerson, service: Served, asset_id: str) -> Response:
    """Merge an asset with another, or take one of its source records from it; a refusal is shown with what was typed."""
    typed = await request.form()
    return await run_in_threadpool(_judge, request, caller, service, asset_id, typed)


@router.post("/identification/judgements/{judgement_id}/undo")
async def undo(request: Request, caller: ChangingPerson, service: Served, judgement_id: str) -> Response:
    """Undo a merge or split; goes back to the asset that was looked at, else to the rules."""
    typed = await request.form()
    shape = over_api.UndoShape(why=str(typed.get("why", "")).strip() or "undone")
    await run_in_threadpool(over_api.undo, caller, service, judgement_id, shape)
    asset_id = str(typed.get("asset", ""))
    return RedirectResponse(_address(service, asset_id) if asset_id else "/identification", 303)


def _judge(request: Request, caller: Caller, service: Service, asset_id: str, typed: FormData) -> Response:
    why, record, other = (str(typed.get(n, "")).strip() for n in ("why", "record_id", "other_id"))
    try:
        if typed.get("action") == "split":
            over_api.split(caller, service, over_api.SplitShape(asset_id=asset_id, record_id=record, why=why))
        else:
            other = _find_id(service, other)
            over_api.merge(caller, service, over_api.MergeShape(asset_id=asset_id, other_id=other, why=why))
    except ValidationError:
        fault = InputError(
            "A record or another asset is needed, and a reason.", code="form.invalid", remedy="Fill in both."
        )
        return _asset(request, caller, service, asset_id, fault, dict(typed))
    except RiskbridgeError as error:
        return _asset(request, caller, service, asset_id, error, dict(typed))
    return RedirectResponse(_address(service, asset_id, other), 303)


def _find_id(service: Service, text: str) -> str:
    """The id of the asset of that name, where one alone has it; any other text is an id, or its beginning."""
    if not text or "`" in text or "\\" in text:
        return text
    with service.reading() as app:
        found = browse(app, "assets", f"asset.name: `{text}`", limit=2, columns=("asset_id",)).rows
    if len(found) > 1:
        raise InputError(
            f"Several assets are called '{text}'.",
            code="asset.unknown",
            remedy="Give the id of the one that is meant; its page tells it.",
        )
    return str(found[0]["asset_id"]) if found else text


def _address(service: Service, *asset_ids: str) -> str:
    """The page of the first of these assets that is there: of two that were merged, one goes on."""
    with service.reading() as app:
        assets = app.warehouse.current(ASSET).select("asset_id")
        for asset_id in filter(None, asset_ids):
            found = app.engine.records(assets.filter(assets.asset_id.startswith(asset_id)).limit(1))
            if found:
                return f"/inventory/assets/{found[0]['asset_id']}"
    return "/inventory/assets"


def _asset(
    request: Request,
    caller: Caller,
    service: Service,
    asset_id: str,
    fault: RiskbridgeError | None = None,
    typed: dict[str, Any] | None = None,
) -> Response:
    with service.reading() as app:
        explained = app.explain_asset(asset_id)
        of_asset = f"asset.id: `{explained['asset']['asset_id']}` and {OPEN}"
        found = browse(app, "findings", of_asset, limit=PAGE_ROWS, columns=ROW_COLUMNS["findings"])
    records = {link["source_asset_id"] for link in explained["identity"]}
    judged = [
        j
        for j in over_api.list_judged(caller, service, limit=1000)["rows"]
        if records & {str(j["record"]), *map(str, j["others"])}
    ]
    return page(
        request,
        "asset.html",
        200 if fault is None else status_of(fault),
        caller=caller,
        **explained,
        found=found,
        columns={n: label for n, label in COLUMNS["findings"].items() if n != "asset_name"},
        judged=judged,
        fault=fault,
        typed=typed or {},
    )
