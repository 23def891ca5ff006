"""Staged raw rows to keyed records: mapped, keyed, without repetitions, and with every refused row accounted for."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from riskbridge.forms import hash_id
from riskbridge.lifecycle.keys import detection_id, finding_id, source_asset_id
from riskbridge.model.target import ASSET_DRAFT, DETECTION_DRAFT, REJECT, SOURCE_ASSET
from riskbridge.store.engine import DuckDBEngine

SEEN = (
    "detection_id",
    "finding_id",
    "asset_id",
    "source_asset_id",
    "connector_id",
    *(n for n in DETECTION_DRAFT.names if n not in ("external_asset_id", "raw_page", "raw_row")),
)


@dataclass(frozen=True, slots=True)
class Keyed:
    """Materialised records with their keys, and the rows that were refused on the way."""

    records: ir.Table
    rejects: list[ir.Table]


def key_devices(engine: DuckDBEngine, drafts: ir.Table, connector_id: str) -> Keyed:
    """Devices of one reading as SOURCE_ASSET rows without validity, one a device id.

    A device that comes twice is taken once, from the page and row it came in first; the others are rejects.
    """
    attributes = [n for n in ASSET_DRAFT.names if n not in ("external_asset_id", "raw_page", "raw_row")]
    keyed = drafts.mutate(
        source_asset_id=source_asset_id(connector_id, drafts.external_asset_id),
        connector_id=ibis.literal(connector_id),
        content_hash=hash_id(*(_as_text(drafts[n]) for n in attributes)),
    )
    columns = [n for n in SOURCE_ASSET.names if n not in ("valid_from_run", "valid_to_run")]
    rows = engine.materialise(keyed.select(*columns), "devices")
    return _once(engine, rows, "source_asset_id", "machines", rows.external_asset_id)


def key_detections(engine: DuckDBEngine, drafts: ir.Table, links: ir.Table, connector_id: str) -> Keyed:
    """Sightings of one reading with the ids of detection, finding, asset and device, one row a detection.

    Args:
        engine: Executes.
        drafts: DETECTION_DRAFT rows.
        links: `external_asset_id`, `source_asset_id`, `asset_id` of every device the connector ever reported.
        connector_id: The connector.

    Returns:
        Rows with the columns `SEEN`; a row whose device nobody knows, and a repetition of a detection, are rejects.
    """
    joined = drafts.join(links, "external_asset_id")
    joined = joined.mutate(connector_id=ibis.literal(connector_id), finding_id=finding_id(joined))
    joined = joined.mutate(detection_id=detection_id(joined))
    rows = engine.materialise(joined.select(*SEEN, "raw_page", "raw_row"), "sightings")
    once = _once(engine, rows, "detection_id", "machinesVulnerabilities", rows.external_finding_id)
    strangers = drafts.anti_join(links, "external_asset_id")
    detail = ibis.literal("device ") + strangers.external_asset_id + " is not among the devices that were read"
    unknown = _rejects(strangers, "machinesVulnerabilities", "device-unknown", detail, strangers.external_finding_id)
    return Keyed(once.records, [*once.rejects, unknown])


def _once(engine: DuckDBEngine, rows: ir.Table, key: str, stream: str, external_id: ir.StringValue) -> Keyed:
    repeated = engine.materialise(rows.group_by(key).having(rows.count() > 1).agg(times=rows.count()), "repeated")
    if engine.scalar(repeated.count()) == 0:
        return Keyed(rows, [])
    some = rows.semi_join(repeated, key)
    window = ibis.window(group_by=some[key], order_by=[some.raw_page, some.raw_row])
    ranked = engine.materialise(some.mutate(place=ibis.row_number().over(window)), "ranked")
    first = ranked.filter(ranked.place == 0).drop("place")
    others = ranked.filter(ranked.place > 0)
    name = external_id.get_name()
    detail = ibis.literal("the record came more than once; the first was taken: ") + others[name]
    kept = engine.materialise(rows.anti_join(repeated, key).union(first.select(*rows.columns)), "once")
    return Keyed(kept, [_rejects(others, stream, "duplicate-row", detail, others[name])])


def _rejects(rows: ir.Table, stream: str, reason: str, detail: ir.StringValue, raw: ir.StringValue) -> ir.Table:
    return rows.select(
        stream=ibis.literal(stream),
        page=rows.raw_page,
        row=rows.raw_row,
        reason=ibis.literal(reason),
        detail=detail,
        raw=raw,
    ).select(*REJECT.names)


def _as_text(column: ir.Value) -> ir.StringValue:
    if column.type().is_array():
        return ibis.ifelse(column.length() > 0, column.join("\x1e"), "")
    return column.cast("string")
