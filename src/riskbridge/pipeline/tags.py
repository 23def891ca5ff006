"""The tags of assets in a run or a change by hand: those of sources, and those that people and rules give."""

from __future__ import annotations

import ibis.expr.types as ir

from riskbridge.score.settings import ScoreSettings
from riskbridge.score.tags import apply_tags
from riskbridge.search.views import with_operating_system
from riskbridge.store.engine import DuckDBEngine


def with_tags(engine: DuckDBEngine, assets: ir.Table, settings: ScoreSettings) -> ir.Table:
    """Assets with the tags of their sources as `source_tags`, and all that they have as `tags`.

    Args:
        engine: Keeps what is computed.
        assets: As identified, with the tags of sources as `tags`; or as stored, with `source_tags`.
        settings: With tags and who has them.
    """
    if "source_tags" not in assets.columns:
        assets = assets.mutate(source_tags=assets.tags)
    given = settings.assigned_tags
    if not settings.tags and not given:
        return assets.mutate(tags=assets.source_tags)
    pairs = [{"asset_id": asset_id, "tag": tag} for tag, asset_ids in given.items() for asset_id in asset_ids]
    assigned = engine.from_records(pairs, {"asset_id": "string", "tag": "string"}) if pairs else None
    tagged = apply_tags(with_operating_system(assets), settings.tags, assigned)
    return engine.materialise(tagged.select(*assets.columns), "tagged")
