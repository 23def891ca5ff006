"""The difference between what a run saw and what is stored: new versions of detections, and nothing for the unchanged.

| stored | seen | the run may close | new version                                                        |
| ------ | ---- | ----------------- | ------------------------------------------------------------------ |
| none   | yes  | any               | open, change `new`                                                 |
| open   | yes  | any               | none; `changed` when an attribute differs; `confirmed` when it had |
|        |      |                   | been out of sight                                                  |
| closed | yes  | any               | open, change `reopened`                                            |
| open   | no   | yes               | closed with a reason, change `closed`                              |
| open   | no   | no                | open, last sighting written down, change `unseen` (once)           |
| open, out of scope | no | yes      | none: it was last seen under other filters                         |
| closed | no   | any               | none                                                               |

A detection that the connector's newest run confirmed carries no `last_found_at`: that run's time is its last
sighting. So an unchanged estate is compared, not rewritten.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import ibis
import ibis.expr.types as ir

from riskbridge.model.target import DETECTION

IDENTITY = ("detection_id", "source_asset_id", "connector_id")
LIFE = (
    "state",
    "first_found_at",
    "first_run",
    "last_found_at",
    "closed_at",
    "close_reason",
    "reopened_at",
    "reopened_run",
)
VALIDITY = ("valid_from_run", "valid_to_run")
ATTRIBUTES = tuple(n for n in DETECTION.names if n not in (*IDENTITY, *LIFE, *VALIDITY))
"""Columns that may change while a detection stays the same detection."""

COMPARED = tuple(n for n in ATTRIBUTES if n != "external_finding_id")
"""Those whose change is one: a source's row id is spelled differently by each of its streams."""

COLUMNS = tuple(n for n in DETECTION.names if n not in VALIDITY)


@dataclass(frozen=True, slots=True)
class Sighting:
    """When and with what right a run looked.

    Attributes:
        run: The run's number.
        observed_at: The time of all its sightings, UTC.
        previous_at: The time of the connector's newest published run, UTC; None before the first.
        in_scope_since: Since when the connector has been read with this run's filters, UTC; None: whatever is missing may close.
    """

    run: int
    observed_at: datetime
    previous_at: datetime | None
    in_scope_since: datetime | None = None


def diff_seen(seen: ir.Table, current: ir.Table, sighting: Sighting) -> ir.Table:
    """New versions of detections that were seen and are new, changed, confirmed or reopened.

    Args:
        seen: One row a detection: the columns of DETECTION but those of its life and validity.
        current: The connector's current rows of DETECTION.
        sighting: When the run looked.

    Returns:
        The columns of DETECTION but validity, `change`, `was_asset_id` (null when new), and what else sightings have.
    """
    besides = [n for n in seen.columns if n not in DETECTION.names]
    stored = current.select(
        "detection_id",
        *(current[n].name(f"was_{n}") for n in ATTRIBUTES),
        *(current[n].name(f"was_{n}") for n in LIFE),
    )
    both = seen.left_join(stored, "detection_id").drop("detection_id_right")
    at = ibis.literal(sighting.observed_at, "timestamp('UTC', 6)")
    run = ibis.literal(sighting.run, "int64")
    is_new = both.was_state.isnull()
    is_back = both.was_state == "closed"
    is_changed = ibis.or_(*(~both[n].identical_to(both[f"was_{n}"]) for n in COMPARED))
    change = ibis.cases(
        (is_new, "new"),
        (is_back, "reopened"),
        (is_changed, "changed"),
        (both.was_last_found_at.notnull(), "confirmed"),
        else_="same",
    )
    versions = both.mutate(
        change=change,
        state=ibis.literal("open"),
        first_found_at=both.was_first_found_at.coalesce(at),
        first_run=both.was_first_run.coalesce(run),
        last_found_at=ibis.null("timestamp('UTC', 6)"),
        closed_at=ibis.null("timestamp('UTC', 6)"),
        close_reason=ibis.null("string"),
        reopened_at=ibis.ifelse(is_back, at, both.was_reopened_at),
        reopened_run=ibis.ifelse(is_back, run, both.was_reopened_run),
    )
    return versions.filter(versions.change != "same").select(*COLUMNS, "change", "was_asset_id", *besides)


def first_versions(seen: ir.Table, sighting: Sighting) -> ir.Table:
    """What `diff_seen` gives where nothing is stored yet: every detection is new. Costs no join.

    Returns:
        The columns of DETECTION but validity, `change`, and what else sightings have.
    """
    at = ibis.literal(sighting.observed_at, "timestamp('UTC', 6)")
    besides = [n for n in seen.columns if n not in DETECTION.names]
    return seen.mutate(
        change=ibis.literal("new"),
        state=ibis.literal("open"),
        first_found_at=at,
        first_run=ibis.literal(sighting.run, "int64"),
        last_found_at=ibis.null("timestamp('UTC', 6)"),
        closed_at=ibis.null("timestamp('UTC', 6)"),
        close_reason=ibis.null("string"),
        reopened_at=ibis.null("timestamp('UTC', 6)"),
        reopened_run=ibis.null("int64"),
    ).select(*COLUMNS, "change", *besides)


def diff_missing(gone: ir.Table, sighting: Sighting) -> ir.Table:
    """New versions of missing detections that a run may not close: their last sighting is written down.

    Args:
        gone: What `missing` gave.
        sighting: When the run looked.

    Returns:
        The columns of DETECTION but validity, and `change` (`unseen`); only rows that had no last sighting yet.
    """
    fresh = gone.filter(gone.last_found_at.isnull())
    return fresh.mutate(last_found_at=_previous(sighting), change=ibis.literal("unseen")).select(*COLUMNS, "change")


def missing(seen: ir.Table, current: ir.Table, sighting: Sighting) -> ir.Table:
    """Open detections that a run did not see and that its scope covers; what was last seen under other filters is left out.

    Args:
        seen: One row a detection, as in `diff_seen`.
        current: The connector's current rows of DETECTION.
        sighting: When the run looked.
    """
    return in_scope(current.filter(current.state == "open").anti_join(seen, "detection_id"), sighting)


def in_scope(rows: ir.Table, sighting: Sighting) -> ir.Table:
    """Those of the open detections that were last seen in this run's scope; all of them where the scope is new."""
    if sighting.in_scope_since is None:
        return rows
    since = ibis.literal(sighting.in_scope_since, "timestamp('UTC', 6)")
    return rows.filter(rows.last_found_at.isnull() | (rows.last_found_at >= since))


def diff_closed(explained: ir.Table, sighting: Sighting) -> ir.Table:
    """New versions of missing detections whose reason is known: closed.

    Args:
        explained: Missing detections with `close_reason` and `evidence`; see `explain_closings`.
        sighting: When the run looked.

    Returns:
        The columns of DETECTION but validity, and `change` (`closed`), `evidence` (text).
    """
    return explained.mutate(
        state=ibis.literal("closed"),
        last_found_at=explained.last_found_at.coalesce(_previous(sighting)),
        closed_at=ibis.literal(sighting.observed_at, "timestamp('UTC', 6)"),
        change=ibis.literal("closed"),
    ).select(*COLUMNS, "change", "evidence")


def _previous(sighting: Sighting) -> ir.TimestampValue:
    if sighting.previous_at is None:
        return ibis.null("timestamp('UTC', 6)")
    return ibis.literal(sighting.previous_at, "timestamp('UTC', 6)")
