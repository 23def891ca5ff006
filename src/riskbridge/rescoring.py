"""Weights and rules changed together with the scores that follow from them: both are kept, or neither."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from riskbridge.app import App
from riskbridge.feeds import rescore
from riskbridge.model.score_map import ScoreMap
from riskbridge.scoring import (
    forget_score_settings,
    load_score_settings,
    make_rules,
    save_rules,
    save_score_settings,
    with_changes,
)


def change_weights(app: App, changes: Mapping[str, Any]) -> dict[str, int] | None:
    """Score everything anew with other weights, then keep them; gives what moved, None before the first run.

    Args:
        app: The home.
        changes: Values by dotted name, such as `trurisk.formula`.

    Raises:
        InputError: `score.unknown-setting`, `score.bad-value`.
        ConfigError: `score.weights`, `score.formula`.
    """
    settings = with_changes(load_score_settings(app.store), changes)
    # Scored before they are kept: should that fail, weights and scores still go together.
    moved = rescore(app, "weights changed", settings=settings)
    save_score_settings(app.store, changes)
    return moved


def reset_weights(app: App) -> dict[str, int] | None:
    """Score everything anew with the built-in weights and keep them; rules stay. Gives what moved."""
    from riskbridge.score.settings import ScoreSettings  # noqa: PLC0415 - with what is scored

    kept = load_score_settings(app.store)
    built_in = replace(kept, qds=ScoreSettings().qds, trurisk=ScoreSettings().trurisk)
    moved = rescore(app, "weights reset", settings=built_in)
    forget_score_settings(app.store)
    return moved


def change_score_map(app: App, connector: str, score_map: ScoreMap | None) -> dict[str, int] | None:
    """Score everything anew with another score map for a connector, then keep it; gives what moved.

    Args:
        app: The home.
        connector: Name.
        score_map: The connector's own map; None takes the suggested one again.

    Raises:
        InputError: `connector.unknown`.
    """
    found = app.store.get_connector(connector)
    kept = load_score_settings(app.store)
    own = {c: m for c, m in kept.own_score_maps.items() if c != found.connector_id}
    if score_map is not None:
        own[found.connector_id] = score_map
    moved = rescore(app, f"score map of {found.name}", settings=replace(kept, own_score_maps=own))
    if score_map is None:
        app.store.score_maps.delete_score_map(found)
    else:
        app.store.score_maps.save_score_map(found, score_map)
    return moved


def change_rules(app: App, rules: Mapping[str, dict[str, Any]], what: str) -> dict[str, int] | None:
    """Score everything anew with other rules for assets, then keep them; gives what moved, None before the first run.

    Args:
        app: The home.
        rules: All of them, as `scoring.list_rules` gives them.
        what: For the run's record and the audit log.

    Raises:
        InputError: `qql.*`, `score.bad-rule`.
        ConfigError: `score.rule`.
    """
    settings = replace(load_score_settings(app.store), rules=make_rules(rules))
    moved = rescore(app, what, settings=settings)
    save_rules(app.store, rules)
    return moved
