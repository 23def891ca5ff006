"""Feeds over REST: what is in use, how old it is and where it comes from; reading them again, and scoring anew."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from riskbridge.api.access import Asked, Served
from riskbridge.api.etag import IfMatch, require_match, set_tag
from riskbridge.api.scoring import Moved
from riskbridge.api.shapes import Rows
from riskbridge.app import App
from riskbridge.errors import InputError
from riskbridge.feeds import SETTING, import_feed, list_feeds, list_sources, refresh, rescore, save_source
from riskbridge.model.feed import FEED_KINDS
from riskbridge.security.file_folders import FileFolders
from riskbridge.service import Service

router = APIRouter(tags=["feeds"])

FeedName: TypeAlias = Literal["kev", "epss", "exploits", "cvss"]


class FeedShown(BaseModel):
    """A feed: what is in use (null where it was never read), how old its facts are, and where it comes from."""

    feed: str
    title: str
    cves: int | None
    released_on: date | None
    age_days: int | None
    state: Literal["never read", "stale", "fresh"]
    read_at: str | None
    location: str | None
    sha256: str | None
    versions: int
    url: str
    every_hours: int
    is_on: bool


class FeedEdit(BaseModel):
    """Where a feed comes from and how often it is read; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"every_hours": 6}]})

    url: Annotated[str, Field(max_length=2_000, description="http(s) URL, or a whole path on the server")] = ""
    every_hours: Annotated[int, Field(ge=1, le=8_760)] = 24
    is_on: bool = True


class FeedImport(BaseModel):
    """A reading of a feed from a path on the server or a URL."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"location": "/var/lib/feeds/known_exploited_vulnerabilities.json"}]},
    )

    location: Annotated[str, Field(min_length=1, max_length=2_000)]
    released_on: Annotated[date | None, Field(description="The day of its facts, where the feed states none")] = None
    is_older_accepted: bool = False


class RefreshShape(BaseModel):
    """Which feeds to read again."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"is_due_only": True}]})

    feeds: Annotated[list[FeedName], Field(max_length=len(FEED_KINDS), description="None means all that are on")] = []
    is_due_only: bool = False


class RefreshedFeed(BaseModel):
    """What came of reading a feed again; a failed one keeps its facts, and says why."""

    feed: str
    state: Literal["new", "unchanged", "failed"]
    cves: int
    released_on: date | None
    problem: str | None
    remedy: str | None


class Refreshed(BaseModel):
    """What came of every feed; `rescored` is null where nothing is new, or nothing is scored yet."""

    count: int
    rows: list[RefreshedFeed]
    rescored: Moved | None


class Rescored(BaseModel):
    """Everything was scored anew; null where nothing is scored yet."""

    rescored: Moved | None


class Imported(FeedShown):
    """The feed as it is now, and what moved."""

    rescored: Moved | None


@router.get("/feeds")
def show_feeds(_: Asked, service: Served) -> Rows[FeedShown]:
    """Every feed."""
    return Rows.of([FeedShown.model_validate(row) for row in list_feeds(service.app)])


@router.post("/feeds/refresh")
def refresh_feeds(caller: Asked, service: Served, shape: RefreshShape) -> Refreshed:
    """Read feeds again from where they come from, and score everything anew with what is new."""
    rows = refresh(service.app.acting_as(caller.account.name), tuple(shape.feeds), is_due_only=shape.is_due_only)
    is_new = any(row["state"] == "new" for row in rows)
    moved = _rescore(service, caller.account.name, "feeds refreshed") if is_new else None
    found = [RefreshedFeed.model_validate(row) for row in rows]
    return Refreshed(count=len(found), rows=found, rescored=moved)


@router.get("/feeds/{feed}")
def show_feed(_: Asked, service: Served, feed: str, response: Response) -> FeedShown:
    """One feed."""
    set_tag(response, _source(service.app, feed))
    return FeedShown.model_validate(_shown(service.app, feed))


@router.patch("/feeds/{feed}")
def edit_feed(
    caller: Asked, service: Served, feed: str, edit: FeedEdit, response: Response, if_match: IfMatch = None
) -> FeedShown:
    """Change where a feed comes from, how often it is read, or whether."""
    with service.editing(caller.account.name) as store:
        app = service.app.acting_as(caller.account.name)
        source, change = _source(app, feed), store.find_change("setting", SETTING)
        require_match(if_match, source, f"The source of '{feed}'", shown=_shown(app, feed), change=change)
        _require_file(service, edit.url, kept=source["url"])
        save_source(app, feed, **edit.model_dump(exclude_unset=True))
        set_tag(response, _source(app, feed))
        return FeedShown.model_validate(_shown(app, feed))


@router.post("/feeds/{feed}/import")
def take_feed(caller: Asked, service: Served, feed: str, shape: FeedImport) -> Imported:
    """Read a feed from a path on the server or a URL, keep it, and score everything anew with it."""
    _require_file(service, shape.location, kept=_source(service.app, feed)["url"])
    app = service.app.acting_as(caller.account.name)
    version = import_feed(
        app, feed, shape.location, released_on=shape.released_on, is_older_accepted=shape.is_older_accepted
    )
    moved = _rescore(service, caller.account.name, f"feed {version.label}")
    return Imported.model_validate(_shown(app, feed) | {"rescored": moved})


@router.post("/rescore")
def score_anew(caller: Asked, service: Served) -> Rescored:
    """Enrich and score everything anew with what is kept; calls nobody."""
    return Rescored(rescored=_rescore(service, caller.account.name, "rescored"))


def _rescore(service: Service, actor: str, why: str) -> Moved | None:
    with service.changing(actor) as app:
        moved = rescore(app, why)
    return None if moved is None else Moved.model_validate(moved)


def _require_file(service: Service, location: str, *, kept: str) -> None:
    """Raise for a path that callers over the network may not name; that from which the feed comes anyway may stay."""
    if not location.lower().startswith(("http://", "https://")):
        FileFolders.of(service.app.settings).require([("The feed's file", location)], kept=[kept])


def _source(app: App, feed: str) -> dict[str, Any]:
    found = list_sources(app).get(feed)
    if found is None:
        raise InputError(f"'{feed}' is no feed.", code="feeds.unknown", remedy=f"Feeds are: {', '.join(FEED_KINDS)}.")
    return found


def _shown(app: App, feed: str) -> dict[str, Any]:
    _source(app, feed)
    (row,) = (row for row in list_feeds(app) if row["feed"] == feed)
    return row
