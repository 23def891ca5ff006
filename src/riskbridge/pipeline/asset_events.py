"""What the scores of a run say about assets: those that are new, and those whose TruRisk moved."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from riskbridge.forms import hash_id
from riskbridge.lifecycle.detections import Sighting
from riskbridge.model.target import EVENT
from riskbridge.score.causes import asset_causes

_AT = "timestamp('UTC', 6)"


def asset_events(fresh: ir.Table, stored: ir.Table, sighting: Sighting) -> ir.Table:
    """Events of assets: EVENT rows without `run`.

    Args:
        fresh: New versions of ASSET rows.
        stored: Current ones.
        sighting: When the run looked.
    """
    added, moved = fresh.anti_join(stored, "asset_id"), asset_causes(fresh, stored)
    at, columns = ibis.literal(sighting.observed_at, _AT), [n for n in EVENT.names if n != "run"]
    rescored = moved.select(
        event_id=hash_id(str(sighting.run), "asset-rescored", moved.asset_id),
        at=at,
        kind=ibis.literal("asset-rescored"),
        subject_id=moved.asset_id,
        asset_id=moved.asset_id,
        reason=moved.cause,
        detail=moved.detail,
    )
    new = added.select(
        event_id=hash_id(str(sighting.run), "asset-added", added.asset_id),
        at=at,
        kind=ibis.literal("asset-added"),
        subject_id=added.asset_id,
        asset_id=added.asset_id,
        reason=ibis.null("string"),
        detail=added.asset_name,
    )
    return new.select(*columns).union(rescored.select(*columns))
