"""What a source says has changed, folded into what is stored: the sightings that a whole reading would have given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import ibis
import ibis.expr.types as ir

from riskbridge.forms import lower, parse_at
from riskbridge.lifecycle.keys import detection_id, finding_id
from riskbridge.model.target import REJECT
from riskbridge.pipeline.mapping import SEEN
from riskbridge.store.engine import DuckDBEngine
from riskbridge.transform.compile import apply, telling
from riskbridge.transform.spec import StreamMap

_AT = "timestamp('UTC', 6)"


@dataclass(frozen=True, slots=True)
class Folded:
    """Changes in the form of a reading.

    Attributes:
        records: One row a detection that is there now: `SEEN`.
        came: Those of them that the changes named, with `raw_page` and `raw_row`.
        said_fixed: `detection_id` of what the source called fixed.
        rejects: Rows that could not be used.
        last_at: Time of the newest change, UTC; None without any.
        number: Detections that the changes named.
    """

    records: ir.Table
    came: ir.Table
    said_fixed: ir.Table
    rejects: list[ir.Table]
    last_at: datetime | None
    number: int


def fold_changes(
    engine: DuckDBEngine,
    stream: StreamMap,
    raw: ir.Table,
    links: ir.Table,
    current: ir.Table,
    connector_id: str,
    floor: datetime | None,
) -> Folded:
    """Apply changes to what is stored.

    Of several changes of one detection the newest counts, and of two at one time the one that says it is there: a device
    that moves between groups is reported as fixed in one and new in the other, under the same identity. So changes may
    come twice, in any order, and from before the reading they are applied to.

    Args:
        engine: Executes.
        stream: The map's rows for changes.
        raw: Staged rows, with `status` and `eventTimestamp`.
        links: `external_asset_id`, `source_asset_id`, `asset_id` of every device the connector ever reported.
        current: The connector's current rows of DETECTION.
        connector_id: The connector.
        floor: Changes up to then are known already; None to take all.
    """
    mapped = apply(stream, telling(stream, raw))
    said = raw.select(
        _page=raw.page,
        _row=raw.row,
        is_fixed=lower(raw.status.fill_null("")) == "fixed",
        at=parse_at(raw.eventTimestamp),
    )
    drafts = engine.materialise(
        mapped.drafts.join(said, [("raw_page", "_page"), ("raw_row", "_row")]).drop("_page", "_row"), "changes"
    )
    last_at = engine.scalar(drafts["at"].max())
    timely = drafts if floor is None else drafts.filter(drafts["at"] > ibis.literal(floor, _AT))
    keyed = timely.join(links, "external_asset_id").mutate(connector_id=ibis.literal(connector_id))
    keyed = keyed.mutate(finding_id=finding_id(keyed), detection_id=detection_id(keyed))
    order = [keyed["at"].desc(nulls_first=False), keyed.is_fixed.asc(), keyed.raw_page.asc(), keyed.raw_row.asc()]
    ranked = keyed.mutate(place=ibis.row_number().over(group_by="detection_id", order_by=order))
    columns = (*SEEN, "raw_page", "raw_row", "is_fixed")
    newest = engine.materialise(ranked.filter(ranked.place == 0).select(*columns), "newest_changes")
    came = newest.filter(~newest.is_fixed).drop("is_fixed")
    stays = current.filter(current.state == "open").anti_join(newest, "detection_id")
    strangers = timely.filter(~timely.is_fixed).anti_join(links, "external_asset_id")
    rejects = [
        engine.materialise(mapped.rejects, "rejects"),
        engine.materialise(_unknown(stream, strangers), "rejects"),
    ]
    return Folded(
        records=stays.select(*SEEN).union(came.select(*SEEN)),
        came=came,
        said_fixed=newest.filter(newest.is_fixed).select("detection_id"),
        rejects=rejects,
        last_at=last_at if isinstance(last_at, datetime) else None,
        number=int(engine.scalar(newest.count())),
    )


def _unknown(stream: StreamMap, strangers: ir.Table) -> ir.Table:
    return strangers.select(
        stream=ibis.literal(stream.source.stream),
        page=strangers.raw_page,
        row=strangers.raw_row,
        reason=ibis.literal("device-unknown"),
        detail=ibis.literal("device ") + strangers.external_asset_id + " is not among the devices that were read",
        raw=strangers.external_finding_id,
    ).select(*REJECT.names)
