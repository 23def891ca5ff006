"""Identification over what is stored: all records of all connectors, and what moves to another asset thereby."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import ibis
import ibis.expr.types as ir

from riskbridge.identity.book import RuleBook, make_book
from riskbridge.identity.join import TOO_MANY, Bounds
from riskbridge.identity.match import IdentityPlan, Judged, identify
from riskbridge.identity.survivorship import SourceRanks
from riskbridge.lifecycle.detections import Sighting
from riskbridge.model.identification import IdentityJudgement, JudgementKind
from riskbridge.model.target import ASSET_LINK, EVENT_COLUMNS, SOURCE_ASSET
from riskbridge.store.engine import DuckDBEngine
from riskbridge.store.warehouse.warehouse import Warehouse

MOST_TOLD = 5
"""Values that a run's warnings name."""
LONGEST_TEXT = 1_000
_AT = "timestamp('UTC', 6)"
_MERGES = dict.fromkeys(("left", "right", "said"), "string")
_SPLITS = dict.fromkeys(("judgement_id", "record", "other"), "string")


@dataclass(frozen=True, slots=True)
class IdentityInputs:
    """What identification goes by.

    Attributes:
        book: The rules of all connectors.
        bounds: Limits.
        ranks: Whose word counts before others'.
        source_names: Connector id to its inventory source's name.
        judgements: What people put together and took apart, and have not undone.
    """

    book: RuleBook = field(default_factory=lambda: make_book({}))
    bounds: Bounds = field(default_factory=Bounds)
    ranks: SourceRanks = field(default_factory=SourceRanks)
    source_names: Mapping[str, str] = field(default_factory=dict)
    judgements: Sequence[IdentityJudgement] = ()


@dataclass(frozen=True, slots=True)
class Identified:
    """What identification made of the records.

    Attributes:
        links: The columns of ASSET_LINK but validity, one row a record, materialised.
        assets: The columns of ASSET but scores and validity, one row an asset, materialised.
        versions: Links that are new or differ from the stored ones, materialised.
        moves: `source_asset_id`, `was_asset_id`, `now_asset_id` of records that go to another asset; None for none.
        counts: Numbers for the run's record.
        warnings: What a person should look at, in words.
    """

    links: ir.Table
    assets: ir.Table
    versions: ir.Table
    moves: ir.Table | None
    counts: dict[str, int]
    warnings: list[str]


def with_stored_records(engine: DuckDBEngine, warehouse: Warehouse, rows: ir.Table) -> tuple[ir.Table, ir.Table]:
    """Of the records that were read those that are not stored so, and all that there are now; both materialised.

    Args:
        engine: Executes.
        warehouse: What is stored.
        rows: Rows of SOURCE_ASSET that were read, materialised.
    """
    stored = warehouse.current(SOURCE_ASSET)
    if not engine.scalar(stored.count()):
        return rows, rows
    fresh = rows.anti_join(stored, ["source_asset_id", "content_hash"])
    others = stored.anti_join(rows, "source_asset_id")
    return engine.materialise(fresh, "source_asset"), engine.materialise(
        others.union(rows.select(*stored.columns)), "records"
    )


def plan_identity(
    engine: DuckDBEngine, warehouse: Warehouse, records: ir.Table, inputs: IdentityInputs
) -> IdentityPlan:
    """Identification of those records by those inputs, nothing compared or stored.

    Args:
        engine: Executes.
        warehouse: What is stored.
        records: Current rows of SOURCE_ASSET of all connectors, materialised.
        inputs: What it goes by.
    """
    old_links = warehouse.current(ASSET_LINK)
    named = ({"connector_id": c, "source_name": n} for c, n in inputs.source_names.items())
    return identify(
        records,
        old_links.select("source_asset_id", "asset_id"),
        inputs.book,
        engine.materialise,
        inputs.bounds,
        source_names=engine.from_records(named, {"connector_id": "string", "source_name": "string"}),
        judged=_judged(engine, inputs.judgements),
        ranks=inputs.ranks,
    )


def identify_records(
    engine: DuckDBEngine, warehouse: Warehouse, records: ir.Table, inputs: IdentityInputs
) -> Identified:
    """Identify all records, and find out what differs from what is stored.

    Args:
        engine: Executes.
        warehouse: What is stored.
        records: Current rows of SOURCE_ASSET of all connectors, materialised.
        inputs: What it goes by.
    """
    old_links = warehouse.current(ASSET_LINK)
    plan = plan_identity(engine, warehouse, records, inputs)
    links = engine.materialise(plan.links, "links")
    compared = ("source_asset_id", "asset_id", "rule", "matched_on", "rejected")
    versions = links.anti_join(old_links, [links[n].identical_to(old_links[n]) for n in compared])
    versions = engine.materialise(versions, "link_versions")
    was = old_links.select("source_asset_id", was_asset_id="asset_id")
    moves = versions.select("source_asset_id", now_asset_id="asset_id").join(was, "source_asset_id")
    moves = engine.materialise(moves.filter(moves.was_asset_id != moves.now_asset_id), "moves")
    assets = engine.materialise(plan.assets, "assets")
    refused = engine.materialise(links.filter(links.rejected.length() > 0), "refused")
    ambiguous = int(engine.scalar(refused.count()))
    counts = {"assets": int(engine.scalar(assets.count())), "records_ambiguous": ambiguous}
    has_moves = engine.scalar(moves.count()) > 0
    warnings = oversized_warnings(engine, refused, inputs.bounds) if ambiguous else []
    return Identified(links, assets, versions, moves if has_moves else None, counts, warnings)


def _judged(engine: DuckDBEngine, judgements: Sequence[IdentityJudgement]) -> Judged | None:
    if not judgements:
        return None
    merges = [
        {"left": j.record, "right": other, "said": f"{j.decided_by}: {j.why}"}
        for j in judgements
        if j.kind is JudgementKind.MERGE
        for other in j.others
    ]
    splits = [
        {"judgement_id": j.judgement_id, "record": j.record, "other": other}
        for j in judgements
        if j.kind is JudgementKind.SPLIT
        for other in j.others
    ]
    return Judged(engine.from_records(merges, _MERGES), engine.from_records(splits, _SPLITS))


def refusals(links: ir.Table) -> ir.Table:
    """What was refused, one row a record and refusal: `source_asset_id`, `asset_id`, `refusal` and its parts.

    The parts are `rule`, `matched` (the values) and `why`.

    Args:
        links: Rows of ASSET_LINK.
    """
    rows = links.select("source_asset_id", "asset_id", refusal=links.rejected.unnest())
    parts = r"^([^:]+): (.*): (.*)$"
    return rows.mutate(
        refused_by=rows.refusal.re_extract(parts, 1),
        matched=rows.refusal.re_extract(parts, 2),
        why=rows.refusal.re_extract(parts, 3),
    )


def oversized_warnings(engine: DuckDBEngine, links: ir.Table, bounds: Bounds) -> list[str]:
    """A sentence for each of the values that most records share, of those that the bound kept from matching.

    Args:
        engine: Executes.
        links: Rows of ASSET_LINK with refusals.
        bounds: The limits they were made under.
    """
    told = refusals(links)
    told = told.filter(told.why.startswith(TOO_MANY))
    grouped = told.group_by("refused_by", "matched").agg(records=told.source_asset_id.nunique())
    rows = engine.records(grouped.order_by([grouped.records.desc(), grouped.refused_by, grouped.matched]))
    most = bounds.max_records_per_asset
    warnings = [
        f"By the rule {r['refused_by']}, {r['records']:,} records share {r['matched']}: more than {most}, so it joined none "
        "of them. See: riskbridge identity ambiguous"
        for r in rows[:MOST_TOLD]
    ]
    if len(rows) > MOST_TOLD:
        warnings.append(f"{len(rows) - MOST_TOLD:,} more values are shared by too many records to join them.")
    return warnings


def link_events(
    engine: DuckDBEngine, warehouse: Warehouse, records: ir.Table, found: Identified, sighting: Sighting
) -> ir.Table | None:
    """What happened to assets because their records are others now: `EVENT_COLUMNS` of EVENT; None for nothing.

    A record that is new tells of `asset-joined` where its asset was there before. One that moves tells both assets: of
    `asset-merged` where the old one is no more, else of `asset-split`.
    """
    old_links = warehouse.current(ASSET_LINK)
    if not engine.scalar(old_links.count()) or not engine.scalar(found.versions.count()):
        return None
    names = records.select("external_asset_id", named_id="source_asset_id")
    fresh = found.versions.select("source_asset_id", "asset_id", "rule", "matched_on")
    fresh = fresh.join(names, [("source_asset_id", "named_id")])
    by = ibis.literal(" by ") + fresh.rule + (ibis.literal(" on ") + fresh.matched_on).fill_null("")
    fresh = fresh.mutate(by=by, device=ibis.literal("device ") + fresh.external_asset_id)
    parts = [_joined(fresh, old_links)]
    if found.moves is not None:
        parts += _moved(fresh, found)
    rows = ibis.union(*parts) if len(parts) > 1 else parts[0]
    told = rows.group_by("subject_id", "kind").agg(reason=rows.rule.min(), texts=rows.text.collect(distinct=True))
    return engine.materialise(
        told.select(
            at=ibis.literal(sighting.observed_at, _AT),
            kind="kind",
            subject_id="subject_id",
            asset_id=told.subject_id,
            reason="reason",
            detail=told.texts.sort().join("; ").substr(0, LONGEST_TEXT),
        ).select(*EVENT_COLUMNS),
        "link_events",
    )


def _joined(fresh: ir.Table, old_links: ir.Table) -> ir.Table:
    stored = old_links.select(old_id="source_asset_id")
    new = fresh.anti_join(stored, [("source_asset_id", "old_id")])
    new = new.semi_join(old_links.select(old_asset="asset_id"), [("asset_id", "old_asset")])
    return new.select(subject_id="asset_id", kind=ibis.literal("asset-joined"), rule="rule", text=new.device + new.by)


def _moved(fresh: ir.Table, found: Identified) -> list[ir.Table]:
    assert found.moves is not None
    rows = fresh.join(found.moves, "source_asset_id")
    left = found.links.select(left_id="asset_id").distinct()
    rows = rows.left_join(left, [("was_asset_id", "left_id")])
    is_over = rows.left_id.isnull()
    kind = ibis.ifelse(is_over, "asset-merged", "asset-split")
    there = ibis.ifelse(is_over, "went into asset ", rows.device + " went to asset ") + rows.now_asset_id
    here = ibis.ifelse(is_over, "took in asset ", rows.device + " came from asset ") + rows.was_asset_id
    return [
        rows.select(subject_id="was_asset_id", kind=kind, rule="rule", text=there + rows.by),
        rows.select(subject_id="now_asset_id", kind=kind, rule="rule", text=here + rows.by),
    ]
