"""Whether what a run did not see may close: all was read, in the last run's scope, and the drop is believable."""

from __future__ import annotations

from dataclasses import dataclass

import ibis

from riskbridge.model.reasons import HoldCause
from riskbridge.model.target import RUN, RUN_REJECT, SOURCE_ASSET
from riskbridge.pipeline.reconcile import Reconciliation

LARGEST_DROP = 0.5
"""Share of a connector's open detections that may vanish in one run before their closings are held."""

SMALL_ESTATE = 1000
"""Open detections up to which a drop of any size is believed."""

SMALLEST_GROUP = 3
"""Devices a device group must have had for its disappearance as a whole to count as a narrower view."""


HIDING_NOTHING = ("device-unknown", "duplicate-row")
"""Reasons of refused rows that tell of nothing that is stored."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a run may close by absence.

    Attributes:
        may_close: Nothing speaks against it.
        cause: What does; None where nothing does or absent findings are to keep their status.
        reasons: What speaks against it, in sentences.
    """

    may_close: bool
    cause: HoldCause | None = None
    reasons: tuple[str, ...] = ()


def judge(
    work: Reconciliation,
    doubts: list[str],
    *,
    is_scope_changed: bool,
    is_first: bool,
    is_drop_accepted: bool,
    largest_drop: float = LARGEST_DROP,
) -> Verdict:
    """Judge a reading before anything is closed by it.

    Args:
        work: The run, compared with what is stored.
        doubts: What speaks against the reading being complete, in sentences.
        is_scope_changed: Other filters than the last run's.
        is_first: The connector has no published run.
        is_drop_accepted: A person has said that what is missing is gone.
        largest_drop: Share of the open detections that may vanish at once.
    """
    unreadable = 0 if is_first else newly_unreadable(work)
    if unreadable:
        doubts = [*doubts, f"{unreadable:,} rows that the last complete run did not have could not be used."]
    if doubts and not is_drop_accepted:
        return Verdict(may_close=False, cause=HoldCause.INCOMPLETE, reasons=tuple(doubts))
    if is_scope_changed:
        return Verdict(may_close=False, cause=HoldCause.SCOPE, reasons=("The filters differ from the last run's.",))
    if is_drop_accepted:
        return Verdict(may_close=True)
    groups = vanished_groups(work)
    if groups:
        names = ", ".join(groups[:5])
        why = f"No device of these groups is in the source's list any more: {names}. The application may see fewer groups."
        return Verdict(may_close=False, cause=HoldCause.SCOPE, reasons=(why,))
    stored, seen = work.open_detections(), work.counts["detections"]
    if stored > SMALL_ESTATE and seen < stored * (1 - largest_drop):
        why = (
            f"The source reported {seen:,} detections where {stored:,} are open: more than "
            f"{largest_drop:.0%} are missing at once."
        )
        return Verdict(may_close=False, cause=HoldCause.DROP, reasons=(why,))
    return Verdict(may_close=True)


def newly_unreadable(work: Reconciliation) -> int:
    """Refused rows that the connector's last complete run did not have: what they tell of is not seen this time.

    Rows of unknown devices and repetitions hide nothing that is stored.
    """
    run, rejects = work.warehouse.table(RUN), work.warehouse.table(RUN_REJECT)
    complete = run.filter((run.connector_id == work.connector_id) & run.is_complete).run.max().as_scalar()
    columns = ("stream", "reason", "raw")
    before = rejects.filter(rejects.run == complete).select(*columns).fill_null({"raw": ""})
    unseen = 0
    for rows in work.changes.rejects:
        hiding = rows.filter(rows.reason.notin(HIDING_NOTHING)).select(*columns).fill_null({"raw": ""})
        unseen += int(work.engine.scalar(hiding.anti_join(before, columns).count()))
    return unseen


def vanished_groups(work: Reconciliation) -> list[str]:
    """Device groups with missing detections that no device of this run belongs to, by name; asked only when rows are missing."""
    if work.explained is None or work.devices is None:
        return []
    stored = work.warehouse.current(SOURCE_ASSET).semi_join(work.explained, "source_asset_id")
    gone = stored.filter(stored.device_group.notnull()).anti_join(work.devices, "source_asset_id")
    gone = gone.anti_join(work.devices.filter(work.devices.device_group.notnull()), "device_group")
    counted = gone.group_by("device_group").agg(number=gone.count()).filter(ibis._.number >= SMALLEST_GROUP)
    return [str(r["device_group"]) for r in work.engine.records(counted.order_by("device_group"))]
