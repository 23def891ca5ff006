"""When profiles run by themselves: all schedules, and one of them, with its next times before it is kept."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from riskbridge.api import schedules as over_api
from riskbridge.api.access import Caller, Served
from riskbridge.api.etag import StaleEditError
from riskbridge.api.problems import status_of
from riskbridge.errors import InputError, RiskbridgeError
from riskbridge.schedule.zone import local_zone_name
from riskbridge.service import Service
from riskbridge.web.access import ChangingPerson, Person
from riskbridge.web.render import page
from riskbridge.web.timing import text_of_timing, timing_fields, typed_timing

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/schedules")
def show_schedules(request: Request, caller: Person, service: Served) -> Response:
    """Every schedule, the one that is due first first."""
    return page(request, "schedules.html", caller=caller, found=over_api.list_all(caller, service, count=1))


@router.get("/connectors/{name}/profiles/{profile}/schedule")
def show_schedule(request: Request, caller: Person, service: Served, name: str, profile: str) -> Response:
    """When a profile runs by itself, open to change."""
    kept, tag = _kept(caller, service, name, profile)
    timing = timing_fields(text_of_timing(kept["timing"]) if kept else None, local_zone_name())
    return _schedule(request, caller, service, name, profile, timing, tag)


@router.post("/connectors/{name}/profiles/{profile}/schedule")
async def change_schedule(
    request: Request, caller: ChangingPerson, service: Served, name: str, profile: str
) -> Response:
    """Show the next times of what is typed, keep it, pause, resume or remove it."""
    typed = await request.form()
    return await run_in_threadpool(_change, request, caller, service, name, profile, typed)


def _change(request: Request, caller: Caller, service: Service, name: str, profile: str, typed: FormData) -> Response:
    tag, action, wanted = str(typed.get("tag", "")), str(typed.get("action", "save")), typed_timing(typed)
    timing = timing_fields(wanted, str(typed.get("zone", "")) or local_zone_name())
    answer = Response()
    try:
        if action == "pause":
            over_api.pause(caller, service, name, answer, profile)
        elif action == "resume":
            over_api.resume(caller, service, name, answer, profile)
        elif action == "preview" and wanted is not None:
            shown = over_api.preview(caller, service, timing_shape(wanted), count=5)
            return _schedule(request, caller, service, name, profile, timing, tag, preview=shown)
        elif wanted is None:
            if _kept(caller, service, name, profile)[0] is not None:
                over_api.delete(caller, service, name, profile, tag)
        else:
            over_api.put(caller, service, name, timing_shape(wanted), answer, profile, tag or None)
    except StaleEditError as error:
        return _schedule(request, caller, service, name, profile, timing, error.tag, fault=error)
    except RiskbridgeError as error:
        return _schedule(request, caller, service, name, profile, timing, tag, fault=error)
    return RedirectResponse(f"/connectors/{name}", 303)


def timing_shape(wanted: dict[str, Any]) -> over_api.TimingShape:
    """A timing as the API takes it.

    Raises:
        InputError: `schedule.bad-timing`.
    """
    try:
        return over_api.TimingShape.model_validate(wanted)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{first['loc'][0]}: {first['msg']}.", code="schedule.bad-timing", remedy="Mend it and send it again."
        ) from error


def _kept(caller: Caller, service: Service, name: str, profile: str) -> tuple[dict[str, Any] | None, str]:
    answer = Response()
    try:
        shown: dict[str, Any] = over_api.show(caller, service, name, answer, profile)
    except InputError as error:
        if error.code != "schedule.unknown":
            raise
        return None, ""
    return shown, answer.headers["etag"]


def _schedule(
    request: Request,
    caller: Caller,
    service: Service,
    name: str,
    profile: str,
    timing: dict[str, Any],
    tag: str,
    *,
    preview: dict[str, Any] | None = None,
    fault: RiskbridgeError | None = None,
) -> Response:
    kept, _ = _kept(caller, service, name, profile)
    return page(
        request,
        "schedule.html",
        200 if fault is None else status_of(fault),
        caller=caller,
        name=name,
        profile=profile,
        timing=timing,
        tag=tag,
        kept=kept,
        preview=preview,
        fault=fault,
        zones=sorted(available_timezones()),
    )
