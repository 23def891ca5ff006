"""Tags of assets: those of their sources, those that people gave them, and those of rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.forms import lower
from riskbridge.score.rules import AssetRule, Condition

_EMPTY = ibis.literal([], "array<string>")
_NO = ibis.literal(value=False)


@dataclass(frozen=True, slots=True)
class TagRule:
    """A tag as scoring takes it.

    Attributes:
        name: The tag.
        condition: Which assets have it beside those that a person named; None: no others.
        acs: Criticality of assets that have it, 1 to 5; None says nothing of it.
    """

    name: str
    condition: Condition | None = None
    acs: int | None = None

    @property
    def asset_rule(self) -> AssetRule | None:
        """The rule for the criticality of its assets."""
        name = self.name
        return (
            None if self.acs is None else AssetRule(f"tag {name}", lambda assets: has_tag(assets.tags, name), self.acs)
        )


def apply_tags(assets: ir.Table, tags: tuple[TagRule, ...], assigned: ir.Table | None) -> ir.Table:
    """Assets with all their tags.

    Rules see the tags of sources and people, and not those of other rules. A tag is given once, in any letter case.

    Args:
        assets: One row an asset, with `source_tags` and what the rules ask.
        tags: In order.
        assigned: `asset_id`, `tag` of tags that people gave; None for none.

    Returns:
        The same rows, with `tags` sorted; empty where there is none.
    """
    rows = assets.mutate(tags=assets.source_tags.coalesce(_EMPTY))
    if assigned is not None:
        given = assigned.group_by(of_asset="asset_id").agg(given=assigned.tag.collect())
        rows = rows.left_join(given, [("asset_id", "of_asset")])
        known = rows.tags.map(lower)
        new = rows.given.coalesce(_EMPTY).filter(lambda tag: ~known.contains(lower(tag)))
        rows = rows.mutate(tags=rows.tags.concat(new)).drop("given", "of_asset")
    found = rows.tags
    for tag in tags:
        if tag.condition is not None:
            holds = tag.condition(rows).fill_null(_NO) & ~has_tag(found, tag.name)
            found = found.concat(ibis.ifelse(holds, ibis.literal([tag.name], "array<string>"), _EMPTY))
    return rows.mutate(tags=found.unique().sort())


def has_tag(tags: Any, name: str) -> ir.BooleanValue:
    """Whether a name is among tags, in any letter case."""
    wanted = name.replace("İ", "i").lower()
    has: ir.BooleanValue = (tags.filter(lambda tag: lower(tag) == wanted).length() > 0).fill_null(_NO)
    return has
