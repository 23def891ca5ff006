"""Feeds as people work with them: import, refresh what is due, see what is stale, and score anew with what is new."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from riskbridge.app import App
from riskbridge.errors import InputError, RiskbridgeError
from riskbridge.model.feed import FEED_KINDS, FeedVersion
from riskbridge.scoring import load_score_settings

if TYPE_CHECKING:
    from riskbridge.score.settings import ScoreSettings

SETTING = "feeds.sources"


def import_feed(
    app: App, kind: str, location: str, *, released_on: date | None = None, is_older_accepted: bool = False
) -> FeedVersion:
    """Read a feed from a path or URL and use it from now on; scores move with the next run or `rescore`.

    Args:
        app: The home.
        kind: Name of a feed.
        location: Path or URL.
        released_on: The day of its facts, where the feed states none.
        is_older_accepted: Facts older than those in use may replace them.

    Raises:
        InputError: `feeds.unknown`, `feeds.broken`, `feeds.unreadable`, `feeds.older`; what was in use stays.
    """
    version = _take(app, kind, location, None, released_on=released_on, is_older_accepted=is_older_accepted)
    assert version is not None  # only a conditional request may find nothing new
    return version


def refresh(app: App, kinds: tuple[str, ...] = (), *, is_due_only: bool = False) -> list[dict[str, Any]]:
    """Read feeds again from where they are set to come from; one that fails keeps its facts and says why.

    Servers are asked with what they called the last reading, so that an unchanged feed costs one short answer.

    Args:
        app: The home.
        kinds: Names of feeds; none means all that are switched on.
        is_due_only: Leave out those that were read within their interval.

    Returns:
        For every feed asked: `feed`, `state` (`new`, `unchanged`, `failed`), `cves`, `released_on`, `problem`, `remedy`.
    """
    sources = list_sources(app)
    for kind in kinds:
        _require_known(kind)
    done = []
    for kind, source in sources.items():
        current = app.feeds.current(kind)
        is_due = current is None or app.now() - current.read_at >= timedelta(hours=source["every_hours"])
        if (kinds and kind not in kinds) or (not kinds and not source["is_on"]) or (is_due_only and not is_due):
            continue
        row: dict[str, Any] = {"feed": kind, "state": "new", "problem": None, "remedy": None}
        try:
            version = _take(app, kind, source["url"], current)
            if version is None and current is not None:
                row["state"], version = "unchanged", app.feeds.confirm(current, app.now())
        except RiskbridgeError as error:
            row |= {"state": "failed", "problem": error.message, "remedy": error.remedy}
            version = current
        row |= {"cves": version.cves if version else 0, "released_on": str(version.day) if version else None}
        done.append(row)
    return done


def list_feeds(app: App) -> list[dict[str, Any]]:
    """Every feed: where it comes from, what is in use, how old that is, and whether it is stale."""
    today = app.now().date()
    rows = []
    for kind, source in list_sources(app).items():
        version = app.feeds.current(kind)
        age = (today - version.day).days if version else None
        rows.append(
            {
                "feed": kind,
                "title": FEED_KINDS[kind].title,
                "cves": version.cves if version else None,
                "released_on": str(version.day) if version else None,
                "age_days": age,
                "state": "never read" if age is None else "stale" if age > FEED_KINDS[kind].stale_days else "fresh",
                "read_at": version.read_at.isoformat() if version else None,
                "location": version.location if version else None,
                "sha256": version.sha256 if version else None,
                "versions": len(app.feeds.versions(kind)),
                **source,
            }
        )
    return rows


def list_sources(app: App) -> dict[str, dict[str, Any]]:
    """Where each feed comes from and how often: `url`, `every_hours`, `is_on`."""
    saved = app.store.find_setting(SETTING) or {}
    return {
        name: {"url": kind.url, "every_hours": kind.every_hours, "is_on": True} | saved.get(name, {})
        for name, kind in FEED_KINDS.items()
    }


def save_source(app: App, kind: str, **changes: Any) -> dict[str, Any]:
    """Change where a feed comes from, how often it is read, or whether; the audit log has who and when.

    Raises:
        InputError: `feeds.unknown`, `feeds.bad-source`.
    """
    _require_known(kind)
    changes = {name: value for name, value in changes.items() if value is not None}
    url, hours = str(changes.get("url", "https://")), int(changes.get("every_hours", 1))
    if not url.startswith(("https://", "http://", "/")) or not 1 <= hours <= 24 * 365:
        raise InputError(
            f"{kind} cannot be read from '{url}' every {hours} hours.",
            code="feeds.bad-source",
            remedy="Give an http(s) URL or a whole path, and 1 to 8,760 hours.",
        )
    saved = app.store.find_setting(SETTING) or {}
    saved[kind] = saved.get(kind, {}) | changes
    app.store.save_setting(SETTING, saved)
    return list_sources(app)[kind]


def rescore(app: App, why: str = "rescored", *, settings: ScoreSettings | None = None) -> dict[str, Any] | None:
    """Enrich and score everything anew, calling nobody; gives the run it is published under. None before the first run.

    Args:
        app: The home.
        why: For the run's record and the audit log.
        settings: Weights; None takes those a person set.

    Raises:
        FatalError: Memory or disk did not suffice; the scores of before stay.
    """
    if not app.warehouse.last_read():
        return None
    from riskbridge.pipeline import by_hand  # noqa: PLC0415 - loads Ibis

    weights = settings or load_score_settings(app.store)
    work = by_hand.begin(app.engine, app.warehouse, weights, app.now().replace(microsecond=0))
    done = by_hand.rescore(work, app.read_feeds(), why)
    app.store.record("scores.renewed", why, done)
    return done


def _take(
    app: App,
    kind: str,
    location: str,
    current: FeedVersion | None,
    *,
    released_on: date | None = None,
    is_older_accepted: bool = False,
) -> FeedVersion | None:
    from riskbridge.source.feeds import read_feed  # noqa: PLC0415 - loads Arrow

    _require_known(kind)
    is_same_place = current is not None and current.location == location
    feed = read_feed(
        kind,
        location,
        etag=current.etag if current and is_same_place else None,
        last_modified=current.last_modified if current and is_same_place else None,
    )
    if feed is None:
        return None
    cves = len(feed.rows["cve_id"].unique())
    version = FeedVersion(
        kind, "", released_on or feed.released_on, app.now(), location, feed.sha256, cves, feed.etag, feed.last_modified
    )
    in_use = app.feeds.current(kind)
    if in_use is not None and in_use.sha256 == version.sha256 and in_use.day == version.day:
        return app.feeds.confirm(replace(in_use, location=location, etag=feed.etag), app.now())
    stated = version.released_on is not None and in_use is not None and in_use.released_on is not None
    if in_use is not None and stated and version.day < in_use.day and not is_older_accepted:
        raise InputError(
            f"The feed {location} is of {version.day}, older than {in_use.day}, which is in use.",
            code="feeds.older",
            remedy="Fetch a newer one, or take it all the same with --accept-older. The facts in use stay.",
        )
    saved = app.feeds.add(version, feed.rows)
    detail = {n: v for n, v in asdict(saved).items() if n in ("version", "location", "sha256", "cves")}
    app.store.record("feed.imported", kind, detail)
    return saved


def _require_known(kind: str) -> None:
    if kind not in FEED_KINDS:
        raise InputError(f"'{kind}' is no feed.", code="feeds.unknown", remedy=f"Feeds are: {', '.join(FEED_KINDS)}.")
