"""What is wrong with a map, told in words before it is ever run."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence

from riskbridge.transform.convert import DataType, is_convertible
from riskbridge.transform.functions import Template
from riskbridge.transform.rows import (
    PROVENANCE,
    MapRow,
    StreamMap,
    camel_case,
    source_types,
    target_type,
)


def find_problems(streams: Sequence[StreamMap]) -> list[str]:
    """Everything that is wrong with a map's streams, each in words that name stream and row; empty when it can be used.

    Unknown source and target fields (with the nearest right one), types that do not fit, fields fed twice, fields that
    may not be empty and are not fed, and no identifier.
    """
    if not streams:
        return ["it has no stream"]
    problems = []
    for (source, target), times in Counter((s.source.name, s.target.name) for s in streams).items():
        if times > 1:
            problems.append(f"{times} streams map '{source}' to '{target}'; one must go")
    for stream in streams:
        problems += [f"{stream.source.name}: {p}" for p in _stream_problems(stream)]
    return problems


def describe_unknown(noun: str, name: str, known: Iterable[str]) -> str:
    """That there is no such thing, and what comes nearest."""
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"there is no {noun} '{name}'" + (f"; did you mean '{near[0]}'?" if near else "")


def _stream_problems(stream: StreamMap) -> list[str]:
    types = source_types(stream.source)
    problems = [p for row in stream.rows for p in _row_problems(row, stream, types)]
    for target, times in Counter(r.target for r in stream.rows).items():
        if times > 1:
            problems.append(f"{times} rows feed the target field '{target}'; one must go")
    filled = {r.column for r in stream.rows}
    unfed = [c.name for c in stream.target.columns if not c.nullable and c.name not in filled]
    problems += [f"no row feeds '{camel_case(name)}', which may not be empty" for name in unfed]
    for requirement in stream.requires:
        problems += [describe_unknown("required field", s, types) for s in requirement.any_of if s not in types]
    problems += [describe_unknown("field to pass over", s, types) for s in stream.passes_over if s not in types]
    if not any(r.is_identifier for r in stream.rows):
        problems.append("no row is marked as identifier")
    return problems


def _row_problems(row: MapRow, stream: StreamMap, types: dict[str, DataType]) -> list[str]:
    problems = [describe_unknown("source field", s, types) for s in row.sources if s not in types]
    wanted = target_type(stream.target, row.column)
    if wanted is None:
        known = [camel_case(n) for n in stream.target.names if n not in PROVENANCE]
        problems.append(describe_unknown("target field", row.target, known))
    elif wanted != row.type:
        problems.append(f"'{row.target}' takes a {wanted}, and its row gives a {row.type}")
    if not problems:
        problems = _function_problems(row, [types[s] for s in row.sources])
    return problems


def _function_problems(row: MapRow, given: list[DataType]) -> list[str]:
    function = row.function
    least, most = function.sources
    if not least <= len(given) <= (len(given) if most is None else most):
        count = str(least) if least == most else f"{least} or more"
        return [f"'{row.target}': the function takes {count} source fields, not {len(given)}"]
    problems = [
        f"'{row.target}': '{path}' is a {kind}, which the function cannot take"
        for path, kind in zip(row.sources, given, strict=True)
        if accepted_type(function.takes, kind) is None
    ]
    if isinstance(function, Template):
        problems += [
            f"'{row.target}': {{{p}}} is not among its fields" for p in function.places() if p not in row.sources
        ]
    if function.gives is None and len(set(given)) > 1:
        problems.append(f"'{row.target}': its source fields are of different types")
    result = function.gives or (given[0] if given else "string")
    if not problems and not is_convertible(result, row.type):
        problems.append(f"'{row.target}': a {result} cannot become a {row.type}")
    return problems


def accepted_type(takes: frozenset[DataType], given: DataType) -> DataType | None:
    """The type in which a function gets a value of type `given`: as it is, else as text or number; None: it cannot."""
    if given in takes:
        return given
    return next((t for t in ("string", "number") if t in takes and is_convertible(given, t)), None)
