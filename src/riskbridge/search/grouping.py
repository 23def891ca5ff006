"""Findings of a query put together by what they have in common.

A million findings are of a few thousand kinds, so they are counted by kind first, which is a sum over whole numbers, and
the kinds are put together then. Different assets are counted for the groups that show alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir

from riskbridge.model.layout import KIND, LAYOUTS
from riskbridge.model.target import FINDING
from riskbridge.search.views import ASSET_VIEW

if TYPE_CHECKING:
    from riskbridge.search.listing import Asked

_SHARED = LAYOUTS[FINDING.name].shared
_NO = ibis.literal(value=False)


def group_found(asked: Asked, names: Sequence[str], limit: int) -> ir.Table:
    """The worst groups of the findings that a query describes.

    Args:
        asked: The query.
        names: Columns of the findings' view that a group agrees in; findings without the first are in none. One that is a
            list counts a finding for each of its values.
        limit: Groups.

    Returns:
        `names`, `findings`, `assets`, `cves` (different ones), `max_qds`, `kev` (findings of CVEs in CISA's catalogue);
        highest QDS first, then most findings, then by name.
    """
    if "asset_id" in names:
        return _by_asset(asked, names, limit)
    own = [n for n in names if n not in _SHARED]
    groups = _groups(asked, names, own)
    best = groups.order_by(_order(groups, names)).limit(limit)
    # A number stands for the names, which are texts, where rows are put together.
    best = best.mutate(place=ibis.row_number().over(order_by=_order(best, names)))
    if not own:
        counted = _assets_by_place(asked, names, best)
        both = best.left_join(counted, best.place == counted.of_place)
    else:
        of_assets = set(own) <= {*ASSET_VIEW}
        named = _assets_of_assets(asked, own) if of_assets else _assets_by_name(asked, own)
        both = best.left_join(named, [best[n].identical_to(named[f"of_{n}"]) for n in names])
    both = both.select(*names, "findings", "assets", "cves", "max_qds", "kev")
    return both.order_by(_order(both, names))


def _groups(asked: Asked, names: Sequence[str], own: Sequence[str]) -> ir.Table:
    """All groups but for the number of their assets; `own` are the names that not all rows of a kind agree in."""
    rows = _rows(asked, own, {"qds"})
    by_kind = rows.group_by([*own, KIND]).agg(number=rows.count(), most=rows.qds.max())
    texts = _kinds(asked, names, {"cve_id"})
    by_kind = by_kind.join(texts, by_kind[KIND] == texts.of_kind)
    facts = asked.tables.cve.select(known="cve_id", is_kev="is_kev")
    by_kind = by_kind.left_join(facts, by_kind.cve_id == facts.known)
    return by_kind.group_by(list(names)).agg(
        findings=by_kind.number.sum(),
        cves=by_kind.cve_id.nunique(),
        max_qds=by_kind.most.max(),
        kev=ibis.ifelse(by_kind.is_kev.fill_null(_NO), by_kind.number, 0).sum(),
    )


def _assets_by_place(asked: Asked, names: Sequence[str], best: ir.Table) -> ir.Table:
    """How many different assets the findings of the groups that show are on: `of_place` and `assets`."""
    kinds = _kinds(asked, names, set())
    shown = kinds.join(best, [kinds[n].identical_to(best[n]) for n in names]).select("of_kind", of_place="place")
    rows = asked.matching({KIND, "asset_id"}).select(KIND, "asset_id")
    found = rows.join(shown, rows[KIND] == shown.of_kind)
    return found.group_by("of_place").agg(assets=found.asset_id.nunique())


def _assets_by_name(asked: Asked, own: Sequence[str]) -> ir.Table:
    """The same of all groups, by their names: for few groups, of which most show."""
    rows = _rows(asked, own, {"asset_id"})
    counted = rows.group_by(list(own)).agg(assets=rows.asset_id.nunique())
    return counted.rename(**{f"of_{n}": n for n in own})


def _assets_of_assets(asked: Asked, own: Sequence[str]) -> ir.Table:
    """The same by what assets are called or have: there are fewer of them than findings."""
    there = asked.matching({"asset_id"}).select(there="asset_id").distinct()
    rows = asked.tables.asset_view({"asset_id", *own})
    rows = _told(rows.semi_join(there, rows.asset_id == there.there), own)
    counted = rows.group_by(list(own)).agg(assets=rows.count())
    return counted.rename(**{f"of_{n}": n for n in own})


def _kinds(asked: Asked, names: Sequence[str], besides: set[str]) -> ir.Table:
    """The kinds that are in a group: `of_kind` and those of the names that a kind's rows agree in."""
    kinds = asked.tables.kinds
    if kinds is None:
        raise RuntimeError("groups are made where kinds are at hand")
    if names[0] in _SHARED:
        kinds = kinds.filter(kinds[names[0]].notnull())
    return kinds.select(*sorted({*(n for n in names if n in _SHARED), *besides}), of_kind=KIND)


def _by_asset(asked: Asked, names: Sequence[str], limit: int) -> ir.Table:
    """Assets are nearly as many as findings: the worst are found by their findings alone, and then looked at."""
    others = [n for n in names if n != "asset_id"]
    few = asked.matching({"asset_id", "qds"})
    best = few.group_by("asset_id").agg(max_qds=few.qds.max(), findings=few.count())
    best = best.order_by(_order(best, ("asset_id",))).limit(limit)
    rows = asked.matching({*names, "cve_id", "qds", "is_kev"}).semi_join(best, "asset_id")
    counted = rows.group_by("asset_id").agg(
        **{n: rows[n].min() for n in others},
        findings=rows.count(),
        assets=rows.asset_id.nunique(),
        cves=rows.cve_id.nunique(),
        max_qds=rows.qds.max(),
        kev=rows.is_kev.fill_null(_NO).sum(),
    )
    return counted.order_by(_order(counted, ("asset_id",)))


def _rows(asked: Asked, own: Sequence[str], besides: set[str]) -> ir.Table:
    return _told(asked.matching({*own, *besides, KIND}), own)


def _told(rows: Any, own: Sequence[str]) -> ir.Table:
    """The rows that have the first of the names, once for each value where it is a list."""
    for name in own[:1]:
        if rows[name].type().is_array():
            rows = rows.mutate(**{name: rows[name].unnest()})
        rows = rows.filter(rows[name].notnull())
    found: ir.Table = rows
    return found


def _order(groups: ir.Table, names: Sequence[str]) -> list[Any]:
    return [groups.max_qds.desc(), groups.findings.desc(), *(groups[n].asc() for n in names)]
