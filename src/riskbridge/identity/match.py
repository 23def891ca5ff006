"""Identification of a whole estate: every source record gets its asset, with the evidence and what was refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from riskbridge.forms import SEPARATOR
from riskbridge.identity.join import Bounds, Materialise, join_records
from riskbridge.identity.keys import against, find_shared_keys, rule_keys
from riskbridge.identity.naming import name_assets
from riskbridge.identity.normalise import spell
from riskbridge.identity.rules import Rule, check_rules
from riskbridge.identity.survivorship import COLUMNS, lone_assets, merged_assets
from riskbridge.model.schema import TEXTS
from riskbridge.model.target import ASSET_LINK

NEW = "new"
"""The rule of a record that nothing joined to another."""

LINK_COLUMNS = tuple(name for name in ASSET_LINK.names if name not in ("valid_from_run", "valid_to_run"))


@dataclass(frozen=True, slots=True)
class IdentityPlan:
    """What identification decided; nothing is stored yet.

    Attributes:
        links: The columns of ASSET_LINK but validity, one row a record, lazy.
        assets: The columns of ASSET but scores and validity, one row an asset, lazy.
    """

    links: ir.Table
    assets: ir.Table


def identify(
    records: ir.Table,
    previous: ir.Table,
    rules: Sequence[Rule],
    materialise: Materialise,
    bounds: Bounds | None = None,
    *,
    source_names: ir.Table,
) -> IdentityPlan:
    """Decide which records are one asset, by the rules in order, over all records at once.

    The outcome depends on the set of records and on the stored ids alone: not on the order of rows, their repetition
    across runs, or how pages were cut.

    Args:
        records: Current rows of SOURCE_ASSET of all connectors, one a `source_asset_id`; validity columns are not
            needed.
        previous: `source_asset_id`, `asset_id` of the current links; may be empty, may name records that are gone.
        rules: Strongest first.
        materialise: Computes a table once and gives the table that holds its rows.
        bounds: Limits; None for the default ones.
        source_names: `connector_id` and `source_name`, as assets list it; a connector without one goes by its id.

    Raises:
        ConfigError: `identity.rules`: rules that cannot be used together.
    """
    members = _members(records, check_rules(rules), materialise, bounds or Bounds())
    components = records.select("source_asset_id")
    if members is not None:
        parts = members.select(part="source_asset_id", joined="component")
        components = components.left_join(parts, [("source_asset_id", "part")])
        components = components.select(
            "source_asset_id", component=components.joined.coalesce(components.source_asset_id)
        )
    else:
        components = components.mutate(component=components.source_asset_id)
    # Joined with itself, a computed column would be taken for the other side's: Ibis needs a table of its own here.
    named = materialise(name_assets(materialise(components), previous))
    return IdentityPlan(_links(named, members), _assets(records, named, members, source_names))


def _members(records: ir.Table, rules: tuple[Rule, ...], materialise: Materialise, bounds: Bounds) -> ir.Table | None:
    """Components of the records that share a key with another; None when no record does."""
    if not rules:
        return None
    # Usually few records share anything, so all that follows runs on those alone.
    spelled = materialise(spell(records))
    shared = materialise(find_shared_keys(materialise(rule_keys(spelled, rules))))
    present = set(shared.select("rule").distinct().to_pyarrow().column("rule").to_pylist())
    if not present:
        return None
    facts = materialise(against(spelled.semi_join(shared, "source_asset_id")))
    numbered = [(f"{place:02d}", rule) for place, rule in enumerate(rules)]
    return join_records(shared, facts, [pair for pair in numbered if pair[0] in present], materialise, bounds)


def _links(named: ir.Table, members: ir.Table | None) -> ir.Table:
    nothing = ibis.literal([], TEXTS)
    if members is None:
        return named.select(
            "source_asset_id", "asset_id", rule=ibis.literal(NEW), matched_on=ibis.null("string"), rejected=nothing
        )
    told = members.select("rule", "matched_on", "refusals", part="source_asset_id")
    rows = named.left_join(told, [("source_asset_id", "part")])
    refusals = rows.refusals.nullif("").substr(1).re_split(SEPARATOR).sort()
    return rows.mutate(rule=rows.rule.fill_null(NEW), rejected=refusals.fill_null(nothing)).select(*LINK_COLUMNS)


def _assets(records: ir.Table, named: ir.Table, members: ir.Table | None, source_names: ir.Table) -> ir.Table:
    ids = named.select(named_id="source_asset_id", asset_id="asset_id")
    rows = records.join(ids, [("source_asset_id", "named_id")])
    names = source_names.select(named_connector="connector_id", stated_name="source_name")
    rows = rows.left_join(names, [("connector_id", "named_connector")])
    rows = rows.mutate(source_name=rows.stated_name.coalesce(rows.connector_id))
    if members is None:
        return lone_assets(rows)
    joined = members.filter(members.rule.notnull())
    lone = lone_assets(rows.anti_join(joined, "source_asset_id"))
    return lone.union(merged_assets(rows.semi_join(joined, "source_asset_id"))).select(*COLUMNS)
