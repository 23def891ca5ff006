"""One asset of its source records: which record's word counts for each attribute.

Records are ranked: not merged away in their source, then not inactive, then by the order that a person gave to the
sources, then seen last, then the smallest id. An attribute is taken from the best record that states it; attributes that
belong together come from one record. A person may give single attributes an order of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.model.schema import TEXTS
from riskbridge.model.target import ASSET, ASSET_SCORE

_LATER = (*ASSET_SCORE.names[1:], "source_tags", "valid_from_run", "valid_to_run")
COLUMNS = tuple(name for name in ASSET.names if name not in _LATER)
"""The columns of ASSET but those of scores, tags given later, and validity."""

_OWN = ("asset_id", "sources", "source_count", "primary_source_asset_id", "attribute_origins")
_ARRAYS = tuple(c.name for c in ASSET if c.type == TEXTS and c.name in COLUMNS and c.name not in _OWN)
SCALARS = tuple(
    n for n in COLUMNS if n not in (*_OWN, *_ARRAYS, "first_seen_at", "last_seen_at", "merged_into_external_id")
)
"""Attributes of which an asset has one value, the best record's."""
TOGETHER = {
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


@dataclass(frozen=True, slots=True)
class SourceRanks:
    """Whose word counts before others'.

    Attributes:
        order: Connector ids, first the one that counts most; those that are not named come after, equal among each other.
        attributes: Orders of single attributes, in place of `order`.
    """

    order: tuple[str, ...] = ()
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, attribute: str) -> tuple[str, ...]:
        """The order that holds for an attribute; what belongs to another attribute goes by that one's."""
        lead = TOGETHER.get(attribute, attribute)
        return self.attributes.get(lead, self.order)


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
        attribute_origins=empty,
    ).select(*COLUMNS)


def merged_assets(records: ir.Table, ranks: SourceRanks) -> ir.Table:
    """Assets of any number of records each: the columns `COLUMNS`.

    Args:
        records: The columns of SOURCE_ASSET with `asset_id` and `source_name`.
        ranks: Whose word counts before others'.
    """
    ranked, place_of = _ranked(records, ranks)
    won = {name: (ranked[place_of[name]], _is_stated(ranked, name, place_of)) for name in SCALARS}
    assets = ranked.group_by("asset_id").agg(
        **{name: ranked[name].argmin(place, where=is_stated) for name, (place, is_stated) in won.items()},
        **{
            f"origin_of_{name}": ranked.source_asset_id.argmin(place, where=is_stated)
            for name, (place, is_stated) in won.items()
        },
        merged_into_external_id=ranked.merged_into_external_id.max(where=ranked.place == 0),
        first_seen_at=ranked.first_seen_at.min(),
        last_seen_at=ranked.last_seen_at.max(),
        sources=ranked.source_name.collect(distinct=True).sort(),
        source_count=ranked.count().cast("int64"),
        primary_source_asset_id=ranked.source_asset_id.max(where=ranked.place == 0),
    )
    assets = assets.mutate(attribute_origins=_origins(assets))
    for name in _ARRAYS:
        assets = _with_union(assets, records, name)
    return assets.select(*COLUMNS)


def _origins(assets: ir.Table) -> ir.ArrayValue:
    """`attribute=record` of every attribute that another record than the primary one gave."""
    told = [
        ibis.ifelse(
            assets[f"origin_of_{name}"] != assets.primary_source_asset_id,
            ibis.literal(f"{name}=") + assets[f"origin_of_{name}"],
            ibis.null("string"),
        )
        for name in sorted(SCALARS)
    ]
    found: ir.ArrayValue = ibis.array(told).filter(lambda text: text.notnull())
    return found


def ranking(records: ir.Table, order: tuple[str, ...]) -> list[ir.Value]:
    """What records of one asset are ordered by, the best first."""
    rank = (
        ibis.cases(
            *((records.connector_id == connector, place) for place, connector in enumerate(order)), else_=len(order)
        )
        if order
        else ibis.literal(0)
    )
    return [
        records.merged_into_external_id.nullif("").notnull().cast("int64").asc(),
        (records.health_status.fill_null("") == "Inactive").cast("int64").asc(),
        *([rank.cast("int64").asc()] if order else []),
        records.last_seen_at.desc(nulls_first=False),
        records.source_asset_id.asc(),
    ]


def _ranked(records: ir.Table, ranks: SourceRanks) -> tuple[ir.Table, dict[str, str]]:
    """Records with their places, and which column holds the place that counts for an attribute."""
    orders = {ranks.order: "place"}
    for name in SCALARS:
        orders.setdefault(ranks.of(name), f"place_{len(orders)}")
    ranked = records.mutate(
        **{
            column: ibis.row_number().over(group_by="asset_id", order_by=ranking(records, order))
            for order, column in orders.items()
        }
    )
    place_of = {name: orders[ranks.of(name)] for name in SCALARS}
    leads = {
        f"place_of_{lead}": ibis.ifelse(ranked[lead].notnull(), ranked[place_of[lead]], ibis.null("int64"))
        .min()
        .over(group_by="asset_id")
        for lead in dict.fromkeys(TOGETHER.values())
    }
    return ranked.mutate(**leads), place_of


def _is_stated(ranked: ir.Table, name: str, place_of: dict[str, str]) -> ir.BooleanValue:
    lead = TOGETHER.get(name)
    if lead is None:
        return ranked[name].notnull()
    place = ranked[f"place_of_{lead}"]
    return ranked[name].notnull() & (place.isnull() | (ranked[place_of[name]] == place))


def _with_union(assets: ir.Table, records: ir.Table, name: str) -> ir.Table:
    values = records.select(of="asset_id", value=records[name].unnest())
    values = values.filter(values.value.notnull())
    union = values.group_by("of").agg(union=values.value.collect(distinct=True).sort())
    rows = assets.left_join(union, [("asset_id", "of")])
    empty: Any = ibis.literal([], TEXTS)
    return rows.mutate(**{name: rows["union"].fill_null(empty)}).drop("of", "union")
