"""Lists of assets and findings, and decisions about many findings at once."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from riskbridge.api import judgements
from riskbridge.api.access import Caller, Served
from riskbridge.app import App
from riskbridge.browse import ASSET_GROUPS, FACETS, GROUPS, browse, facets, group_assets, group_findings
from riskbridge.errors import InputError
from riskbridge.search.tokens import TOKENS, Subject
from riskbridge.service import Service
from riskbridge.web.access import ChangingPerson, Person
from riskbridge.web.forms import decision_of
from riskbridge.web.lists import ALWAYS, PAGE_ROWS, ListState, offered_columns
from riskbridge.web.render import page

router = APIRouter(default_response_class=HTMLResponse)
MOST_CHOSEN = 500
RUNS_OFFERED = 15


@router.get("/inventory/assets")
def list_assets(request: Request, caller: Person, service: Served) -> Response:
    """Inventory → Assets → Host."""
    return _list(request, caller, service, "assets")


@router.get("/findings")
def list_findings(request: Request, caller: Person, service: Served) -> Response:
    """Risk management → Findings → Vulnerability."""
    return _list(request, caller, service, "findings")


@router.post("/findings/decide")
async def decide_findings(request: Request, caller: ChangingPerson, service: Served) -> Response:
    """Decide about the findings that are ticked, or about all that the query describes; shows the list again."""
    typed = await request.form()
    shape, name = decision_of(typed), caller.account.name
    query, chosen = str(typed.get("query", "")), [str(v) for v in typed.getlist("finding_id")]
    subject = query if typed.get("about") == "query" else _query_of(chosen)
    await run_in_threadpool(lambda: judgements.take(service, name, shape, query=subject))
    back = str(typed.get("back", ""))
    return RedirectResponse(back if back.startswith("/findings") else "/findings", 303)


def _query_of(chosen: list[str]) -> str:
    if not chosen or len(chosen) > MOST_CHOSEN:
        raise InputError(
            "No finding is ticked." if not chosen else f"{len(chosen):,} findings are ticked.",
            code="decision.no-subject",
            remedy="Tick those you mean, or choose all that the query describes.",
        )
    return f"finding.id: [{', '.join(f'`{c}`' for c in chosen)}]"


def _list(request: Request, caller: Caller, service: Service, subject: Subject) -> Response:
    state = ListState.of(request.url.path, request.query_params)
    values: dict[str, Any] = {"fault": None, "found": None, "facets": {}, "groups": None}
    with service.reading() as app:
        try:
            values |= _rows(app, subject, state)
        except InputError as error:
            values["fault"] = error
    runs = [r for r in service.app.store.list_runs(limit=RUNS_OFFERED) if r.run]
    return page(
        request,
        "list.html",
        400 if values["fault"] else 200,
        caller=caller,
        subject=subject,
        state=state,
        columns=state.shown_columns(subject),
        offered=offered_columns(subject),
        tokens=TOKENS[subject],
        facet_names=FACETS[subject],
        group_names=tuple(GROUPS if subject == "findings" else ASSET_GROUPS),
        group_columns=GROUPS if subject == "findings" else {n: (c,) for n, c in ASSET_GROUPS.items()},
        runs=runs,
        views=service.app.store.views.list_views(caller.account.name, subject),
        tags=[t.name for t in service.app.store.tags.list_tags()] if subject == "assets" else [],
        **values,
    )


def _rows(app: App, subject: Subject, state: ListState) -> dict[str, Any]:
    as_of = state.as_of.strip() or None
    groups = None
    if state.group:
        by: Any = state.group
        group = group_findings if subject == "findings" else group_assets
        groups = group(app, by, state.query, limit=PAGE_ROWS, as_of=as_of)
    found = browse(
        app,
        subject,
        state.query,
        sort=tuple(s for s in state.sort.split(",") if s),
        limit=PAGE_ROWS,
        page=state.page or None,
        columns=tuple(dict.fromkeys((*state.shown_columns(subject), *ALWAYS[subject]))),
        as_of=as_of,
    )
    return {"found": found, "facets": facets(app, subject, state.query, as_of=as_of), "groups": groups}
