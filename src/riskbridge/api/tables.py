"""Rows of stored tables as OpenAPI describes them: from the tables' own declarations, so that neither can drift."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pydantic import ConfigDict, JsonValue, RootModel

from riskbridge.model.judgement import DECISION, HOLD
from riskbridge.model.schema import AT, TEXTS, Column
from riskbridge.model.target import (
    ASSET,
    ASSET_LINK,
    CVE,
    CVE_CLAIM,
    CVE_SCORE,
    DETECTION,
    DETECTION_DETAIL,
    EVENT,
    FINDING,
    REJECT,
    SOFTWARE,
)

_JSON: dict[str, dict[str, JsonValue]] = {
    "string": {"type": "string"},
    "int64": {"type": "integer"},
    "int32": {"type": "integer"},
    "float64": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    AT: {"type": "string", "format": "date-time"},
    TEXTS: {"type": "array", "items": {"type": "string"}},
}


def describe_rows(
    tables: Callable[[], Iterable[Iterable[Column]]], *, is_chosen: bool = False
) -> Callable[[dict[str, Any]], None]:
    """What fills in a shape's schema with the columns of tables.

    Args:
        tables: Gives them when the schema is made, so that nothing is loaded before; of columns with one name the first
            counts. A row may have further members.
        is_chosen: A row has some of the columns, those that were asked for.
    """

    def fill(schema: dict[str, Any]) -> None:
        columns: dict[str, Column] = {}
        for table in tables():
            for column in table:
                columns.setdefault(column.name, column)
        schema["type"] = "object"
        schema["properties"] = {name: _schema_of(c, is_nullable=c.nullable or is_chosen) for name, c in columns.items()}
        schema["additionalProperties"] = True

    return fill


def _schema_of(column: Column, *, is_nullable: bool) -> dict[str, Any]:
    known = dict(_JSON.get(column.type, {}))
    if is_nullable and "type" in known:
        known["type"] = [known["type"], "null"]
    if column.description:
        known["description"] = column.description
    if column.example and known.get("type") in ("string", ["string", "null"]):
        known["examples"] = [column.example]
    return known


class AssetRow(RootModel[dict[str, Any]]):
    """An asset, with the columns that were asked for."""

    model_config = ConfigDict(json_schema_extra=describe_rows(lambda: (ASSET,), is_chosen=True))


class FindingRow(RootModel[dict[str, Any]]):
    """A finding with its decision, its CVE's facts, its score and its asset; the columns that were asked for."""

    model_config = ConfigDict(
        json_schema_extra=describe_rows(lambda: (FINDING, DECISION, ASSET, CVE, CVE_SCORE), is_chosen=True)
    )


class DetectionRow(RootModel[dict[str, Any]]):
    """One source's claim that a finding is on an asset, with its proof."""

    model_config = ConfigDict(json_schema_extra=describe_rows(lambda: (DETECTION, DETECTION_DETAIL), is_chosen=True))


class EventRow(RootModel[dict[str, Any]]):
    """A change of a finding or asset: what, when, in which run, from what evidence."""

    model_config = ConfigDict(json_schema_extra=describe_rows(lambda: (EVENT,)))


class ClaimRow(RootModel[dict[str, Any]]):
    """What one source says of a CVE."""

    model_config = ConfigDict(json_schema_extra=describe_rows(lambda: (CVE_CLAIM,)))


class SoftwareRow(RootModel[dict[str, Any]]):
    """A product on an asset."""

    model_config = ConfigDict(json_schema_extra=describe_rows(lambda: (SOFTWARE,)))


class LinkRow(RootModel[dict[str, Any]]):
    """Which source record belongs to the asset, by which rule and on what evidence."""

    model_config = ConfigDict(json_schema_extra=describe_rows(lambda: (ASSET_LINK,)))


class HoldRow(RootModel[dict[str, Any]]):
    """Closings that one run held back for a person to judge."""

    model_config = ConfigDict(json_schema_extra=describe_rows(lambda: (HOLD,)))


class RejectRow(RootModel[dict[str, Any]]):
    """A row that could not be used, with the reason."""

    model_config = ConfigDict(json_schema_extra=describe_rows(lambda: (REJECT,)))
