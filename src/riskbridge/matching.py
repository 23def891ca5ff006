"""The identification rules of connectors and the order of sources, as a person set them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from riskbridge.errors import InputError
from riskbridge.identity.book import make_book
from riskbridge.identity.join import Bounds
from riskbridge.identity.rules import BUILT_IN_RULES, Rule, check_rules, is_built_in
from riskbridge.identity.survivorship import SCALARS, TOGETHER, SourceRanks
from riskbridge.model.connector import Connector
from riskbridge.model.identification import RuleChoice
from riskbridge.pipeline.identifying import IdentityInputs
from riskbridge.store.config.store import ConfigStore

RANKS = "identity.source_rank"
EVERY = "*"
"""Stands for every attribute in the order of sources."""


def load_identity(
    store: ConfigStore,
    source_names: Mapping[str, str],
    *,
    most_records: int,
    rules: Mapping[str, Sequence[Rule]] | None = None,
) -> IdentityInputs:
    """What identification goes by.

    Args:
        store: What people set up.
        source_names: Connector id to its inventory source's name.
        most_records: Records that one value may put together.
        rules: Rules of some connectors in place of the saved ones, to be tried.
    """
    saved = {c: _rules(choices) for c, choices in store.identification.list_rules().items()}
    return IdentityInputs(
        book=make_book({**saved, **(rules or {})}),
        bounds=Bounds(most_records),
        ranks=load_ranks(store),
        source_names=source_names,
        judgements=store.identification.list_judgements(),
    )


def list_rules(store: ConfigStore, connector: Connector) -> tuple[Rule, ...]:
    """A connector's rules in order, on or off; the built-in ones where it has none of its own."""
    saved = store.identification.list_rules().get(connector.connector_id)
    return BUILT_IN_RULES if saved is None else _rules(saved)


def save_rules(store: ConfigStore, connector: Connector, rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Keep a connector's rules; the audit log has who and when. They hold from the next run on.

    Raises:
        InputError: `identity.rules`, `identity.no-rule`, `identity.too-many-rules`; nothing is kept.
    """
    checked = check_rules(rules)
    others = {c: _rules(choices) for c, choices in store.identification.list_rules().items()}
    make_book({**others, connector.connector_id: checked})
    choices = [RuleChoice(rule.name, rule.attributes, rule.is_on) for rule in checked]
    store.identification.save_rules(connector.connector_id, connector.name, choices)
    return checked


def reset_rules(store: ConfigStore, connector: Connector) -> tuple[Rule, ...]:
    """Give a connector the built-in rules again."""
    store.identification.forget_rules(connector.connector_id, connector.name)
    return BUILT_IN_RULES


def parse_rules(rows: Sequence[Mapping[str, object]]) -> tuple[Rule, ...]:
    """Rules from plain data, whole: `name`, `attributes` (of a built-in rule they may be left out), `is_on`.

    Raises:
        InputError: `identity.rule`, `identity.rules`, `identity.no-rule`.
    """
    known = {rule.name: rule.attributes for rule in BUILT_IN_RULES}
    rules = []
    for row in rows:
        name = str(row.get("name") or "")
        given = row.get("attributes")
        attributes = known.get(name, ()) if given is None else tuple(map(str, given)) if isinstance(given, list) else ()
        rules.append(Rule(name, attributes, row.get("is_on", True) is True))
    return check_rules(rules)


def rules_as_rows(rules: Sequence[Rule]) -> list[dict[str, object]]:
    """Rules as plain data, in order: `place` from 1, `name`, `attributes`, `is_on`, `is_built_in`, `is_weak`."""
    return [
        {
            "place": place,
            "name": rule.name,
            "attributes": list(rule.attributes),
            "is_on": rule.is_on,
            "is_built_in": is_built_in(rule),
            "is_weak": rule.is_weak,
        }
        for place, rule in enumerate(rules, 1)
    ]


def with_rule(rules: Sequence[Rule], rule: Rule, place: int | None = None) -> tuple[Rule, ...]:
    """Rules with one more, at a place from 1 on, or last."""
    at = len(rules) if place is None else max(place - 1, 0)
    return (*rules[:at], rule, *rules[at:])


def without_rule(rules: Sequence[Rule], name: str) -> tuple[Rule, ...]:
    """Rules without an own one.

    Raises:
        InputError: `identity.unknown-rule`; `identity.built-in`: a built-in rule can only be turned off.
    """
    found = find_rule(rules, name)
    if is_built_in(found):
        raise InputError(
            f"The rule '{name}' is built in.",
            code="identity.built-in",
            remedy="Turn it off: riskbridge identity rules off CONNECTOR RULE",
        )
    return tuple(rule for rule in rules if rule is not found)


def moved_rule(rules: Sequence[Rule], name: str, place: int) -> tuple[Rule, ...]:
    """Rules with one of them at another place, from 1 on.

    Raises:
        InputError: `identity.unknown-rule`.
    """
    found = find_rule(rules, name)
    return with_rule([rule for rule in rules if rule is not found], found, place)


def switched(rules: Sequence[Rule], name: str, *, is_on: bool) -> tuple[Rule, ...]:
    """Rules with one of them on or off.

    Raises:
        InputError: `identity.unknown-rule`.
    """
    found = find_rule(rules, name)
    return tuple(replace(rule, is_on=is_on) if rule is found else rule for rule in rules)


def find_rule(rules: Sequence[Rule], name: str) -> Rule:
    """The rule of that name in any letter case.

    Raises:
        InputError: `identity.unknown-rule`, with the nearest name.
    """
    by_key = {rule.name.casefold(): rule for rule in rules}
    if name.casefold() in by_key:
        return by_key[name.casefold()]
    near = difflib.get_close_matches(name.casefold(), by_key, n=1)
    hint = f"Did you mean {by_key[near[0]].name}? " if near else ""
    raise InputError(
        f"There is no identification rule '{name}'.",
        code="identity.unknown-rule",
        remedy=f"{hint}List them with: riskbridge identity rules show CONNECTOR",
    )


def load_ranks(store: ConfigStore) -> SourceRanks:
    """The order of sources: connector ids, the one whose word counts most first."""
    kept: dict[str, list[str]] = store.find_setting(RANKS) or {}
    single = {name: tuple(ids) for name, ids in kept.items() if name != EVERY}
    return SourceRanks(tuple(kept.get(EVERY, ())), single)


def list_ranks(store: ConfigStore) -> dict[str, list[str]]:
    """The order of sources by attribute (`*` for every other): names of connectors; ids of those that are gone."""
    names = {c.connector_id: c.name for c in store.list_connectors()}
    kept: dict[str, list[str]] = store.find_setting(RANKS) or {}
    return {name: [names.get(c, c) for c in ids] for name, ids in kept.items()}


def save_ranks(store: ConfigStore, attribute: str, connectors: Sequence[str]) -> dict[str, list[str]]:
    """Set the order of sources for an attribute, or for `*`; none takes it back. It holds from the next run on.

    Raises:
        InputError: `connector.unknown`; `identity.bad-rank`: no such attribute, or a connector comes twice.
    """
    ids = _ids(store, attribute, connectors)
    kept = {name: value for name, value in (store.find_setting(RANKS) or {}).items() if name != attribute}
    store.save_setting(RANKS, {**kept, attribute: ids} if ids else kept)
    return list_ranks(store)


def save_all_ranks(store: ConfigStore, order: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Set the whole order of sources, by attribute; what is left out has none.

    Raises:
        InputError: `connector.unknown`; `identity.bad-rank`; nothing is kept.
    """
    kept = {attribute: _ids(store, attribute, connectors) for attribute, connectors in order.items()}
    store.save_setting(RANKS, {attribute: ids for attribute, ids in kept.items() if ids})
    return list_ranks(store)


def _ids(store: ConfigStore, attribute: str, connectors: Sequence[str]) -> list[str]:
    ids = [store.get_connector(name).connector_id for name in connectors]
    leads = sorted(set(SCALARS) - set(TOGETHER))
    if attribute in (EVERY, *leads) and len(set(ids)) == len(ids):
        return ids
    what = "a connector comes twice" if len(set(ids)) < len(ids) else f"no order can be set for '{attribute}'"
    hint = f"It goes by {TOGETHER[attribute]}; set that. " if attribute in TOGETHER else ""
    raise InputError(
        f"The order of sources cannot be kept: {what}.",
        code="identity.bad-rank",
        remedy=f"{hint}Name each connector once, and {EVERY} or one of: {', '.join(leads)}.",
    )


def _rules(choices: Sequence[RuleChoice]) -> tuple[Rule, ...]:
    """Kept rules; built-in ones that came with a later release stand at their place, as they are from the start."""
    rules = [Rule(c.name, c.attributes, c.is_on) for c in choices]
    names = {rule.name.casefold() for rule in rules}
    for place, rule in enumerate(BUILT_IN_RULES):
        if rule.name not in names:
            rules.insert(place, rule)
    return tuple(rules)
