"""Stable asset ids for components: an asset keeps its id while the record it was made from, or its heir, is there."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from riskbridge.forms import hash_id


def name_assets(components: ir.Table, previous: ir.Table) -> ir.Table:
    """An asset id for each record, the same for all of a component and different between components.

    An asset's heir is the record from which its id was made, else the smallest of its records that are still there. A
    component takes the smallest id of which it holds the heir; without any, a new id made from its smallest record. So
    two assets that merge live on under one of their ids, and a merge that is undone gives both ids back.

    Args:
        components: `source_asset_id`, `component` (the smallest record in it), materialised.
        previous: `source_asset_id`, `asset_id` as they are stored; may be empty.

    Returns:
        `source_asset_id`, `component`, `asset_id`. Lazy.
    """
    places = components.select(heir="source_asset_id", heir_component="component")
    held = previous.semi_join(components, "source_asset_id")
    made_from = held.source_asset_id.min(where=held.asset_id == new_id(held.source_asset_id))
    heirs = held.group_by("asset_id").agg(first=held.source_asset_id.min(), made_from=made_from)
    heirs = heirs.select("asset_id", heir=heirs.made_from.coalesce(heirs["first"]))
    claims = heirs.join(places, "heir")
    claims = claims.group_by(claimant="heir_component").agg(claimed_id=claims.asset_id.min())
    rows = components.left_join(claims, [("component", "claimant")])
    rows = rows.mutate(made_id=new_id(rows.component))
    # A record that left and came back may find the id made from it with others: it then gets another.
    taken = claims.select(taken_by="claimant", taken_id="claimed_id")
    rows = rows.left_join(taken, [("made_id", "taken_id")])
    other = hash_id("asset", rows.component, rows.taken_by)
    fresh = ibis.ifelse(rows.taken_id.notnull(), other, rows.made_id)
    return rows.select("source_asset_id", "component", asset_id=rows.claimed_id.coalesce(fresh))


def new_id(source_asset_id: ir.StringValue) -> ir.StringValue:
    """The id of an asset that begins with this record."""
    return hash_id("asset", source_asset_id)
