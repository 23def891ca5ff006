"""What rules compare, as rows: a key of each record for each rule, and the facts that speak against a match."""

from __future__ import annotations

from collections.abc import Callable

import ibis
import ibis.expr.types as ir

from riskbridge.forms import SEPARATOR
from riskbridge.identity.answers import shared_by_records
from riskbridge.identity.book import RuleBook, SharedRule
from riskbridge.identity.normalise import recognise, recognise_value
from riskbridge.identity.rules import IDENTIFYING, MULTI_VALUED, SUCCESSOR, Rule
from riskbridge.identity.successors import successor_keys

Materialise = Callable[[ir.Table], ir.Table]

FULL_NAME_KIND = str(len(IDENTIFYING))
HOST_NAME_KIND = str(len(IDENTIFYING) + 1)
ACTIVE_KIND = str(len(IDENTIFYING) + 2)
SPLIT_KIND = "!"
"""Kinds sort by strength, and nothing is stronger than a person who took records apart."""

_ARRAYS = {"merge_id": "merge_ids", "mac_address": "mac_addresses", "ip_address": "ip_addresses"}


def rule_keys(records: ir.Table, book: RuleBook, materialise: Materialise) -> ir.Table:
    """Every key of every record; a record that lacks an attribute of a rule has no key for it.

    Args:
        records: What `normalise.spell` gave, materialised.
        book: The rules, in order; at least one.
        materialise: Computes a table once.

    Returns:
        `rule` (place in the book as three digits, from 000), `value` (as a person may read it) and `source_asset_id`.
    """
    known = recognise(records)
    numbered = list(enumerate(book.rules))
    parts = []
    for needed in sorted({_multi_valued(shared.rule) for shared in book.rules}):
        chosen = [(n, s) for n, s in numbered if _multi_valued(s.rule) == needed and s.rule.is_bounded]
        if chosen:
            parts.append(_keys_of(_unnested(known, needed), chosen))
    for number, shared in numbered:
        if SUCCESSOR in shared.rule.attributes:
            takers = known.filter(known.connector_id.notin(sorted(shared.refusers))) if shared.refusers else known
            pairs = successor_keys(takers, materialise)
            parts.append(pairs.select("source_asset_id", rule=ibis.literal(_digits(number)), value="value"))
    return ibis.union(*parts) if len(parts) > 1 else parts[0]


def find_shared_keys(keys: ir.Table, records: ir.Table, book: RuleBook) -> ir.Table:
    """Of the keys that `rule_keys` gave, materialised, those by which a record meets another, without repetition.

    A key that nobody asks by counts for nothing; see `riskbridge.identity.book`.
    """
    found = shared_by_records(keys, ["rule", "value"]).distinct()
    partial = {_digits(n): s for n, s in enumerate(book.rules) if book.has_followers(s)}
    if not partial:
        return found
    some = found.filter(found.rule.isin(sorted(partial)))
    asked = some.join(records.select("connector_id", of="source_asset_id"), [("source_asset_id", "of")])
    own = sorted(book.own)
    seeks = ibis.cases(
        *(
            (
                asked.rule == digits,
                asked.connector_id.isin(sorted(shared.seekers))
                | (asked.connector_id.notin(own) if shared.is_usual else ibis.literal(value=False)),
            )
            for digits, shared in partial.items()
        ),
        else_=ibis.literal(value=False),
    )
    sought = asked.filter(seeks).select("rule", "value").distinct()
    return found.filter(found.rule.notin(sorted(partial))).union(some.semi_join(sought, ["rule", "value"]))


def without_split_keys(shared: ir.Table, splits: ir.Table) -> ir.Table:
    """Shared keys but those of a record with which it would come back to where a person took it from.

    Args:
        shared: What `find_shared_keys` gave, materialised.
        splits: `record`, `other`, one row a pair that a person took apart.
    """
    held = shared.select(other_rule="rule", other_value="value", other="source_asset_id")
    barred = held.join(splits, "other").select(bar_rule="other_rule", bar_value="other_value", bar_record="record")
    same = [("rule", "bar_rule"), ("value", "bar_value"), ("source_asset_id", "bar_record")]
    return shared.anti_join(barred.distinct(), same)


def against(records: ir.Table) -> ir.Table:
    """Facts of which two values in one asset speak against it.

    Args:
        records: What `normalise.spell` gave.

    Returns:
        `source_asset_id`, `kind` (place in `IDENTIFYING`, `FULL_NAME_KIND`, `HOST_NAME_KIND`, or `ACTIVE_KIND` for
        being an active device), `scope` (the connector for `ACTIVE_KIND`, else empty) and `fact_value`.
    """
    records = recognise(records)
    names = (*IDENTIFYING, "fqdn", "host_name")
    values = [ibis.literal(str(place)) + records[name] for place, name in enumerate(names)]
    rows = records.select("source_asset_id", packed=ibis.array(values).unnest())
    rows = rows.filter(rows.packed.notnull())
    stated = rows.select(
        "source_asset_id", kind=rows.packed.substr(0, 1), scope=ibis.literal(""), fact_value=rows.packed.substr(1)
    )
    active = records.filter(records.is_active).select(
        "source_asset_id", kind=ibis.literal(ACTIVE_KIND), scope="connector_id", fact_value="source_asset_id"
    )
    return stated.union(active)


def split_facts(splits: ir.Table) -> ir.Table:
    """Facts, as `against` gives them, that keep apart what a person took apart.

    Args:
        splits: `judgement_id`, `record`, `other`.
    """
    away = splits.select(
        source_asset_id="record", kind=ibis.literal(SPLIT_KIND), scope="judgement_id", fact_value=ibis.literal("away")
    )
    rest = splits.select(
        source_asset_id="other", kind=ibis.literal(SPLIT_KIND), scope="judgement_id", fact_value=ibis.literal("rest")
    )
    return away.union(rest).distinct()


def _digits(number: int) -> str:
    return f"{number:03d}"


def _multi_valued(rule: Rule) -> tuple[str, ...]:
    return tuple(name for name in MULTI_VALUED if name in rule.attributes)


def _unnested(records: ir.Table, needed: tuple[str, ...]) -> ir.Table:
    for name in needed:
        records = records.mutate(**{name: records[_ARRAYS[name]].unnest()})
        records = records.mutate(**{name: recognise_value(name, records[name])})
        records = records.filter(records[name].notnull())
    return records


def _keys_of(records: ir.Table, rules: list[tuple[int, SharedRule]]) -> ir.Table:
    # Packed with the rule's number into one array, so that all rules cost one pass.
    packed = []
    for number, shared in rules:
        first, *others = (records[name] for name in shared.rule.attributes)
        key = ibis.literal(_digits(number)) + first
        for other in others:
            key = key + " + " + other
        if shared.refusers:
            key = ibis.ifelse(records.connector_id.isin(sorted(shared.refusers)), ibis.null("string"), key)
        packed.append(key)
    rows = records.select("source_asset_id", packed=ibis.array(packed).unnest())
    rows = rows.filter(rows.packed.notnull())
    value = rows.packed.substr(3).replace(SEPARATOR, " ")
    return rows.select("source_asset_id", rule=rows.packed.substr(0, 3), value=value)
