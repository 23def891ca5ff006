"""One asset of its source records: which record's word counts for each attribute.

Records are ranked: not merged away in their source, then not inactive, then seen last, then the smallest id. An
attribute is taken from the best record that states it; attributes that belong together come from one record.
"""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.model.schema import TEXTS
from riskbridge.model.target import ASSET, ASSET_SCORE

_LATER = (*ASSET_SCORE.names[1:], "source_tags", "valid_from_run", "valid_to_run")
COLUMNS = tuple(name for name in ASSET.names if name not in _LATER)
"""The columns of ASSET but those of scores, tags given later, and validity."""

_OWN = ("asset_id", "sources", "source_count", "primary_source_asset_id")
_ARRAYS = tuple(c.name for c in ASSET if c.type == TEXTS and c.name in COLUMNS and c.name not in _OWN)
_SCALARS = tuple(
    n for n in COLUMNS if n not in (*_OWN, *_ARRAYS, "first_seen_at", "last_seen_at", "merged_into_external_id")
)
_TOGETHER = {
    "operating_system_version": "operating_system_name",
    "operating_system_build": "operating_system_name",
    "operating_system_architecture": "operating_system_name",
    "cloud_provider": "cloud_instance_id",
    "cloud_resource_id": "cloud_instance_id",
    "device_group": "device_group_id",
    "exclusion_reason": "is_excluded",
    "managed_by_status": "managed_by",
}
"""Attributes that mean something only beside another: they come from the record that gave the other."""


def lone_assets(records: ir.Table) -> ir.Table:
    """Assets of records that are alone in theirs: the columns `COLUMNS`.

    Args:
        records: The columns of SOURCE_ASSET with `asset_id` and `source_name`.
    """
    empty: Any = ibis.literal([], TEXTS)
    return records.mutate(
        **{name: records[name].fill_null(empty) for name in _ARRAYS},
        sources=ibis.array([records.source_name]),
        source_count=ibis.literal(1, "int64"),
        primary_source_asset_id=records.source_asset_id,
    ).select(*COLUMNS)


def merged_assets(records: ir.Table) -> ir.Table:
    """Assets of any number of records each: the columns `COLUMNS`.

    Args:
        records: The columns of SOURCE_ASSET with `asset_id` and `source_name`.
    """
    ranked = _ranked(records)
    first = {name: ranked[name].argmin(ranked.place, where=_is_stated(ranked, name)) for name in _SCALARS}
    assets = ranked.group_by("asset_id").agg(
        **first,
        merged_into_external_id=ranked.merged_into_external_id.max(where=ranked.place == 0),
        first_seen_at=ranked.first_seen_at.min(),
        last_seen_at=ranked.last_seen_at.max(),
        sources=ranked.source_name.collect(distinct=True).sort(),
        source_count=ranked.count().cast("int64"),
        primary_source_asset_id=ranked.source_asset_id.max(where=ranked.place == 0),
    )
    for name in _ARRAYS:
        assets = _with_union(assets, records, name)
    return assets.select(*COLUMNS)


def _ranked(records: ir.Table) -> ir.Table:
    order = [
        records.merged_into_external_id.nullif("").notnull().cast("int64").asc(),
        (records.health_status.fill_null("") == "Inactive").cast("int64").asc(),
        records.last_seen_at.desc(nulls_first=False),
        records.source_asset_id.asc(),
    ]
    ranked = records.mutate(place=ibis.row_number().over(group_by="asset_id", order_by=order))
    return ranked.mutate(
        **{
            f"place_of_{lead}": ibis.ifelse(ranked[lead].notnull(), ranked.place, ibis.null("int64"))
            .min()
            .over(group_by="asset_id")
            for lead in dict.fromkeys(_TOGETHER.values())
        }
    )


def _is_stated(ranked: ir.Table, name: str) -> ir.BooleanValue:
    lead = _TOGETHER.get(name)
    if lead is None:
        return ranked[name].notnull()
    place = ranked[f"place_of_{lead}"]
    return ranked[name].notnull() & (place.isnull() | (ranked.place == place))


def _with_union(assets: ir.Table, records: ir.Table, name: str) -> ir.Table:
    values = records.select(of="asset_id", value=records[name].unnest())
    values = values.filter(values.value.notnull())
    union = values.group_by("of").agg(union=values.value.collect(distinct=True).sort())
    rows = assets.left_join(union, [("asset_id", "of")])
    empty: Any = ibis.literal([], TEXTS)
    return rows.mutate(**{name: rows["union"].fill_null(empty)}).drop("of", "union")
