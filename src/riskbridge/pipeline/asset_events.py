"""What a run says about assets: those that are new, those whose TruRisk moved, and those whose tags are others."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from riskbridge.lifecycle.detections import Sighting
from riskbridge.model.target import EVENT_COLUMNS
from riskbridge.score.causes import asset_causes

_AT = "timestamp('UTC', 6)"


def asset_events(fresh: ir.Table, stored: ir.Table, sighting: Sighting) -> ir.Table:
    """Events of assets: `EVENT_COLUMNS` of EVENT.

    Args:
        fresh: New versions of ASSET rows.
        stored: Current ones.
        sighting: When the run looked.
    """
    added, moved = fresh.anti_join(stored, "asset_id"), asset_causes(fresh, stored)
    at, columns = ibis.literal(sighting.observed_at, _AT), EVENT_COLUMNS
    rescored = moved.select(
        at=at,
        kind=ibis.literal("asset-rescored"),
        subject_id=moved.asset_id,
        asset_id=moved.asset_id,
        reason=moved.cause,
        detail=moved.detail,
    )
    new = added.select(
        at=at,
        kind=ibis.literal("asset-added"),
        subject_id=added.asset_id,
        asset_id=added.asset_id,
        reason=ibis.null("string"),
        detail=added.asset_name,
    )
    was = stored.select(was_id="asset_id", was_tags="tags")
    rows = fresh.join(was, [("asset_id", "was_id")])
    rows = rows.filter(~rows.tags.identical_to(rows.was_tags))
    before, after = (tags.join(", ").nullif("").fill_null("none") for tags in (rows.was_tags, rows.tags))
    tagged = rows.select(
        at=at,
        kind=ibis.literal("asset-tagged"),
        subject_id=rows.asset_id,
        asset_id=rows.asset_id,
        reason=ibis.null("string"),
        detail=ibis.literal("tags ") + before + " to " + after,
    )
    return new.select(*columns).union(rescored.select(*columns)).union(tagged.select(*columns))
