"""The weights that scores are made with, as a person set them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from riskbridge.errors import InputError
from riskbridge.store.config.store import ConfigStore

if TYPE_CHECKING:
    from riskbridge.score.settings import ScoreSettings

SETTING = "score.weights"
_PARTS = ("qds", "trurisk")


def load_score_settings(store: ConfigStore) -> ScoreSettings:
    """Weights and formulas: what a person chose, else the built-in ones."""
    from riskbridge.score.settings import ScoreSettings  # noqa: PLC0415 - with what is scored

    return with_changes(ScoreSettings(), store.find_setting(SETTING) or {})


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
