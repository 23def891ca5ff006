"""Transform maps from text: loaded, and checked before use."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from importlib import resources
from typing import Any

import msgspec

from riskbridge.errors import ConfigError
from riskbridge.model.schema import Table
from riskbridge.model.source_model import SOURCE_MODELS, SourceModel
from riskbridge.transform.convert import DATA_TYPES
from riskbridge.transform.functions import FUNCTIONS
from riskbridge.transform.rows import (
    NAME,
    TARGETS,
    MapRow,
    Requirement,
    StreamMap,
    TransformMap,
    snake_case,
    target_type,
)
from riskbridge.transform.validate import describe_unknown, find_problems

__all__ = ["MapRow", "Requirement", "StreamMap", "TransformMap", "list_maps", "load_map", "parse_map"]


def list_maps() -> list[str]:
    """The names of the built-in maps, sorted."""
    folder = resources.files("riskbridge.transform") / "maps"
    return sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml"))


def load_map(name: str) -> TransformMap:
    """The built-in map of that name.

    Raises:
        ConfigError: `transform.unknown-map`.
    """
    known = list_maps()
    if name not in known:
        raise ConfigError(
            f"There is no transform map named '{name}'.",
            code="transform.unknown-map",
            remedy=f"The built-in maps are: {', '.join(known)}.",
        )
    file = resources.files("riskbridge.transform") / "maps" / f"{name}.toml"
    return replace(parse_map(file.read_text(encoding="utf-8")), is_read_only=True)


def parse_map(text: str, models: Iterable[SourceModel] = SOURCE_MODELS) -> TransformMap:
    """A map from its TOML text, checked; never read-only.

    Args:
        text: `name`, `version`, `description` and `[[stream]]` tables with `source`, `target`, `row` (tables of
            `from`, `to`, `type`, `function`, `identifier` and the function's arguments), `require` (tables of
            `any_of`, `reason`) and `pass_over_without` (fields without which a row tells of
            nothing). Without `type` a row has its target's.
        models: The source data models a stream may name.

    Raises:
        ConfigError: `transform.invalid`, with everything that is wrong.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _invalid("?", [f"it is not TOML: {error}"]) from error
    name = str(found.get("name", ""))
    problems: list[str] = []
    if not NAME.fullmatch(name):
        problems.append(f"'{name}' is no name: lower-case letters, digits, - and _ make one")
    by_name = {m.name: m for m in models}
    streams = []
    for part in _tables(found, "stream", problems):
        stream = _parse_stream(part, by_name, problems)
        streams += [stream] if stream else []
    if not problems:
        problems = find_problems(streams)
    if problems:
        raise _invalid(name, problems)
    return TransformMap(
        name=name,
        version=str(found.get("version", "1")),
        description=str(found.get("description", "")),
        is_read_only=False,
        streams=tuple(streams),
    )


def _parse_stream(part: Mapping[str, Any], models: Mapping[str, SourceModel], problems: list[str]) -> StreamMap | None:
    source, target = models.get(str(part.get("source"))), TARGETS.get(str(part.get("target")))
    if source is None or target is None:
        problems.append(f"a stream maps '{part.get('source')}' to '{part.get('target')}'; one of them does not exist")
        return None
    rows = [_parse_row(row, target, problems) for row in _tables(part, "row", problems)]
    requires = []
    for table in _tables(part, "require", problems):
        try:
            requires.append(msgspec.convert(table, Requirement))
        except msgspec.ValidationError as error:
            problems.append(f"a requirement is wrong: {error}")
    given = part.get("pass_over_without", [])
    passes_over = tuple(str(name) for name in ([given] if isinstance(given, str) else given))
    return StreamMap(source, target, tuple(r for r in rows if r), tuple(requires), passes_over)


def _parse_row(row: Mapping[str, Any], target: Table, problems: list[str]) -> MapRow | None:
    to, name = str(row.get("to", "")), str(row.get("function", "direct"))
    kind = FUNCTIONS.get(name)
    if kind is None:
        problems.append(f"'{to}': {describe_unknown('function', name, FUNCTIONS)}")
        return None
    arguments = {k: v for k, v in row.items() if k not in ("from", "to", "type", "function", "identifier")}
    unknown = set(arguments) - {f.name for f in fields(kind)}
    if unknown:
        problems.append(f"'{to}': {name} does not take {', '.join(sorted(unknown))}")
        return None
    try:
        function = msgspec.convert(arguments, kind)
    except msgspec.ValidationError as error:
        problems.append(f"'{to}': {name}: {error}")
        return None
    data_type = row.get("type", target_type(target, snake_case(to)) or "string")
    if data_type not in DATA_TYPES:
        problems.append(f"'{to}': there is no data type '{data_type}', only {', '.join(DATA_TYPES)}")
        return None
    given = row.get("from", [])
    sources = tuple(str(s) for s in ([given] if isinstance(given, str) else given))
    return MapRow(sources, function, to, data_type, bool(row.get("identifier", False)))


def _tables(part: Mapping[str, Any], name: str, problems: list[str]) -> list[dict[str, Any]]:
    found = part.get(name, [])
    if isinstance(found, list) and all(isinstance(t, dict) for t in found):
        return found
    problems.append(f"'{name}' must be a list of tables")
    return []


def _invalid(name: str, problems: list[str]) -> ConfigError:
    return ConfigError(
        f"The transform map '{name}' cannot be used: {'; '.join(problems)}.",
        code="transform.invalid",
        remedy="Mend what is named and save again.",
    )
