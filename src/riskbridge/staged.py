"""What runs have staged, as later work needs it: the chain of a connector, and what must be kept for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from riskbridge.pipeline.chain import Chain
    from riskbridge.staging.area import StagingArea
    from riskbridge.store.warehouse.warehouse import Warehouse


def find_chain(warehouse: Warehouse, area: StagingArea, connector_id: str) -> Chain | None:
    """The staged runs that a connector's stored state comes from; None where too little is staged, or nothing was read."""
    from riskbridge.pipeline.chain import find_chain as find  # noqa: PLC0415 - loads Arrow
    from riskbridge.pipeline.strategy import stream_of  # noqa: PLC0415

    return find(warehouse.runs_of(connector_id), stream_of, area.find_closed)


def needed_runs(warehouse: Warehouse, area: StagingArea, connector_ids: Iterable[str]) -> set[str]:
    """Runs whose raw rows a re-map of any of those connectors needs: staging keeps them however old they are."""
    chains = (find_chain(warehouse, area, connector_id) for connector_id in connector_ids)
    return {run_id for chain in chains if chain is not None for run_id in chain.run_ids}
