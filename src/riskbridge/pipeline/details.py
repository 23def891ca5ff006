"""What only some streams tell of a detection: kept beside it, and left as it was by a stream that does not carry it."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from riskbridge.model.target import DETECTION_DETAIL, DETECTION_DETAIL_DRAFT
from riskbridge.store.engine import DuckDBEngine
from riskbridge.transform.compile import apply, telling
from riskbridge.transform.spec import StreamMap

ATTRIBUTES = tuple(n for n in DETECTION_DETAIL_DRAFT.names if n not in ("external_finding_id", "raw_page", "raw_row"))


def new_details(engine: DuckDBEngine, stream: StreamMap, raw: ir.Table, seen: ir.Table, stored: ir.Table) -> ir.Table:
    """New versions of the details that differ from the stored ones.

    What the stream leaves empty says nothing: Defender's files leave members out that its pages carry.

    Args:
        engine: Executes.
        stream: The map's rows for details.
        raw: The staged rows.
        seen: Sightings with `detection_id`, `raw_page`, `raw_row`.
        stored: Current rows of DETECTION_DETAIL.

    Returns:
        The columns of DETECTION_DETAIL but validity.
    """
    drafts = apply(stream, telling(stream, raw)).drafts
    places = seen.select("detection_id", _page="raw_page", _row="raw_row")
    rows = drafts.join(places, [("raw_page", "_page"), ("raw_row", "_row")]).select("detection_id", *ATTRIBUTES)
    if engine.scalar(stored.count()) == 0:
        return rows
    was = stored.select(_was="detection_id", **{f"was_{n}": stored[n] for n in ATTRIBUTES})
    both = rows.left_join(was, [("detection_id", "_was")])
    kept = both.mutate(**{n: _told(both[n], both[f"was_{n}"]) for n in ATTRIBUTES})
    is_changed = ibis.or_(kept["_was"].isnull(), *(~kept[n].identical_to(kept[f"was_{n}"]) for n in ATTRIBUTES))
    columns = [n for n in DETECTION_DETAIL.names if n not in ("valid_from_run", "valid_to_run")]
    return engine.materialise(kept.filter(is_changed).select(*columns), "details")


def _told(now: ir.Value, was: ir.Value) -> ir.Value:
    if now.type().is_array():
        return ibis.ifelse((now.length() > 0).fill_null(ibis.literal(value=False)), now, was.coalesce(now))
    return now.coalesce(was)
