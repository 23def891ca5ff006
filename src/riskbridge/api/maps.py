"""Transform maps over REST: looked at, checked, saved in versions with `If-Match`, cloned, deleted."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response, status
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

from riskbridge.api.access import Asked, Served
from riskbridge.api.etag import IfMatch, require_match, set_tag
from riskbridge.api.map_shapes import MapDifference, MapFunction, MapPlain, Previewed
from riskbridge.api.run_shapes import Remapped
from riskbridge.api.shapes import Rows
from riskbridge.maps import (
    LONGEST_NOTE,
    clone_map,
    delete_map,
    draft_map,
    find_map,
    is_built_in,
    list_summaries,
    read_draft,
    save_map,
)
from riskbridge.model.map_version import MapVersion
from riskbridge.store.config.store import ConfigStore
from riskbridge.workbench import MOST_EXAMPLES, MOST_PREVIEWED, MapDraft, compare, preview_map, remap

router = APIRouter(tags=["transform maps"])
_Name = Annotated[str, Field(min_length=1, max_length=64)]


class MapShape(BaseModel):
    """A map as a person edits it: its plain data, or its text (TOML or JSON), and what to say of this version."""

    model_config = ConfigDict(extra="forbid")

    map: dict[str, Any] | Annotated[str, Field(max_length=1_000_000)]
    note: Annotated[str, Field(max_length=LONGEST_NOTE)] = ""


class CloneShape(BaseModel):
    """The name of a copy."""

    model_config = ConfigDict(extra="forbid")

    name: _Name


class DraftShape(BaseModel):
    """For what data models to begin a map."""

    model_config = ConfigDict(extra="forbid")

    name: _Name
    sources: Annotated[list[str], Field(min_length=1, max_length=20)]
    targets: Annotated[list[str], Field(max_length=5)] = ["asset_draft", "detection_draft"]


class PreviewShape(BaseModel):
    """A map on staged rows: by name, `name/version`, or as it is being edited."""

    model_config = ConfigDict(extra="forbid")

    map: dict[str, Any] | Annotated[str, Field(max_length=1_000_000)]
    source: str | None = None
    target: str | None = None
    limit: Annotated[int, Field(ge=1, le=MOST_PREVIEWED)] = 5
    offset: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0


class DifferenceShape(BaseModel):
    """Two maps on the same staged rows; without `before`, the map of the connector's profile."""

    model_config = ConfigDict(extra="forbid")

    map: dict[str, Any] | Annotated[str, Field(max_length=1_000_000)]
    before: dict[str, Any] | Annotated[str, Field(max_length=1_000_000)] | None = None
    source: str | None = None
    examples: Annotated[int, Field(ge=1, le=MOST_EXAMPLES)] = 5
    rows: Annotated[int, Field(ge=1, le=100_000_000)] | None = 200_000


class MapSummary(BaseModel):
    """A map, its newest version, and the profiles that name it (`connector/profile`)."""

    name: str
    version: str
    description: str
    is_read_only: bool
    saved_at: str | None
    saved_by: str | None
    used_by: list[str]


class MapVersionShown(BaseModel):
    """A version of a map, without its rows."""

    version: int
    note: str
    saved_at: str
    saved_by: str


class MapShown(BaseModel):
    """A map as plain data, and its versions, newest first."""

    map: MapPlain
    is_read_only: bool
    versions: list[MapVersionShown]


class FunctionsShown(BaseModel):
    """What a row may do to its source values, with arguments, and the data types there are."""

    count: int
    rows: list[MapFunction]
    data_types: list[str]


class MapChecked(BaseModel):
    """The map can be saved."""

    ok: bool
    name: str
    streams: int
    rows: int


@router.get("/maps")
def list_maps(_: Asked, service: Served) -> Rows[MapSummary]:
    """Every map, the built-in ones first, with its newest version and who uses it."""
    return Rows.of([MapSummary.model_validate(row) for row in list_summaries(service.app.store)])


@router.get("/map-functions")
def list_functions(_: Asked) -> FunctionsShown:
    """What a row may do to its source values, with arguments, and the data types there are."""
    from riskbridge.transform.convert import DATA_TYPES  # noqa: PLC0415 - loads Ibis
    from riskbridge.transform.plain import describe_functions  # noqa: PLC0415

    rows = [MapFunction.model_validate(row) for row in describe_functions()]
    return FunctionsShown(count=len(rows), rows=rows, data_types=list(DATA_TYPES))


@router.post("/maps", status_code=status.HTTP_201_CREATED, response_model_exclude_unset=True)
def add_map(caller: Asked, service: Served, shape: MapShape, response: Response) -> MapShown:
    """Save a new map, once it is right; every fault comes back at once, with its row and remedy."""
    with service.editing(caller.account.name) as store:
        saved = save_map(store, shape.map, note=shape.note, expected=0)
        return _answer(store, saved.name, response)


@router.post("/maps/check")
def check_map(_: Asked, service: Served, shape: MapShape) -> MapChecked:
    """Check a map; nothing is stored."""
    found = read_draft(service.app.store, shape.map)
    rows = sum(len(s.rows) for s in found.streams)
    return MapChecked(ok=True, name=found.name, streams=len(found.streams), rows=rows)


@router.post("/maps/draft", response_model=MapPlain, response_model_exclude_unset=True)
def begin_map(_: Asked, service: Served, shape: DraftShape) -> dict[str, Any]:
    """The beginning of a map for data models, to be completed; nothing is stored."""
    return draft_map(service.app.store, shape.name, shape.sources, shape.targets)


@router.post("/connectors/{connector}/remap", response_model=Remapped)
def map_anew(caller: Asked, service: Served, connector: str) -> dict[str, Any]:
    """Map anew, by the profile's map as it is now, all that the connector's runs have staged; answers when it is published.

    The source is not asked.
    """
    with service.changing(caller.account.name) as app:
        record = remap(app, connector)
    shown = ("run_id", "run", "connector_name", "trigger", "map_version", "calls", "counts", "warnings")
    return {**{n: getattr(record, n) for n in shown}, "outcome": record.outcome.value}


@router.post("/connectors/{connector}/map-preview", response_model=Previewed)
def preview(_: Asked, service: Served, connector: str, shape: PreviewShape) -> dict[str, Any]:
    """A map on rows that runs of the connector staged, field by field; nothing is stored."""
    with service.reading() as app:
        return preview_map(
            app,
            connector,
            MapDraft(shape.map),
            source=shape.source,
            target=shape.target,
            limit=shape.limit,
            offset=shape.offset,
        )


@router.post("/connectors/{connector}/map-difference", response_model=MapDifference, response_model_exclude_unset=True)
def show_difference(_: Asked, service: Served, connector: str, shape: DifferenceShape) -> dict[str, Any]:
    """What a map would change on staged rows: values, identity, severity, findings; nothing is stored."""
    before = None if shape.before is None else MapDraft(shape.before)
    with service.reading() as app:
        return compare(
            app,
            connector,
            MapDraft(shape.map),
            before,
            source=shape.source,
            examples=shape.examples,
            most_rows=shape.rows,
        )


@router.get("/maps/{name}", response_model_exclude_unset=True)
def show_map(_: Asked, service: Served, name: str, response: Response, version: int | None = None) -> MapShown:
    """One map with its versions; its `ETag` is that of the newest version."""
    if version is None:
        return _answer(service.app.store, name, response)
    return MapShown.model_validate(_shown(service.app.store, name, version))


class TomlResponse(PlainTextResponse):
    """TOML."""

    media_type = "application/toml"


@router.get("/maps/{name}/text", response_class=TomlResponse)
def export_map(_: Asked, service: Served, name: str, version: int | None = None) -> TomlResponse:
    """One map as TOML that can be edited and saved again."""
    from riskbridge.transform.plain import map_as_toml  # noqa: PLC0415 - loads Ibis

    return TomlResponse(map_as_toml(find_map(service.app.store, name, version)))


@router.get("/maps/{name}/versions")
def list_versions(
    _: Asked, service: Served, name: str, limit: Annotated[int, Query(ge=1, le=1_000)] = 100
) -> Rows[MapVersionShown]:
    """The versions of a map, newest first, without their rows."""
    versions = service.app.store.maps.list_versions(name)
    rows = [MapVersionShown.model_validate(_version(v)) for v in versions[:limit]]
    return Rows(count=len(versions), rows=rows)


@router.put("/maps/{name}", response_model_exclude_unset=True)
def change_map(
    caller: Asked, service: Served, name: str, shape: MapShape, response: Response, if_match: IfMatch = None
) -> MapShown:
    """Save an edited map as a new version, once it is right and nobody saved another meanwhile."""
    with service.editing(caller.account.name) as store:
        expected = _require_newest(store, name, if_match)
        checked = read_draft(store, shape.map)
        _require_same_name(name, checked.name)
        save_map(store, shape.map, note=shape.note, expected=expected)
        return _answer(store, name, response)


@router.post("/maps/{name}/clone", status_code=status.HTTP_201_CREATED, response_model_exclude_unset=True)
def copy_map(caller: Asked, service: Served, name: str, shape: CloneShape, response: Response) -> MapShown:
    """Copy a map under another name, open to change."""
    with service.editing(caller.account.name) as store:
        saved = clone_map(store, name, shape.name)
        return _answer(store, saved.name, response)


@router.delete("/maps/{name}", status_code=status.HTTP_204_NO_CONTENT)
def remove_map(caller: Asked, service: Served, name: str, if_match: IfMatch = None) -> None:
    """Delete a map that no profile uses."""
    with service.editing(caller.account.name) as store:
        delete_map(store, name, expected=_require_newest(store, name, if_match))


def _answer(store: ConfigStore, name: str, response: Response) -> MapShown:
    shown = _shown(store, name, None)
    set_tag(response, _kept(shown))
    return MapShown.model_validate(shown)


def _shown(store: ConfigStore, name: str, version: int | None) -> dict[str, Any]:
    from riskbridge.transform.plain import map_as_dict  # noqa: PLC0415 - loads Ibis

    found = find_map(store, name, version)
    versions = [_version(v) for v in store.maps.list_versions(name)[:100]]
    return {"map": map_as_dict(found), "is_read_only": found.is_read_only, "versions": versions}


def _kept(shown: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = shown["map"]
    return kept


def _version(version: MapVersion) -> dict[str, Any]:
    return {
        "version": version.version,
        "note": version.note,
        "saved_at": version.saved_at.isoformat(),
        "saved_by": version.saved_by,
    }


def _require_newest(store: ConfigStore, name: str, if_match: str | None) -> int | None:
    """The version an edit is of; None for a built-in map, which is refused later with its reason."""
    if is_built_in(name):
        return None
    shown = _shown(store, name, None)
    change = store.find_change("map", name)
    require_match(if_match, _kept(shown), f"The transform map '{name}'", shown=shown, change=change)
    return int(shown["map"]["version"])


def _require_same_name(name: str, given: str) -> None:
    from riskbridge.errors import InputError  # noqa: PLC0415

    if name != given:
        raise InputError(
            f"The map of the request is named '{given}', and its address says '{name}'.",
            code="map.other-name",
            remedy="Send it to its own address; a map is renamed by a clone.",
        )
