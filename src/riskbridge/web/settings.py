"""Settings of a person and the record of changes: API tokens, and the audit log."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from riskbridge.api import tokens as over_api
from riskbridge.api.access import Caller, Served
from riskbridge.api.problems import status_of
from riskbridge.api.shapes import TokenShape
from riskbridge.errors import InputError, RiskbridgeError
from riskbridge.service import Service
from riskbridge.web.access import ChangingPerson, Person
from riskbridge.web.render import page

router = APIRouter(default_response_class=HTMLResponse)
CHANGES_SHOWN = 100


@router.get("/settings")
def show_settings(request: Request, caller: Person, service: Served) -> Response:
    """API tokens, and who changed what."""
    return _settings(request, caller, service)


@router.post("/settings/tokens")
async def make_token(request: Request, caller: ChangingPerson, service: Served) -> Response:
    """Make a token; its text is shown this once."""
    typed = {k: str(v).strip() for k, v in (await request.form()).items() if k not in ("csrf", "action") and str(v)}

    def make() -> Response:
        try:
            shape = TokenShape.model_validate(typed)
        except ValidationError as error:
            first = error.errors()[0]
            fault = InputError(
                f"{first['loc'][0]}: {first['msg']}.", code="form.invalid", remedy="Mend it and send it again."
            )
            return _settings(request, caller, service, fault=fault)
        try:
            made = over_api.make_token(caller, service, shape)
        except RiskbridgeError as error:
            return _settings(request, caller, service, fault=error)
        return _settings(request, caller, service, made=made)

    return await run_in_threadpool(make)


@router.post("/settings/tokens/{token_id}/revoke")
def revoke_token(caller: ChangingPerson, service: Served, token_id: str) -> Response:
    """End a token at once."""
    over_api.revoke_token(caller, service, token_id)
    return RedirectResponse("/settings", 303)


def _settings(
    request: Request, caller: Caller, service: Service, *, made: Any = None, fault: RiskbridgeError | None = None
) -> Response:
    return page(
        request,
        "settings.html",
        200 if fault is None else status_of(fault),
        caller=caller,
        tokens=service.accounts.list_tokens(caller.account),
        changes=service.app.store.list_audit(limit=CHANGES_SHOWN),
        made=made,
        fault=fault,
    )
