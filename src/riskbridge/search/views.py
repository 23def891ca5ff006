"""What people look at: findings and assets as they stand, each row with all that a token or a list can ask of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.model.judgement import DECISION
from riskbridge.model.layout import KIND, LAYOUTS
from riskbridge.model.target import ASSET, FINDING
from riskbridge.search import derived
from riskbridge.search.clocks import Sla, clock, decision_facts

AT = "timestamp('UTC', 6)"

_NO = ibis.literal(value=False)
_VALIDITY = ("valid_from_run", "valid_to_run")
_FINDING_COLUMNS = tuple(n for n in FINDING.names if n not in (*_VALIDITY, "last_found_at"))
_ASSET_COLUMNS = tuple(n for n in ASSET.names if n not in _VALIDITY)
_DECISION_COLUMNS = ("verdict", "accepted_until", "owner", "due_on", "decision_tags", "note", "why", "decided_by")
_NO_DECISION = {n: ibis.null(DECISION.types.get(n, "string")) for n in _DECISION_COLUMNS}
_CLOCK_COLUMNS = ("due_at", "sla_state", "time_to_fix_days")
_VERDICTS = ("is_ignored", "is_mitigated")
_COMPUTED = ("qvss", "qds_band", "is_found", "vendor_name", "vendor_product_name")
_RUN_COLUMNS = ("status", "last_found_at", "connector_name")
_CVE_COLUMNS = (
    "description",
    "cvss_score",
    "cvss_vector",
    "cvss_version",
    "cvss_source",
    "is_cvss_disputed",
    "cvss2_score",
    "cvss3_score",
    "cvss4_score",
    "cvss2_rating",
    "cvss3_rating",
    "cvss4_rating",
    "access_vector",
    "required_privilege",
    "epss",
    "epss_percentile",
    "epss_rise",
    "is_kev",
    "kev_added_on",
    "kev_due_on",
    "is_ransomware",
    "public_exploit",
    "exploit_verified",
    "exploit_in_kit",
    "exploit_types",
    "exploit_modules",
    "has_exploit_module",
    "ssvc_exploitation",
    "ssvc_automatable",
    "ssvc_technical_impact",
    "is_exploit_available",
    "threat_indicators",
    "cve_published_at",
    "patch_first_available_at",
    "is_patch_available",
    "has_no_patch",
)
_SCORE_COLUMNS = ("qds_formula", "qds_basis", "exploit_maturity", "is_trending", "is_exploited", "is_enriched")

_OF_ASSET = ("operating_system", "operating_system_category", "trurisk_band", "source_vendors", "source_products")
ASSET_VIEW = (*_ASSET_COLUMNS, *_OF_ASSET)
"""Columns of `asset_view` without findings."""

FINDING_VIEW = (
    *_FINDING_COLUMNS,
    *_RUN_COLUMNS,
    *_COMPUTED,
    *_DECISION_COLUMNS,
    *_VERDICTS,
    *_CLOCK_COLUMNS,
    *(n for n in ASSET_VIEW if n != "asset_id"),
    "open_findings",
    *_CVE_COLUMNS,
    *_SCORE_COLUMNS,
)
"""Columns of `finding_view`, in order."""


OF_KIND = frozenset((*LAYOUTS[FINDING.name].shared, *_CVE_COLUMNS, *_SCORE_COLUMNS)) - {
    "is_patch_available",
    "has_no_patch",
}
"""Columns of `finding_view` in which all findings of a kind agree."""

OF_ROWS = frozenset(
    (*LAYOUTS[FINDING.name].rows.names, *_RUN_COLUMNS, *_COMPUTED, *ASSET_VIEW, "open_findings", KIND)
) - {*_VALIDITY}
"""Columns of `finding_view` that need nothing of a finding's kind."""


def finding_view(
    finding: ir.Table,
    asset: ir.Table,
    cve: ir.Table,
    cve_score: ir.Table,
    run: ir.Table,
    *,
    columns: Collection[str] | None = None,
    decision: ir.Table | None = None,
    now: datetime | ir.TimestampValue | None = None,
    sla: Sla | None = None,
    sources: Mapping[str, str] | None = None,
    counted: ir.Table | None = None,
) -> ir.Table:
    """Current findings with their status, their asset, what is known of their CVE, and their score.

    `status` is FIXED for a fixed finding, REOPENED or NEW when it returned or was first seen in the newest run of its
    connector, else ACTIVE. `last_found_at` is that run's time where no other is stored. Facts of a CVE are null where
    nobody told us of it: not enriched is not the same as not exploited.

    Args:
        finding: FINDING, all versions; or, where `OF_ROWS` holds all that is wanted, what is stored of each row.
        asset: ASSET, all versions.
        cve: CVE.
        cve_score: CVE_SCORE.
        run: RUN; a few rows a connector.
        columns: The columns wanted, of `FINDING_VIEW`, and `kind_id` where `finding` has it; None for all but that. Tables
            that none of them needs are not joined, which is what makes a count or the keys of a page cheap.
        decision: DECISION, current rows; None for none.
        now: The moment that acceptances and due dates are held against, UTC; None: the engine's clock.
        sla: Days by severity; None for the built-in ones.
        sources: Connector id to the name of its inventory source; None: all are Defender.
        counted: FINDING, all versions, where `finding` has only some of them; `open_findings` counts these.

    Returns:
        One row a finding, lazy, unordered: the columns of `FINDING_VIEW` that were wanted, in its order.
    """
    wanted = set(FINDING_VIEW if columns is None else columns)
    rows = finding.filter(finding.valid_to_run.isnull())
    view: Any = rows
    given: dict[str, Any] = {n: rows[n] for n in _FINDING_COLUMNS if n in rows.columns}
    if wanted & set(_RUN_COLUMNS):
        latest = _latest_runs(run)
        view = view.left_join(latest, rows.connector_id == latest.of_connector)
        given |= _run_facts(rows, latest)
    if wanted & {*ASSET_VIEW, "open_findings"} - {"asset_id"}:
        every = asset_view(asset, (finding if counted is None else counted) if "open_findings" in wanted else None)
        assets = _pick(every, wanted, key="asset_id")
        view = view.left_join(assets, rows.asset_id == assets.key)
        given |= _columns(assets)
    if wanted & set(_CVE_COLUMNS):
        facts = _pick(_cve_facts(cve), wanted | {"patch_first_available_at"}, key="cve_id")
        view = view.left_join(facts, rows.cve_id == facts.key)
        has_patch = _has_patch(rows, facts)
        given |= _columns(facts) | {"is_patch_available": has_patch, "has_no_patch": ~has_patch}
    if wanted & set(_SCORE_COLUMNS):
        factors = _pick(_score_factors(cve_score), wanted, key="score_key")
        view = view.left_join(factors, rows.score_key == factors.key)
        given |= _columns(factors)
    if wanted & {*_DECISION_COLUMNS, *_CLOCK_COLUMNS, *_VERDICTS}:
        at: Any = ibis.now() if now is None else ibis.literal(now, AT) if isinstance(now, datetime) else now
        decided = None if decision is None else decision_facts(decision, at)
        if decided is not None:
            view = view.left_join(decided, rows.finding_id == decided.key)
        given |= _NO_DECISION if decided is None else _columns(decided)
        given |= clock(rows, None if decided is None else decided.due_on, at, sla or Sla())
        given["is_ignored"] = given["verdict"].isin(["accepted", "false-positive"]).fill_null(_NO)
        given["is_mitigated"] = given["verdict"].isin(["mitigated"]).fill_null(_NO)
    given |= _computed(rows, sources)
    if KIND in wanted:
        given[KIND] = rows[KIND]
    return view.select(**{n: given[n] for n in (*FINDING_VIEW, KIND) if n in wanted})


def asset_view(asset: ir.Table, finding: ir.Table | None = None) -> ir.Table:
    """Current assets, with `operating_system` (name and release as one text).

    Args:
        asset: ASSET, all versions.
        finding: FINDING, all versions; adds `open_findings`, 0 for none.

    Returns:
        One row an asset, lazy, unordered: `ASSET_VIEW`.
    """
    assets = with_operating_system(asset.filter(asset.valid_to_run.isnull()))
    view = assets.select(
        *(n for n in ASSET_VIEW if n in assets.columns),
        trurisk_band=derived.trurisk_band(assets.trurisk),
        source_vendors=derived.source_vendors(assets.sources),
        source_products=derived.source_products(assets.sources),
    )
    if finding is None:
        return view
    is_open = finding.valid_to_run.isnull() & (finding.state == "open")
    counts = finding.filter(is_open).group_by(of_asset="asset_id").agg(open_findings=ibis._.count())
    joined = view.left_join(counts, view.asset_id == counts.of_asset).drop("of_asset")
    return joined.mutate(open_findings=joined.open_findings.fill_null(0))


def with_operating_system(assets: ir.Table) -> ir.Table:
    """Assets with `operating_system` (name and release as one text) and `operating_system_category` (its family)."""
    version = assets.operating_system_version
    release = ibis.ifelse(version.isnull(), "", ibis.literal(" ") + version)
    name = assets.operating_system_name
    return assets.mutate(operating_system=name + release, operating_system_category=derived.system_category(name))


def default_order(view: ir.Table) -> list[Any]:
    """The order of a list nobody sorted: worst first, then by id, so that pages do not overlap.

    Args:
        view: A view with `qds` and `finding_id`, or with `trurisk` and `asset_id`.
    """
    if "finding_id" in view.columns:
        return [view.qds.desc(), view.finding_id.asc()]
    return [view.trurisk.desc(), view.asset_id.asc()]


def _computed(rows: ir.Table, sources: Mapping[str, str] | None) -> dict[str, Any]:
    return {
        "qvss": rows.qds / 10,
        "qds_band": derived.qds_band(rows.qds),
        "is_found": rows.state == "open",
        "vendor_name": derived.of_connector(rows.connector_id, sources, 0),
        "vendor_product_name": derived.of_connector(rows.connector_id, sources, 1),
    }


def _pick(table: ir.Table, wanted: Collection[str], *, key: str) -> ir.Table:
    """The wanted columns of a table to join, and its key as `key`."""
    return table.select(*(n for n in table.columns if n in wanted and n != key), key=table[key])


def _columns(picked: ir.Table) -> dict[str, Any]:
    return {n: picked[n] for n in picked.columns if n != "key"}


def _latest_runs(run: ir.Table) -> ir.Table:
    return run.group_by(of_connector="connector_id").agg(
        latest_run=run.run.max(),
        latest_at=run.observed_at.argmax(run.run),
        connector_name=run.connector_name.argmax(run.run),
    )


def _run_facts(rows: ir.Table, latest: ir.Table) -> dict[str, Any]:
    status = ibis.cases(
        (rows.state == "fixed", "FIXED"),
        (rows.reopened_run == latest.latest_run, "REOPENED"),
        (rows.first_run == latest.latest_run, "NEW"),
        else_="ACTIVE",
    )
    return {
        "status": status,
        "last_found_at": rows.last_found_at.coalesce(latest.latest_at),
        "connector_name": latest.connector_name,
    }


def _cve_facts(cve: ir.Table) -> ir.Table:
    version = cve.cvss_version.fill_null("3")
    scores = {f"cvss{n}_score": ibis.ifelse(version.startswith(n), cve.cvss_score, ibis.null("float64")) for n in "234"}
    flags = {
        "Cisa_Known_Exploited_Vulns": cve.is_kev,
        "Ransomware": cve.is_ransomware,
        "Exploit_Kit": cve.exploit_in_kit,
        "Public_Exploit": cve.public_exploit,
    }
    indicators: Any = ibis.array([ibis.ifelse(flag, name, ibis.null("string")) for name, flag in flags.items()])
    ratings = {f"cvss{n}_rating": derived.cvss_rating(scores[f"cvss{n}_score"], n) for n in "234"}
    return cve.select(
        *(n for n in _CVE_COLUMNS if n in cve.columns),
        **scores,
        **ratings,
        access_vector=derived.access_vector(cve.cvss_vector),
        required_privilege=derived.required_privilege(cve.cvss_vector),
        cve_id="cve_id",
        cve_published_at=cve.published_at,
        is_exploit_available=cve.public_exploit | cve.exploit_verified | cve.exploit_in_kit,
        threat_indicators=indicators.filter(lambda name: name.notnull()),
    )


def _has_patch(rows: ir.Table, facts: ir.Table) -> ir.BooleanValue:
    return ibis.cases(
        (rows.fixing_kb.notnull(), True),
        (facts.key.notnull(), facts.patch_first_available_at.notnull()),
        else_=ibis.null("boolean"),
    )


def _score_factors(cve_score: ir.Table) -> ir.Table:
    maturity = ibis.cases(
        (cve_score.maturity >= 1, "Functional"),
        (cve_score.maturity > 0, "Proof-of-concept"),
        else_="Unproven",
    )
    is_unknown = ~cve_score.is_enriched
    return cve_score.select(
        score_key="score_key",
        qds_formula="formula",
        qds_basis="basis",
        exploit_maturity=ibis.ifelse(is_unknown, ibis.null("string"), maturity),
        is_trending=ibis.ifelse(is_unknown, ibis.null("boolean"), cve_score.trending > 0),
        is_exploited=ibis.ifelse(is_unknown, ibis.null("boolean"), cve_score.evidence.notnull()),
        is_enriched="is_enriched",
    )
