"""The rules of all connectors as one ordered list, since a match is between records of two of them.

Two records are compared by a rule that is on for the connector of one of them, unless it was turned off for the other's.
A connector that does not have the rule, or has it off as it was from the start, leaves it to the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from riskbridge.errors import InputError
from riskbridge.identity.rules import BUILT_IN_RULES, Rule

MOST_SHARED = 999
"""Rules of all connectors together; their places are written with three digits."""


@dataclass(frozen=True, slots=True)
class SharedRule:
    """A rule with who asks by it.

    Attributes:
        rule: The rule, on.
        seekers: Connectors with rules of their own that have it on.
        refusers: Connectors that turned it off: their records take no part.
        is_usual: Connectors without rules of their own ask by it.
    """

    rule: Rule
    seekers: frozenset[str]
    refusers: frozenset[str]
    is_usual: bool


@dataclass(frozen=True, slots=True)
class RuleBook:
    """What identification goes by: rules in order, and which connectors have rules of their own."""

    rules: tuple[SharedRule, ...]
    own: frozenset[str]

    def has_followers(self, shared: SharedRule) -> bool:
        """Whether records of some connector take part in the rule without asking by it."""
        return not shared.is_usual or bool(self.own - shared.seekers - shared.refusers)


def make_book(own: Mapping[str, Sequence[Rule]], usual: Sequence[Rule] = BUILT_IN_RULES) -> RuleBook:
    """One ordered list of the rules that are on somewhere.

    Where connectors order rules differently, a rule comes as early as where it comes first; the name decides between
    two in one place.

    Args:
        own: Rules by connector id, of those that have rules of their own.
        usual: The rules of all others.

    Raises:
        InputError: `identity.too-many-rules`: more than 999 rules in all connectors.
    """
    places: dict[tuple[str, tuple[str, ...]], int] = {}
    for rules in (usual, *own.values()):
        for place, rule in enumerate(rules):
            if rule.is_on:
                key = (rule.name, rule.attributes)
                places[key] = min(place, places.get(key, place))
    if len(places) > MOST_SHARED:
        raise InputError(
            f"The connectors have {len(places)} identification rules together, more than {MOST_SHARED}.",
            code="identity.too-many-rules",
            remedy="Remove own rules with: riskbridge identity rules remove CONNECTOR RULE",
        )
    ordered = sorted(places, key=lambda key: (places[key], key))
    return RuleBook(tuple(_share(Rule(*key), own, usual) for key in ordered), frozenset(own))


def _share(rule: Rule, own: Mapping[str, Sequence[Rule]], usual: Sequence[Rule]) -> SharedRule:
    told = {c: found.is_on for c, rules in own.items() if (found := _find(rule, rules)) is not None}
    built_in = _find(rule, BUILT_IN_RULES)
    is_off_from_the_start = built_in is not None and not built_in.is_on
    standard = _find(rule, usual)
    return SharedRule(
        rule=rule,
        seekers=frozenset(c for c, is_on in told.items() if is_on),
        refusers=frozenset() if is_off_from_the_start else frozenset(c for c, is_on in told.items() if not is_on),
        is_usual=standard is not None and standard.is_on,
    )


def _find(rule: Rule, rules: Sequence[Rule]) -> Rule | None:
    return next((r for r in rules if (r.name, r.attributes) == (rule.name, rule.attributes)), None)
