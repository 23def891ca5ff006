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
    rows = _rows(asked, names, {"asset_id", "cve_id", "qds"})
    own = [n for n in names if n not in _SHARED]
    shared = [n for n in names if n in _SHARED]
    taken = {n: rows[n].min() for n in dict.fromkeys((*shared, "cve_id"))}
    by_kind = rows.group_by([*own, KIND]).agg(number=rows.count(), most=rows.qds.max(), **taken)
    cve = asked.tables.cve
    facts = cve.select(known="cve_id", is_kev="is_kev")
    by_kind = by_kind.left_join(facts, by_kind.cve_id == facts.known)
    groups = by_kind.group_by(list(names)).agg(
        findings=by_kind.number.sum(),
        cves=by_kind.cve_id.nunique(),
        max_qds=by_kind.most.max(),
        kev=ibis.ifelse(by_kind.is_kev.fill_null(_NO), by_kind.number, 0).sum(),
    )
    best = groups.order_by(_order(groups, names)).limit(limit)
    assets = _assets(rows, by_kind, best, names) if not own else _assets_by_name(rows, names)
    named = assets.rename(**{f"of_{n}": n for n in names})
    both = best.left_join(named, [best[n].identical_to(named[f"of_{n}"]) for n in names])
    both = both.select(*names, "findings", "assets", "cves", "max_qds", "kev")
    return both.order_by(_order(both, names))


def _assets_by_name(rows: ir.Table, names: Sequence[str]) -> ir.Table:
    """How many different assets the findings of all groups are on: for few groups, of which most show."""
    return rows.group_by(list(names)).agg(assets=rows.asset_id.nunique())


def _assets(rows: ir.Table, by_kind: ir.Table, best: ir.Table, names: Sequence[str]) -> ir.Table:
    """How many different assets the findings of the groups that show are on."""
    kinds = by_kind.select(KIND, *names)
    shown = kinds.semi_join(best, [kinds[n].identical_to(best[n]) for n in names])
    shown = shown.select(shown_kind=KIND, **{f"shown_{n}": shown[n] for n in names})
    found = rows.select(KIND, "asset_id").join(shown, [(KIND, "shown_kind")])
    counted = found.group_by([f"shown_{n}" for n in names]).agg(assets=found.asset_id.nunique())
    return counted.rename(**{n: f"shown_{n}" for n in names})


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


def _rows(asked: Asked, names: Sequence[str], besides: set[str]) -> ir.Table:
    rows: Any = asked.matching({*names, *besides, KIND})
    first = names[0]
    if rows[first].type().is_array():
        rows = rows.mutate(**{first: rows[first].unnest()})
    found: ir.Table = rows.filter(rows[first].notnull())
    return found


def _order(groups: ir.Table, names: Sequence[str]) -> list[Any]:
    return [groups.max_qds.desc(), groups.findings.desc(), *(groups[n].asc() for n in names)]
