"""Tags of assets as people work with them: what they are, who has them, and what follows for criticality and scores."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, replace
from typing import Any

from riskbridge.app import App
from riskbridge.errors import InputError
from riskbridge.model.tag import LONGEST_NAME, Tag
from riskbridge.scoring import load_score_settings, make_tags

MOST_ASSETS = 100_000
"""Assets that a tag is given to by hand at once."""


def list_tags(app: App) -> list[dict[str, Any]]:
    """Every tag that people made or that an asset has, by name.

    Returns:
        `name`, `description`, `query`, `acs`, `is_own` (people made it; else sources alone give it), `by_hand` (assets that
        people gave it), `assets` that have it, `from_sources` (assets to which a source gave it), and `find`, the query for
        its assets.
    """
    from riskbridge.search.narrowing import narrow  # noqa: PLC0415 - loads the grammar

    counted = {column: _counts(app, column) for column in ("tags", "source_tags")}
    own = {tag.name.casefold(): tag for tag in app.store.tags.list_tags()}
    given = {name.casefold(): len(ids) for name, ids in app.store.tags.list_assigned().items()}
    spelled = {name.casefold(): name for column in counted.values() for name in column}
    names = spelled | {key: tag.name for key, tag in own.items()}
    rows = []
    for key, name in sorted(names.items()):
        tag = own.get(key) or Tag(name)
        has = {c: sum(n for spelling, n in found.items() if spelling.casefold() == key) for c, found in counted.items()}
        rows.append(
            {
                **asdict(tag),
                "is_own": key in own,
                "by_hand": given.get(key, 0),
                "assets": has["tags"],
                "from_sources": has["source_tags"],
                "find": narrow("assets", "", {"tags": name}),
            }
        )
    return rows


def show_tag(app: App, name: str) -> dict[str, Any]:
    """One tag, as `list_tags` has it.

    Raises:
        InputError: `tag.unknown`.
    """
    for row in list_tags(app):
        if row["name"].casefold() == name.strip().casefold():
            return row
    raise InputError(f"There is no tag '{name}'.", code="tag.unknown", remedy="List them with: riskbridge tag list")


def save_tag(app: App, tag: Tag) -> dict[str, Any]:
    """Make or change a tag; its query is asked at once, and scores follow. Gives the run that is published under, if any.

    Raises:
        InputError: `tag.bad`; `tag.too-many`; `qql.*`; `score.bad-rule`: the query asks for what follows from scores.
    """
    tag = replace(tag, name=tag.name.strip(), query=(tag.query or "").strip() or None)
    if not tag.name or len(tag.name) > LONGEST_NAME or any(not c.isprintable() for c in tag.name):
        raise InputError(
            f"'{tag.name}' cannot be a tag's name.",
            code="tag.bad",
            remedy=f"Give a name of 1 to {LONGEST_NAME} characters that can be printed.",
        )
    if tag.acs is not None and not 1 <= tag.acs <= 5:
        raise InputError(
            f"{tag.acs} is no criticality.",
            code="tag.bad",
            remedy="Give 1 (lowest) to 5, or none to say nothing of it.",
        )
    make_tags([tag])
    app.store.tags.save_tag(tag)
    return {"tag": asdict(tag), "run": apply_tags(app, f"tag {tag.name}")}


def delete_tag(app: App, name: str) -> dict[str, Any]:
    """Delete a tag; assets keep one of the same name where a source gives it. Scores follow.

    Raises:
        InputError: `tag.unknown`.
    """
    app.store.tags.delete_tag(name)
    return {"tag": name, "run": apply_tags(app, f"tag {name} deleted")}


def assign_tag(app: App, name: str, *, query: str = "", asset_ids: Collection[str] = ()) -> dict[str, Any]:
    """Give a tag to assets, by their ids or to those that a query describes now; gives how many, and the run.

    Raises:
        InputError: `tag.unknown`, `tag.no-assets`, `asset.unknown`, `qql.*`.
    """
    app.store.tags.get_tag(name)
    number = app.store.tags.assign(name, _chosen(app, query, asset_ids))
    return {"tag": name, "assets": number, "run": apply_tags(app, f"tag {name}") if number else None}


def unassign_tag(app: App, name: str, *, query: str = "", asset_ids: Collection[str] = ()) -> dict[str, Any]:
    """Take a tag that was given by hand from assets; what a rule or a source gives stays.

    Raises:
        InputError: `tag.unknown`, `tag.no-assets`, `asset.unknown`, `qql.*`.
    """
    app.store.tags.get_tag(name)
    number = app.store.tags.unassign(name, _chosen(app, query, asset_ids))
    return {"tag": name, "assets": number, "run": apply_tags(app, f"tag {name}") if number else None}


def apply_tags(app: App, what: str) -> int | None:
    """Ask the queries of tags anew and score assets; gives the run that it is published under, None before the first."""
    if not app.warehouse.last_read():
        return None
    from riskbridge.pipeline.by_hand import begin, publish  # noqa: PLC0415 - loads Ibis

    settings = load_score_settings(app.store)
    work = begin(app.engine, app.warehouse, settings, app.now().replace(microsecond=0))
    work.score_again()
    return publish(work, what)


def _chosen(app: App, query: str, asset_ids: Collection[str]) -> list[str]:
    if bool(asset_ids) == bool(query.strip()):
        raise InputError(
            "A tag is given to assets by their ids, or to those that a query describes.",
            code="tag.no-assets",
            remedy="Give --asset with ids, or --where with a query that is not empty.",
        )
    from riskbridge.question import ask  # noqa: PLC0415 - loads Ibis

    if query.strip():
        rows = ask(app, "assets", query).asked.matching({"asset_id"}).select("asset_id").limit(MOST_ASSETS)
        found = [str(r["asset_id"]) for r in app.engine.records(rows)]
        if not found:
            raise InputError(
                "No asset matches.", code="tag.no-assets", remedy="Try the query with: riskbridge assets QUERY"
            )
        return found
    return [_asset_id(app, asset_id) for asset_id in asset_ids]


def _asset_id(app: App, beginning: str) -> str:
    from riskbridge.model.target import ASSET  # noqa: PLC0415

    assets = app.warehouse.current(ASSET)
    found = app.engine.records(assets.filter(assets.asset_id.startswith(beginning)).select("asset_id").limit(2))
    if len(found) != 1 or not beginning:
        problem = "is the beginning of more than one" if found else "is no"
        raise InputError(
            f"'{beginning}' {problem} asset id.",
            code="asset.unknown",
            remedy="List the ids with: riskbridge assets --json",
        )
    return str(found[0]["asset_id"])


def _counts(app: App, column: str) -> dict[str, int]:
    import ibis  # noqa: PLC0415

    from riskbridge.model.target import ASSET  # noqa: PLC0415

    assets = app.warehouse.current(ASSET)
    names = assets.select(name=assets[column].unnest()).group_by("name").agg(number=ibis._.count())
    return {str(row["name"]): int(row["number"]) for row in app.engine.records(names)}
