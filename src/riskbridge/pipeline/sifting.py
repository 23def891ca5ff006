"""Which sightings are worth a look: those that say no more than what is stored are told by the numbers of their kinds."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from riskbridge.model.layout import KIND, LAYOUTS
from riskbridge.model.target import DETECTION
from riskbridge.store.engine import DuckDBEngine
from riskbridge.store.warehouse.warehouse import Warehouse

_COMMON = LAYOUTS[DETECTION.name].common
_NO = ibis.literal(value=False)


def sift(engine: DuckDBEngine, warehouse: Warehouse, connector_id: str, seen: ir.Table, kinds: ir.Table) -> ir.Table:
    """Sightings that are not just the stored detection once more; materialised.

    One is, where its detection is open, was confirmed by the reading before, and has the same finding, asset and kind. It is
    compared by whole numbers and ids; the others are left to `lifecycle.detections`, which looks at every column.

    Args:
        engine: Executes.
        warehouse: What is stored.
        connector_id: Whose detections.
        seen: One row a detection, with `kind_id`.
        kinds: What those numbers mean.

    Returns:
        Rows of `seen`.
    """
    stored_kinds, current = warehouse.kinds(DETECTION), warehouse.with_kinds(DETECTION)
    current = current.filter(current.valid_to_run.isnull() & (current.connector_id == connector_id))
    same = [kinds[n].identical_to(stored_kinds[n]) for n in _COMMON]
    numbers = engine.materialise(
        kinds.join(stored_kinds, same).select(given=kinds[KIND], now_kind=stored_kinds[KIND]), "numbers"
    )
    stored = current.filter((current.state == "open") & current.last_found_at.isnull())
    stored = stored.select(was_id="detection_id", was_finding="finding_id", was_asset="asset_id", was_kind=stored[KIND])
    both = seen.left_join(numbers, seen[KIND] == numbers.given).drop("given")
    both = both.left_join(stored, both.detection_id == stored.was_id)
    is_same = (
        (both.now_kind == both.was_kind) & (both.finding_id == both.was_finding) & (both.asset_id == both.was_asset)
    )
    return engine.materialise(both.filter(~is_same.fill_null(_NO)).select(*seen.columns), "unlike")


def one_after_another(parts: Sequence[ir.Table], columns: Sequence[str]) -> ir.Table:
    """Tables as one, with those columns; what one lacks that the first has is null there."""
    types = parts[0].schema()
    whole = [
        part.select(**{n: part[n] if n in part.columns else ibis.null(types[n]) for n in columns}) for part in parts
    ]
    return ibis.union(*whole) if len(whole) > 1 else whole[0]
