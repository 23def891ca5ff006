"""A transform map as data: streams of rows, loaded from text and checked before use."""

from __future__ import annotations

import difflib
import tomllib
from collections import Counter
from dataclasses import dataclass, fields
from importlib import resources
from typing import Any

from riskbridge.errors import ConfigError
from riskbridge.model.schema import Table
from riskbridge.model.source_model import SOURCE_MODELS, Field, SourceModel
from riskbridge.model.target import ASSET_DRAFT, CVE_DRAFT, DETECTION_DRAFT
from riskbridge.transform.functions import FUNCTIONS, Function

TARGETS = {t.name: t for t in (ASSET_DRAFT, DETECTION_DRAFT, CVE_DRAFT)}
SOURCES = {m.name: m for m in SOURCE_MODELS}


@dataclass(frozen=True, slots=True)
class MapRow:
    """One row: source fields (dotted paths), a function, the target field in camelCase, and whether it identifies."""

    sources: tuple[str, ...]
    function: Function
    target: str
    is_identifier: bool = False

    @property
    def column(self) -> str:
        """The target's column."""
        return snake_case(self.target)


@dataclass(frozen=True, slots=True)
class StreamMap:
    """The rows that map one source data model to one target table."""

    source: SourceModel
    target: Table
    rows: tuple[MapRow, ...]


@dataclass(frozen=True, slots=True)
class TransformMap:
    """A named, versioned map; built-in ones are read-only."""

    name: str
    version: str
    description: str
    is_read_only: bool
    streams: tuple[StreamMap, ...]

    def stream(self, source: str) -> StreamMap:
        """The stream map of a source data model.

        Raises:
            ConfigError: `transform.no-stream`.
        """
        for stream in self.streams:
            if stream.source.name == source:
                return stream
        raise ConfigError(
            f"The map '{self.name}' says nothing of '{source}'.",
            code="transform.no-stream",
            remedy="Choose a map for this connector's type.",
        )


def load_map(name: str) -> TransformMap:
    """The built-in map of that name.

    Raises:
        ConfigError: `transform.unknown-map`, or `transform.invalid` with everything that is wrong.
    """
    file = resources.files("riskbridge.transform") / "maps" / f"{name}.toml"
    if not name.replace("-", "").isalnum() or not file.is_file():
        raise ConfigError(
            f"There is no transform map named '{name}'.",
            code="transform.unknown-map",
            remedy="The built-in map is: defender.",
        )
    return parse_map(file.read_text(encoding="utf-8"))


def parse_map(text: str) -> TransformMap:
    """A map from its TOML text.

    Raises:
        ConfigError: `transform.invalid`, with everything that is wrong.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _invalid("?", [f"it is not TOML: {error}"]) from error
    name = str(found.get("name", "?"))
    problems: list[str] = []
    streams = tuple(s for part in found.get("stream", []) if (s := _parse_stream(part, problems)))
    for stream in streams:
        problems += find_problems(stream)
    if problems or not streams:
        raise _invalid(name, problems or ["it has no stream"])
    return TransformMap(
        name,
        str(found.get("version", "1")),
        str(found.get("description", "")),
        bool(found.get("read_only", False)),
        streams,
    )


def find_problems(stream: StreamMap) -> list[str]:
    """Everything that is wrong with a stream map, in words; empty when it can be used."""
    known, columns = set(source_paths(stream.source)), set(stream.target.names)
    problems = []
    for row in stream.rows:
        problems += [_unknown("source field", s, known) for s in row.sources if s not in known]
        if row.column not in columns:
            problems.append(_unknown("target field", row.target, {camel_case(c) for c in columns}))
    for target, times in Counter(r.target for r in stream.rows).items():
        if times > 1:
            problems.append(f"{times} rows feed the target field '{target}'; one must go")
    filled = {r.column for r in stream.rows}
    for column in stream.target.columns:
        if not column.nullable and column.name not in filled:
            problems.append(f"no row feeds '{camel_case(column.name)}', which may not be empty")
    if not any(r.is_identifier for r in stream.rows):
        problems.append("no row is marked as identifier")
    return [f"{stream.source.name}: {p}" for p in problems]


def source_paths(model: SourceModel) -> list[str]:
    """Every dotted path of a data model, such as `vmMetadata.vmId` and `ipAddresses[].ipAddress`."""
    return [path for field in model.fields for path in _paths(field)]


def snake_case(name: str) -> str:
    """`externalAssetId` as `external_asset_id`."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def camel_case(name: str) -> str:
    """`external_asset_id` as `externalAssetId`."""
    first, *others = name.split("_")
    return first + "".join(o.title() for o in others)


def _paths(field: Field) -> list[str]:
    mark = "[]" if field.kind == "objects" else ""
    return [field.name, *(f"{field.name}{mark}.{child.name}" for child in field.children)]


def _parse_stream(part: dict[str, Any], problems: list[str]) -> StreamMap | None:
    source, target = SOURCES.get(str(part.get("source"))), TARGETS.get(str(part.get("target")))
    if source is None or target is None:
        problems.append(f"a stream maps '{part.get('source')}' to '{part.get('target')}'; one of them does not exist")
        return None
    rows = tuple(r for row in part.get("row", []) if (r := _parse_row(row, problems)))
    return StreamMap(source, target, rows)


def _parse_row(row: dict[str, Any], problems: list[str]) -> MapRow | None:
    target, name = str(row.get("to", "")), str(row.get("function", "direct"))
    kind = FUNCTIONS.get(name)
    if kind is None:
        problems.append(f"'{target}': " + _unknown("function", name, set(FUNCTIONS)))
        return None
    arguments = {k: v for k, v in row.items() if k not in ("from", "to", "function", "identifier")}
    allowed = {f.name for f in fields(kind)}
    if not set(arguments) <= allowed:
        problems.append(f"'{target}': {name} does not take {', '.join(sorted(set(arguments) - allowed))}")
        return None
    sources = row.get("from", [])
    sources = (sources,) if isinstance(sources, str) else tuple(str(s) for s in sources)
    if not sources and name != "constant":
        problems.append(f"'{target}': {name} needs a source field")
        return None
    return MapRow(sources, kind(**arguments), target, bool(row.get("identifier", False)))


def _unknown(noun: str, name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"there is no {noun} '{name}'" + (f"; did you mean '{near[0]}'?" if near else "")


def _invalid(name: str, problems: list[str]) -> ConfigError:
    return ConfigError(
        f"The transform map '{name}' cannot be used: {'; '.join(problems)}.",
        code="transform.invalid",
        remedy="Mend the rows named and save again.",
    )
