"""The registry of data models: the built-in sources, those that people made, and the target with what searches it."""

from __future__ import annotations

import difflib
from typing import Any

from riskbridge.errors import InputError
from riskbridge.model.file_formats import FILE_MODELS
from riskbridge.model.schema import Table
from riskbridge.model.source_model import SOURCE_MODELS, SourceModel
from riskbridge.model.target import (
    ASSET_DRAFT,
    CVE_DRAFT,
    DETECTION_DETAIL_DRAFT,
    DETECTION_DRAFT,
    SOFTWARE_DRAFT,
)
from riskbridge.search.tokens import ASSET_TOKENS, FINDING_TOKENS
from riskbridge.store.config.store import ConfigStore


def list_source_models(store: ConfigStore) -> list[SourceModel]:
    """Every source data model: the built-in ones in the order of their streams, then those of `store.data_models`."""
    made = getattr(store, "data_models", None)
    return [*SOURCE_MODELS, *FILE_MODELS, *(made.list_models() if made is not None else ())]


def find_source_model(store: ConfigStore, name: str) -> SourceModel:
    """The source data model of that name, in any letter case.

    Raises:
        InputError: `model.unknown`, with the nearest names.
    """
    models = {m.name.casefold(): m for m in list_source_models(store)}
    found = models.get(name.casefold())
    if found is not None:
        return found
    known = {**{t.name: t.name for t in TARGETS}, **{key: m.name for key, m in models.items()}}
    near = difflib.get_close_matches(name.casefold(), known, n=3)
    names = ", ".join(known[n] for n in near)
    raise InputError(
        f"There is no data model named '{name}'.",
        code="model.unknown",
        remedy=f"Did you mean: {names}?" if near else "List them with: riskbridge model list",
    )


TARGETS = (ASSET_DRAFT, DETECTION_DRAFT, DETECTION_DETAIL_DRAFT, SOFTWARE_DRAFT, CVE_DRAFT)
"""What a transform map fills, table by table."""
_SOUGHT_AS = {"finding_name": "title", "finding_severity": "source_severity", "published_at": "cve_published_at"}
"""Columns that lists carry under another name."""
_TARGET_TYPES = {"int64": "integer", "float64": "number", "array<string>": "list", "timestamp('UTC', 6)": "date-time"}


def list_models(store: ConfigStore) -> list[dict[str, Any]]:
    """Every data model without its fields: `name`, `kind` (source or target), `description`, `is_read_only`, `fields`."""
    sources = [
        {
            "name": m.name,
            "kind": "source",
            "description": m.description,
            "is_read_only": m.is_read_only,
            "fields": len(m.paths),
        }
        for m in list_source_models(store)
    ]
    return sources + [
        {
            "name": t.name,
            "kind": "target",
            "description": t.description,
            "is_read_only": True,
            "fields": len(_columns(t)),
        }
        for t in TARGETS
    ]


def show_model(store: ConfigStore, name: str) -> dict[str, Any]:
    """A data model with its fields: `path`, `type`, `may_be_null`, `description`, `example`, `tokens`.

    `tokens` are the names under which a query finds what a target field was filled with; empty for a source field.

    Raises:
        InputError: `model.unknown`, with the nearest names.
    """
    for table in TARGETS:
        if table.name == name.casefold():
            fields = [_target_field(table, c.name) for c in _columns(table)]
            return {
                "name": table.name,
                "kind": "target",
                "description": table.description,
                "is_read_only": True,
                "fields": fields,
            }
    model = find_source_model(store, name)
    return {
        "name": model.name,
        "kind": "source",
        "stream": model.stream,
        "description": model.description,
        "is_read_only": model.is_read_only,
        "fields": [
            {
                "path": path,
                "type": "list" if "[]." in path or field.kind == "strings" else field.kind,
                "may_be_null": not field.required,
                "description": field.description,
                "example": field.example,
                "tokens": [],
            }
            for path, field in model.paths.items()
        ],
    }


def _columns(table: Table) -> list[Any]:
    return [c for c in table if c.name not in ("raw_page", "raw_row")]


def _target_field(table: Table, name: str) -> dict[str, Any]:
    column = table.column(name)
    first, *others = name.split("_")
    return {
        "path": first + "".join(o.title() for o in others),
        "type": _TARGET_TYPES.get(column.type, column.type),
        "may_be_null": column.nullable,
        "description": column.description,
        "example": column.example,
        "tokens": _tokens(table, name),
    }


def _tokens(table: Table, name: str) -> list[str]:
    if table is SOFTWARE_DRAFT:
        return []
    tokens = ASSET_TOKENS if table is ASSET_DRAFT else FINDING_TOKENS
    sought = name if table is ASSET_DRAFT else _SOUGHT_AS.get(name, name)
    return [n for t in tokens if t.column == sought for n in (t.name, *t.aliases)]
