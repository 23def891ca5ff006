"""QDS 1 to 100 for every CVE and severity word that findings carry, with every factor of the formula beside it.

A finding's score depends on its CVE and on its severity word alone, so scores are computed once for each such pair
(a `score_key`) and looked up by findings; re-scoring millions of findings is one join.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import ibis
import ibis.expr.types as ir

from riskbridge.forms import lower, round_half_up
from riskbridge.score.numbers import double
from riskbridge.score.settings import (
    CVSS_MIDPOINTS,
    QDS_FORMULA,
    SCORE_MAP_FORMULA,
    QdsWeights,
    ScoreMap,
    ScoreSettings,
)

_NO = ibis.literal(value=False)
_DEFAULT_MAP = ScoreMap()
MATURITY_WORKING = 1.0
MATURITY_PUBLIC = 0.5

_COLUMNS = (
    "score_key",
    "cve_id",
    "source_severity",
    "formula",
    "qds",
    "basis",
    "cvss",
    "cvss_source",
    "maturity",
    "epss",
    "trending",
    "evidence",
    "is_enriched",
)


def score_key(
    cve_id: ir.StringValue,
    source_severity: ir.StringValue,
    connector_id: ir.StringValue | None = None,
    mapped: Collection[str] = (),
) -> ir.StringValue:
    """The key of a score: the CVE id, a bar and the severity word in lower case; what is null counts as empty.

    A bar and the connector id follow where there is no CVE and the connector is one of `mapped`: those with a score map
    of their own.
    """
    key = cve_id.fill_null("") + "|" + lower(source_severity.fill_null(""))
    if connector_id is None or not mapped:
        return key
    is_mapped = cve_id.isnull() & connector_id.isin(sorted(mapped))
    return key + ibis.ifelse(is_mapped, ibis.literal("|") + connector_id, "")


def assign_score_keys(findings: ir.Table) -> ir.Table:
    """Findings with `score_key` added; needs `cve_id` and `source_severity`. No join, so millions of rows are cheap."""
    return findings.mutate(score_key=score_key(findings.cve_id, findings.source_severity))


def severity_number(word: ir.StringValue, score_map: ScoreMap = _DEFAULT_MAP) -> ir.IntegerValue:
    """Severity 1 (lowest) to 5 of a source's word by the score map; the default severity for null and unknown words."""
    tidy = lower(word.strip())
    rows = [(row.severity, [v.strip().lower() for v in row.source_values]) for row in score_map.rows]
    default = ibis.literal(score_map.default_severity, "int64")
    found = [(tidy.isin(words), ibis.literal(severity, "int64")) for severity, words in rows if words]
    return ibis.cases(*found, else_=default) if found else default


def finding_severity(
    word: ir.StringValue, cve_id: ir.StringValue, connector_id: ir.StringValue, settings: ScoreSettings
) -> ir.IntegerValue:
    """Severity 1 to 5 of a finding: by its connector's own score map where it has no CVE, else by the general one."""
    general = severity_number(word, settings.score_map)
    own = [
        (cve_id.isnull() & (connector_id == connector), severity_number(word, score_map))
        for connector, score_map in settings.own_score_maps.items()
    ]
    return ibis.cases(*own, else_=general) if own else general


def mapped_anew(findings: ir.Table, settings: ScoreSettings) -> ir.Table:
    """Stored findings with the severity and the score key that score maps give them today.

    Args:
        findings: Current rows of FINDING.
        settings: With the maps.

    Returns:
        The same rows and columns, and `is_mapped_anew`: a map made one of both another.
    """
    is_open = findings.cve_id.isnull()
    key = score_key(findings.cve_id, findings.source_severity, findings.connector_id, settings.own_score_maps)
    severity = finding_severity(findings.source_severity, findings.cve_id, findings.connector_id, settings)
    rows = findings.mutate(
        now_key=ibis.ifelse(is_open, key, findings.score_key),
        now_severity=ibis.ifelse(is_open, severity, findings.severity),
    )
    has_changed = (rows.now_key != rows.score_key) | (rows.now_severity != rows.severity)
    return rows.mutate(is_mapped_anew=has_changed, score_key=rows.now_key, severity=rows.now_severity).drop(
        "now_key", "now_severity"
    )


def moved_scores(findings: ir.Table, scores: ir.Table) -> ir.Table:
    """Stored findings whose score or severity is another now, with the new ones.

    Args:
        findings: As `mapped_anew` gives them.
        scores: The columns of CVE_SCORE, as computed now.
    """
    rows = findings.join(scores.select("score_key", now_qds="qds"), "score_key")
    return rows.filter((rows.qds != rows.now_qds) | rows.is_mapped_anew).mutate(qds=lambda t: t.now_qds)


def score_cves(keys: ir.Table, cve: ir.Table, settings: ScoreSettings, observed_on: date) -> ir.Table:
    """One row of CVE_SCORE for each score key.

    A CVE with evidence of exploitation scores 90 and more; one without scores at most 89 from CVSS and threat. Without
    any CVSS the midpoint of the severity word's CVSS band stands in (`basis` is `severity`). Without a CVE the score
    map decides (`score-map`). What nobody told us counts as 0 in the formula and is marked `is_enriched` false.

    Args:
        keys: `score_key`, `cve_id` (null for findings without), `source_severity` (null when not stated) and, where
            connectors have score maps of their own, `connector_id`. Rows that differ in the word's letter case alone give
            one score.
        cve: The columns of CVE, one row a CVE.
        settings: Weights and score map.
        observed_on: The day, UTC, against which *trending* is reckoned.

    Returns:
        The columns of CVE_SCORE, one row a distinct `score_key`, lazy and in no order.
    """
    connector = keys.connector_id.min() if "connector_id" in keys.columns else ibis.null("string")
    distinct = keys.group_by("score_key").agg(
        cve_id=keys.cve_id.min(), source_severity=keys.source_severity.min(), connector_id=connector
    )
    facts = cve.select(
        fact_id="cve_id",
        fact_severity="source_severity",
        cvss_known="cvss_score",
        cvss_told_by="cvss_source",
        epss_known="epss",
        is_kev="is_kev",
        is_ransomware="is_ransomware",
        kev_added_on="kev_added_on",
        public_exploit="public_exploit",
        exploit_verified="exploit_verified",
        exploit_in_kit="exploit_in_kit",
        exploit_modules="exploit_modules",
        has_exploit_module="has_exploit_module",
        epss_rise="epss_rise",
        is_told=cve.sources.length() > 0,
    )
    rows = _with_factors(distinct.left_join(facts, [("cve_id", "fact_id")]), settings, observed_on)
    return _with_score(rows, settings).select(*_COLUMNS)


def _with_factors(rows: ir.Table, settings: ScoreSettings, observed_on: date) -> ir.Table:
    in_kit = rows.exploit_in_kit.fill_null(_NO)
    is_working = in_kit | rows.exploit_verified.fill_null(_NO) | rows.has_exploit_module.fill_null(_NO)
    is_public = rows.public_exploit.fill_null(_NO) | rows.exploit_modules.notnull()
    maturity = ibis.cases(
        (is_working, double(MATURITY_WORKING)),
        (is_public, double(MATURITY_PUBLIC)),
        else_=double(0),
    )
    age_days = ibis.literal(observed_on, "date").delta(rows.kev_added_on, unit="day")
    is_new_in_kev = rows.is_kev & (age_days >= 0) & (age_days <= settings.qds.trending_days)
    has_risen = rows.epss_rise >= double(settings.qds.trending_rise)
    is_trending = is_new_in_kev.fill_null(_NO) | has_risen.fill_null(_NO)
    evidence = (
        ibis.ifelse(rows.is_kev.fill_null(_NO), ",kev", "")
        + ibis.ifelse(rows.is_ransomware.fill_null(_NO), ",ransomware", "")
        + ibis.ifelse(in_kit, ",exploit-kit", "")
    )
    rows = rows.mutate(
        maturity=maturity,
        epss=rows.epss_known.fill_null(double(0)),
        trending=ibis.ifelse(is_trending, double(1), double(0)),
        evidence=evidence.substr(1).nullif(""),
        is_enriched=rows.is_told.fill_null(_NO),
    )
    basis = ibis.cases(
        (rows.cve_id.isnull(), "score-map"),
        (rows.evidence.notnull(), "evidence"),
        (rows.cvss_known.notnull(), "cvss"),
        else_="severity",
    )
    return rows.mutate(basis=basis)


def _with_score(rows: ir.Table, settings: ScoreSettings) -> ir.Table:
    word = rows.source_severity.coalesce(rows.fact_severity)
    severity = finding_severity(word, rows.cve_id, rows.connector_id, settings)
    midpoint = ibis.cases(
        *((severity == number, double(cvss)) for number, cvss in CVSS_MIDPOINTS.items()), else_=double(0)
    )
    mapped = _mapped(severity, settings.score_map)
    for connector, score_map in settings.own_score_maps.items():
        mapped = ibis.ifelse(rows.connector_id == connector, _mapped(severity, score_map), mapped)
    is_stand_in = rows.basis == "severity"
    rows = rows.mutate(
        cvss=ibis.ifelse(is_stand_in, midpoint, rows.cvss_known),
        cvss_source=ibis.ifelse(is_stand_in, "severity", rows.cvss_told_by),
        source_severity=ibis.ifelse(
            rows.cvss_known.isnull(), rows.source_severity.coalesce(rows.fact_severity), ibis.null("string")
        ),
        mapped=mapped.cast("int64"),
    )
    computed = round_half_up(_formula(rows, settings.qds))
    bounded = ibis.cases((computed < 1, 1), (computed > 100, 100), else_=computed).cast("int64")
    is_mapped = rows.basis == "score-map"
    return rows.mutate(
        qds=ibis.ifelse(is_mapped, rows.mapped, bounded),
        formula=ibis.ifelse(is_mapped, SCORE_MAP_FORMULA, QDS_FORMULA),
    )


def _mapped(severity: ir.IntegerValue, score_map: ScoreMap) -> ir.IntegerValue:
    return ibis.cases(*((severity == number, score_map.qds(number)) for number in range(1, 6)), else_=1)


def _formula(rows: ir.Table, w: QdsWeights) -> ir.FloatingValue:
    factors = (rows.maturity, rows.epss, rows.trending)
    proven = _weighted(factors, (w.evidence_maturity, w.evidence_epss, w.evidence_trending))
    threat = _weighted(factors, (w.threat_maturity, w.threat_epss, w.threat_trending))
    evident = proven * double(w.evidence_span) + double(w.evidence_floor)
    base = double(w.cvss) * rows.cvss.fill_null(double(0)) / double(10)
    estimated = (base + double(w.threat) * threat) * double(100)
    ceiling = double(w.no_evidence_ceiling)
    return ibis.ifelse(rows.basis == "evidence", evident, ibis.ifelse(estimated > ceiling, ceiling, estimated))


def _weighted(factors: tuple[ir.FloatingValue, ...], weights: tuple[float, ...]) -> ir.FloatingValue:
    first, *others = (double(weight) * factor for weight, factor in zip(weights, factors, strict=True))
    total = first
    for term in others:
        total = total + term
    return total
