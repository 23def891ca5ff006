"""One finding, and what to do about many: the remediation view."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from riskbridge.api import judgements
from riskbridge.api.access import Served
from riskbridge.app import App
from riskbridge.browse import group_findings
from riskbridge.errors import InputError
from riskbridge.overview import OPEN
from riskbridge.web.access import ChangingPerson, Person
from riskbridge.web.forms import decision_of
from riskbridge.web.lists import ListState
from riskbridge.web.render import page
from riskbridge.whatif import OFFERED_FIXES, rank_fixes

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/findings/{finding_id}")
def show_finding(request: Request, caller: Person, service: Served, finding_id: str) -> Response:
    """One finding: its QDS taken apart, detections, events, and what to do."""
    return _finding(request, caller, service, finding_id)


@router.post("/findings/{finding_id}/decide")
async def decide_finding(request: Request, caller: ChangingPerson, service: Served, finding_id: str) -> Response:
    """Decide about a finding, and show it again; a refused decision is shown with what was typed."""
    typed = await request.form()
    name = caller.account.name
    try:
        shape = decision_of(typed)
        await run_in_threadpool(lambda: judgements.take(service, name, shape, finding_id=finding_id))
    except InputError as error:
        if error.code == "finding.unknown":
            raise
        return await run_in_threadpool(_finding, request, caller, service, finding_id, error, dict(typed))
    return RedirectResponse(f"/findings/{finding_id}", 303)


def _finding(
    request: Request, caller: Any, service: Any, finding_id: str, fault: InputError | None = None, typed: Any = None
) -> Response:
    with service.reading() as app:
        explained = app.explain_finding(finding_id)
    status = 200 if fault is None else 400
    return page(request, "finding.html", status, caller=caller, **explained, fault=fault, typed=typed or {})


@router.get("/remediation")
def show_remediation(request: Request, caller: Person, service: Served) -> Response:
    """What to do, one row for each product's upgrade and each update, with the risk that it takes away."""
    with service.reading() as app:
        values = _remediation(app) if app.warehouse.last_read() else {"ranked": None}
    return page(request, "remediation.html", caller=caller, **values)


def _remediation(app: App) -> dict[str, Any]:
    products = group_findings(app, "product", OPEN, limit=500)
    named = {f"{r['product_vendor'] or ''} {r['product_name']}": r for r in products}
    ranked = rank_fixes(app, OFFERED_FIXES)
    rows = [
        {**fix, **{k: named[fix["product"]][k] for k in ("product_vendor", "product_name", "cves", "kev", "max_qds")}}
        for fix in ranked["fixes"]
        if fix["product"] in named
    ]
    updates = group_findings(app, "fix", OPEN, limit=OFFERED_FIXES)
    everything = ListState("/findings", query=OPEN)
    return {
        "ranked": ranked,
        "fixes": [{**row, "address": everything.grouped(("product_vendor", "product_name"), row)} for row in rows],
        "updates": [{**row, "address": everything.grouped(("fixing_kb",), row)} for row in updates],
    }
