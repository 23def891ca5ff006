"""Rule by rule, records that share a key become one component, unless something stronger speaks against it.

Set-based and recomputed over all records, so the outcome depends neither on the order of rows nor on earlier runs. A
component is named after its smallest source record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from riskbridge.forms import SEPARATOR
from riskbridge.identity.answers import count_rows
from riskbridge.identity.keys import ACTIVE_KIND, FULL_NAME_KIND, HOST_NAME_KIND, SPLIT_KIND
from riskbridge.identity.rules import IDENTIFYING, Rule

Materialise = Callable[[ir.Table], ir.Table]

BY_HAND = "merged-by-hand"
"""The rule of a record that a person put together with another."""
TOO_MANY = "would put"
"""How a refusal begins that the bound made."""
MOST_BY_HAND = 1_000
"""Rounds in which long chains settle: of merges by hand, and of devices that were set up anew again and again."""
_KINDS = ("cloud instance ids", "Entra device ids", "hardware UUIDs", "serial numbers", "full names", "host names")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits that keep a wrong rule from doing harm.

    Attributes:
        max_records_per_asset: A value that more records share matches nothing, and a match that would put more
            together is refused.
    """

    max_records_per_asset: int = 50


def join_records(
    shared: ir.Table,
    facts: ir.Table,
    rules: Sequence[tuple[str, Rule]],
    materialise: Materialise,
    bounds: Bounds,
    merges: ir.Table | None = None,
) -> ir.Table:
    """Components of the records that share any key, or that a person put together.

    Args:
        shared: What `keys.find_shared_keys` gave, materialised.
        facts: What `keys.against` gave for those records, materialised.
        rules: Number and rule of those that occur in `shared`, in order.
        materialise: Computes a table once.
        bounds: Limits.
        merges: `left`, `right`, `said`, one row a pair of records that a person put together; None for none.

    Returns:
        Materialised, one row a record: `source_asset_id`, `component`, `rule` and `matched_on` (null while nothing
        joined it) and `refusals` (texts after a separator each; empty for none).
    """
    members = shared.select("source_asset_id")
    if merges is not None:
        members = members.union(merges.select(source_asset_id="left")).union(merges.select(source_asset_id="right"))
    members = members.distinct()
    members = members.mutate(
        component=members.source_asset_id,
        rule=ibis.null("string"),
        matched_on=ibis.null("string"),
        refusals=ibis.literal(""),
    )
    members = materialise(members)
    if merges is not None:
        members = _join_by_hand(members, merges, materialise)
    for number, rule in rules:
        keys = shared.filter(shared.rule == number)
        members = _apply(rule, keys, members, facts, materialise=materialise, bounds=bounds)
    return members


def _join_by_hand(members: ir.Table, merges: ir.Table, materialise: Materialise) -> ir.Table:
    """What a person put together is one component before any rule is asked; nothing speaks against it."""
    pairs = merges.mutate(value=merges.left + SEPARATOR + merges.right)
    ends = pairs.select("value", "said", source_asset_id="left").union(
        pairs.select("value", "said", source_asset_id="right").select("value", "said", "source_asset_id")
    )
    ends = materialise(ends.mutate(component=ends.source_asset_id))
    places = materialise(_settle(ends, materialise, MOST_BY_HAND))
    told = ends.group_by(told_id="source_asset_id").agg(said=ends.said.min())
    rows = members.left_join(places.select("candidate", place_of="component"), [("component", "place_of")])
    rows = rows.left_join(told, [("source_asset_id", "told_id")])
    is_told = rows.said.notnull()
    return materialise(
        rows.select(
            "source_asset_id",
            component=rows.candidate.coalesce(rows.component),
            rule=ibis.ifelse(is_told, BY_HAND, rows.rule),
            matched_on=ibis.ifelse(is_told, rows.said, rows.matched_on),
            refusals="refusals",
        )
    )


def _apply(
    rule: Rule, keys: ir.Table, members: ir.Table, facts: ir.Table, *, materialise: Materialise, bounds: Bounds
) -> ir.Table:
    edges = materialise(_edges(rule, keys, members))
    if not count_rows(edges):
        return members
    if rule.is_bounded:
        members, edges = _without_hubs(rule, members, edges, materialise=materialise, bounds=bounds)
        if not count_rows(edges):
            return members
    places = _settle(edges, materialise, bounds.max_records_per_asset if rule.is_bounded else MOST_BY_HAND)
    involved = materialise(
        members.join(places, "component").select("source_asset_id", "component", "candidate", "rule")
    )
    verdicts = materialise(_verdicts(rule, involved, facts, bounds))
    return materialise(_advance(rule, members, edges, places.join(verdicts, "candidate")))


def _edges(rule: Rule, keys: ir.Table, members: ir.Table) -> ir.Table:
    """Keys that would change something: they lie in several components and, for a weak rule, somebody still seeks."""
    rows = keys.drop("rule").join(members.select("source_asset_id", "component", joined_by="rule"), "source_asset_id")
    seekers = rows.source_asset_id.count(where=rows.joined_by.isnull())
    groups = rows.group_by("value").agg(first=rows.component.min(), last=rows.component.max(), seekers=seekers)
    groups = groups.filter(groups["first"] < groups["last"])
    if rule.is_weak:
        groups = groups.filter(groups.seekers > 0)
    return rows.semi_join(groups, "value").select("value", "source_asset_id", "component")


def _without_hubs(
    rule: Rule, members: ir.Table, edges: ir.Table, *, materialise: Materialise, bounds: Bounds
) -> tuple[ir.Table, ir.Table]:
    """Members and edges but for values that too many records share: no host explains them, so they match nothing.

    They are taken out one by one, so that what shares another value besides is still matched by that.
    """
    counted = edges.group_by("value").agg(records=edges.source_asset_id.nunique())
    hubs = materialise(counted.filter(counted.records > bounds.max_records_per_asset))
    if not count_rows(hubs):
        return members, edges
    told = edges.join(hubs, "value").select("records", hub_value="value", told_id="source_asset_id")
    text = told.hub_value + ibis.literal(": ") + _too_many(told.records)
    told = told.mutate(text=ibis.literal(f"{SEPARATOR}{rule.name}: ") + text)
    told = told.group_by("told_id").agg(texts=told.text.collect(distinct=True))
    rows = members.left_join(told, [("source_asset_id", "told_id")])
    added = rows.texts.sort().join("").fill_null("")
    members = rows.mutate(refusals=rows.refusals + added).select(*members.columns)
    return materialise(members), materialise(edges.anti_join(hubs, "value"))


def _settle(edges: ir.Table, materialise: Materialise, rounds: int) -> ir.Table:
    """Components and the candidate each falls into: the smallest component that keys connect it with.

    A label travels one record a round at least, so every candidate within the bounds settles within as many rounds as
    it may have records. What is still moving then is too large whatever it becomes, and is left as one large candidate.
    """
    links = edges.select("value", "component").distinct()
    labels = links.mutate(was=links.component, label=links.component)
    for _ in range(rounds + 1):
        labels = materialise(_spread(labels))
        if not count_rows(labels.filter(labels.was != labels.label)):
            return labels.select("component", candidate="label").distinct()
    torn = labels.group_by("value").agg(first=labels.label.min(), last=labels.label.max())
    torn = labels.semi_join(torn.filter(torn["first"] < torn["last"]), "value").select(torn="label").distinct()
    rows = labels.left_join(torn, [("label", "torn")])
    return rows.select("component", candidate=ibis.ifelse(rows.torn.notnull(), "", rows.label)).distinct()


def _spread(labels: ir.Table) -> ir.Table:
    near = labels.mutate(near=labels.label.min().over(group_by="value"))
    best = near.mutate(best=near.near.min().over(group_by="component"))
    # A jump to the label's own label halves long chains.
    jumps = best.select(of="component", jump="best").distinct()
    rows = best.left_join(jumps, [("best", "of")])
    return rows.select("value", "component", was=rows.label, label=rows.jump.coalesce(rows.best))


def _verdicts(rule: Rule, involved: ir.Table, facts: ir.Table, bounds: Bounds) -> ir.Table:
    """One row a candidate: `candidate` and `why` it is refused, null when it is accepted."""
    sizes = involved.group_by("candidate").agg(
        records=involved.count(),
        established=involved.component.nunique(where=involved.rule.notnull()),
    )
    is_large = (sizes.records > bounds.max_records_per_asset) if rule.is_bounded else sizes.candidate == ""
    large = _too_many(sizes.records)
    is_ambiguous = (sizes.established > 1) if rule.is_weak else ibis.literal(value=False)
    sizes = sizes.mutate(
        by_size=ibis.cases((is_large, large), (is_ambiguous, "several assets match"), else_=ibis.null("string"))
    )
    conflicts = _conflicts(rule, involved, facts)
    worst = conflicts.group_by(of="candidate").agg(by_fact=conflicts.why.min())
    rows = sizes.left_join(worst, [("candidate", "of")])
    # The first sign orders conflicts by strength and is not shown.
    return rows.select("candidate", why=rows.by_fact.substr(1).coalesce(rows.by_size))


def _conflicts(rule: Rule, involved: ir.Table, facts: ir.Table) -> ir.Table:
    """Facts on which the parts of a candidate differ; a difference that one part had already is none of the match's."""
    kinds = [SPLIT_KIND, *(str(IDENTIFYING.index(name)) for name in rule.stronger)]
    if rule.is_by_short_name:
        kinds.append(FULL_NAME_KIND)
    if rule.is_by_address:
        kinds.append(HOST_NAME_KIND)
    if rule.is_weak:
        kinds.append(ACTIVE_KIND)
    rows = facts.filter(facts.kind.isin(kinds)).join(
        involved.select("source_asset_id", "component", "candidate"), "source_asset_id"
    )
    value = rows.fact_value
    whole = rows.group_by("candidate", "kind", "scope").agg(values=value.nunique(), low=value.min(), high=value.max())
    part = rows.group_by("candidate", "kind", "scope", "component").agg(own=value.nunique())
    most = part.group_by("candidate", "kind", "scope").agg(most=part.own.max())
    both = whole.filter(whole["values"] > 1).join(most, ["candidate", "kind", "scope"])
    both = both.filter(both["values"] > both.most)
    named = ibis.cases(*((both.kind == str(place), text) for place, text in enumerate(_KINDS)), else_="")
    differs = ibis.literal("different ") + named + " (" + both.low + ", " + both.high + ")"
    text = ibis.cases(
        (both.kind == ACTIVE_KIND, ibis.literal("several active devices of one source")),
        (both.kind == SPLIT_KIND, ibis.literal("taken apart by a person")),
        else_=differs,
    )
    return both.select("candidate", why=both.kind + text)


def _too_many(records: ir.IntegerValue) -> ir.StringValue:
    text: ir.StringValue = ibis.literal(f"{TOO_MANY} ") + records.cast("string") + " records together"
    return text


def _advance(rule: Rule, members: ir.Table, edges: ir.Table, judged: ir.Table) -> ir.Table:
    matched = edges.group_by(matched_id="source_asset_id").agg(values=edges.value.collect(distinct=True))
    matched = matched.select("matched_id", values=matched["values"].sort().join(", "))
    judged = judged.select("candidate", "why", part="component")
    rows = members.left_join(judged, [("component", "part")])
    rows = rows.left_join(matched, [("source_asset_id", "matched_id")])
    is_joined = rows.candidate.notnull() & rows.why.isnull()
    is_first = is_joined & rows.rule.isnull() & rows["values"].notnull()
    refusal = ibis.literal(f"{SEPARATOR}{rule.name}: ") + rows["values"] + ": " + rows.why
    return rows.select(
        "source_asset_id",
        component=ibis.ifelse(is_joined, rows.candidate, rows.component),
        rule=ibis.ifelse(is_first, rule.name, rows.rule),
        matched_on=ibis.ifelse(is_first, rows["values"], rows.matched_on),
        refusals=rows.refusals + refusal.fill_null(""),
    )
