"""Why scores moved: the factors that differ between two scores of one key, in one word each and in a sentence."""

from __future__ import annotations

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir

from riskbridge.score.settings import BAND_NAMES, SCORE_MAP_FORMULA

DEFENDER = "Defender"


def score_causes(before: ir.Table, after: ir.Table, cve: ir.Table, labels: Mapping[str, str]) -> ir.Table:
    """What differs between stored and new scores.

    Args:
        before: The columns of CVE_SCORE, as stored.
        after: The same, as computed now.
        cve: The columns of CVE that the new scores were made of; says which source each factor came from.
        labels: Feed (`kev`, `epss`, `exploits`, `cvss`) to its name and day in words.

    Returns:
        `score_key`, `cause` (`epss`, `kev`, `exploits`, `cvss`, `trending`, `formula` or `score-map`, the first that differs) and
        `cause_text` (each of them with the old and the new value and the feed that says so), one row a score that moved.
    """
    was = before.rename({f"was_{n}": n for n in before.columns})
    both = after.join(was, [("score_key", "was_score_key")])
    both = both.filter(both.qds != both.was_qds)
    facts = cve.select(
        fact_id="cve_id",
        epss_source="epss_source",
        winner="cvss_source",
        is_armed=cve.exploit_modules.notnull(),
        epss_rise="epss_rise",
    )
    rows = both.left_join(facts, [("cve_id", "fact_id")])

    def name(feed: str) -> ir.Value:
        return ibis.literal(labels.get(feed, feed))

    none = "none"
    epss_by = ibis.ifelse((rows.epss_source == "first").fill_null(ibis.literal(value=False)), name("epss"), DEFENDER)
    armed_by = ibis.ifelse(rows.is_armed.fill_null(ibis.literal(value=False)), name("exploits"), DEFENDER)
    cvss_by = ibis.cases(
        (rows.winner.isin(["cna", "cisa-adp"]), name("cvss")), (rows.winner == "defender", DEFENDER), else_="severity"
    )
    trend_by = ibis.ifelse(rows.epss_rise.notnull(), name("epss"), name("kev"))
    parts = (
        ("kev", "evidence", rows.was_evidence.fill_null(none), rows.evidence.fill_null(none), name("kev")),
        ("epss", "EPSS", rows.was_epss, rows.epss, epss_by),
        ("exploits", "exploit maturity", rows.was_maturity, rows.maturity, armed_by),
        ("cvss", "CVSS", rows.was_cvss, rows.cvss, cvss_by),
        ("trending", "trending", rows.was_trending, rows.trending, trend_by),
        ("formula", "formula", rows.was_formula, rows.formula, ibis.literal("settings")),
    )
    text = ibis.literal("")
    moved = []
    for cause, noun, old, new, told_by in parts:
        differs = ~old.identical_to(new)
        moved.append((differs, cause))
        values = old.cast("string").fill_null(none) + " to " + new.cast("string").fill_null(none)
        text = text + ibis.ifelse(differs, ibis.literal(f", {noun} ") + values + " (" + told_by + ")", "")
    # Where no factor differs the weights do, or the score map.
    is_mapped = rows.formula == SCORE_MAP_FORMULA
    cause = ibis.cases(*moved, (is_mapped, "score-map"), else_="formula")
    changed = ibis.ifelse(is_mapped, "the score map changed", "weights changed")
    told = text.substr(2).nullif("").coalesce(changed)
    return rows.select(score_key="score_key", cause=cause, cause_text=told)


def asset_causes(fresh: ir.Table, stored: ir.Table) -> ir.Table:
    """Why the TruRisk of assets moved.

    Args:
        fresh: New versions of assets, with the columns of ASSET_SCORE.
        stored: The current ones.

    Returns:
        `asset_id`, `cause` (`acs`, `exposure`, `rules`, `formula`, `findings` or `scores`, the first that differs) and
        `detail` (both scores, and each factor that differs with its old and new value), one row an asset that moved.
    """
    was = stored.select(was_id="asset_id", **{f"was_{n}": stored[n] for n in _ASSET_FACTORS})
    rows = fresh.join(was, [("asset_id", "was_id")])
    rows = rows.filter(rows.trurisk != rows.was_trurisk)
    text = ibis.literal("TruRisk ") + rows.was_trurisk.cast("string") + " to " + rows.trurisk.cast("string")
    moved = []
    for column, (cause, noun) in _ASSET_FACTORS.items():
        if cause:
            old, new = rows[f"was_{column}"], rows[column]
            differs = ~old.identical_to(new)
            moved.append((differs, cause))
            values = old.cast("string").fill_null("none") + " to " + new.cast("string").fill_null("none")
            text = text + ibis.ifelse(differs, ibis.literal(f", {noun} ") + values, "")
    return rows.select("asset_id", cause=ibis.cases(*moved, else_="formula"), detail=text)


_ASSET_FACTORS = {
    "trurisk": ("", ""),
    "acs": ("acs", "criticality"),
    "exposure": ("exposure", "exposure"),
    "multiplier": ("rules", "factor of rules"),
    "trurisk_formula": ("formula", "formula"),
    **{f"{band}_count": ("findings", f"{band} findings") for band in BAND_NAMES},
    **{f"{band}_mean": ("scores", f"mean of {band}") for band in BAND_NAMES},
    "max_qds": ("scores", "highest QDS"),
}
"""Column to the cause it stands for and its name in words."""
