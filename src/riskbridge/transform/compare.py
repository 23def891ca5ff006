"""Two maps of one stream side by side on the same raw rows: what each makes of them, and where they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.model.schema import Table
from riskbridge.transform.compile import Judged, judge, source_values
from riskbridge.transform.rows import PROVENANCE, StreamMap

DRAFT, REJECT, PASSED = "draft", "reject", "passed"
_NO = ibis.literal(value=False)


@dataclass(frozen=True, slots=True)
class Compared:
    """Both maps' results of each raw row.

    Attributes:
        rows: `page`, `row`, `was_outcome`, `now_outcome` (draft, reject or passed), `was_reason`, `now_reason`, and
            `was_…`, `now_…` of every target column (null where the row is no draft); lazy.
        columns: The target columns.
    """

    rows: ir.Table
    columns: tuple[str, ...]

    def differs(self, rows: ir.Table, column: str) -> ir.BooleanValue:
        """Whether both make drafts whose values of that column differ; never null."""
        both = (rows.was_outcome == DRAFT) & (rows.now_outcome == DRAFT)
        return both & ~rows[f"was_{column}"].identical_to(rows[f"now_{column}"])


def preview_rows(stream: StreamMap, raw: ir.Table) -> ir.Table:
    """What a map makes of raw rows, field by field.

    Returns:
        `page`, `row`, `outcome`, `reason`, `detail`, `from_N` of each source field in the order of `source_values`, and
        `to_…` of each target column a row of the map feeds; lazy.
    """
    judged = judge(stream, raw)
    given = {f"from_{n}": value for n, value in enumerate(source_values(stream, raw).values())}
    made = {f"to_{row.column}": judged.columns[row.column] for row in stream.rows}
    return raw.select(
        page=raw.page,
        row=raw.row,
        outcome=_outcome(judged),
        reason=judged.reason,
        detail=judged.detail,
        **given,
        **made,
    )


def compare_maps(before: StreamMap, after: StreamMap, raw: ir.Table) -> Compared:
    """Lay two maps of one stream and target side by side.

    Args:
        before: One.
        after: The other.
        raw: Rows with the columns and types of their source model.
    """
    was, now = judge(before, raw), judge(after, raw)
    columns = tuple(n for n in before.target.names if n not in PROVENANCE)
    values: dict[str, Any] = {"page": raw.page, "row": raw.row}
    for prefix, judged in (("was", was), ("now", now)):
        outcome = _outcome(judged)
        values |= {f"{prefix}_outcome": outcome, f"{prefix}_reason": judged.reason}
        for name in columns:
            value = judged.columns[name]
            values[f"{prefix}_{name}"] = ibis.ifelse(
                outcome == DRAFT, value, ibis.null(before.target.column(name).type)
            )
    return Compared(raw.select(**values), columns)


def tally(compared: Compared, rows: ir.Table, keys: tuple[str, ...]) -> ir.Table:
    """One row of counts.

    Args:
        compared: What `compare_maps` gave.
        rows: Its rows, materialised.
        keys: The columns that tell one record from another.

    Returns:
        `rows`, outcomes (`was_draft` …), `newly_refused`, `newly_taken`, `keys`, and of each column `changed_…`,
        `emptied_…`, `filled_…`.
    """
    counts: dict[str, Any] = {"rows": rows.count()}
    for prefix in ("was", "now"):
        for outcome in (DRAFT, REJECT, PASSED):
            counts[f"{prefix}_{outcome}"] = _number(rows[f"{prefix}_outcome"] == outcome)
    counts["newly_refused"] = _number((rows.was_outcome == DRAFT) & (rows.now_outcome != DRAFT))
    counts["newly_taken"] = _number((rows.was_outcome != DRAFT) & (rows.now_outcome == DRAFT))
    counts["keys"] = _number(ibis.or_(*(compared.differs(rows, n) for n in keys)))
    for name in compared.columns:
        differs = compared.differs(rows, name)
        counts[f"changed_{name}"] = _number(differs)
        counts[f"emptied_{name}"] = _number(differs & rows[f"now_{name}"].isnull())
        counts[f"filled_{name}"] = _number(differs & rows[f"was_{name}"].isnull())
    return rows.aggregate(**counts)


def example_rows(compared: Compared, rows: ir.Table, column: str, limit: int) -> ir.Table:
    """Rows whose value of a column differs, each pair of values once: `page`, `row`, `before`, `after`, `times`."""
    changed = rows.filter(compared.differs(rows, column))
    pairs = changed.group_by(before=changed[f"was_{column}"], after=changed[f"now_{column}"]).agg(
        times=changed.count(), page=changed.page.min(), row=changed.row.min()
    )
    return pairs.order_by([pairs.times.desc(), pairs.page, pairs.row]).limit(limit)


def outcome_moves(rows: ir.Table) -> ir.Table:
    """How rows go from one outcome to another: `was_outcome`, `was_reason`, `now_outcome`, `now_reason`, `times`."""
    moved = rows.filter(
        (rows.was_outcome != rows.now_outcome) | ~rows.was_reason.identical_to(rows.now_reason).fill_null(_NO)
    )
    grouped = moved.group_by("was_outcome", "was_reason", "now_outcome", "now_reason").agg(times=moved.count())
    return grouped.order_by([grouped.times.desc(), "was_outcome", "was_reason", "now_outcome", "now_reason"]).limit(50)


def key_columns(target: Table) -> tuple[str, ...]:
    """The columns by which records of a target are told from one another."""
    detection = (
        "external_asset_id",
        "cve_id",
        "vendor_finding_id",
        "product_vendor",
        "product_name",
        "product_version",
    )
    software = ("external_asset_id", "product_vendor", "product_name", "product_version")
    return {"detection_draft": detection, "software_draft": software}.get(target.name, target.key)


def _outcome(judged: Judged) -> ir.StringValue:
    return ibis.cases((judged.is_passed_over, PASSED), (judged.reason.notnull(), REJECT), else_=DRAFT)


def _number(condition: ir.BooleanValue) -> Any:
    return condition.fill_null(_NO).sum().fill_null(0)
