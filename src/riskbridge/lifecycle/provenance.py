"""Which version of which map made a detection."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir


def made_by(detections: ir.Table, runs: ir.Table) -> ir.Table:
    """The map that made each detection's values, and the one that its connector's newest run confirmed them with.

    Changes by hand and the runs of other connectors close and move a detection and leave its values, so what made them
    is the newest run of its own connector up to the one that wrote the row.

    Args:
        detections: Rows of DETECTION with their validity; few.
        runs: Rows of RUN.

    Returns:
        `detection_id`, `map_version` (`name/version`; empty where nobody knows), `map_run`, `confirmed_map_version`.
    """
    own = runs.select(of="connector_id", number="run", version="map_version")
    before = detections.left_join(own, [detections.connector_id == own.of, own.number <= detections.valid_from_run])
    made = before.group_by("detection_id").agg(
        map_version=before.version.argmax(before.number), map_run=before.number.max()
    )
    since = detections.left_join(own, [detections.connector_id == own.of])
    confirmed = since.group_by("detection_id").agg(confirmed_map_version=since.version.argmax(since.number))
    both = made.join(confirmed, "detection_id")
    return both.mutate(map_version=both.map_version.fill_null(ibis.literal("")))
