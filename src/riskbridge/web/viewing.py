"""Saved views: a name for a list as it is shown. Opening one is following a link."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from riskbridge.api import views as over_api
from riskbridge.api.access import Served
from riskbridge.errors import InputError
from riskbridge.web.access import ChangingPerson

router = APIRouter(default_response_class=HTMLResponse)
LISTS = ("/findings", "/inventory/assets")


@router.post("/views")
async def save_view(request: Request, caller: ChangingPerson, service: Served) -> Response:
    """Save a list as it is shown, and show it again."""
    typed = await request.form()
    text = {n: str(typed.get(n, "")).strip() for n in ("name", "subject", "query", "sort", "group", "columns")}
    parts = {n: [p for p in text[n].split(",") if p] for n in ("sort", "columns")}
    values = {**text, **parts, "group": text["group"] or None, "is_shared": "is_shared" in typed}
    try:
        shape = over_api.ViewShape.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{first['loc'][0]}: {first['msg']}.", code="form.invalid", remedy="Mend it and send it again."
        ) from error
    await run_in_threadpool(over_api.save_view, caller, service, shape, Response())
    return RedirectResponse(_back(typed.get("back")), 303)


@router.post("/views/{view_id}/delete")
async def delete_view(request: Request, caller: ChangingPerson, service: Served, view_id: str) -> Response:
    """Delete a view, and show the list again."""
    back = _back((await request.form()).get("back"))
    await run_in_threadpool(over_api.delete_view, caller, service, view_id, "*")
    return RedirectResponse(back, 303)


def _back(given: object) -> str:
    """A list's own address: a form of elsewhere leads nowhere else."""
    text = str(given or "")
    return text if text.partition("?")[0] in LISTS else LISTS[0]
