"""Findings as the sum of their detections, and the events that tell their history."""

from __future__ import annotations

from datetime import datetime

import ibis
import ibis.expr.types as ir

from riskbridge.model.layout import IS_FOUND, KIND
from riskbridge.model.reasons import REMEDIATED
from riskbridge.model.target import EVENT_COLUMNS, FINDING

_AT = "timestamp('UTC', 6)"
_VERDICT_AT = 13
_NO = ibis.literal(value=False)
ROLLED_UP = tuple(
    n
    for n in FINDING.names
    if n
    not in (
        "last_fixed_at",
        "reopened_at",
        "reopened_run",
        "reopened_count",
        "qds",
        "score_key",
        "valid_from_run",
        "valid_to_run",
    )
)
COLUMNS = tuple(n for n in FINDING.names if n not in ("valid_from_run", "valid_to_run"))
_WAS = ("was_qds", "was_severity", "was_asset_id")
VISIBLE = ("severity", "source_severity", "product_vendor", "product_name", "product_version", "fixing_kb", "title")
"""Columns whose change is told as a `changed` event."""


def roll_up(detections: ir.Table) -> ir.Table:
    """One row a finding from the current detections behind it.

    The open detection with the smallest id, else the closed one with the smallest id, speaks for title, product and KB. A
    finding is open while any detection is; what closed last says why it is fixed, and of several at one time one that is
    no repair.

    Args:
        detections: Current rows of DETECTION, all those of the findings concerned, with `severity` (1 to 5) added.

    Returns:
        The columns `ROLLED_UP` of FINDING.
    """
    is_open = detections.state == "open"
    sums = detections.group_by("finding_id").agg(
        speaker_open=detections.detection_id.min(where=is_open),
        speaker_any=detections.detection_id.min(),
        open_detections=is_open.sum(),
        first_found=detections.first_found_at.min(),
        first=detections.first_run.min(),
        confirmed=(is_open & detections.last_found_at.isnull()).sum(),
        last_found=detections.last_found_at.max(),
        closed=detections.closed_at.max(),
        verdict=_verdict(detections).max(),
        worst_open=detections.severity.max(where=is_open),
        worst_any=detections.severity.max(),
        worst_word_open=detections.finding_severity.argmax(detections.severity, where=is_open),
        worst_word_any=detections.finding_severity.argmax(detections.severity),
    )
    sums = sums.mutate(speaker=sums.speaker_open.coalesce(sums.speaker_any)).rename(of="finding_id")
    rows = detections.join(sums, [("detection_id", "speaker")])
    is_fixed = rows.open_detections == 0
    return rows.select(
        finding_id=rows.finding_id,
        asset_id=rows.asset_id,
        connector_id=rows.connector_id,
        category=rows.category,
        cve_id=rows.cve_id,
        vendor_finding_id=rows.vendor_finding_id,
        title=rows.finding_name,
        product_vendor=rows.product_vendor,
        product_name=rows.product_name,
        product_version=rows.product_version,
        source_severity=rows.worst_word_open.coalesce(rows.worst_word_any),
        severity=rows.worst_open.coalesce(rows.worst_any).cast("int64"),
        fixing_kb=rows.fixing_kb,
        open_detections=rows.open_detections.cast("int64"),
        state=ibis.ifelse(is_fixed, "fixed", "open"),
        first_found_at=rows.first_found,
        first_run=rows.first,
        last_found_at=ibis.ifelse(rows.confirmed > 0, ibis.null(_AT), rows.last_found),
        fixed_at=ibis.ifelse(is_fixed, rows.closed, ibis.null(_AT)),
        fix_reason=ibis.ifelse(is_fixed, rows.verdict.substr(_VERDICT_AT), ibis.null("string")),
    ).select(*ROLLED_UP)


def _verdict(rows: ir.Table) -> ir.StringValue:
    """A text that is greatest for the reason that stands: seconds of the closing, then what is no repair."""
    is_repair = rows.close_reason.isin([r.value for r in REMEDIATED])
    seconds = rows.closed_at.epoch_seconds().cast("string").lpad(_VERDICT_AT - 1, "0")
    verdict: ir.StringValue = seconds + ibis.ifelse(is_repair, "0", "1") + rows.close_reason
    return verdict


def lift(detections: ir.Table) -> ir.Table:
    """What `roll_up` gives for findings that have one detection each, and their `kind_id`, if any: no grouping.

    Args:
        detections: As in `roll_up`, no two of one finding.
    """
    rows = detections
    besides = [n for n in rows.columns if n == KIND]
    is_fixed = rows.state == "closed"
    return rows.mutate(
        title=rows.finding_name,
        source_severity=rows.finding_severity,
        open_detections=ibis.ifelse(is_fixed, 0, 1).cast("int64"),
        state=ibis.ifelse(is_fixed, "fixed", "open"),
        fixed_at=rows.closed_at,
        fix_reason=rows.close_reason,
    ).select(*ROLLED_UP, *besides)


def follow(
    rolled_up: ir.Table, current: ir.Table, *, run: int, observed_at: datetime, heirs: ir.Table | None = None
) -> ir.Table:
    """Findings with the dates of their return, and what changed against the stored ones; the unchanged are left out.

    Args:
        rolled_up: The columns `ROLLED_UP`, with `qds` and `score_key`.
        current: Current rows of FINDING.
        run: The run's number.
        observed_at: The run's time, UTC.
        heirs: `finding_id`, `was_finding_id` of findings that take over detections of another; None for none. One that is
            not stored goes on with the other's dates of return.

    Returns:
        The columns of FINDING but validity, with `change` (`found`, `reopened`, `fixed`, `moved`, `changed`, `rescored`,
        or `dated` when only dates or counts moved) and `was_qds`, `was_severity`, `was_asset_id`.
    """
    compared = ("state", "qds", "open_detections", "last_found_at", "asset_id", "score_key", *VISIBLE)
    stored = current.select(
        "finding_id",
        *(current[n].name(f"was_{n}") for n in compared),
        was_reopened_at="reopened_at",
        was_reopened_run="reopened_run",
        was_reopened_count="reopened_count",
        was_last_fixed_at="last_fixed_at",
        is_stored=ibis.literal(value=True),
        is_heir=ibis.literal(value=False),
    )
    if heirs is not None:
        fresh = heirs.anti_join(current, "finding_id").select(heir_id="finding_id", was_finding_id="was_finding_id")
        taken = stored.join(fresh, [("finding_id", "was_finding_id")])
        taken = taken.mutate(finding_id=taken.heir_id, is_heir=ibis.literal(value=True))
        stored = stored.union(taken.select(*stored.columns))
    both = rolled_up.left_join(stored, "finding_id").drop("finding_id_right")
    is_back = (both.was_state == "fixed") & (both.state == "open")
    change = ibis.cases(
        (both.is_stored.isnull(), "found"),
        (is_back, "reopened"),
        ((both.was_state == "open") & (both.state == "fixed"), "fixed"),
        (both.is_heir, "moved"),
        (_differs(both, VISIBLE), "changed"),
        (both.qds != both.was_qds, "rescored"),
        (_differs(both, compared), "dated"),
        else_="same",
    )
    versions = both.mutate(
        change=change,
        reopened_at=ibis.ifelse(is_back, ibis.literal(observed_at, _AT), both.was_reopened_at),
        reopened_run=ibis.ifelse(is_back, ibis.literal(run, "int64"), both.was_reopened_run),
        reopened_count=both.was_reopened_count.fill_null(0) + ibis.ifelse(is_back.fill_null(_NO), 1, 0).cast("int64"),
        last_fixed_at=both.fixed_at.coalesce(both.was_last_fixed_at),
    )
    return versions.filter(versions.change != "same").select(*COLUMNS, "change", *_WAS)


def first_findings(rolled_up: ir.Table) -> ir.Table:
    """What `follow` gives where nothing is stored yet: every finding is found, with what else it has. Costs no join.

    `is_found` says so of each, for which no event needs to be written.
    """
    besides = [n for n in rolled_up.columns if n not in FINDING.names]
    return rolled_up.mutate(
        change=ibis.literal("found"),
        **{IS_FOUND: ~_NO},
        reopened_at=ibis.null(_AT),
        reopened_run=ibis.null("int64"),
        reopened_count=ibis.literal(0, "int64"),
        last_fixed_at=rolled_up.fixed_at,
        was_qds=ibis.null("int64"),
        was_severity=ibis.null("int64"),
        was_asset_id=ibis.null("string"),
    ).select(*COLUMNS, "change", IS_FOUND, *_WAS, *besides)


def finding_events(
    followed: ir.Table,
    closings: ir.Table | None,
    *,
    observed_at: datetime,
    causes: ir.Table | None = None,
) -> ir.Table:
    """The events of followed findings: one each, with the reason and the evidence of a closing.

    Args:
        followed: What `follow` gave.
        closings: Closed detections of this run with `finding_id`, `close_reason`, `evidence`; None when there are none.
        observed_at: The run's time, UTC.
        causes: Why scores moved: `score_key`, `cause`, `cause_text`; None where nothing was scored before.

    Returns:
        `EVENT_COLUMNS` of EVENT.
    """
    rows = followed.filter(followed.change != "dated")
    none = ibis.null("string")
    if causes is None:
        rows = rows.mutate(cause=none, cause_text=none)
    else:
        rows = rows.left_join(causes.rename(cause_key="score_key"), [("score_key", "cause_key")])
        # A score that was none before is that of a score map made or taken away.
        is_mapped = (rows.change == "rescored") & rows.cause.isnull() & rows.cve_id.isnull()
        rows = rows.mutate(
            cause=ibis.ifelse(is_mapped, "score-map", rows.cause),
            cause_text=ibis.ifelse(is_mapped, "the score map changed", rows.cause_text),
        )
    why = (ibis.literal(": ") + rows.cause_text).fill_null("")
    moved = ibis.literal("QDS ") + rows.was_qds.cast("string").fill_null("") + " to " + rows.qds.cast("string") + why
    detail = ibis.cases(
        (rows.change == "rescored", moved),
        (
            (rows.change == "changed") & (rows.was_severity != rows.severity),
            ibis.literal("severity ") + rows.was_severity.cast("string") + " to " + rows.severity.cast("string"),
        ),
        (rows.change == "moved", ibis.literal("from asset ") + rows.was_asset_id),
        else_=ibis.null("string"),
    )
    rows = rows.mutate(detail=detail)
    if closings is not None:
        told = closings.select("evidence", closed_finding="finding_id", closed_by="close_reason")
        evidence = told.group_by("closed_finding", "closed_by").agg(evidence=told.evidence.min())
        rows = rows.left_join(evidence, [("finding_id", "closed_finding"), ("fix_reason", "closed_by")])
        rows = rows.mutate(detail=ibis.ifelse(rows.change == "fixed", rows.evidence, rows.detail))
    return rows.select(
        at=ibis.literal(observed_at, _AT),
        kind=rows.change,
        subject_id=rows.finding_id,
        asset_id=rows.asset_id,
        reason=ibis.cases(
            (rows.change == "fixed", rows.fix_reason), (rows.change == "rescored", rows.cause), else_=none
        ),
        detail=rows.detail,
    ).select(*EVENT_COLUMNS)


def _differs(both: ir.Table, columns: tuple[str, ...]) -> ir.BooleanValue:
    return ibis.or_(*(~both[n].identical_to(both[f"was_{n}"]) for n in columns))
