"""What a run or a change by hand does to assets beside their scores: tags, and the events that tell of them."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from riskbridge.forms import hash_id
from riskbridge.lifecycle.detections import Sighting
from riskbridge.model.target import EVENT
from riskbridge.score.causes import asset_causes
from riskbridge.score.settings import ScoreSettings
from riskbridge.score.tags import apply_tags
from riskbridge.search.views import with_operating_system
from riskbridge.store.engine import DuckDBEngine

_AT = "timestamp('UTC', 6)"
_COLUMNS = tuple(n for n in EVENT.names if n != "run")


def with_tags(engine: DuckDBEngine, assets: ir.Table, settings: ScoreSettings) -> ir.Table:
    """Assets with the tags of their sources as `source_tags`, and all that they have as `tags`.

    Args:
        engine: Keeps what is computed.
        assets: As identified, with the tags of sources as `tags`; or as stored, with `source_tags`.
        settings: With tags and who has them.
    """
    if "source_tags" not in assets.columns:
        assets = assets.mutate(source_tags=assets.tags)
    given = settings.assigned_tags
    if not settings.tags and not given:
        return assets.mutate(tags=assets.source_tags)
    pairs = [(asset_id, tag) for tag, asset_ids in given.items() for asset_id in asset_ids]
    types = {"asset_id": "string", "tag": "string"}
    columns = dict(zip(types, map(list, zip(*pairs, strict=True)), strict=True)) if pairs else None
    assigned = None if columns is None else engine.from_arrow(pa.table(columns), types)
    tagged = apply_tags(with_operating_system(assets), settings.tags, assigned)
    return engine.materialise(tagged.select(*assets.columns), "tagged")


def asset_events(fresh: ir.Table, stored: ir.Table, sighting: Sighting) -> ir.Table:
    """Events of assets that are new, whose TruRisk moved, or whose tags are others: EVENT rows without `run`.

    Args:
        fresh: New versions of assets.
        stored: The current ones.
        sighting: Run number and time.
    """
    added, moved = fresh.anti_join(stored, "asset_id"), asset_causes(fresh, stored)
    new = _events(added, sighting, "asset-added", detail=added.asset_name)
    rescored = _events(moved, sighting, "asset-rescored", reason=moved.cause, detail=moved.detail)
    was = stored.select(was_id="asset_id", was_tags="tags")
    rows = fresh.join(was, [("asset_id", "was_id")])
    rows = rows.filter(~rows.tags.identical_to(rows.was_tags))
    before, after = (tags.join(", ").nullif("").fill_null("none") for tags in (rows.was_tags, rows.tags))
    tagged = _events(rows, sighting, "asset-tagged", detail=ibis.literal("tags ") + before + " to " + after)
    return new.union(rescored).union(tagged)


def _events(
    rows: ir.Table, sighting: Sighting, kind: str, *, reason: ir.Value | None = None, detail: ir.Value
) -> ir.Table:
    return rows.select(
        event_id=hash_id(str(sighting.run), kind, rows.asset_id),
        at=ibis.literal(sighting.observed_at, _AT),
        kind=ibis.literal(kind),
        subject_id=rows.asset_id,
        asset_id=rows.asset_id,
        reason=ibis.null("string") if reason is None else reason,
        detail=detail,
    ).select(*_COLUMNS)
