"""TruRisk 0 to 1000 for every asset, with every factor of its formula beside it."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from riskbridge.forms import round_half_up
from riskbridge.model.target import ASSET_SCORE
from riskbridge.score.bands import QDS_BANDS
from riskbridge.score.numbers import double
from riskbridge.score.settings import BAND_NAMES, ScoreSettings, TruRiskSettings

MAXIMUM = 1000
_NO = ibis.literal(value=False)


def score_assets(findings: ir.Table, assets: ir.Table, settings: ScoreSettings) -> ir.Table:
    """One row of ASSET_SCORE for every asset; an asset without findings scores 0.

    Args:
        findings: `asset_id`, `qds` of the findings that count: open, not accepted. A QDS below 1 counts for nothing.
        assets: `asset_id`, `acs` (1 to 5; null takes the default), `is_internet_facing` (null is no), `multiplier` and
            `score_rules` (as `apply_rules` gives them), one row each.
        settings: Their `trurisk` names formula and weights.

    Returns:
        The columns of ASSET_SCORE, lazy and in no order. Means are null where a band has no finding.
    """
    chosen = settings.trurisk
    rows = assets.select("asset_id", "acs", "is_internet_facing", "multiplier", "score_rules")
    rows = rows.left_join(band_sums(findings, "asset_id"), "asset_id")
    return score_sums(rows, chosen).select(*ASSET_SCORE.names)


def score_sums(rows: ir.Table, chosen: TruRiskSettings) -> ir.Table:
    """Rows with their TruRisk and its factors added.

    Args:
        rows: `acs`, `is_internet_facing`, `multiplier`, and what `band_sums` gives, null where there is no finding.
        chosen: Formula and weights.
    """
    counts = {f"{b}_count": rows[f"{b}_count"].fill_null(0).cast("int64") for b in BAND_NAMES}
    rows = rows.mutate(
        acs=rows.acs.fill_null(chosen.default_acs).cast("int64"),
        exposure=ibis.ifelse(rows.is_internet_facing.fill_null(_NO), double(chosen.exposure), double(1)),
        trurisk_formula=ibis.literal(chosen.formula),
        **counts,
    )
    # Both sums and counts are integers, so the quotient is the same double on every engine.
    rows = rows.mutate(**{f"{b}_mean": rows[f"{b}_sum"] / rows[f"{b}_count"].nullif(0) for b in BAND_NAMES})
    inner = _means(rows, chosen) if chosen.formula == "trurisk-1" else _peak(rows, chosen)
    risk = rows.acs * rows.exposure * rows.multiplier * inner
    capped = ibis.ifelse(risk > MAXIMUM, double(MAXIMUM), risk)
    return rows.mutate(trurisk=round_half_up(capped))


def band_sums(findings: ir.Table, *keys: str) -> ir.Table:
    """Count and sum of the QDS by band, and the highest, for each group of findings; a QDS below 1 counts for nothing."""
    findings = findings.filter(findings.qds > 0)
    sums = {}
    for name, band in zip(BAND_NAMES, QDS_BANDS, strict=True):
        is_in = (findings.qds >= band.lowest) & (findings.qds <= band.highest)
        sums[f"{name}_count"] = is_in.sum()
        sums[f"{name}_sum"] = findings.qds.sum(where=is_in).cast("int64")
    return findings.group_by(keys).agg(max_qds=findings.qds.max().cast("int64"), **sums)


def _means(rows: ir.Table, settings: TruRiskSettings) -> ir.FloatingValue:
    inner = double(0)
    for band in BAND_NAMES:
        count = rows[f"{band}_count"]
        mean = rows[f"{band}_mean"].fill_null(double(0))
        term = double(getattr(settings.weights, band)) * mean * count.cast("float64").pow(double(settings.exponent))
        inner = inner + ibis.ifelse(count > 0, term, double(0))
    return inner


def _peak(rows: ir.Table, settings: TruRiskSettings) -> ir.FloatingValue:
    highest = rows.max_qds.fill_null(0)
    steps = ((highest >= floor, double(factor)) for floor, factor in settings.steps)
    inner = highest * ibis.cases(*steps, else_=double(1)) if settings.steps else highest * double(1)
    for band in BAND_NAMES:
        inner = inner + rows[f"{band}_count"] * double(getattr(settings.per_count, band))
    return inner
