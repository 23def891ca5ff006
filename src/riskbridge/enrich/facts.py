"""One row of facts for every CVE, with the source that won, and every source's claim beside it.

An id that no source knows stays in the result with an empty `sources`: it is *not enriched*, which says nothing about
its danger. Reading the feeds is the work of `source.feeds`; scoring that of `score`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.model.target import CVE, CVE_CLAIM, CVE_DRAFT

DEFENDER = "defender"
FIRST = "first"
KEV = "cisa-kev"
METASPLOIT = "metasploit"
VULNRICHMENT = "vulnrichment"
CVSS_SOURCES = (DEFENDER, "cna", "cisa-adp")
"""Who states a CVSS; of equal versions the first of these wins."""
DISPUTED_BY = 0.05
_NO = ibis.literal(value=False)
_SSVC = ("ssvc_exploitation", "ssvc_automatable", "ssvc_technical_impact")


@dataclass(frozen=True, slots=True)
class Feeds:
    """Facts of CVEs from outside Defender; None where a feed was never read. Ids are in upper case.

    Attributes:
        kev: `cve_id`, `kev_added_on`, `kev_due_on` (dates), `is_ransomware`.
        epss: `cve_id`, `epss`, `epss_percentile` (0 to 1).
        exploits: `cve_id`, `exploit_modules`, `has_exploit_module`.
        cvss: `cve_id`, `source`, `cvss_version`, `cvss_score`, `cvss_vector`, SSVC; a row a CVE, source and version.
        epss_before: `cve_id`, `epss` of the oldest reading of the last 30 days but the newest; None without one.
        labels: Feed to its name and day, for events.
    """

    kev: ir.Table | None = None
    epss: ir.Table | None = None
    exploits: ir.Table | None = None
    cvss: ir.Table | None = None
    epss_before: ir.Table | None = None
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of CVEs: `cve`, the columns of CVE; `claims`, the columns of CVE_CLAIM. Lazy and in no order."""

    cve: ir.Table
    claims: ir.Table


def stated_vectors(defender: ir.Table, feeds: Feeds) -> ir.Table:
    """The distinct vectors that sources state, as `vector`, to be scored by `enrich.vectors`."""
    stated = defender.select(vector="cvss_vector")
    if feeds.cvss is not None:
        stated = stated.union(feeds.cvss.select(vector="cvss_vector"))
    return stated.filter(stated.vector.notnull()).distinct()


def combine(
    defender: ir.Table,
    feeds: Feeds,
    known: ir.Table,
    vectors: ir.Table | None = None,
    materialise: Callable[[ir.Table], ir.Table] = lambda rows: rows,
) -> Facts:
    """Everything known of each CVE in Defender's catalogue or in `known`.

    FIRST's EPSS wins over Defender's copy of it, which lags. Of CVSS the newest version wins, and of equal versions the
    first of `CVSS_SOURCES`. Feeds add facts to those ids and no ids of their own.

    Args:
        defender: The columns of CVE_DRAFT; of several rows of one id the last updated counts.
        feeds: Facts from elsewhere.
        known: `cve_id` of findings, in any number and with nulls; so that ids no source knows are listed too.
        vectors: `vector`, `vector_score`: what vectors give; None leaves that unsaid.
        materialise: Computes once what facts and claims are both made of.

    Returns:
        One row an id; `is_kev` and `is_ransomware` are false where no source says so.
    """
    told = _newest(defender)
    ids = known.select("cve_id").filter(known.cve_id.notnull()).union(told.select("cve_id"), distinct=True)
    claims = _cvss_claims(told, feeds, vectors)
    rows = ids.left_join(told.mutate(in_defender=ibis.literal(value=True)), "cve_id").drop("cve_id_right")
    rows = _with_kev(rows, feeds.kev)
    rows = _with_epss(rows, feeds.epss, feeds.epss_before)
    rows = _with_exploits(rows, feeds.exploits)
    rows = _with_cvss(rows, claims, feeds.cvss)
    in_defender = rows.in_defender.fill_null(_NO)
    told_by = {KEV: rows.is_kev, DEFENDER: in_defender, FIRST: rows.in_first}
    told_by |= {METASPLOIT: rows.in_exploits, VULNRICHMENT: rows.in_cvss}
    rows = materialise(rows.mutate(sources=_sources(told_by)))
    return Facts(rows.select(*CVE.names), _claims(rows, claims))


def stored_drafts(cve: ir.Table, claims: ir.Table) -> ir.Table:
    """What Defender's catalogue said when it was last read, out of the stored CVE and CVE_CLAIM, as CVE_DRAFT rows."""
    said = claims.filter(claims.source == DEFENDER)
    said = said.group_by(said_id="cve_id").agg(
        said_score=said.cvss_score.max(), said_vector=said.cvss_vector.max(), said_epss=said.epss.max()
    )
    rows = cve.filter(cve.sources.contains(DEFENDER)).left_join(said, [("cve_id", "said_id")])
    is_own = rows.cvss_source.fill_null(DEFENDER) == DEFENDER
    return rows.mutate(
        cvss_score=ibis.ifelse(is_own, rows.cvss_score, rows.said_score),
        cvss_vector=ibis.ifelse(is_own, rows.cvss_vector, rows.said_vector),
        epss=ibis.ifelse((rows.epss_source == DEFENDER).fill_null(_NO), rows.epss, rows.said_epss),
    ).select(*CVE_DRAFT.names)


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
        return rows.mutate(is_kev=_NO, is_ransomware=_NO, kev_added_on=ibis.null("date"), kev_due_on=ibis.null("date"))
    listed = kev.group_by(kev_id="cve_id").agg(
        kev_added_on=kev.kev_added_on.min(),
        kev_due_on=kev.kev_due_on.min(),
        ransomware_mentions=kev.is_ransomware.fill_null(_NO).cast("int64").max(),
    )
    rows = rows.left_join(listed, [("cve_id", "kev_id")])
    return rows.mutate(is_kev=rows.kev_id.notnull(), is_ransomware=(rows.ransomware_mentions == 1).fill_null(_NO))


def _with_epss(rows: ir.Table, epss: ir.Table | None, before: ir.Table | None) -> ir.Table:
    rows = rows.mutate(own_epss=rows.epss)
    if epss is None:
        return rows.mutate(
            epss_source=_name_where(rows.epss.notnull(), DEFENDER),
            epss_percentile=ibis.null("float64"),
            epss_rise=ibis.null("float64"),
            first_epss=ibis.null("float64"),
            in_first=_NO,
        )
    scored = epss.filter(epss.epss.notnull())
    scored = scored.group_by(first_id="cve_id").agg(
        first_epss=scored.epss.max(), percentile=scored.epss_percentile.max()
    )
    rows = rows.left_join(scored, [("cve_id", "first_id")])
    in_first = rows.first_id.notnull()
    rows = rows.mutate(
        in_first=in_first,
        epss_source=ibis.cases((in_first, FIRST), (rows.epss.notnull(), DEFENDER), else_=ibis.null("string")),
        epss=rows.first_epss.coalesce(rows.epss),
        epss_percentile=rows.percentile,
    )
    if before is None:
        return rows.mutate(epss_rise=ibis.null("float64"))
    was = before.group_by(was_id="cve_id").agg(was_epss=before.epss.max())
    rows = rows.left_join(was, [("cve_id", "was_id")])
    # Scores have five decimals; the difference of two doubles has more, and a rise of 0.1 must be one.
    return rows.mutate(epss_rise=(rows.first_epss - rows.was_epss).round(6))


def _with_exploits(rows: ir.Table, exploits: ir.Table | None) -> ir.Table:
    if exploits is None:
        return rows.mutate(
            exploit_modules=ibis.null("array<string>"), has_exploit_module=ibis.null("boolean"), in_exploits=_NO
        )
    rows = rows.left_join(exploits.rename(module_id="cve_id"), [("cve_id", "module_id")])
    return rows.mutate(in_exploits=rows.module_id.notnull())


def _cvss_claims(told: ir.Table, feeds: Feeds, vectors: ir.Table | None) -> ir.Table:
    """Every stated CVSS with `place`, 0 for the one that wins."""
    columns = ("cve_id", "source", "cvss_version", "cvss_score", "cvss_vector")
    own = told.mutate(source=ibis.literal(DEFENDER), cvss_version=_cvss_version(told.cvss_vector)).select(*columns)
    stated = own if feeds.cvss is None else own.union(feeds.cvss.select(*columns))
    stated = stated.filter(stated.cvss_score.notnull())
    if vectors is None:
        stated = stated.mutate(cvss_from_vector=ibis.null("float64"))
    else:
        stated = stated.left_join(vectors, [("cvss_vector", "vector")]).select(
            *columns, cvss_from_vector="vector_score"
        )
    gap = (stated.cvss_score - stated.cvss_from_vector).abs()
    rank = ibis.cases(*((stated.source == name, n) for n, name in enumerate(CVSS_SOURCES)), else_=len(CVSS_SOURCES))
    order = [stated.cvss_version.desc(nulls_first=False), rank.asc(), stated.cvss_score.desc(), stated.source.asc()]
    return stated.mutate(
        is_cvss_disputed=gap > DISPUTED_BY, place=ibis.row_number().over(group_by="cve_id", order_by=order)
    )


def _with_cvss(rows: ir.Table, claims: ir.Table, cvss: ir.Table | None) -> ir.Table:
    won = claims.filter(claims.place == 0).select(
        cvss_id="cve_id",
        cvss_source="source",
        cvss_version="cvss_version",
        won_score="cvss_score",
        won_vector="cvss_vector",
        cvss_from_vector="cvss_from_vector",
        is_cvss_disputed="is_cvss_disputed",
    )
    rows = rows.mutate(own_version=_cvss_version(rows.cvss_vector)).left_join(won, [("cve_id", "cvss_id")])
    rows = rows.mutate(
        cvss_score=rows.won_score,
        cvss_vector=ibis.ifelse(rows.cvss_id.isnull(), rows.cvss_vector, rows.won_vector),
        cvss_version=rows.cvss_version.coalesce(rows.own_version),
    )
    if cvss is None:
        return rows.mutate(in_cvss=_NO, **{name: ibis.null("string") for name in _SSVC})
    said = cvss.group_by(said_id="cve_id").agg(**{name: cvss[name].max() for name in _SSVC})
    rows = rows.left_join(said, [("cve_id", "said_id")])
    return rows.mutate(in_cvss=rows.said_id.notnull())


def _claims(rows: ir.Table, cvss: ir.Table) -> ir.Table:
    """Rows of CVE_CLAIM for the ids of `rows`."""
    blank: dict[str, Any] = {c.name: ibis.null(c.type) for c in CVE_CLAIM.columns}
    nobody = blank | {"is_cvss_winner": _NO, "is_epss_winner": _NO}

    def claim(told: ir.Table, source: str, **said: Any) -> ir.Table:
        return told.select(**nobody | {"cve_id": told.cve_id, "source": ibis.literal(source)} | said)

    scored = cvss.semi_join(rows, "cve_id")
    parts = [
        scored.select(
            **nobody
            | {
                n: scored[n]
                for n in ("cve_id", "source", "cvss_version", "cvss_score", "cvss_vector", "cvss_from_vector")
            }
            | {"is_cvss_disputed": scored.is_cvss_disputed, "is_cvss_winner": scored.place == 0}
        )
    ]
    own = rows.filter(rows.own_epss.notnull())
    parts.append(claim(own, DEFENDER, epss=own.own_epss, is_epss_winner=own.epss_source == DEFENDER))
    first = rows.filter(rows.in_first)
    parts.append(claim(first, FIRST, epss=first.first_epss, is_epss_winner=ibis.literal(value=True)))
    listed = rows.filter(rows.is_kev)
    parts.append(claim(listed, KEV, is_kev=listed.is_kev))
    armed = rows.filter(rows.in_exploits)
    parts.append(claim(armed, METASPLOIT, exploit_modules=armed.exploit_modules))
    judged = rows.filter(rows.ssvc_exploitation.notnull())
    parts.append(claim(judged, VULNRICHMENT, ssvc_exploitation=judged.ssvc_exploitation))
    return ibis.union(*(part.select(*CVE_CLAIM.names) for part in parts))


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
