"""What goes along when source records go to another asset: detections, software, and the findings they make."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from riskbridge.lifecycle.detections import COLUMNS
from riskbridge.lifecycle.keys import finding_id
from riskbridge.pipeline.software import COLUMNS as SOFTWARE_COLUMNS


def moved_detections(current: ir.Table, moves: ir.Table) -> ir.Table:
    """New versions of the detections of records that move: other asset and finding, nothing else.

    Args:
        current: Current rows of DETECTION of all connectors.
        moves: See `Identified.moves`.

    Returns:
        The columns of DETECTION but validity, with `change` (`moved`) and `evidence` (null).
    """
    rows = current.join(moves.select("source_asset_id", "now_asset_id"), "source_asset_id")
    rows = rows.mutate(asset_id=rows.now_asset_id)
    rows = rows.mutate(finding_id=finding_id(rows), change=ibis.literal("moved"), evidence=ibis.null("string"))
    return rows.select(*COLUMNS, "change", "evidence")


def moved_software(current: ir.Table, moves: ir.Table) -> ir.Table:
    """New versions of the SOFTWARE rows of records that move, without validity."""
    rows = current.join(moves.select("source_asset_id", "now_asset_id"), "source_asset_id")
    return rows.mutate(asset_id=rows.now_asset_id).select(*SOFTWARE_COLUMNS)


def find_heirs(versions: ir.Table, stored: ir.Table) -> ir.Table:
    """Findings that took detections over from others.

    Args:
        versions: New versions of detections.
        stored: Current rows of DETECTION.

    Returns:
        `finding_id`, `was_finding_id`, one row a finding: of several that it took from, the smallest.
    """
    was = stored.select("detection_id", was_finding_id="finding_id")
    rows = versions.select("detection_id", "finding_id").join(was, "detection_id")
    rows = rows.filter(rows.finding_id != rows.was_finding_id)
    return rows.group_by("finding_id").agg(was_finding_id=rows.was_finding_id.min())


def replaced_findings(replaced: ir.Table) -> ir.Table:
    """Findings that go on from others under a changed map, as `find_heirs` has them.

    Args:
        replaced: See `riskbridge.lifecycle.remapped.Remapped`.
    """
    moved = replaced.filter(replaced.finding_id != replaced.now_finding_id)
    rows = moved.select(finding_id="now_finding_id", was_finding_id="finding_id")
    return rows.group_by("finding_id").agg(was_finding_id=rows.was_finding_id.min())
