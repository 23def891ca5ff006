"""Why an asset is one: its records with rules and values, what was refused and whom it lost, and whose word counts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import ibis.expr.types as ir

from riskbridge.identity.survivorship import SCALARS, TOGETHER, SourceRanks, ranking
from riskbridge.lifecycle.provenance import made_by
from riskbridge.model.target import (
    ASSET,
    ASSET_LINK,
    CVE_CLAIM,
    DETECTION,
    DETECTION_DETAIL,
    EVENT,
    RUN,
    SOURCE_ASSET,
)
from riskbridge.pipeline.identifying import IdentityInputs, refusals
from riskbridge.store.engine import DuckDBEngine
from riskbridge.store.warehouse.warehouse import Warehouse

MOST_RECORDS = 1_000
MOST_CANDIDATES = 100
MOST_CLAIMS = 100
_TOLD = ("source_asset_id", "connector_id", "external_asset_id", "asset_name", "first_seen_at", "last_seen_at")


def explain_identity(
    engine: DuckDBEngine, warehouse: Warehouse, asset_id: str, inputs: IdentityInputs
) -> dict[str, list[dict[str, Any]]]:
    """An asset's evidence.

    Args:
        engine: Executes.
        warehouse: What is stored.
        asset_id: The asset.
        inputs: What identification goes by.

    Returns:
        `identity` (its records, each with `rule`, `matched_on`, `rejected` and what the source calls it),
        `lost_candidates` (records of other assets that a refused match would have brought, with why) and `attributes`
        (each with `value`, the record that gave it, `source`, and `why`).
    """
    links = warehouse.current(ASSET_LINK)
    own = links.filter(links.asset_id == asset_id)
    told = warehouse.current(SOURCE_ASSET).select(*_TOLD)
    shown = own.join(told, "source_asset_id").order_by(["first_seen_at", "source_asset_id"]).limit(MOST_RECORDS)
    identity = _plain(engine.records(shown))
    for row in identity:
        row["source"] = inputs.source_names.get(row["connector_id"], row["connector_id"])
    return {
        "identity": identity,
        "lost_candidates": _lost(engine, links, own, told, asset_id),
        "attributes": _attributes(engine, warehouse, asset_id, identity, inputs.ranks),
    }


def _lost(engine: DuckDBEngine, links: ir.Table, own: ir.Table, told: ir.Table, asset_id: str) -> list[dict[str, Any]]:
    """Records of other assets whose refusal shares rule, reason and a value with one of this asset."""
    mine = engine.materialise(refusals(own), "own_refusals")
    if not engine.scalar(mine.count()):
        return []
    others = refusals(links.filter((links.asset_id != asset_id) & (links.rejected.length() > 0)))
    mine = _by_value(mine).select(my_rule="refused_by", my_value="one_value", my_why="why").distinct()
    both = _by_value(others).join(mine, [("refused_by", "my_rule"), ("one_value", "my_value"), ("why", "my_why")])
    rows = both.select("source_asset_id", "asset_id", "why", rule="refused_by", matched_on="one_value").distinct()
    rows = rows.join(told.select("source_asset_id", "external_asset_id", "asset_name"), "source_asset_id")
    return _plain(engine.records(rows.order_by(["rule", "matched_on", "source_asset_id"]).limit(MOST_CANDIDATES)))


def _by_value(rows: ir.Table) -> ir.Table:
    return rows.mutate(one_value=rows.matched.re_split(", ").unnest())


def _attributes(
    engine: DuckDBEngine, warehouse: Warehouse, asset_id: str, identity: list[dict[str, Any]], ranks: SourceRanks
) -> list[dict[str, Any]]:
    assets = warehouse.current(ASSET)
    (asset,) = _plain(engine.records(assets.filter(assets.asset_id == asset_id)))
    origins = dict(text.split("=", 1) for text in asset["attribute_origins"] or ())
    names = {row["source_asset_id"]: row for row in identity}
    records = warehouse.current(SOURCE_ASSET)
    records = records.filter(records.source_asset_id.isin(list(names)))
    stated = {r["source_asset_id"]: r for r in engine.records(records)}
    placed = _places(engine, records, ranks)
    rows = []
    for name in SCALARS:
        if asset[name] is None:
            continue
        winner = origins.get(name, asset["primary_source_asset_id"])
        speakers = [i for i, record in stated.items() if record[name] is not None]
        rows.append(
            {
                "attribute": name,
                "value": asset[name],
                "source_asset_id": winner,
                "source": names.get(winner, {}).get("source"),
                "why": _why(name, winner, speakers, placed[ranks.of(name)], stated, ranks),
                "others": sum(1 for i in speakers if stated[i][name] != asset[name]),
            }
        )
    return rows


def _places(engine: DuckDBEngine, records: ir.Table, ranks: SourceRanks) -> dict[tuple[str, ...], list[str]]:
    """Records in the order in which their word counts, by order of sources."""
    orders = {ranks.of(name) for name in SCALARS}
    return {
        order: [str(r["source_asset_id"]) for r in engine.records(records.order_by(ranking(records, order)))]
        for order in orders
    }


def _why(
    name: str,
    winner: str,
    speakers: list[str],
    placed: list[str],
    stated: dict[str, dict[str, Any]],
    ranks: SourceRanks,
) -> str:
    """Why this record's word counts: the first thing in which it is before the next that states the attribute."""
    others = [i for i in placed if i in speakers and i != winner]
    if not others or winner not in stated:
        return "no other record states it"
    lead = TOGETHER.get(name)
    if lead is not None and stated[winner][lead] is not None:
        return f"its record gave {lead}, to which it belongs"
    best, other = stated[winner], stated[others[0]]
    order = ranks.of(name)
    rank = {c: place for place, c in enumerate(order)}
    compared = (
        ("the other was merged away in its source", lambda r: bool(r["merged_into_external_id"])),
        ("the other's sensor is inactive", lambda r: r["health_status"] == "Inactive"),
        ("its source comes first in the order of sources", lambda r: rank.get(r["connector_id"], len(order))),
    )
    for text, key in compared:
        if key(best) != key(other):
            return text
    return "it was seen last" if best["last_seen_at"] != other["last_seen_at"] else "its id is the smallest of equals"


def explain_history(
    engine: DuckDBEngine, warehouse: Warehouse, finding_id: str, cve_id: str | None
) -> dict[str, list[dict[str, Any]]]:
    """What a finding stands on: `claims` (what sources say of its CVE), `detections` (with details and map) and `events`.

    Args:
        engine: Executes.
        warehouse: What is stored.
        finding_id: The finding.
        cve_id: Its CVE; None without.
    """
    of_finding, asked = engine.placeholder("finding"), {"finding": finding_id}

    def claimed() -> ir.Table:
        claims = warehouse.table(CVE_CLAIM)
        of_cve = claims.filter(claims.cve_id == engine.placeholder("cve"))
        return of_cve.order_by(["source", "cvss_version"]).limit(MOST_CLAIMS)

    def told() -> ir.Table:
        return finding_history(warehouse, of_finding).limit(MOST_RECORDS)

    return {
        "claims": _plain(engine.answer("claims of a CVE", claimed, {"cve": cve_id})) if cve_id else [],
        "detections": _plain(engine.answer("detections of a finding", lambda: _detailed(warehouse, of_finding), asked)),
        "events": _plain(engine.answer("history of a finding", told, asked)),
    }


def _detailed(warehouse: Warehouse, finding_id: ir.StringValue) -> ir.Table:
    """Detections of a finding, with what only some streams tell and the map that made them."""
    detections = warehouse.current(DETECTION)
    detailed = detections.filter(detections.finding_id == finding_id).left_join(
        warehouse.current(DETECTION_DETAIL), "detection_id"
    )
    versions = warehouse.table(DETECTION)
    now = versions.filter((versions.finding_id == finding_id) & versions.valid_to_run.isnull())
    detailed = detailed.drop("detection_id_right").left_join(made_by(now, warehouse.table(RUN)), "detection_id")
    return detailed.drop("detection_id_right").limit(MOST_RECORDS)


def finding_history(warehouse: Warehouse, finding_id: str | ir.StringValue) -> ir.Table:
    """Events of a finding, oldest first, with those of the findings its detections belonged to before they moved."""
    events, versions = warehouse.table(EVENT), warehouse.table(DETECTION)
    own = versions.filter(versions.finding_id == finding_id).select("detection_id").distinct()
    earlier = versions.semi_join(own, "detection_id").filter(versions.finding_id != finding_id)
    spans = earlier.select(
        was_finding_id="finding_id", since="valid_from_run", until=earlier.valid_to_run.fill_null(2**62)
    ).distinct()
    both = events.join(spans, [("subject_id", "was_finding_id")])
    both = both.filter((both.run >= both.since) & (both.run < both.until)).select(*events.columns).distinct()
    return events.filter(events.subject_id == finding_id).union(both).order_by(["run", "kind", "event_id"])


def _plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{n: _text(v) for n, v in row.items()} for row in rows]


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if hasattr(value, "isoformat") else value
