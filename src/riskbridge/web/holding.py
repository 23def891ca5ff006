"""Closings that wait for a person."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from riskbridge.api.access import Served
from riskbridge.holds import decide_hold, list_holds, show_hold
from riskbridge.web.access import ChangingPerson, Person
from riskbridge.web.render import page

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/holds")
def show_holds(request: Request, caller: Person, service: Served) -> Response:
    """Closings that wait for a person, with what they hold."""
    with service.reading() as app:
        holds = [show_hold(app, str(h["hold_id"])) for h in list_holds(app)]
    return page(request, "holds.html", caller=caller, holds=holds)


@router.post("/holds/{hold_id}/{verdict}")
async def judge_hold(
    request: Request, caller: ChangingPerson, service: Served, hold_id: str, verdict: Literal["approve", "reject"]
) -> Response:
    """Approve or reject held closings."""
    why, name = str((await request.form()).get("why", "")), caller.account.name

    def judge() -> None:
        with service.changing(name) as app:
            decide_hold(app, hold_id, why, is_approved=verdict == "approve")

    await run_in_threadpool(judge)
    return RedirectResponse("/holds", 303)
