"""The weights and rules that scores are made with, as a person set them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from riskbridge.errors import InputError
from riskbridge.model.tag import Tag
from riskbridge.store.config.store import ConfigStore

if TYPE_CHECKING:
    from riskbridge.score.rules import AssetRule, Condition
    from riskbridge.score.settings import ScoreSettings
    from riskbridge.score.tags import TagRule

SETTING = "score.weights"
RULES = "score.rules"
_PARTS = ("qds", "trurisk")


def load_score_settings(store: ConfigStore) -> ScoreSettings:
    """Weights and formulas: what a person chose, else the built-in ones."""
    from riskbridge.score.settings import ScoreSettings  # noqa: PLC0415 - with what is scored

    chosen = with_changes(ScoreSettings(), store.find_setting(SETTING) or {})
    return replace(
        chosen,
        rules=make_rules(list_rules(store)),
        own_score_maps=store.score_maps.list_score_maps(),
        tags=make_tags(store.tags.list_tags()),
        assigned_tags=store.tags.list_assigned(),
    )


def list_rules(store: ConfigStore) -> dict[str, dict[str, Any]]:
    """Rules for assets by name: `where` (QQL), `acs`, `is_internet_facing`, `factor`, `why`."""
    return dict(store.find_setting(RULES) or {})


def with_rule(rules: Mapping[str, dict[str, Any]], name: str, **rule: Any) -> dict[str, dict[str, Any]]:
    """Rules with one more, or another in its place; `make_rules` checks what it says.

    Raises:
        InputError: `score.bad-rule`: it has no name, no query or no reason, says nothing, or there are too many.
    """
    from riskbridge.score.rules import MOST_RULES  # noqa: PLC0415

    says = rule["acs"] is not None or rule["is_internet_facing"] or rule["factor"] != 1
    if not name.strip() or not rule["where"].strip() or not rule["why"].strip() or not says:
        raise InputError(
            f"The rule '{name}' is not whole.",
            code="score.bad-rule",
            remedy="Give --where with a query, --why with a reason, and --acs, --internet-facing or --factor.",
        )
    changed = {**rules, name.strip(): rule}
    if len(changed) > MOST_RULES:
        raise InputError(
            f"There are {MOST_RULES} rules already.",
            code="score.bad-rule",
            remedy="Remove one first: riskbridge rule remove NAME",
        )
    return changed


def without_rule(rules: Mapping[str, dict[str, Any]], name: str) -> dict[str, dict[str, Any]]:
    """Rules without one.

    Raises:
        InputError: `score.unknown-rule`.
    """
    if name not in rules:
        raise InputError(
            f"There is no rule '{name}'.", code="score.unknown-rule", remedy="List them with: riskbridge rule list"
        )
    return {n: rule for n, rule in rules.items() if n != name}


def save_rules(store: ConfigStore, rules: Mapping[str, dict[str, Any]]) -> None:
    """Keep all rules; the audit log has who and when."""
    store.save_setting(RULES, dict(rules))


def make_rules(rules: Mapping[str, dict[str, Any]]) -> tuple[AssetRule, ...]:
    """Rules as scoring takes them.

    Raises:
        InputError: `qql.*`, or `score.bad-rule`: a query asks for something that follows from scores.
        ConfigError: `score.rule`: a number is out of its bounds.
    """
    from riskbridge.score.rules import AssetRule  # noqa: PLC0415

    return tuple(
        AssetRule(name, _condition(name, r["where"]), r["acs"], r["is_internet_facing"], float(r["factor"]))
        for name, r in rules.items()
    )


def make_tags(tags: Iterable[Tag]) -> tuple[TagRule, ...]:
    """Tags as scoring takes them.

    Raises:
        InputError: `qql.*`, or `score.bad-rule`: a query asks for something that follows from scores.
    """
    from riskbridge.score.tags import TagRule  # noqa: PLC0415

    return tuple(TagRule(t.name, None if t.query is None else _condition(t.name, t.query), t.acs) for t in tags)


def _condition(name: str, query: str) -> Condition:
    import ibis  # noqa: PLC0415

    from riskbridge.model.target import ASSET, ASSET_SCORE  # noqa: PLC0415
    from riskbridge.search.compile import compile_query, referenced_columns  # noqa: PLC0415

    computed = {"operating_system", "operating_system_category"}
    known = {*ASSET.names, *computed} - {n for n in ASSET_SCORE.names if n != "asset_id"}
    circular = sorted(referenced_columns(query, "assets") - known)
    if circular:
        raise InputError(
            f"The rule '{name}' asks for {', '.join(circular)}, which follows from scores or findings.",
            code="score.bad-rule",
            remedy="Choose assets by what they are: name, group, tags, operating system, dates.",
        )

    # Refused now, and not when a run asks: rows of findings or software are not at hand there.
    form = ibis.table({**ASSET.types, **dict.fromkeys(computed, "string")}, name="asset")
    compile_query(query, form, "assets", datetime.now(UTC))
    return lambda assets: compile_query(query, assets, "assets", datetime.now(UTC))


def save_score_settings(store: ConfigStore, changes: Mapping[str, Any]) -> ScoreSettings:
    """Keep changed weights; the audit log has who and when. Scores follow when everything is scored anew.

    Raises:
        InputError: `score.unknown-setting`, `score.bad-value`.
        ConfigError: `score.weights`, `score.formula`: values that do not go together; nothing is kept.
    """
    changed = with_changes(load_score_settings(store), changes)
    store.save_setting(SETTING, (store.find_setting(SETTING) or {}) | dict(changes))
    return changed


def forget_score_settings(store: ConfigStore) -> ScoreSettings:
    """Take the built-in weights again."""
    store.save_setting(SETTING, {})
    return load_score_settings(store)


def list_score_settings(settings: ScoreSettings) -> dict[str, Any]:
    """Every weight by its dotted name, such as `trurisk.weights.critical`."""
    found: dict[str, Any] = {}
    for part in _PARTS:
        _collect(part, getattr(settings, part), found)
    return found


def parse_changes(pairs: list[str]) -> dict[str, Any]:
    """`name=value` texts as changes.

    Raises:
        InputError: `score.bad-value`: no equals sign.
    """
    changes: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign:
            raise InputError(
                f"'{pair}' sets nothing.",
                code="score.bad-value",
                remedy="Write name=value, such as trurisk.formula=trurisk-2.",
            )
        changes[name.strip()] = value.strip()
    return changes


def with_changes(settings: ScoreSettings, changes: Mapping[str, Any]) -> ScoreSettings:
    """Settings with some weights changed all at once, so that weights that add up to 1 may be changed together.

    Raises:
        InputError: `score.unknown-setting`, `score.bad-value`.
        ConfigError: `score.weights`, `score.formula`: values that do not go together.
    """
    known = list_score_settings(settings)
    tree: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise InputError(
                f"There is no weight '{name}'.",
                code="score.unknown-setting",
                remedy=f"{hint}List them with: riskbridge score show",
            )
        *path, leaf = name.split(".")
        at = tree
        for step in path:
            at = at.setdefault(step, {})
        at[leaf] = _typed(name, value, known[name])
    changed: ScoreSettings = _replaced(settings, tree)
    return changed


def _replaced(value: Any, tree: Mapping[str, Any]) -> Any:
    return replace(value, **{n: _replaced(getattr(value, n), v) if isinstance(v, dict) else v for n, v in tree.items()})


def _collect(prefix: str, value: Any, found: dict[str, Any]) -> None:
    for f in fields(value):
        inner = getattr(value, f.name)
        if is_dataclass(inner):
            _collect(f"{prefix}.{f.name}", inner, found)
        elif isinstance(inner, int | float | str):
            found[f"{prefix}.{f.name}"] = inner


def _typed(name: str, value: Any, stored: Any) -> Any:
    try:
        if isinstance(stored, str):
            return str(value)
        number = float(value)
        if not abs(number) <= 1e6 or (isinstance(stored, int) and number != int(number)):
            raise ValueError
        return int(number) if isinstance(stored, int) else number
    except (TypeError, ValueError):
        raise InputError(
            f"{name} cannot be {value!r}.",
            code="score.bad-value",
            remedy=f"Give a number like {stored!r}.",
        ) from None
