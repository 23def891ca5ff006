"""Identity of detections and findings: hashes of what they are about, the same whichever API a row came from.

The fixing KB, the device group, severity and the source's own row id are attributes, not identity.
"""

from __future__ import annotations

import ibis.expr.types as ir

from riskbridge.forms import hash_id, join_parts, lower


def source_asset_id(connector_id: str, external_asset_id: ir.StringValue) -> ir.StringValue:
    """The id of a device as one connector knows it."""
    return hash_id(connector_id, external_asset_id)


def detection_id(rows: ir.Table) -> ir.StringValue:
    """The id of a detection: source asset, CVE or the vendor's own id, vendor, product, version.

    Args:
        rows: Has `source_asset_id` and the columns of DETECTION_DRAFT.
    """
    return hash_id(rows.source_asset_id, detection_tail(rows))


def finding_id(rows: ir.Table) -> ir.StringValue:
    """The id of a finding: asset, category, and CVE, else the vendor's own id, else the title in lower case.

    Args:
        rows: Has `asset_id` and the columns of DETECTION_DRAFT.
    """
    return hash_id(rows.asset_id, finding_tail(rows))


def detection_tail(rows: ir.Table) -> ir.StringValue:
    """The part of `detection_id` that says what the detection is of: the same for every device that has it."""
    return join_parts(_subject(rows), rows.product_vendor, rows.product_name, rows.product_version)


def finding_tail(rows: ir.Table) -> ir.StringValue:
    """The part of `finding_id` that says what the finding is of."""
    return join_parts(rows.category, _subject(rows))


def _subject(rows: ir.Table) -> ir.StringValue:
    return rows.cve_id.coalesce(rows.vendor_finding_id, lower(rows.finding_name))
