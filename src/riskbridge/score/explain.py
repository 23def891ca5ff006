"""Taking a stored score apart: the factors, their weights and what each one adds. Plain Python, one row at a time.

An explanation recomputes its score from the stored factors, by the same arithmetic in the same order, so that what a
person reads is how the number came about and no story told afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any

from riskbridge.errors import InputError
from riskbridge.score.settings import (
    BAND_NAMES,
    QDS_FORMULA,
    SCORE_MAP_FORMULA,
    QdsWeights,
    ScoreSettings,
    TruRiskSettings,
)

_EVIDENCE = {"kev": "in CISA KEV", "ransomware": "used by ransomware", "exploit-kit": "in an exploit kit"}
_TRENDING = "EPSS rose or entered CISA KEV in 30 days"
_MATURITY = {0.0: "no exploit known", 0.5: "exploit public", 1.0: "working exploit"}


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor of a formula.

    Attributes:
        name: Stable name, such as `epss`.
        value: The factor itself, in its own unit.
        weight: What one unit of it is worth in points, before any factor that multiplies the whole.
        contribution: Points it adds; for a factor that multiplies, the factor.
        text: The factor in words.
        count: Findings of a band; None for what is no band.
        mean: Their mean QDS; None without any.
    """

    name: str
    value: float
    weight: float
    contribution: float
    text: str
    count: int | None = None
    mean: float | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A score and how it came about.

    Attributes:
        formula: Name and version of the formula.
        factors: In the order in which the formula takes them.
        total: The result before bounds and rounding.
        score: The stored score.
        why: One line for a list.
    """

    formula: str
    factors: tuple[Factor, ...]
    total: float
    score: int
    why: str


def explain_qds(row: Mapping[str, Any], settings: ScoreSettings, connector_id: str | None = None) -> Explanation:
    """How a row of CVE_SCORE came to its QDS.

    Args:
        row: The columns of CVE_SCORE.
        settings: Those the score was made with; other weights explain another score.
        connector_id: The finding's connector, whose score map may be its own.

    Raises:
        InputError: `score.unknown-formula`: the row was made by a formula that this release does not know.
    """
    if row["formula"] == SCORE_MAP_FORMULA:
        return _explain_mapped(row, settings, connector_id)
    if row["formula"] != QDS_FORMULA:
        raise _unknown_formula(row["formula"])
    factors, total, ceiling = (
        _evidence_factors(row, settings.qds) if row["basis"] == "evidence" else _cvss_factors(row, settings.qds)
    )
    score = min(100, max(1, _round_half_up(min(total, ceiling))))
    return Explanation(row["formula"], factors, total, score, _why(row))


def explain_trurisk(row: Mapping[str, Any], settings: ScoreSettings) -> Explanation:
    """How a row of ASSET_SCORE (or of ASSET, which has its columns) came to its TruRisk.

    The formula is the row's own, whichever the settings choose today; weights are those of the settings.

    Raises:
        InputError: `score.unknown-formula`: the row was made by a formula that this release does not know.
    """
    if row["trurisk_formula"] == "trurisk-1":
        factors = _mean_factors(row, settings.trurisk)
    elif row["trurisk_formula"] == "trurisk-2":
        factors = _peak_factors(row, settings.trurisk)
    else:
        raise _unknown_formula(row["trurisk_formula"])
    inner = 0.0
    for factor in factors:
        inner = inner + factor.contribution
    acs, exposure = int(row["acs"]), float(row["exposure"])
    multiplier, names = float(row.get("multiplier") or 1.0), ", ".join(row.get("score_rules") or ())
    total = acs * exposure * multiplier * inner
    facing = "internet-facing" if exposure > 1 else "not internet-facing"
    multipliers = (
        Factor("acs", acs, 1.0, float(acs), f"asset criticality {acs} of 5"),
        Factor("exposure", exposure, 1.0, exposure, facing),
        Factor("multiplier", multiplier, 1.0, multiplier, f"rules that hold: {names}" if names else "no rule holds"),
    )
    counted = [f"{row[f'{band}_count']} {band}" for band in BAND_NAMES if row[f"{band}_count"]]
    why = f"criticality {acs}, {facing}: {', '.join(counted) or 'no findings'}"
    score = _round_half_up(min(total, 1000.0))
    return Explanation(row["trurisk_formula"], (*multipliers, *factors), total, score, why)


def _explain_mapped(row: Mapping[str, Any], settings: ScoreSettings, connector_id: str | None) -> Explanation:
    word = row["source_severity"]
    said = f"the source's word is {word}" if word else "the source states no severity"
    qds, score_map = int(row["qds"]), settings.score_map_of(connector_id)
    severity = score_map.severity_of(word)
    is_known = any((word or "").strip().casefold() in map(str.casefold, r.source_values) for r in score_map.rows)
    by = "which is" if is_known else "which no row has, so the default,"
    whose = "the connector's own score map" if connector_id in settings.own_score_maps else "the score map"
    text = f"{said}, {by} severity {severity}; {whose} gives {qds}"
    factor = Factor("severity", float(qds), 1.0, float(qds), text)
    return Explanation(row["formula"], (factor,), float(qds), qds, f"no CVE; {said}")


def _evidence_factors(row: Mapping[str, Any], w: QdsWeights) -> tuple[tuple[Factor, ...], float, float]:
    floor = Factor("evidence", 1.0, w.evidence_floor, w.evidence_floor, _evidence_text(row))
    weights = (w.evidence_maturity, w.evidence_epss, w.evidence_trending)
    maturity, epss, trending = row["maturity"], row["epss"], row["trending"]
    inner = weights[0] * maturity + weights[1] * epss + weights[2] * trending
    total = inner * w.evidence_span + w.evidence_floor
    return (floor, *_threat_factors(row, weights, w.evidence_span)), total, 100.0


def _cvss_factors(row: Mapping[str, Any], w: QdsWeights) -> tuple[tuple[Factor, ...], float, float]:
    cvss = float(row["cvss"] or 0.0)
    base = w.cvss * cvss / 10
    weights = (w.threat_maturity, w.threat_epss, w.threat_trending)
    threat = weights[0] * row["maturity"] + weights[1] * row["epss"] + weights[2] * row["trending"]
    total = (base + w.threat * threat) * 100
    factor = Factor("cvss", cvss, w.cvss * 10, base * 100, _cvss_text(row))
    return (factor, *_threat_factors(row, weights, w.threat * 100)), total, w.no_evidence_ceiling


def _threat_factors(row: Mapping[str, Any], weights: tuple[float, float, float], span: float) -> tuple[Factor, ...]:
    known = "" if row["is_enriched"] else " (nobody told us of this CVE)"
    trend = _TRENDING if row["trending"] else "not trending"
    texts = (
        _MATURITY.get(row["maturity"], "exploit maturity") + known,
        f"EPSS {row['epss']:.4f}" + known,
        trend + known,
    )
    values = (float(row["maturity"]), float(row["epss"]), float(row["trending"]))
    return tuple(
        Factor(name, value, weight * span, value * weight * span, text)
        for name, value, weight, text in zip(("maturity", "epss", "trending"), values, weights, texts, strict=True)
    )


def _mean_factors(row: Mapping[str, Any], settings: TruRiskSettings) -> tuple[Factor, ...]:
    factors = []
    for band in BAND_NAMES:
        count, weight = int(row[f"{band}_count"]), float(getattr(settings.weights, band))
        mean = float(row[f"{band}_mean"] or 0.0)
        share = weight * mean * float(count) ** settings.exponent if count else 0.0
        text = f"{count} {band}, mean QDS {mean:.1f}" if count else f"no {band} findings"
        factors.append(Factor(band, mean, weight, share, text, count, row[f"{band}_mean"]))
    return tuple(factors)


def _peak_factors(row: Mapping[str, Any], settings: TruRiskSettings) -> tuple[Factor, ...]:
    highest = int(row["max_qds"] or 0)
    step = next((factor for floor, factor in settings.steps if highest >= floor), 1.0)
    factors = [Factor("max_qds", float(highest), step, highest * step, f"highest QDS {highest}, times {step}")]
    for band in BAND_NAMES:
        count, weight = int(row[f"{band}_count"]), float(getattr(settings.per_count, band))
        factors.append(
            Factor(band, float(count), weight, count * weight, f"{count} {band}", count, row[f"{band}_mean"])
        )
    return tuple(factors)


def _why(row: Mapping[str, Any]) -> str:
    parts = [_evidence_text(row)] if row["evidence"] else []
    if row["cvss"] is not None:
        parts.append(_cvss_text(row))
    if row["epss"]:
        parts.append(f"EPSS {row['epss']:.2f}")
    if row["maturity"]:
        parts.append(_MATURITY.get(row["maturity"], "exploit known"))
    if row["trending"]:
        parts.append(_TRENDING)
    if not row["is_enriched"]:
        parts.append("not enriched")
    return ", ".join(parts)


def _evidence_text(row: Mapping[str, Any]) -> str:
    return ", ".join(_EVIDENCE.get(name, name) for name in str(row["evidence"]).split(","))


def _cvss_text(row: Mapping[str, Any]) -> str:
    if row["basis"] == "severity":
        word = f"for {row['source_severity']}" if row["source_severity"] else "for want of any severity"
        return f"no CVSS, {row['cvss']:g} {word}"
    return f"CVSS {row['cvss']:g}"


def _round_half_up(number: float) -> int:
    # As `forms.round_half_up`: nine decimal places first, then halves up.
    exact = Decimal(number).quantize(Decimal("1e-9"), ROUND_HALF_UP)
    return int((exact + Decimal("0.5")).to_integral_value(ROUND_FLOOR))


def _unknown_formula(formula: object) -> InputError:
    return InputError(
        f"This release does not know the formula {formula!r}.",
        code="score.unknown-formula",
        remedy="Score again with this release, or read the score with the release that made it.",
    )


def factors_as_dict(explanation: Explanation) -> dict[str, Any]:
    """Factors as plain data by name; what does not apply to one is left out."""
    return {f.name: {k: v for k, v in asdict(f).items() if k != "name" and v is not None} for f in explanation.factors}
