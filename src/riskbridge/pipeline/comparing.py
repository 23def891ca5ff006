"""Two identifications of the same records side by side: what merges, what splits, and by which evidence."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.store.engine import DuckDBEngine

MOST_NAMES = 10
"""Records that a sample names."""


def compare_identity(
    engine: DuckDBEngine, before: ir.Table, after: ir.Table, records: ir.Table, *, samples: int
) -> dict[str, Any]:
    """What changes from one identification to another.

    Args:
        engine: Executes.
        before: Current rows of ASSET_LINK.
        after: The same columns, of the other identification.
        records: Rows of SOURCE_ASSET, for names.
        samples: Merges and splits to show.

    Returns:
        `records`, `records_moved`, `assets` (`before`, `after`), `merges` and `splits` (`count` and `rows`), `joined_by`
        (rule to records `before` and `after`), `records_ambiguous` (`before`, `after`).
    """
    was = before.select("source_asset_id", was_asset_id="asset_id", was_rule="rule", was_matched_on="matched_on")
    both = engine.materialise(after.join(was, "source_asset_id"), "compared")
    return {
        "records": int(engine.scalar(after.count())),
        "records_moved": int(engine.scalar(both.filter(both.asset_id != both.was_asset_id).count())),
        "assets": {"before": _distinct(engine, before.asset_id), "after": _distinct(engine, after.asset_id)},
        "merges": _regrouped(engine, both, records, whole="asset_id", part="was_asset_id", samples=samples),
        "splits": _regrouped(engine, both, records, whole="was_asset_id", part="asset_id", samples=samples),
        "joined_by": _by_rule(engine, before, after),
        "records_ambiguous": {
            "before": int(engine.scalar(before.filter(before.rejected.length() > 0).count())),
            "after": int(engine.scalar(after.filter(after.rejected.length() > 0).count())),
        },
    }


def _distinct(engine: DuckDBEngine, column: ir.StringColumn) -> int:
    return int(engine.scalar(column.nunique()))


def _regrouped(
    engine: DuckDBEngine, both: ir.Table, records: ir.Table, *, whole: str, part: str, samples: int
) -> dict[str, Any]:
    """Assets of one side that are several on the other: how many, and the records of some of them."""
    groups = both.group_by(whole).agg(parts=both[part].nunique(), records=both.count())
    groups = engine.materialise(groups.filter(groups["parts"] > 1).rename(group_id=whole), "regrouped")
    some = groups.order_by([groups.records.desc(), groups.group_id]).limit(samples)
    names = records.select("source_asset_id", "connector_id", "external_asset_id", "asset_name")
    rows = both.join(some, [(whole, "group_id")]).join(names, "source_asset_id")
    place = ibis.row_number().over(group_by=whole, order_by="source_asset_id")
    rows = rows.mutate(place=place).filter(ibis._.place < MOST_NAMES)
    shown: dict[str, dict[str, Any]] = {}
    for row in engine.records(rows.order_by([rows.records.desc(), whole, "source_asset_id"])):
        group = shown.setdefault(
            row[whole], {"asset_name": row["asset_name"], "parts": row["parts"], "records": row["records"], "rows": []}
        )
        kept = ("source_asset_id", "connector_id", "external_asset_id", "asset_name", "was_asset_id", "asset_id")
        told = ("rule", "matched_on", "was_rule", "was_matched_on", "rejected")
        group["rows"].append({n: row[n] for n in (*kept, *told)})
    return {"count": int(engine.scalar(groups.count())), "rows": list(shown.values())}


def _by_rule(engine: DuckDBEngine, before: ir.Table, after: ir.Table) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for side, links in (("before", before), ("after", after)):
        for row in engine.records(links.group_by("rule").agg(records=links.count())):
            found.setdefault(str(row["rule"]), {"before": 0, "after": 0})[side] = int(row["records"])
    return dict(sorted(found.items()))
