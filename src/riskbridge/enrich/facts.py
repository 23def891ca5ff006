"""One row of facts for every CVE, with the source of each claim.

An id that no source knows stays in the result with an empty `sources`: it is *not enriched*, which says nothing about
its danger. Reading the feeds is the work of `source.feeds`; scoring that of `score`.
"""

from __future__ import annotations

from itertools import product

import ibis
import ibis.expr.types as ir

from riskbridge.model.target import CVE, CVE_DRAFT

DEFENDER = "defender"
FIRST = "first"
KEV = "cisa-kev"
_NO = ibis.literal(value=False)

_KEV_TYPES = {"cve_id": "string", "kev_added_on": "date", "kev_due_on": "date", "is_ransomware": "boolean"}
_EPSS_TYPES = {"cve_id": "string", "epss": "float64", "epss_percentile": "float64"}


def combine(defender: ir.Table, kev: ir.Table | None, epss: ir.Table | None, known: ir.Table) -> ir.Table:
    """Everything known of each CVE in Defender's catalogue or in `known`.

    FIRST's EPSS wins over Defender's copy of it, which lags; the CVSS is Defender's. Feeds add facts to those ids and
    no ids of their own.

    Args:
        defender: The columns of CVE_DRAFT; of several rows of one id the last updated counts.
        kev: `cve_id`, `kev_added_on`, `kev_due_on` (dates), `is_ransomware`; None when the feed was never read.
        epss: `cve_id`, `epss`, `epss_percentile` (0 to 1); None when the feed was never read.
        known: `cve_id` of findings, in any number and with nulls; so that ids no source knows are listed too.

    Returns:
        The columns of CVE, one row an id, lazy and in no order. `is_kev` and `is_ransomware` are false where no source
        says so.
    """
    told = _newest(defender)
    ids = known.select("cve_id").filter(known.cve_id.notnull()).union(told.select("cve_id"), distinct=True)
    rows = ids.left_join(told.mutate(in_defender=ibis.literal(value=True)), "cve_id").drop("cve_id_right")
    rows = _with_kev(rows, kev)
    rows = _with_epss(rows, epss)
    in_defender = rows.in_defender.fill_null(_NO)
    rows = rows.mutate(
        cvss_version=_cvss_version(rows.cvss_vector),
        cvss_source=_name_where(rows.cvss_score.notnull(), DEFENDER),
        sources=_sources({KEV: rows.is_kev, DEFENDER: in_defender, FIRST: rows.in_first}),
    )
    return rows.select(*CVE.names)


def _newest(defender: ir.Table) -> ir.Table:
    # The later columns only break ties, so that equal times give one answer whatever the order of rows.
    order = [
        defender.updated_at.desc(nulls_first=False),
        defender.cvss_score.desc(nulls_first=False),
        defender.epss.desc(nulls_first=False),
        defender.cvss_vector.asc(nulls_first=False),
        defender.description.asc(nulls_first=False),
    ]
    place = ibis.row_number().over(group_by="cve_id", order_by=order)
    rows = defender.mutate(place=place)
    return rows.filter(rows.place == 0).select(*CVE_DRAFT.names)


def _with_kev(rows: ir.Table, kev: ir.Table | None) -> ir.Table:
    if kev is None:
        return rows.mutate(
            is_kev=ibis.literal(value=False),
            is_ransomware=ibis.literal(value=False),
            **{name: ibis.null(_KEV_TYPES[name]) for name in ("kev_added_on", "kev_due_on")},
        )
    listed = kev.group_by(kev_id="cve_id").agg(
        kev_added_on=kev.kev_added_on.min(),
        kev_due_on=kev.kev_due_on.min(),
        ransomware_mentions=kev.is_ransomware.fill_null(_NO).cast("int64").max(),
    )
    rows = rows.left_join(listed, [("cve_id", "kev_id")])
    return rows.mutate(is_kev=rows.kev_id.notnull(), is_ransomware=(rows.ransomware_mentions == 1).fill_null(_NO))


def _with_epss(rows: ir.Table, epss: ir.Table | None) -> ir.Table:
    if epss is None:
        return rows.mutate(
            epss_source=_name_where(rows.epss.notnull(), DEFENDER),
            epss_percentile=ibis.null(_EPSS_TYPES["epss_percentile"]),
            in_first=ibis.literal(value=False),
        )
    scored = epss.filter(epss.epss.notnull())
    scored = scored.group_by(first_id="cve_id").agg(
        first_epss=scored.epss.max(), percentile=scored.epss_percentile.max()
    )
    rows = rows.left_join(scored, [("cve_id", "first_id")])
    in_first = rows.first_id.notnull()
    return rows.mutate(
        in_first=in_first,
        epss_source=ibis.cases((in_first, FIRST), (rows.epss.notnull(), DEFENDER), else_=ibis.null("string")),
        epss=rows.first_epss.coalesce(rows.epss),
        epss_percentile=rows.percentile,
    )


def _cvss_version(vector: ir.StringValue) -> ir.StringValue:
    """The version a vector states; vectors of version 2 have no prefix and begin with their access vector."""
    stated = vector.re_extract(r"^CVSS:([0-9]\.[0-9])/", 1)
    return ibis.cases(
        (vector.re_search(r"^CVSS:[0-9]\.[0-9]/"), stated),
        (vector.re_search(r"^\(?AV:"), "2.0"),
        else_=ibis.null("string"),
    )


def _name_where(is_told: ir.BooleanValue, name: str) -> ir.StringValue:
    return ibis.ifelse(is_told, name, ibis.null("string"))


def _sources(told_by: dict[str, ir.BooleanValue]) -> ir.ArrayValue:
    # Every combination as a literal: engines differ in how they drop nulls from an array.
    cases = []
    for flags in product((True, False), repeat=len(told_by)):
        condition = ibis.and_(*(is_told == flag for is_told, flag in zip(told_by.values(), flags, strict=True)))
        names = sorted(name for name, flag in zip(told_by, flags, strict=True) if flag)
        cases.append((condition, ibis.literal(names, "array<string>")))
    return ibis.cases(*cases, else_=ibis.literal([], "array<string>"))
