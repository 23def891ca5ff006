"""The same raw rows under another map: what becomes of each detection. Only the map speaks here, never the source.

| under the map before | under the map now        | stored | becomes                                                        |
| -------------------- | ------------------------ | ------ | -------------------------------------------------------------- |
| a detection          | the same, other values   | open   | change `changed`, all dates kept                               |
| a detection          | another one              | open   | withdrawn; the other one, change `remapped`, takes its dates   |
| a detection          | none: refused, left out  | open   | closed for `map-changed`                                       |
| none                 | a detection              | none   | change `new`, found when the rows were read                    |
| any                  | any                      | closed | stays closed; what a map closed opens when a map takes it      |
| not in the raw rows  | none                     | open   | stays as it is                                                 |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import ibis
import ibis.expr.types as ir

from riskbridge.lifecycle.detections import COLUMNS, COMPARED, LIFE, Sighting, diff_closed
from riskbridge.model.reasons import CloseReason

_AT = "timestamp('UTC', 6)"
_NO = ibis.literal(value=False)


@dataclass(frozen=True, slots=True)
class Remapped:
    """What another map makes of stored detections.

    Attributes:
        versions: New versions, each once in one of the tables: the columns of DETECTION but validity, with `change` and
            `evidence`; lazy.
        replaced: `detection_id` and `finding_id` of those that end with another in their place, and `now_finding_id`,
            the finding of that one (of several its own, else the smallest); lazy.
    """

    versions: tuple[ir.Table, ...]
    replaced: ir.Table


@dataclass(frozen=True, slots=True)
class Lineage:
    """What the same raw rows gave under the two maps.

    Attributes:
        was: `detection_id` of each under the map before, once.
        pairs: `was_detection_id`, `detection_id` of raw rows that give another one now, each pair once.
        label: The maps, such as `defender/1 to mine/2`, for evidence.
        read_at: When the rows were read, UTC.
    """

    was: ir.Table
    pairs: ir.Table
    label: str
    read_at: datetime


def diff_remapped(
    seen: ir.Table,
    current: ir.Table,
    lineage: Lineage,
    sighting: Sighting,
    materialise: Callable[[ir.Table], ir.Table],
) -> Remapped:
    """Compare what the rows give now with what is stored; see the table above.

    Ids are followed in narrow tables of their own, so that the wide ones are joined once each.

    Args:
        seen: One row a detection under the map now: the columns of DETECTION but those of its life and validity.
        current: The connector's current rows of DETECTION.
        lineage: What the rows gave before.
        sighting: When the map was changed.
        materialise: Computes a table once.
    """
    is_open = current.filter(current.state == "open")
    ids, open_ids = seen.select("detection_id"), is_open.select("detection_id")
    same = materialise(ids.semi_join(open_ids, "detection_id"))
    fates = materialise(_fates(materialise(ids.anti_join(open_ids, "detection_id")), current, lineage, sighting))
    lost = materialise(open_ids.semi_join(lineage.was, "detection_id").anti_join(ids, "detection_id"))
    heirs = lineage.pairs.join(seen.select("detection_id", now_finding_id="finding_id"), "detection_id")
    heirs = heirs.semi_join(lost, [("was_detection_id", "detection_id")])
    own = is_open.select("detection_id", own_finding_id="finding_id")
    heirs = heirs.drop("detection_id").join(own, [("was_detection_id", "detection_id")])
    kept = heirs.now_finding_id.max(where=heirs.now_finding_id == heirs.own_finding_id)
    heirs = materialise(
        heirs.group_by("was_detection_id").agg(now_finding_id=kept.coalesce(heirs.now_finding_id.min()))
    )
    refused = materialise(lost.anti_join(heirs, [("detection_id", "was_detection_id")]))
    told = ibis.literal(f"{lineage.label}: the map leaves its row out, or refuses it")
    reason = ibis.literal(CloseReason.MAP_CHANGED.value)
    gone = is_open.semi_join(refused, "detection_id").mutate(close_reason=reason, evidence=told)
    columns = (*COLUMNS, "change", "evidence")
    parts = (
        _changed(seen.semi_join(same, "detection_id"), is_open.semi_join(same, "detection_id")),
        seen.join(fates, "detection_id"),
        diff_closed(gone, sighting),
    )
    replaced = is_open.select("detection_id", "finding_id").join(heirs, [("detection_id", "was_detection_id")])
    return Remapped(
        tuple(part.select(*columns) for part in parts),
        replaced.select("detection_id", "finding_id", "now_finding_id"),
    )


def _changed(seen: ir.Table, is_open: ir.Table) -> ir.Table:
    stored = is_open.select("detection_id", *LIFE, **{f"was_{n}": is_open[n] for n in COMPARED})
    both = seen.join(stored, "detection_id")
    differs = ibis.or_(*(~both[n].identical_to(both[f"was_{n}"]) for n in COMPARED))
    return both.filter(differs).mutate(change=ibis.literal("changed"), evidence=ibis.null("string"))


def _fates(fresh: ir.Table, current: ir.Table, lineage: Lineage, sighting: Sighting) -> ir.Table:
    """Detections that are not stored as open, new ones and those that take the place of an open one, with their life."""
    own = fresh.semi_join(current, "detection_id").select("detection_id", was_detection_id="detection_id")
    pairs = lineage.pairs.select("detection_id", "was_detection_id").union(own)
    stored = current.select(*LIFE, was="detection_id")
    known = pairs.semi_join(fresh, "detection_id").join(stored, [("was_detection_id", "was")])
    is_open = (known.state == "open") | (known.close_reason == CloseReason.MAP_CHANGED.value).fill_null(_NO)
    before = known.group_by("detection_id").agg(
        opens=is_open.sum(),
        found=known.first_found_at.min(),
        run=known.first_run.min(),
        confirmed=(is_open & ((known.state == "closed") | known.last_found_at.isnull())).sum(),
        last=known.last_found_at.max(where=is_open),
        reopened=known.reopened_at.max(),
        reopened_in=known.reopened_run.max(),
    )
    rows = fresh.left_join(before, "detection_id").drop("detection_id_right")
    is_new = rows.opens.isnull()
    rows = rows.filter(is_new | (rows.opens > 0))
    read_at = ibis.literal(lineage.read_at, _AT)
    return rows.mutate(
        change=ibis.ifelse(rows.opens.isnull(), "new", "remapped"),
        evidence=ibis.null("string"),
        state=ibis.literal("open"),
        first_found_at=rows.found.coalesce(read_at),
        first_run=rows.run.coalesce(ibis.literal(sighting.run, "int64")),
        last_found_at=ibis.ifelse((rows.confirmed > 0).fill_null(_NO), ibis.null(_AT), rows.last),
        closed_at=ibis.null(_AT),
        close_reason=ibis.null("string"),
        reopened_at=rows.reopened,
        reopened_run=rows.reopened_in,
    ).select("detection_id", *LIFE, "change", "evidence")
