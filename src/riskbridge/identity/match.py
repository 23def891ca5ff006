"""Identification of a whole estate: every source record gets its asset, with the evidence and what was refused."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from riskbridge.forms import SEPARATOR
from riskbridge.identity.answers import count_rows, values_of
from riskbridge.identity.book import RuleBook
from riskbridge.identity.join import Bounds, Materialise, join_records
from riskbridge.identity.keys import against, find_shared_keys, rule_keys, split_facts, without_split_keys
from riskbridge.identity.naming import name_assets
from riskbridge.identity.normalise import spell
from riskbridge.identity.survivorship import COLUMNS, SourceRanks, lone_assets, merged_assets
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


@dataclass(frozen=True, slots=True)
class Judged:
    """What people decided about records; nothing that rules find overrules it.

    Attributes:
        merges: `left`, `right` (record ids), `said` (who and why), one row a pair put together.
        splits: `judgement_id`, `record`, `other` (record ids), one row a pair taken apart.
    """

    merges: ir.Table
    splits: ir.Table


def identify(
    records: ir.Table,
    previous: ir.Table,
    book: RuleBook,
    materialise: Materialise,
    bounds: Bounds | None = None,
    *,
    source_names: ir.Table,
    judged: Judged | None = None,
    ranks: SourceRanks | None = None,
) -> IdentityPlan:
    """Decide which records are one asset, by the rules in order, over all records at once.

    The outcome depends on the set of records, on what people decided and on the stored ids alone: not on the order of
    rows, their repetition across runs, or how pages were cut.

    Args:
        records: Current rows of SOURCE_ASSET of all connectors, one a `source_asset_id`; validity columns are not
            needed.
        previous: `source_asset_id`, `asset_id` of the current links; may be empty, may name records that are gone.
        book: The rules of all connectors, strongest first.
        materialise: Computes a table once and gives the table that holds its rows.
        bounds: Limits; None for the default ones.
        source_names: `connector_id` and `source_name`, as assets list it; a connector without one goes by its id.
        judged: What people put together and took apart, materialised; None for nothing.
        ranks: Whose word counts before others'; None: the newest word.
    """
    members = _members(records, book, materialise, bounds or Bounds(), judged)
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
    assets = _assets(records, named, members, source_names, ranks or SourceRanks())
    return IdentityPlan(_links(named, members), assets)


def _members(
    records: ir.Table, book: RuleBook, materialise: Materialise, bounds: Bounds, judged: Judged | None
) -> ir.Table | None:
    """Components of the records that share a key with another, or that a person put together; None for none."""
    if not book.rules:
        return None
    # Usually few records share anything, so all that follows runs on those alone.
    spelled = materialise(spell(records))
    keys = materialise(rule_keys(spelled, book, materialise))
    shared = materialise(find_shared_keys(keys, spelled, book))
    known = None if judged is None else _known(judged, spelled, materialise)
    if known is not None:
        shared = materialise(without_split_keys(shared, known.splits))
    present = set(values_of(shared.select("rule").distinct()))
    merges = None if known is None or not count_rows(known.merges) else known.merges
    if not present and merges is None:
        return None
    sharing = shared.select("source_asset_id")
    if merges is not None:
        sharing = sharing.union(merges.select(source_asset_id="left")).union(merges.select(source_asset_id="right"))
    facts = against(spelled.semi_join(sharing.distinct(), "source_asset_id"))
    if known is not None:
        facts = facts.union(split_facts(known.splits).select(*facts.columns))
    numbered = [(f"{place:03d}", shared_rule.rule) for place, shared_rule in enumerate(book.rules)]
    rules = [pair for pair in numbered if pair[0] in present]
    return join_records(shared, materialise(facts), rules, materialise, bounds, merges)


def _known(judged: Judged, records: ir.Table, materialise: Materialise) -> Judged:
    """Judgements of which both records are there."""
    ids = records.select("source_asset_id")
    merges = judged.merges.semi_join(ids, [("left", "source_asset_id")]).semi_join(ids, [("right", "source_asset_id")])
    splits = judged.splits.semi_join(ids, [("record", "source_asset_id")])
    return Judged(materialise(merges), materialise(splits.semi_join(ids, [("other", "source_asset_id")])))


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


def _assets(
    records: ir.Table, named: ir.Table, members: ir.Table | None, source_names: ir.Table, ranks: SourceRanks
) -> ir.Table:
    ids = named.select(named_id="source_asset_id", asset_id="asset_id")
    rows = records.join(ids, [("source_asset_id", "named_id")])
    names = source_names.select(named_connector="connector_id", stated_name="source_name")
    rows = rows.left_join(names, [("connector_id", "named_connector")])
    rows = rows.mutate(source_name=rows.stated_name.coalesce(rows.connector_id))
    if members is None:
        return lone_assets(rows)
    joined = members.filter(members.rule.notnull())
    lone = lone_assets(rows.anti_join(joined, "source_asset_id"))
    return lone.union(merged_assets(rows.semi_join(joined, "source_asset_id"), ranks)).select(*COLUMNS)
