"""Transform maps from text or plain data: loaded, and checked before use."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from importlib import resources
from typing import Any

import msgspec

from riskbridge.errors import ConfigError
from riskbridge.model.file_formats import FILE_MODELS
from riskbridge.model.schema import Table
from riskbridge.model.source_model import SOURCE_MODELS, SourceModel
from riskbridge.transform.convert import DATA_TYPES
from riskbridge.transform.faults import Fault, refuse, unknown
from riskbridge.transform.functions import FUNCTIONS
from riskbridge.transform.rows import (
    NAME,
    TARGETS,
    MapRow,
    Requirement,
    StreamMap,
    TransformMap,
    snake_case,
    target_types,
)
from riskbridge.transform.sayings import Saying
from riskbridge.transform.validate import ReadStream, find_faults

__all__ = ["MapRow", "Requirement", "StreamMap", "TransformMap", "list_maps", "load_map", "parse_map", "parse_values"]

BUILT_IN_MODELS = (*SOURCE_MODELS, *FILE_MODELS)
"""The source data models that come with the product."""
LARGEST_TEXT = 1_000_000
"""Bytes of a map's text."""
MOST_STREAMS = 50
MOST_ROWS = 1000
"""Rows of a stream."""
MOST_SOURCES = 50
"""Source fields of a row."""
DEEPEST = 12
"""Levels of tables and lists in a map's text."""
_OF_ROW = ("from", "to", "type", "function", "identifier", "strict")
_OF_STREAM = ("source", "target", "row", "require", "pass_over_without", "leave_out", "says_fixed", "cves_in")
_OF_MAP = ("name", "version", "description", "stream")


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


def parse_map(text: str, models: Iterable[SourceModel] = BUILT_IN_MODELS) -> TransformMap:
    """A map from its text, TOML or JSON (which begins with a brace), checked; never read-only. See `parse_values`.

    Raises:
        ConfigError: `transform.invalid`, with everything that is wrong.
    """
    return parse_values(read_text(text), models)


def read_text(text: str) -> dict[str, Any]:
    """The plain data of a map's text, TOML or JSON; not yet checked.

    Raises:
        ConfigError: `transform.invalid`: it is neither, or too large.
    """
    if len(text.encode(errors="replace")) > LARGEST_TEXT:
        raise refuse("?", [Fault(f"its text is larger than {LARGEST_TEXT:,} bytes", "Split it, or leave rows out.")])
    is_json = text.lstrip().startswith("{")
    try:
        found = json.loads(text) if is_json else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        kind = "JSON" if is_json else "TOML"
        raise refuse("?", [Fault(f"it is not {kind}: {error}", f"Mend the {kind} at the place named.")]) from error
    return dict(found)


def parse_values(values: Mapping[str, Any], models: Iterable[SourceModel] = BUILT_IN_MODELS) -> TransformMap:
    """A map from plain data, checked; never read-only.

    Args:
        values: `name`, `version`, `description` and `stream`: tables with `source`, `target`, `row` (tables of
            `from`, `to`, `type`, `function`, `identifier`, `strict` and the function's arguments), `require` (tables of
            `any_of`, `reason`) and `pass_over_without` (fields without which a row tells of
            nothing), `leave_out` and `says_fixed` (tables of `field`, `pattern`: rows that are left out, or tell that
            something is fixed) and `cves_in` (fields that hold any number of CVE ids). Without `type` a row has its
            target's.
        models: The source data models a stream may name.

    Raises:
        ConfigError: `transform.invalid`, with everything that is wrong.
    """
    name = str(values.get("name", ""))
    faults: list[Fault] = []
    if not NAME.fullmatch(name):
        remedy = "Choose another name of at most 64 lower-case letters, digits, - and _."
        faults.append(Fault(f"'{name[:80]}' is no name: lower-case letters, digits, - and _ make one", remedy))
    if _depth(values) > DEEPEST:
        raise refuse(name, [Fault(f"it is nested more than {DEEPEST} levels deep", "Write it as a list of rows.")])
    faults += _strange(values, _OF_MAP, "the map")
    by_name = {m.name: m for m in models}
    read = []
    for part in _tables(values, "stream", MOST_STREAMS, faults):
        stream = _parse_stream(part, by_name, faults)
        read += [stream] if stream else []
    faults += find_faults(read, is_whole=not faults)
    if faults:
        raise refuse(name, faults)
    return TransformMap(
        name=name,
        version=str(values.get("version", "1")),
        description=str(values.get("description", "")),
        is_read_only=False,
        streams=tuple(r.stream for r in read),
    )


def _parse_stream(part: Mapping[str, Any], models: Mapping[str, SourceModel], faults: list[Fault]) -> ReadStream | None:
    source, target = models.get(str(part.get("source"))), TARGETS.get(str(part.get("target")))
    if source is None or target is None:
        message = f"a stream maps '{part.get('source')}' to '{part.get('target')}'; one of them does not exist"
        near = unknown("data model", str(part.get("source")), models) if source is None else None
        near = near or unknown("target", str(part.get("target")), TARGETS)
        faults.append(Fault(message, near.remedy))
        return None
    place = f"{source.name} > {target.name}"
    found: list[Fault] = []
    rows: dict[int, MapRow | None] = {}
    for number, given in enumerate(_tables(part, "row", MOST_ROWS, found), start=1):
        of_row: list[Fault] = []
        rows[number] = _parse_row(given, target, of_row)
        found += [f.within(place, number, str(given.get("to", ""))) for f in of_row]
    requires = _parse_requirements(part, found)
    leaves_out, says_fixed = (_parse_sayings(part, name, found) for name in ("leave_out", "says_fixed"))
    found += _strange(part, _OF_STREAM, "a stream")
    faults += [f if f.stream else f.within(place) for f in found]
    fit = {number: row for number, row in rows.items() if row is not None}
    stream = StreamMap(
        source,
        target,
        tuple(fit.values()),
        tuple(requires),
        passes_over=_names(part, "pass_over_without"),
        leaves_out=leaves_out,
        says_fixed=says_fixed,
        cves_in=_names(part, "cves_in"),
    )
    return ReadStream(stream, tuple(fit), is_whole=len(fit) == len(rows))


def _parse_requirements(part: Mapping[str, Any], faults: list[Fault]) -> list[Requirement]:
    requires = []
    for table in _tables(part, "require", MOST_ROWS, faults):
        try:
            requires.append(msgspec.convert(table, Requirement))
        except msgspec.ValidationError as error:
            remedy = 'Write a table such as { any_of = ["cveId"], reason = "cve-missing" }.'
            faults.append(Fault(f"a requirement is wrong: {error}", remedy))
    return requires


def _parse_sayings(part: Mapping[str, Any], name: str, faults: list[Fault]) -> tuple[Saying, ...]:
    sayings = []
    for table in _tables(part, name, MOST_ROWS, faults):
        try:
            sayings.append(msgspec.convert(table, Saying))
        except msgspec.ValidationError as error:
            remedy = 'Write a table such as { field = "State", pattern = "^fixed$" }.'
            faults.append(Fault(f"'{name}' is wrong: {error}", remedy))
    return tuple(sayings)


def _names(part: Mapping[str, Any], name: str) -> tuple[str, ...]:
    given = part.get(name, [])
    return tuple(str(field) for field in ([given] if isinstance(given, str) else given))


def _parse_row(row: Mapping[str, Any], target: Table, faults: list[Fault]) -> MapRow | None:
    """The row; None, with the reasons, where it is none."""
    to, name = str(row.get("to", "")), str(row.get("function", "direct"))
    kind = FUNCTIONS.get(name)
    if kind is None:
        near = unknown("function", name, FUNCTIONS)
        faults.append(Fault(f"'{to}': {near.message}", near.remedy))
        return None
    function = _parse_function(name, kind, {k: v for k, v in row.items() if k not in _OF_ROW}, to, faults)
    types = target_types(target, snake_case(to)) or ("string",)
    data_type = row.get("type", types[0])
    if data_type not in DATA_TYPES:
        known = ", ".join(DATA_TYPES)
        faults.append(Fault(f"'{to}': there is no data type '{data_type}', only {known}", f"Choose one of: {known}."))
        return None
    given = row.get("from", [])
    sources = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, list) else (None,)
    if not all(isinstance(s, str) for s in sources) or len(sources) > MOST_SOURCES:
        remedy = f'Write from = "field", or a list of at most {MOST_SOURCES} of them.'
        faults.append(Fault(f"'{to}': its source fields are no list of names, or too many", remedy))
        return None
    flags = [row.get(n, False) for n in ("identifier", "strict")]
    if not all(isinstance(flag, bool) for flag in flags):
        faults.append(Fault(f"'{to}': identifier and strict are true or false", "Write true or false, unquoted."))
        return None
    return None if function is None else MapRow(sources, function, to, data_type, *flags)


def _parse_function(name: str, kind: type[Any], arguments: dict[str, Any], to: str, faults: list[Fault]) -> Any:
    takes = [f.name for f in fields(kind)]
    unfit = set(arguments) - set(takes)
    if unfit:
        remedy = f"{name} takes {', '.join(takes)}." if takes else f"{name} takes no argument: take them out."
        faults.append(Fault(f"'{to}': {name} does not take {', '.join(sorted(unfit))}", remedy))
        return None
    try:
        return msgspec.convert(arguments, kind)
    except msgspec.ValidationError as error:
        remedy = f"See what {name} takes with: riskbridge map functions"
        faults.append(Fault(f"'{to}': {name}: {error}", remedy))
        return None


def _strange(part: Mapping[str, Any], known: tuple[str, ...], noun: str) -> list[Fault]:
    names = sorted(str(n) for n in set(part) - set(known))
    return [Fault(f"{noun} has no '{n[:80]}'", f"Take it out; {noun} has {', '.join(known)}.") for n in names[:10]]


def _tables(part: Mapping[str, Any], name: str, most: int, faults: list[Fault]) -> list[dict[str, Any]]:
    found = part.get(name, [])
    if not isinstance(found, list) or not all(isinstance(t, dict) for t in found):
        faults.append(Fault(f"'{name}' must be a list of tables", f"Write it as [[{name}]] or as a list of tables."))
        return []
    if len(found) > most:
        faults.append(Fault(f"'{name}' has {len(found):,} entries, and {most:,} are the most", "Leave some out."))
        return []
    return found


def _depth(value: Any, level: int = 0) -> int:
    """How deep tables and lists are nested; it looks no further than what is refused."""
    if level > DEEPEST or not isinstance(value, dict | list):
        return level
    inner = value.values() if isinstance(value, dict) else value
    return max((_depth(v, level + 1) for v in inner), default=level)
