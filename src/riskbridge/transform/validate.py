"""What is wrong with a map, told in words before it is ever run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields

from riskbridge.transform.convert import DataType, is_convertible
from riskbridge.transform.faults import Fault, unknown
from riskbridge.transform.functions import MapValues, Template
from riskbridge.transform.rows import (
    PROVENANCE,
    MapRow,
    StreamMap,
    camel_case,
    source_types,
    target_types,
)

MOST_VALUES = 5000
"""Entries of a table of values."""
LONGEST_ARGUMENT = 4000
"""Characters of a function's argument."""


@dataclass(frozen=True, slots=True)
class ReadStream:
    """A stream as far as it could be read: the rows that could, the place of each (from 1), and whether all could."""

    stream: StreamMap
    places: tuple[int, ...]
    is_whole: bool


def find_faults(read: Sequence[ReadStream], *, is_whole: bool = True) -> list[Fault]:
    """Everything that is wrong with a map's streams; empty when it can be used.

    Unknown source and target fields (with the nearest right one), types that do not fit, fields fed twice, fields that
    may not be empty and are not fed, and no identifier.

    Args:
        read: The streams.
        is_whole: All of the map could be read: else what is missing may be in what could not.
    """
    streams = [r.stream for r in read]
    if not streams:
        return [Fault("it has no stream", "Add one, or clone a built-in map.")] if is_whole else []
    faults = []
    for (source, target), times in Counter((s.source.name, s.target.name) for s in streams).items():
        if times > 1:
            faults.append(Fault(f"{times} streams map '{source}' to '{target}'; one must go", "Take one out."))
    for one in read:
        faults += _stream_faults(one)
    return faults


def _stream_faults(read: ReadStream) -> list[Fault]:
    stream = read.stream
    types, place = source_types(stream.source), f"{stream.source.name} > {stream.target.name}"
    faults: list[Fault] = []
    rows = list(zip(read.places, stream.rows, strict=True))
    for number, row in rows:
        faults += [f.within(place, number, row.target) for f in _row_faults(row, stream, types)]
    feeds = Counter(row.target for _, row in rows)
    for target, times in feeds.items():
        if times > 1:
            last = max(n for n, row in rows if row.target == target)
            message = f"{times} rows feed the target field '{target}'; one must go"
            remedy = "Take one out, or make them one row with first-non-empty."
            faults.append(Fault(message, remedy, place, last, target))
    whole = _missing(stream) if read.is_whole else []
    for requirement in stream.requires:
        whole += [unknown("required field", s, types) for s in requirement.any_of if s not in types]
    whole += [unknown("field to pass over", s, types) for s in stream.passes_over if s not in types]
    whole += _saying_faults(stream, types)
    return faults + [f.within(place) for f in whole]


def _saying_faults(stream: StreamMap, types: dict[str, DataType]) -> list[Fault]:
    """Fields that say something beside their values: they must be there, and be single texts."""
    said = [s.field for s in (*stream.leaves_out, *stream.says_fixed)]
    names = dict.fromkeys((*said, *stream.cves_in))
    faults = [unknown("field", name, types) for name in names if name not in types]
    remedy = "Name a field of the kind string."
    return faults + [
        Fault(f"'{name}' is a {types[name]}, and must be a string", remedy)
        for name in names
        if name in types and (types[name] != "string" or name not in {f.name for f in stream.source.fields})
    ]


def _missing(stream: StreamMap) -> list[Fault]:
    """What a stream whose rows could all be read lacks."""
    filled = {r.column for r in stream.rows}
    unfed = [camel_case(c.name) for c in stream.target.columns if not c.nullable and c.name not in filled]
    faults = [
        Fault(f"no row feeds '{name}', which may not be empty", f"Add a row whose target is {name}.") for name in unfed
    ]
    if not any(r.is_identifier for r in stream.rows):
        remedy = "Mark the row of the source's own id with identifier = true."
        faults.append(Fault("no row is marked as identifier", remedy))
    unmarked = [n for n in stream.target.key if n in filled and not _is_marked(stream, n)]
    if any(r.is_identifier for r in stream.rows):
        faults += [
            Fault(f"'{camel_case(n)}' tells one record from another and is not marked", "Set identifier = true on it.")
            for n in unmarked
        ]
    return faults


def _is_marked(stream: StreamMap, column: str) -> bool:
    return any(r.is_identifier for r in stream.rows if r.column == column)


def _row_faults(row: MapRow, stream: StreamMap, types: dict[str, DataType]) -> list[Fault]:
    faults = [_unknown_source(s, stream, types) for s in row.sources if s not in types]
    wanted = target_types(stream.target, row.column)
    if not wanted:
        known = [camel_case(n) for n in stream.target.names if n not in PROVENANCE]
        faults.append(unknown("target field", row.target, known))
    elif row.type not in wanted:
        remedy = f"Declare it as {' or '.join(wanted)}."
        message = f"'{row.target}' takes a {wanted[0]}, and its row gives a {row.type}"
        faults.append(Fault(message, remedy))
    return faults or _function_faults(row, [types[s] for s in row.sources])


def _unknown_source(path: str, stream: StreamMap, types: dict[str, DataType]) -> Fault:
    """A row never reads what another row makes, so maps have no cycles."""
    found = unknown("source field", path, types)
    targets = [camel_case(n) for n in stream.target.names]
    if path.casefold() not in {t.casefold() for t in targets} or "did you mean" in found.message:
        return found
    return Fault(f"{found.message}: it is a target field, and rows read source fields alone", found.remedy)


def _function_faults(row: MapRow, given: list[DataType]) -> list[Fault]:
    function = row.function
    least, most = function.sources
    if not least <= len(given) <= (len(given) if most is None else most):
        count = str(least) if least == most else f"{least} or more"
        message = f"'{row.target}': the function takes {count} source fields, not {len(given)}"
        return [Fault(message, f"Give it {count}.")]
    faults = [
        Fault(
            f"'{row.target}': '{path}' is a {kind}, which the function cannot take",
            f"Choose a field of type {' or '.join(sorted(function.takes))}, or another function.",
        )
        for path, kind in zip(row.sources, given, strict=True)
        if accepted_type(function.takes, kind) is None
    ]
    faults += _argument_faults(row)
    if function.gives is None and len(set(given)) > 1:
        message = f"'{row.target}': its source fields are of different types"
        faults.append(Fault(message, "Use first-non-empty, which makes them text."))
    result = function.gives or (given[0] if given else "string")
    if not faults and not is_convertible(result, row.type):
        message = f"'{row.target}': a {result} cannot become a {row.type}"
        faults.append(Fault(message, "Choose another source field, function or target."))
    return faults


def _argument_faults(row: MapRow) -> list[Fault]:
    function = row.function
    faults = []
    if isinstance(function, Template):
        faults += [
            Fault(f"'{row.target}': {{{p}}} is not among its fields", f"Add {p} to from, or take it out of the text.")
            for p in function.places()
            if p not in row.sources
        ]
    if isinstance(function, MapValues) and len(function.values) > MOST_VALUES:
        message = f"'{row.target}': its table has {len(function.values):,} values, and {MOST_VALUES:,} are the most"
        faults.append(Fault(message, "Leave out those that stay as they are."))
    values = [getattr(function, f.name) for f in fields(function)]  # type: ignore[arg-type]  # all are dataclasses
    texts = [value for value in values if isinstance(value, str)]
    if any(len(text) > LONGEST_ARGUMENT or "\x00" in text for text in texts):
        message = f"'{row.target}': an argument is longer than {LONGEST_ARGUMENT:,} characters, or holds a NUL"
        faults.append(Fault(message, "Shorten it."))
    return faults


def accepted_type(takes: frozenset[DataType], given: DataType) -> DataType | None:
    """The type in which a function gets a value of type `given`: as it is, else as text or number; None: it cannot."""
    if given in takes:
        return given
    accepted: tuple[DataType, ...] = ("string", "decimal")
    return next((t for t in accepted if t in takes and is_convertible(given, t)), None)
