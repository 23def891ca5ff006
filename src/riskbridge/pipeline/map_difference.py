"""What another map would do to findings: which go, come, split and join. Devices count by the source's own id."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from riskbridge.lifecycle.keys import finding_id
from riskbridge.score.qds import severity_number
from riskbridge.transform.compare import DRAFT

_OF_FINDING = ("external_asset_id", "category", "cve_id", "vendor_finding_id", "finding_name")


@dataclass(frozen=True, slots=True)
class FindingMoves:
    """Findings before and after, materialised by whoever asks.

    Attributes:
        counts: `name` (before, after, gone, new, split, joined) and `number`.
        examples: `kind` (split, joined, gone, new), `before`, `after` (lists of what findings are of, as text), `rows`.
    """

    counts: ir.Table
    examples: ir.Table


def find_moves(rows: ir.Table, *, limit: int) -> FindingMoves:
    """Compare findings.

    Args:
        rows: `Compared.rows` of a detection target, materialised.
        limit: Examples of each kind.
    """
    pairs = _pairs(rows)
    known = pairs.filter(pairs.was.notnull() & pairs.now.notnull())
    by_was = known.group_by("was").agg(others=known.now.nunique())
    by_now = known.group_by("now").agg(others=known.was.nunique())
    before = pairs.filter(pairs.was.notnull()).select(key="was").distinct()
    after = pairs.filter(pairs.now.notnull()).select(key="now").distinct()
    gone, new = before.anti_join(after, "key"), after.anti_join(before, "key")
    split, joined = by_was.filter(by_was.others > 1), by_now.filter(by_now.others > 1)
    counted = {"before": before, "after": after, "gone": gone, "new": new, "split": split, "joined": joined}
    counts = ibis.union(
        *(table.aggregate(number=table.count()).mutate(name=ibis.literal(name)) for name, table in counted.items())
    )
    examples = ibis.union(
        _examples("split", pairs.semi_join(split, "was"), "was", limit),
        _examples("joined", pairs.semi_join(joined, "now"), "now", limit),
        _examples("gone", pairs.join(gone, pairs.was == gone.key).drop("key"), "was", limit),
        _examples("new", pairs.join(new, pairs.now == new.key).drop("key"), "now", limit),
    )
    return FindingMoves(counts, examples)


def severity_moves(rows: ir.Table) -> ir.Table:
    """How severities go: `before`, `after` (the source's words), `before_number`, `after_number` (1 to 5), `rows`."""
    both = rows.filter((rows.was_outcome == DRAFT) & (rows.now_outcome == DRAFT))
    differs = ~both.was_finding_severity.identical_to(both.now_finding_severity)
    moved = both.filter(differs).group_by(before=both.was_finding_severity, after=both.now_finding_severity)
    grouped = moved.agg(rows=ibis._.count())
    grouped = grouped.mutate(before_number=severity_number(grouped.before), after_number=severity_number(grouped.after))
    return grouped.order_by([grouped.rows.desc(), "before", "after"]).limit(50)


def _pairs(rows: ir.Table) -> ir.Table:
    """Each pair of findings that a raw row makes, once: `was`, `now`, `was_text`, `now_text`, `rows`."""
    keyed = rows
    for prefix in ("was", "now"):
        keyed = keyed.mutate(
            asset_id=keyed[f"{prefix}_external_asset_id"], **{n: keyed[f"{prefix}_{n}"] for n in _OF_FINDING}
        )
        is_draft = keyed[f"{prefix}_outcome"] == DRAFT
        none = ibis.null("string")
        subject = keyed.cve_id.coalesce(keyed.vendor_finding_id, keyed.finding_name)
        text = keyed.external_asset_id + ibis.literal(": ") + subject.fill_null("")
        keyed = keyed.mutate(
            **{
                prefix: ibis.ifelse(is_draft, finding_id(keyed), none),
                f"{prefix}_text": ibis.ifelse(is_draft, text, none),
            }
        )
    grouped = keyed.group_by("was", "now")
    return grouped.agg(was_text=ibis._.was_text.min(), now_text=ibis._.now_text.min(), rows=ibis._.count())


def _examples(kind: str, pairs: ir.Table, key: str, limit: int) -> ir.Table:
    grouped = pairs.group_by(key).agg(
        before=pairs.was_text.collect(distinct=True).sort(),
        after=pairs.now_text.collect(distinct=True).sort(),
        rows=pairs.rows.sum().cast("int64"),
    )
    first = grouped.order_by([grouped.rows.desc(), key]).limit(limit)
    return first.select("before", "after", "rows", kind=ibis.literal(kind))
