"""The pages and where they are."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from riskbridge import __version__
from riskbridge.api import connectors as over_api
from riskbridge.api import judgements
from riskbridge.api.access import COOKIE, CSRF_FIELD, Caller, Served, check_csrf, find_caller
from riskbridge.api.problems import status_of
from riskbridge.app import App
from riskbridge.browse import FACETS, GroupBy, browse, facets, group_findings, summarise
from riskbridge.errors import InputError, RiskbridgeError
from riskbridge.holds import decide_hold, list_holds, show_hold
from riskbridge.model.connector import Strategy
from riskbridge.search.tokens import TOKENS, Subject
from riskbridge.service import Service
from riskbridge.web.forms import ConnectorForm, decision_of
from riskbridge.web.lists import COLUMNS, PAGE_ROWS, ROW_COLUMNS, ListState, query_for
from riskbridge.web.words import FILTERS

CLOUDS = ("commercial", "us", "eu", "uk", "au", "swa", "ina", "aea", "gcc", "gcc-high", "dod")
TOP = 6
OPEN = "not finding.status: FIXED"


class _LoginNeededError(Exception):
    """A page was asked for by nobody."""


def make_site(service: Service) -> FastAPI:
    """The pages of a service, to be mounted at `/`."""
    site = FastAPI(title="riskbridge pages", openapi_url=None, docs_url=None, redoc_url=None)
    site.state.service = service
    site.mount("/static", StaticFiles(directory=Path(str(resources.files("riskbridge.web") / "static"))), name="static")
    site.include_router(_router)

    @site.exception_handler(_LoginNeededError)
    def _log_in_first(request: Request, _: _LoginNeededError) -> Response:
        return RedirectResponse(f"/login?next={request.url.path}", 303)

    @site.exception_handler(RiskbridgeError)
    def _known(request: Request, error: RiskbridgeError) -> Response:
        return _page(request, "error.html", status_of(error), error=error, caller=find_caller(request))

    @site.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> Response:
        missing = InputError("There is no such page.", code="page.unknown", remedy="Begin at the home page.")
        return _page(request, "error.html", error.status_code, error=missing, caller=find_caller(request))

    return site


def _caller(request: Request) -> Caller:
    caller = find_caller(request)
    if caller is None or caller.session is None:
        raise _LoginNeededError
    return caller


async def _changing_caller(request: Request) -> Caller:
    caller = _caller(request)
    assert caller.session is not None
    check_csrf(caller.session, str((await request.form()).get(CSRF_FIELD, "")))
    return caller


Person = Annotated[Caller, Depends(_caller)]
ChangingPerson = Annotated[Caller, Depends(_changing_caller)]
_router = APIRouter(default_response_class=HTMLResponse)
_environment = Environment(loader=PackageLoader("riskbridge.web"), autoescape=select_autoescape(default=True))
_environment.filters |= FILTERS
_environment.globals |= {"version": __version__, "query_for": query_for}
_templates = Jinja2Templates(env=_environment)


def _page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    return _templates.TemplateResponse(request, template, values, status_code=status)


# Logging in


@_router.get("/setup")
def show_setup(request: Request, service: Served, token: str = "") -> Response:
    """The form for the first account; its address is printed when the server starts."""
    if not service.accounts.is_link(token):
        return RedirectResponse("/login", 303)
    return _page(request, "setup.html", token=token, name="", fault="")


@_router.post("/setup")
async def make_first_account(request: Request, service: Served) -> Response:
    """Make the first account and log it in."""
    typed = await request.form()
    token, name, password = (str(typed.get(n, "")) for n in ("token", "name", "password"))
    try:
        if password != str(typed.get("again", "")):
            raise InputError("The two passwords differ.", code="account.bad-password", remedy="Type them again.")
        account = service.accounts.make_first(token, name, password)
    except InputError as error:
        return _page(request, "setup.html", status_of(error), token=token, name=name, fault=str(error))
    return _logged_in(request, service.accounts.begin_session(account), "/")


@_router.get("/login")
def show_login(request: Request, service: Served, next: str = "/") -> Response:  # noqa: A002 - its name in addresses
    """The login form."""
    return _page(request, "login.html", next=next, name="", fault="", is_empty=service.accounts.is_empty)


@_router.post("/login")
async def log_in(request: Request, service: Served) -> Response:
    """Log in; a wrong password says no more than that the two do not fit."""
    typed = await request.form()
    name, target = str(typed.get("name", "")), str(typed.get("next", "/"))
    try:
        cookie = service.accounts.log_in(name, str(typed.get("password", "")))
    except InputError as error:
        return _page(request, "login.html", status_of(error), next=target, name=name, fault=str(error), is_empty=False)
    return _logged_in(request, cookie, target)


@_router.post("/logout")
def log_out(caller: ChangingPerson, service: Served) -> Response:
    """End the session."""
    assert caller.session is not None
    service.accounts.log_out(caller.session)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE)
    return answer


def _logged_in(request: Request, cookie: str, target: str) -> Response:
    # Another site's address would be a way to send people there with our name on it.
    is_ours = target.startswith("/") and not target.startswith(("//", "/\\"))
    answer = RedirectResponse(target if is_ours else "/", 303)
    answer.set_cookie(COOKIE, cookie, httponly=True, samesite="lax", secure=request.url.scheme == "https")
    return answer


# Looking


@_router.get("/")
def show_home(request: Request, caller: Person, service: Served) -> Response:
    """The estate at a glance; what to do first where there is nothing yet."""
    with service.reading() as app:
        summary = summarise(app)
        worst = browse(app, "assets", limit=TOP, columns=ROW_COLUMNS["assets"]).rows
        findings = browse(app, "findings", OPEN, limit=TOP, columns=ROW_COLUMNS["findings"]).rows
        products = group_findings(app, "product", OPEN, limit=TOP)
        holds = list_holds(app)
        why = {f["finding_id"]: app.explain_finding(f["finding_id"])["why"] for f in findings}
    connectors = [over_api.shown(service, c) for c in service.app.store.list_connectors()]
    runs = [over_api.run_as_dict(r) for r in service.app.store.list_runs(limit=8)]
    return _page(
        request,
        "home.html",
        caller=caller,
        summary=summary,
        worst=worst,
        findings=findings,
        products=products,
        holds=holds,
        why=why,
        connectors=connectors,
        runs=runs,
    )


@_router.get("/inventory/assets")
def list_assets(request: Request, caller: Person, service: Served) -> Response:
    """Inventory → Assets → Host."""
    return _list(request, caller, service, "assets")


@_router.get("/findings")
def list_findings(request: Request, caller: Person, service: Served) -> Response:
    """Risk management → Findings → Vulnerability."""
    return _list(request, caller, service, "findings")


def _list(request: Request, caller: Caller, service: Service, subject: Subject) -> Response:
    state = ListState.of(request.url.path, request.query_params)
    values: dict[str, Any] = {"fault": None, "found": None, "facets": {}, "groups": None}
    with service.reading() as app:
        try:
            values |= _rows(app, subject, state)
        except InputError as error:
            values["fault"] = error
    return _page(
        request,
        "list.html",
        400 if values["fault"] else 200,
        caller=caller,
        subject=subject,
        state=state,
        columns=COLUMNS[subject],
        tokens=TOKENS[subject],
        facet_names=FACETS[subject],
        group_names=get_args(GroupBy) if subject == "findings" else (),
        **values,
    )


def _rows(app: App, subject: Subject, state: ListState) -> dict[str, Any]:
    as_of = state.as_of.strip() or None
    found = browse(
        app,
        subject,
        state.query,
        sort=tuple(s for s in state.sort.split(",") if s),
        limit=PAGE_ROWS,
        page=state.page,
        columns=ROW_COLUMNS[subject],
        as_of=as_of,
    )
    groups = None
    if state.group:
        by: Any = state.group
        groups = group_findings(app, by, state.query, limit=PAGE_ROWS, as_of=as_of)
    return {"found": found, "facets": facets(app, subject, state.query, as_of=as_of), "groups": groups}


@_router.get("/inventory/assets/{asset_id}")
def show_asset(request: Request, caller: Person, service: Served, asset_id: str) -> Response:
    """One asset: its TruRisk taken apart, its sources and why they are one, its findings."""
    with service.reading() as app:
        explained = app.explain_asset(asset_id)
        of_asset = f"asset.id: `{explained['asset']['asset_id']}`"
        found = browse(app, "findings", of_asset, limit=PAGE_ROWS, columns=ROW_COLUMNS["findings"])
    return _page(
        request, "asset.html", caller=caller, **explained, found=found, columns=COLUMNS["findings"], subject="findings"
    )


@_router.get("/findings/{finding_id}")
def show_finding(request: Request, caller: Person, service: Served, finding_id: str) -> Response:
    """One finding: its QDS taken apart, detections, events, and what to do."""
    with service.reading() as app:
        explained = app.explain_finding(finding_id)
    return _page(request, "finding.html", caller=caller, **explained)


# Deciding


@_router.post("/findings/{finding_id}/decide")
async def decide_finding(request: Request, caller: ChangingPerson, service: Served, finding_id: str) -> Response:
    """Decide about a finding, and show it again."""
    shape = decision_of(await request.form())
    name = caller.account.name
    await run_in_threadpool(lambda: judgements.take(service, name, shape, finding_id=finding_id))
    return RedirectResponse(f"/findings/{finding_id}", 303)


@_router.get("/holds")
def show_holds(request: Request, caller: Person, service: Served) -> Response:
    """Closings that wait for a person, with what they hold."""
    with service.reading() as app:
        holds = [show_hold(app, str(h["hold_id"])) for h in list_holds(app)]
    return _page(request, "holds.html", caller=caller, holds=holds)


@_router.post("/holds/{hold_id}/{verdict}")
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


# Connectors


@_router.get("/connectors")
def list_connectors(request: Request, caller: Person, service: Served) -> Response:
    """Connectors with their state, and the newest runs."""
    rows = [over_api.shown(service, c) for c in service.app.store.list_connectors()]
    runs = [over_api.run_as_dict(r) for r in service.app.store.list_runs(limit=20)]
    return _page(request, "connectors.html", caller=caller, connectors=rows, runs=runs)


@_router.get("/connectors/new")
def show_new_connector(request: Request, caller: Person) -> Response:
    """The form for a connector."""
    return _connector_form(request, caller, ConnectorForm.empty())


@_router.post("/connectors/new")
async def add_connector(request: Request, caller: ChangingPerson, service: Served) -> Response:
    """Test the connection; with `action=save`, save it once the test has passed, and run it."""
    typed = await request.form()
    form = ConnectorForm.of(typed)
    # The test asks the tenant, which may take seconds; other requests are answered meanwhile.
    return await run_in_threadpool(_try_connector, request, caller, service, form, typed.get("action"))


def _try_connector(request: Request, caller: Caller, service: Service, form: ConnectorForm, action: object) -> Response:
    shape = form.to_shape()
    if shape is None:
        return _connector_form(request, caller, form, 422)
    try:
        form.checks = over_api.check(service, shape)
        if action != "save" or not form.checks["ok"]:
            return _connector_form(request, caller, form, 200 if form.checks["ok"] else 422)
        saved = over_api.add(service, shape)
    except RiskbridgeError as error:
        form.blame(error)
        return _connector_form(request, caller, form, status_of(error))
    service.start_run(saved.name)
    return RedirectResponse(f"/connectors/{saved.name}", 303)


def _connector_form(request: Request, caller: Caller, form: ConnectorForm, status: int = 200) -> Response:
    return _page(
        request, "connector_new.html", status, caller=caller, form=form, clouds=CLOUDS, strategies=list(Strategy)
    )


@_router.get("/connectors/{name}")
def show_connector(request: Request, caller: Person, service: Served, name: str) -> Response:
    """One connector: its state, the run under way, its history."""
    connector = service.app.store.get_connector(name)
    progress = service.find_progress(name)
    runs = [over_api.run_as_dict(r) for r in service.app.store.list_runs(connector.connector_id, limit=20)]
    return _page(
        request,
        "connector.html",
        caller=caller,
        connector=over_api.shown(service, connector),
        progress=progress.as_dict() if progress else None,
        is_live=progress is not None and not progress.is_over,
        runs=runs,
    )


@_router.post("/connectors/{name}/run", dependencies=[Depends(_changing_caller)])
def run_connector(service: Served, name: str) -> Response:
    """Begin a run."""
    service.start_run(name)
    return RedirectResponse(f"/connectors/{name}", 303)


@_router.post("/connectors/{name}/cancel", dependencies=[Depends(_changing_caller)])
def cancel_run(service: Served, name: str) -> Response:
    """Cancel the run that is under way."""
    service.cancel_run(name)
    return RedirectResponse(f"/connectors/{name}", 303)


@_router.get("/runs/{run_id}")
def show_run(request: Request, caller: Person, service: Served, run_id: str) -> Response:
    """One run: how it went, its counts, warnings and how each stream was read."""
    run = over_api.run_as_dict(service.app.store.get_run(run_id))
    with service.reading() as app:
        rejects = app.list_rejects(limit=50) if run["run"] == app.warehouse.last_read() else []
    return _page(request, "run.html", caller=caller, run=run, rejects=rejects)
