"""The registry of source data models: the built-in ones, then those that people made."""

from __future__ import annotations

import difflib

from riskbridge.errors import InputError
from riskbridge.model.source_model import SOURCE_MODELS, SourceModel
from riskbridge.store.config.store import ConfigStore


def list_source_models(store: ConfigStore) -> list[SourceModel]:
    """Every source data model: the built-in ones in the order of their streams, then those of `store.data_models`."""
    made = getattr(store, "data_models", None)
    return [*SOURCE_MODELS, *(made.list_models() if made is not None else ())]


def find_source_model(store: ConfigStore, name: str) -> SourceModel:
    """The source data model of that name, in any letter case.

    Raises:
        InputError: `model.unknown`, with the nearest names.
    """
    models = {m.name.casefold(): m for m in list_source_models(store)}
    found = models.get(name.casefold())
    if found is not None:
        return found
    near = difflib.get_close_matches(name.casefold(), models, n=3)
    names = ", ".join(models[n].name for n in near)
    raise InputError(
        f"There is no data model named '{name}'.",
        code="model.unknown",
        remedy=f"Did you mean: {names}?" if near else "List them with: riskbridge model list",
    )
