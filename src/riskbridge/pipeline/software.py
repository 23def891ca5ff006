"""What is installed: products by device from the inventory, compared with what is stored."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from riskbridge.forms import hash_id
from riskbridge.model.target import SOFTWARE
from riskbridge.store.engine import DuckDBEngine

COLUMNS = tuple(n for n in SOFTWARE.names if n not in ("valid_from_run", "valid_to_run"))


@dataclass(frozen=True, slots=True)
class SoftwareChanges:
    """New versions of SOFTWARE rows, the keys of those that are gone, and what there is `now` and how much."""

    versions: ir.Table
    gone: ir.Table
    now: ir.Table
    number: int


def compare_software(
    engine: DuckDBEngine, drafts: ir.Table, links: ir.Table, stored: ir.Table, connector_id: str, *, is_complete: bool
) -> SoftwareChanges:
    """What an inventory changes.

    Args:
        engine: Executes.
        drafts: The columns of SOFTWARE_DRAFT.
        links: `external_asset_id`, `source_asset_id`, `asset_id` of the connector's devices.
        stored: Current rows of SOFTWARE.
        connector_id: The connector.
        is_complete: All of it was read: what it does not name is gone.
    """
    rows = drafts.join(links, "external_asset_id").mutate(connector_id=ibis.literal(connector_id))
    rows = rows.mutate(
        software_id=hash_id(rows.source_asset_id, rows.product_vendor, rows.product_name, rows.product_version)
    )
    place = ibis.row_number().over(group_by="software_id", order_by=["raw_page", "raw_row"])
    now = engine.materialise(rows.mutate(place=place).filter(lambda t: t.place == 0).select(*COLUMNS), "software")
    own = stored.filter(stored.connector_id == connector_id)
    same = [now[n].identical_to(own[n]) for n in COLUMNS]
    versions = engine.materialise(now.anti_join(own, same), "software_versions")
    missing = own.anti_join(now, "software_id").select("software_id")
    gone = missing if is_complete else missing.limit(0)
    return SoftwareChanges(versions, engine.materialise(gone, "software_gone"), now, int(engine.scalar(now.count())))
