"""Tags of assets over REST."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response, status
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from riskbridge.api.access import Asked, Served
from riskbridge.api.etag import IfMatch, require_match, set_tag
from riskbridge.api.shapes import Rows
from riskbridge.app import App
from riskbridge.errors import InputError
from riskbridge.model.tag import Tag
from riskbridge.tagging import assign_tag, delete_tag, list_tags, save_tag, show_tag, unassign_tag

router = APIRouter(tags=["tags"])
_EXAMPLE: dict[str, JsonValue] = {"description": "what pays the wages", "query": "asset.name:erp*", "acs": 5}


class TagShape(BaseModel):
    """A tag: with a query it is on the assets that it describes, besides those that people gave it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    description: Annotated[str, Field(max_length=2_000)] = ""
    query: Annotated[str | None, Field(max_length=10_000, description="QQL about assets")] = None
    acs: Annotated[int | None, Field(ge=1, le=5, description="Criticality of its assets; the highest counts")] = None


class TagNew(TagShape):
    """A tag to be made."""

    name: Annotated[str, Field(min_length=1, max_length=100)]


class TagShown(TagShape):
    """A tag with the assets that have it, by hand, from sources and in all; `find` is the query for them."""

    name: str
    is_own: bool
    by_hand: int
    assets: int
    from_sources: int
    find: str


class TagAssets(BaseModel):
    """Which assets: by their ids, or those that a query describes now."""

    model_config = ConfigDict(extra="forbid")

    asset_ids: Annotated[list[Annotated[str, Field(min_length=1, max_length=40)]], Field(max_length=10_000)] = []
    query: Annotated[str, Field(max_length=10_000)] = ""


class TagMoved(BaseModel):
    """How many assets a tag was given to or taken from, and the run that it is published under."""

    tag: str
    assets: int
    run: int | None


@router.get("/tags")
def list_all_tags(_: Asked, service: Served) -> Rows[TagShown]:
    """Every tag that people made or that an asset has, by name."""
    with service.reading() as app:
        return Rows.of([TagShown.model_validate(row) for row in list_tags(app)])


@router.post("/tags", status_code=status.HTTP_201_CREATED)
def make_tag(caller: Asked, service: Served, shape: TagNew, response: Response) -> TagShown:
    """Make a tag; its query is asked at once, and scores follow."""
    with service.changing(caller.account.name) as app:
        if app.store.tags.find_tag(shape.name) is not None:
            raise InputError(
                f"There is a tag '{shape.name}' already.",
                code="tag.exists",
                remedy="Change it, or choose another name.",
            )
        save_tag(app, Tag(**shape.model_dump()))
        return _answer(app, shape.name, response)


@router.get("/tags/{name}")
def show_one_tag(_: Asked, service: Served, name: str, response: Response) -> TagShown:
    """One tag; its `ETag` is that of what people set, not of the assets that have it."""
    with service.reading() as app:
        return _answer(app, name, response)


@router.put("/tags/{name}")
def change_tag(
    caller: Asked, service: Served, name: str, shape: TagShape, response: Response, if_match: IfMatch = None
) -> TagShown:
    """Change a tag, or give a source's tag a description, a query or a criticality; scores follow."""
    with service.changing(caller.account.name) as app:
        shown = _require(app, name, if_match)
        save_tag(app, Tag(name=shown["name"], **shape.model_dump()))
        return _answer(app, name, response)


@router.delete("/tags/{name}", status_code=status.HTTP_204_NO_CONTENT)
def remove_tag(caller: Asked, service: Served, name: str, if_match: IfMatch = None) -> None:
    """Delete a tag; assets keep one of the same name where a source gives it."""
    with service.changing(caller.account.name) as app:
        _require(app, name, if_match)
        delete_tag(app, name)


@router.post("/tags/{name}/assets")
def give_tag(caller: Asked, service: Served, name: str, shape: TagAssets) -> TagMoved:
    """Give assets the tag by hand."""
    with service.changing(caller.account.name) as app:
        return TagMoved.model_validate(assign_tag(app, name, query=shape.query, asset_ids=shape.asset_ids))


@router.post("/tags/{name}/assets/remove")
def take_tag(caller: Asked, service: Served, name: str, shape: TagAssets) -> TagMoved:
    """Take the tag from assets that people gave it to."""
    with service.changing(caller.account.name) as app:
        return TagMoved.model_validate(unassign_tag(app, name, query=shape.query, asset_ids=shape.asset_ids))


def _require(app: App, name: str, if_match: str | None) -> dict[str, Any]:
    shown = show_tag(app, name)
    change = app.store.find_change("tag", shown["name"])
    require_match(if_match, _kept(shown), f"The tag '{shown['name']}'", shown=shown, change=change)
    return shown


def _answer(app: App, name: str, response: Response) -> TagShown:
    shown = show_tag(app, name)
    set_tag(response, _kept(shown))
    return TagShown.model_validate(shown)


def _kept(shown: dict[str, Any]) -> dict[str, Any]:
    return {n: shown[n] for n in ("name", "description", "query", "acs", "is_own")}
