"""Scores above the asset: the estate's, how scores lie in bands, and what an asset would score without a product."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from riskbridge.score.bands import Band
from riskbridge.score.settings import BAND_NAMES, ScoreSettings, TruRiskSettings
from riskbridge.score.trurisk import band_sums, score_sums


def estate_score(trurisk: ir.IntegerValue, acs: ir.IntegerValue, settings: TruRiskSettings) -> ir.FloatingScalar:
    """TruRisk of many assets, 0 to 1000: their mean by `trurisk-1`, weighted by criticality by `trurisk-2`."""
    if settings.formula == "trurisk-1":
        return trurisk.mean()
    return (trurisk * acs).sum() / acs.sum()


def band_counts(rows: ir.Table, before: str, after: str, bands: tuple[Band, ...]) -> ir.Table:
    """`band`, `before`, `after`: how many rows each band holds by one score and by another, worst band first."""

    def counted(column: str, band: Band) -> ir.IntegerScalar:
        return ((rows[column] >= band.lowest) & (rows[column] <= band.highest)).sum().fill_null(0)

    parts = [
        rows.aggregate(
            place=ibis.literal(place),
            band=ibis.literal(band.name),
            before=counted(before, band),
            after=counted(after, band),
        )
        for place, band in enumerate(bands)
    ]
    together = ibis.union(*parts)
    return together.order_by("place").drop("place")


def without_each(findings: ir.Table, named: ir.Table, assets: ir.Table, settings: ScoreSettings) -> ir.Table:
    """What each asset would score without each of its products, one product at a time.

    Args:
        findings: `asset_id`, `qds` of all findings that count.
        named: `asset_id`, `product`, `qds` of those that name a product.
        assets: `asset_id`, `acs`, `is_internet_facing`, `multiplier`, `trurisk` (as stored), one row each.
        settings: Formula and weights.

    Returns:
        `asset_id`, `product`, `number` of its findings there, `acs`, `trurisk`, `trurisk_without`.
    """
    whole = band_sums(findings, "asset_id")
    part = band_sums(named, "asset_id", "product")
    # The highest without a product is the highest of the other groups; those without a name are a group, too.
    unnamed = findings.group_by("asset_id").agg(all_count=findings.count(), all_max=findings.qds.max())
    ranked = part.mutate(place=ibis.row_number().over(group_by="asset_id", order_by=[ibis.desc("max_qds"), "product"]))
    second = ranked.filter(ranked.place == 1).select(second_id="asset_id", second_max="max_qds")
    rows = ranked.rename({f"own_{n}": n for n in part.columns if n not in ("asset_id", "product")})
    rows = rows.left_join(second, [("asset_id", "second_id")]).join(whole, "asset_id")
    rows = rows.join(unnamed.drop("all_count"), "asset_id").join(assets, "asset_id")
    highest = ibis.cases(
        (rows.own_max_qds < rows.all_max, rows.all_max),
        (rows.place == 0, rows.second_max),
        else_=rows.all_max,
    )
    number = rows.own_critical_count
    for band in BAND_NAMES[1:]:
        number = number + rows[f"own_{band}_count"]
    sums = [f"{band}_{part}" for band in BAND_NAMES for part in ("count", "sum")]
    left = {name: rows[name].fill_null(0) - rows[f"own_{name}"].fill_null(0) for name in sums}
    rows = rows.mutate(was=rows.trurisk, number=number, max_qds=highest.cast("int64"), **left)
    scored = score_sums(rows.drop("trurisk"), settings.trurisk)
    return scored.select("asset_id", "product", "number", "acs", trurisk="was", trurisk_without="trurisk")
