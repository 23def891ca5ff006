"""What rules compare, as rows: a key of each record for each rule, and the facts that speak against a match."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from riskbridge.forms import SEPARATOR
from riskbridge.identity.normalise import recognise, recognise_value
from riskbridge.identity.rules import IDENTIFYING, MULTI_VALUED, Rule

SHORT_NAME_KIND = str(len(IDENTIFYING))
ACTIVE_KIND = str(len(IDENTIFYING) + 1)

_ARRAYS = {"merge_id": "merge_ids", "mac_address": "mac_addresses", "ip_address": "ip_addresses"}


def rule_keys(records: ir.Table, rules: Sequence[Rule]) -> ir.Table:
    """Every key of every record; a record that lacks an attribute of a rule has no key for it.

    Args:
        records: What `normalise.spell` gave.
        rules: Those that are on, in order; at least one.

    Returns:
        `rule` (place in `rules` as two digits, from 00), `value` (as a person may read it) and `source_asset_id`.
    """
    records = recognise(records)
    numbered = list(enumerate(rules))
    parts = []
    for needed in sorted({_multi_valued(rule) for rule in rules}):
        chosen = [(number, rule) for number, rule in numbered if _multi_valued(rule) == needed]
        parts.append(_keys_of(_unnested(records, needed), chosen))
    return ibis.union(*parts) if len(parts) > 1 else parts[0]


def find_shared_keys(keys: ir.Table) -> ir.Table:
    """Of the keys that `rule_keys` gave, materialised, those that several records have, without repetition."""
    shared = keys.group_by("rule", "value").agg(first=keys.source_asset_id.min(), last=keys.source_asset_id.max())
    shared = shared.filter(shared["first"] < shared["last"])
    return keys.semi_join(shared, ["rule", "value"]).distinct()


def against(records: ir.Table) -> ir.Table:
    """Facts of which two values in one asset speak against it.

    Args:
        records: What `normalise.spell` gave.

    Returns:
        `source_asset_id`, `kind` (place in `IDENTIFYING`, `SHORT_NAME_KIND` for the full name, or `ACTIVE_KIND` for
        being an active device), `scope` (the connector for `ACTIVE_KIND`, else empty) and `fact_value`.
    """
    records = recognise(records)
    values = [ibis.literal(str(place)) + records[name] for place, name in enumerate((*IDENTIFYING, "fqdn"))]
    rows = records.select("source_asset_id", packed=ibis.array(values).unnest())
    rows = rows.filter(rows.packed.notnull())
    stated = rows.select(
        "source_asset_id", kind=rows.packed.substr(0, 1), scope=ibis.literal(""), fact_value=rows.packed.substr(1)
    )
    active = records.filter(records.is_active).select(
        "source_asset_id", kind=ibis.literal(ACTIVE_KIND), scope="connector_id", fact_value="source_asset_id"
    )
    return stated.union(active)


def _multi_valued(rule: Rule) -> tuple[str, ...]:
    return tuple(name for name in MULTI_VALUED if name in rule.attributes)


def _unnested(records: ir.Table, needed: tuple[str, ...]) -> ir.Table:
    for name in needed:
        records = records.mutate(**{name: records[_ARRAYS[name]].unnest()})
        records = records.mutate(**{name: recognise_value(name, records[name])})
        records = records.filter(records[name].notnull())
    return records


def _keys_of(records: ir.Table, rules: list[tuple[int, Rule]]) -> ir.Table:
    # Packed with the rule's number into one array, so that all rules cost one pass.
    packed = []
    for number, rule in rules:
        first, *others = (records[name] for name in rule.attributes)
        key = ibis.literal(f"{number:02d}") + first
        for other in others:
            key = key + " + " + other
        packed.append(key)
    rows = records.select("source_asset_id", packed=ibis.array(packed).unnest())
    rows = rows.filter(rows.packed.notnull())
    value = rows.packed.substr(2).replace(SEPARATOR, " ")
    return rows.select("source_asset_id", rule=rows.packed.substr(0, 2), value=value)
