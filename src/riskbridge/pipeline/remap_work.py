"""The computation of a re-map: a run's, but for how detections are compared with what is stored."""

from __future__ import annotations

from dataclasses import dataclass

import ibis.expr.types as ir

from riskbridge.lifecycle.remapped import Lineage, diff_remapped
from riskbridge.model.target import ASSET_LINK, DETECTION, SOURCE_ASSET
from riskbridge.pipeline.reconcile import Reconciliation
from riskbridge.pipeline.relinking import moved_detections


@dataclass(slots=True)
class RemapWork(Reconciliation):
    """As `Reconciliation`, for rows that another map is applied to."""

    @property
    def links(self) -> ir.Table:
        """`external_asset_id`, `source_asset_id`, `asset_id` of every device the connector ever reported."""
        assert self._links is not None, "identify, or take_stored_links, comes first"
        return self._links

    def take_stored_links(self) -> None:
        """Take the connector's devices and their assets as they are stored."""
        devices, links = self.warehouse.current(SOURCE_ASSET), self.warehouse.current(ASSET_LINK)
        own = devices.filter(devices.connector_id == self.connector_id).select("source_asset_id", "external_asset_id")
        linked = own.join(links.select("source_asset_id", "asset_id"), "source_asset_id")
        self._links = self.engine.materialise(linked, "keys")

    def diff_remapped(self, seen: ir.Table, lineage: Lineage) -> ir.Table:
        """As `diff`, for rows that another map was applied to: see `riskbridge.lifecycle.remapped`."""
        engine = self.engine
        seen = engine.materialise(seen, "seen")
        found = diff_remapped(seen, self._current_detections(), lineage, self.sighting, engine.materialise)
        replaced = self.replaced = engine.materialise(found.replaced, "replaced")
        first, *parts = found.versions
        versions = engine.materialise(first, "detection")
        if self._moves is not None:
            moved = moved_detections(self.warehouse.current(DETECTION), self._moves)
            parts.append(moved.anti_join(replaced, "detection_id"))
        for part in parts:
            engine.append(versions.get_name(), part.select(*versions.columns))
        versions = self._latest_of_each(versions)
        self.changes.versions[DETECTION.name] = versions
        self.changes.withdrawn[DETECTION.name] = replaced.select("detection_id")
        self.counts["detections"] = int(engine.scalar(seen.count()))
        self.counts["detections_replaced"] = int(engine.scalar(replaced.count()))
        for kind, number in self._tally(versions):
            self.counts[f"detections_{kind}"] = number
        return versions
