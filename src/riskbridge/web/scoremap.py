"""The score map of a connector: what its words of severity stand for where there is no CVE."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from riskbridge.api import score_maps as over_api
from riskbridge.api.access import Caller, Served
from riskbridge.api.etag import StaleEditError
from riskbridge.api.problems import status_of
from riskbridge.errors import InputError, RiskbridgeError
from riskbridge.service import Service
from riskbridge.web.access import ChangingPerson, Person
from riskbridge.web.render import page

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/connectors/{name}/score-map")
def show_score_map(request: Request, caller: Person, service: Served, name: str) -> Response:
    """Five rows, and the severity of words in none of them."""
    answer = Response()
    kept = over_api.show_score_map(caller, service, name, answer).model_dump()
    return _score_map(request, caller, name, kept, answer.headers["etag"])


@router.post("/connectors/{name}/score-map")
async def change_score_map(request: Request, caller: ChangingPerson, service: Served, name: str) -> Response:
    """Keep the rows and score anew, or take the built-in ones."""
    typed = await request.form()
    return await run_in_threadpool(_change, request, caller, service, name, typed)


def _change(request: Request, caller: Caller, service: Service, name: str, typed: FormData) -> Response:
    tag, wanted = str(typed.get("tag", "")), typed_score_map(typed)
    try:
        if typed.get("action") == "reset":
            over_api.reset_score_map(caller, service, name, Response(), tag)
        else:
            over_api.save_score_map(caller, service, name, score_map_shape(wanted), Response(), tag)
    except StaleEditError as error:
        return _score_map(request, caller, name, wanted, error.tag, error)
    except RiskbridgeError as error:
        return _score_map(request, caller, name, wanted, tag, error)
    return RedirectResponse(f"/connectors/{name}", 303)


def typed_score_map(typed: FormData) -> dict[str, Any]:
    """The score map that a form holds, right or wrong: words of a row are parted by commas."""
    columns = [[str(v).strip() for v in typed.getlist(n)] for n in ("severity", "source_values", "row_qds")]
    rows = [
        {"severity": severity, "source_values": [w.strip() for w in words.split(",") if w.strip()], "qds": qds}
        for severity, words, qds in zip(*columns, strict=False)
    ]
    return {"rows": rows, "default_severity": str(typed.get("default_severity", "3"))}


def score_map_shape(wanted: dict[str, Any]) -> over_api.ScoreMapShape:
    """A score map as the API takes it.

    Raises:
        InputError: `score-map.bad`.
    """
    try:
        return over_api.ScoreMapShape.model_validate(wanted)
    except ValidationError as error:
        told = "; ".join(f"{' '.join(str(p) for p in f['loc'])}: {f['msg']}" for f in error.errors()[:5])
        raise InputError(told, code="score-map.bad", remedy="Fill in whole numbers, QDS from 0 to 100.") from error


def _score_map(
    request: Request, caller: Caller, name: str, wanted: dict[str, Any], tag: str, fault: RiskbridgeError | None = None
) -> Response:
    status = 200 if fault is None else status_of(fault)
    return page(request, "score_map.html", status, caller=caller, name=name, score_map=wanted, tag=tag, fault=fault)
