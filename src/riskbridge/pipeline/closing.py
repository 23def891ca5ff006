"""Why detections that a run did not see would close: the facts for `lifecycle.closings`, read as far as they concern them."""

from __future__ import annotations

from dataclasses import replace

import ibis
import ibis.expr.types as ir

from riskbridge.lifecycle.closings import ReadFacts, explain_closings, find_withdrawn
from riskbridge.model.target import CVE
from riskbridge.store.engine import DuckDBEngine
from riskbridge.store.warehouse.warehouse import Warehouse


def explain_missing(
    engine: DuckDBEngine,
    warehouse: Warehouse,
    gone: ir.Table,
    seen: ir.Table,
    current: ir.Table,
    catalogue: ir.Table | None,
    read: ReadFacts,
) -> ir.Table:
    """Missing detections with the reason and the evidence they would close with; materialised.

    Args:
        engine: Executes.
        warehouse: What is stored.
        gone: What is missing, materialised.
        seen: One row a detection that was seen.
        current: The connector's current detections.
        catalogue: CVE drafts that the run read; None when it read none.
        read: What the run read of the devices concerned; `withdrawn` is found here, and `software` narrowed to them.
    """
    told = [t.select("cve_id", "description") for t in (warehouse.table(CVE), catalogue) if t is not None]
    withdrawn = find_withdrawn(gone, seen, read.seen, current, ibis.union(*told) if len(told) > 1 else told[0])
    there = None if read.software is None else read.software.semi_join(gone, "source_asset_id")
    facts = replace(
        read,
        software=there if there is None else engine.materialise(there, "installed"),
        withdrawn=engine.materialise(withdrawn, "withdrawn"),
    )
    return engine.materialise(explain_closings(gone, facts), "explained")
