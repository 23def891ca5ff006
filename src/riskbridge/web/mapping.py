"""Transform maps: looked at, begun, cloned, edited with a preview on real rows and the difference before saving."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from riskbridge.api import maps as over_api
from riskbridge.api.access import Caller, Served
from riskbridge.api.etag import require_match, tag_of
from riskbridge.api.problems import status_of
from riskbridge.data_models import list_models, show_model
from riskbridge.errors import RiskbridgeError
from riskbridge.file_connectors import reads_model
from riskbridge.maps import clone_map, delete_map, find_map, is_built_in, list_summaries, save_map
from riskbridge.service import Service
from riskbridge.web.access import ChangingPerson, Person
from riskbridge.web.forms import then_path
from riskbridge.web.maprows import parse_whole, plain_map, shown_rows, typed_rows
from riskbridge.web.render import page
from riskbridge.workbench import MapDraft, compare, preview_map

router = APIRouter(default_response_class=HTMLResponse)
PREVIEWED = 3
COMPARED_ROWS = 200_000
NEW = "new"
"""The tag of a map that is kept nowhere yet."""


@router.get("/maps")
def show_maps(request: Request, caller: Person, service: Served) -> Response:
    """Every transform map with who uses it."""
    store = service.app.store
    sources = [m["name"] for m in list_models(store) if m["kind"] == "source"]
    return page(request, "maps.html", caller=caller, maps=list_summaries(store), sources=sources)


@router.get("/maps/+")
def begin_map(
    request: Request,
    caller: Person,
    service: Served,
    name: Annotated[str, Query(max_length=64)] = "",
    source: Annotated[list[str], Query(max_length=20)] = [],  # noqa: B006 - FastAPI copies it
    then: str = "",
) -> Response:
    """The beginning of a map of data models, with the rows that their fields' names suggest; kept once it is saved."""
    begun = over_api.begin_map(caller, service, over_api.DraftShape(name=name.strip() or "own", sources=source))
    if begun["name"] in {m["name"] for m in list_summaries(service.app.store)}:
        begun["name"] = f"{begun['name']}-own"
    values = {"tag": NEW, "is_edited": True, "then": then_path(then)}
    return _editor(request, caller, service, begun["name"], {**begun, "version": 0}, 0, **values)


@router.get("/maps/{name}")
def show_map(request: Request, caller: Person, service: Served, name: str, stream: int = 0) -> Response:
    """One map: its rows, on real rows; open to change unless it is built in."""
    whole = _saved(service, name)
    return _editor(request, caller, service, name, whole, stream)


@router.post("/maps/{name}/clone")
async def clone(request: Request, caller: ChangingPerson, service: Served, name: str) -> Response:
    """Copy a map under another name, and open the copy."""
    wanted = str((await request.form()).get("name", "")).strip()

    def copy() -> Response:
        try:
            with service.editing(caller.account.name) as store:
                saved = clone_map(store, name, wanted)
        except RiskbridgeError as error:
            return _editor(request, caller, service, name, _saved(service, name), 0, fault=error)
        return RedirectResponse(f"/maps/{saved.name}", 303)

    return await run_in_threadpool(copy)


@router.post("/maps/{name}/preview")
async def preview(request: Request, caller: ChangingPerson, service: Served, name: str) -> Response:
    """What the map as it is typed makes of real rows; asked by a script while somebody edits."""
    typed = await request.form()
    return await run_in_threadpool(_preview, request, caller, service, name, typed)


def _preview(request: Request, caller: Caller, service: Service, name: str, typed: FormData) -> Response:
    whole, at, faults = _typed(service, name, typed)
    values: dict[str, Any] = {"preview": None, "fault": None, "faults": faults}
    try:
        values["preview"] = _on_rows(service, whole, at, str(typed.get("connector", "")))
    except RiskbridgeError as error:
        values["fault"] = error
    return page(request, "map_preview.html", caller=caller, **values)


@router.post("/maps/{name}")
async def send_map(request: Request, caller: ChangingPerson, service: Served, name: str) -> Response:
    """Go to another stream, preview, compare, save or delete; what is typed is kept through all of it."""
    typed = await request.form()
    return await run_in_threadpool(_send, request, caller, service, name, typed)


def _send(request: Request, caller: Caller, service: Service, name: str, typed: FormData) -> Response:
    whole, at, faults = _typed(service, name, typed)
    verb, _, target = str(typed.get("action", "preview")).partition(":")
    values: dict[str, Any] = {"connector": str(typed.get("connector", "")), "note": str(typed.get("note", ""))}
    values |= {"tag": str(typed.get("tag", "")), "faults": faults, "is_edited": True}
    values["then"] = then_path(str(typed.get("then", "")))
    try:
        if verb == "to" and target.isdigit():
            at = int(target)
        elif verb == "compare":
            values["difference"] = _difference(service, whole, values["connector"])
        elif verb == "save":
            _save(service, caller.account.name, name, whole, values)
            return RedirectResponse(values["then"] or f"/maps/{name}?stream={at}", 303)
        elif verb == "remap":
            done = over_api.map_anew(caller, service, values["connector"])
            return RedirectResponse(f"/runs/{done['run_id']}", 303)
        elif verb == "delete":
            with service.editing(caller.account.name) as store:
                delete_map(store, name, expected=_require_newest(service, name, values["tag"]))
            return RedirectResponse("/maps", 303)
    except RiskbridgeError as error:
        values["fault"] = error
    return _editor(request, caller, service, name, whole, at, **values)


def _save(service: Service, actor: str, name: str, whole: dict[str, Any], values: dict[str, Any]) -> None:
    with service.editing(actor) as store:
        expected = 0 if values["tag"] == NEW else _require_newest(service, name, values["tag"])
        save_map(store, {**plain_map(whole), "name": name}, note=values["note"], expected=expected)


def _require_newest(service: Service, name: str, tag: str) -> int:
    saved = _saved(service, name)
    require_match(tag, saved, f"The transform map '{name}'", shown=saved)
    return int(saved["version"])


def _typed(service: Service, name: str, typed: FormData) -> tuple[dict[str, Any], int, dict[int, str]]:
    """The map as typed: what the form carries of other streams, with the rows of the one that is shown."""
    whole = parse_whole(str(typed.get("whole", ""))) or _saved(service, name)
    given = str(typed.get("stream", "0"))
    at = min(int(given) if given.isdigit() else 0, len(whole["stream"]) - 1)
    if is_built_in(name):
        return _saved(service, name), at, {}
    rows, faults = typed_rows(typed)
    stream = {**whole["stream"][at], "row": rows}
    streams = [stream if n == at else s for n, s in enumerate(whole["stream"])]
    described = {"description": str(typed["description"])} if "description" in typed else {}
    return {**whole, **described, "stream": streams}, at, faults


def _saved(service: Service, name: str) -> dict[str, Any]:
    from riskbridge.transform.plain import map_as_dict  # noqa: PLC0415 - loads Ibis

    return map_as_dict(find_map(service.app.store, name))


def _on_rows(service: Service, whole: dict[str, Any], at: int, connector: str) -> dict[str, Any]:
    stream = whole["stream"][at]
    with service.reading() as app:
        return preview_map(
            app,
            connector,
            MapDraft(plain_map(whole)),
            source=stream["source"],
            target=stream["target"],
            limit=PREVIEWED,
        )


def _difference(service: Service, whole: dict[str, Any], connector: str) -> dict[str, Any]:
    with service.reading() as app:
        return compare(app, connector, MapDraft(plain_map(whole)), most_rows=COMPARED_ROWS)


def _editor(
    request: Request, caller: Caller, service: Service, name: str, whole: dict[str, Any], at: int, **values: Any
) -> Response:
    from riskbridge.transform.convert import DATA_TYPES  # noqa: PLC0415 - loads Ibis
    from riskbridge.transform.plain import describe_functions  # noqa: PLC0415

    store = service.app.store
    at = max(0, min(at, len(whole["stream"]) - 1))
    stream = whole["stream"][at]
    empty: dict[str, Any] = {"used_by": [], "is_read_only": False}
    summary = next((m for m in list_summaries(store) if m["name"] == name), empty)
    fault = values.pop("fault", None)
    connectors = [c.name for c in store.list_connectors() if reads_model(store, c, str(stream["source"]))]
    used_by = summary["used_by"][0].split("/")[0] if summary["used_by"] else ""
    shown: dict[str, Any] = {
        "connector": used_by if used_by in connectors else (connectors[0] if connectors else ""),
        "tag": tag_of(whole),
        "note": "",
        "difference": None,
        "then": "",
        "faults": {},
        "is_edited": False,
        **values,
    }
    return page(
        request,
        "map.html",
        200 if fault is None else status_of(fault),
        caller=caller,
        name=name,
        whole=whole,
        at=at,
        stream=stream,
        rows=shown_rows(stream),
        summary=summary,
        versions=store.maps.list_versions(name)[:20],
        source=show_model(store, stream["source"]),
        target=show_model(store, stream["target"]),
        functions=describe_functions(),
        types=list(DATA_TYPES),
        connectors=connectors,
        fault=fault,
        **shown,
    )
