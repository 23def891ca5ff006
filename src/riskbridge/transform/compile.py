"""A stream map as one expression: drafts, and the rows that cannot become any."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.errors import ConfigError
from riskbridge.model.layout import KIND, end_of
from riskbridge.model.source_model import SourceModel
from riskbridge.model.target import REJECT
from riskbridge.transform.convert import IBIS_TYPE, DataType, convert, is_blank, tidy
from riskbridge.transform.functions import Direct, Template
from riskbridge.transform.rows import PROVENANCE, MapRow, StreamMap, column_of, source_types
from riskbridge.transform.sayings import that_say
from riskbridge.transform.validate import accepted_type

_TRUE = ibis.literal(value=True)
IS_DIVIDED = "is_divided"
_OWN = "_own_"
_END = "_end_of_row_id"
ROW_ID = "external_finding_id"
DEVICE_ID = "external_asset_id"

LONGEST_RAW = 4000
"""Characters kept of a refused row."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """Every raw row, either as a draft of the target table or as a reject with its reason."""

    drafts: ir.Table
    rejects: ir.Table


@dataclass(frozen=True, slots=True)
class ByKind:
    """Drafts in two tables that `kind` joins.

    Attributes:
        rows: Identifiers, provenance and `kind_id` of each draft, whether its row id is `is_divided` (the device's id and the
            end that its kind gives), and what was asked for besides; lazy. Rows that are refused for what their kind says
            are there too, without `kind_id`.
        kinds: `kind_id`, the other columns of the target, and how the row ids end that are divided: each kind twice, with
            an even number for these rows and an odd one, without an end, for the others.
    """

    rows: ir.Table
    kinds: ir.Table


def telling(stream: StreamMap, raw: ir.Table) -> ir.Table:
    """The staged rows that tell of something there is: what the map passes over, leaves out or takes for fixed is not."""
    if stream.passes_over:
        types = source_types(stream.source)
        raw = raw.filter(~ibis.and_(*(_is_empty(raw, path, types) for path in stream.passes_over)))
    others = (*stream.leaves_out, *stream.says_fixed)
    return raw.filter(~that_say(raw, others)) if others else raw


def telling_fixed(stream: StreamMap, raw: ir.Table) -> ir.Table | None:
    """The staged rows that tell that something is fixed; None where the map takes none for that."""
    if not stream.says_fixed:
        return None
    wanted = that_say(raw, stream.says_fixed)
    return raw.filter(wanted & ~that_say(raw, stream.leaves_out) if stream.leaves_out else wanted)


def apply(stream: StreamMap, raw: ir.Table) -> Mapped:
    """Map staged rows of the stream's source model.

    A row is a reject when an identifier comes out empty (`identity-missing`), or a field that may not be empty
    (`value-missing`), or when a strict row makes nothing of what its source fields hold (`value-unfit`), or when it lacks
    what the map requires (for its own reason, such as `cve-missing`). Elsewhere a value that does not fit its type becomes
    null and refuses nothing. Text is trimmed, and blank text is null.

    Args:
        stream: The map of the stream.
        raw: Rows with the columns and types of `SourceModel.staged_types`.

    Returns:
        Lazy tables: drafts with exactly the target's columns in order, null where no row feeds them; rejects with the
        columns of REJECT. Each raw row is in one of them, once.

    Raises:
        ConfigError: `transform.column-missing`: the staged rows lack a column that the map reads.
    """
    drafts, is_refused, refusals = _drafted(stream, raw)
    return Mapped(drafts, _rejects(stream, raw.filter(is_refused), refusals))


def drafts_of(stream: StreamMap, raw: ir.Table) -> ir.Table:
    """The drafts of `apply` alone, for who looks for rejects only where some row is missing."""
    return _drafted(stream, raw)[0]


def _drafted(stream: StreamMap, raw: ir.Table) -> tuple[ir.Table, ir.BooleanValue, list[_Refusal]]:
    _check_columns(stream, raw)
    types = source_types(stream.source)
    filled = {row.column: _map_row(row, raw, types) for row in stream.rows}
    refusals = _refusals(stream, raw, filled, types)
    is_refused = ibis.or_(*(r.condition for r in refusals))
    columns = _target_columns(stream, filled | _provenance(stream, raw), without=())
    return raw.filter(~is_refused).select(**columns), is_refused, refusals


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of each raw row, as columns over the raw table, so that two maps can be laid side by side.

    Attributes:
        columns: Every target column by name; what it would be also where the row is refused.
        reason: Why the row is refused; null for a draft.
        detail: The same in words.
        is_passed_over: The row tells of nothing, and becomes neither.
    """

    columns: dict[str, Any]
    reason: ir.StringValue
    detail: ir.StringValue
    is_passed_over: ir.BooleanValue


def judge(stream: StreamMap, raw: ir.Table) -> Judged:
    """What `telling` and `apply` make of each raw row, without taking the rows apart.

    Raises:
        ConfigError: `transform.column-missing`.
    """
    _check_columns(stream, raw)
    types = source_types(stream.source)
    filled = {row.column: _map_row(row, raw, types) for row in stream.rows}
    refusals = _refusals(stream, raw, filled, types)
    none = ibis.null("string")
    passed = ibis.and_(*(_is_empty(raw, path, types) for path in stream.passes_over)) if stream.passes_over else ~_TRUE
    return Judged(
        columns=_target_columns(stream, filled, without=tuple(PROVENANCE)),
        reason=ibis.cases(*((r.condition, r.reason) for r in refusals), else_=none),
        detail=ibis.cases(*((r.condition, r.detail) for r in refusals), else_=none),
        is_passed_over=passed,
    )


def source_values(stream: StreamMap, raw: ir.Table) -> dict[str, Any]:
    """Every source field that the map's rows read, by its path, as columns over the raw table."""
    return {path: _read(raw, path) for path in dict.fromkeys(p for row in stream.rows for p in row.sources)}


def apply_by_kind(
    stream: StreamMap,
    raw: ir.Table,
    materialise: Callable[[ir.Table], ir.Table],
    *,
    first_kind: ir.IntegerScalar | int = 0,
    besides: Mapping[str, Callable[[ir.Table], Any]] | None = None,
) -> ByKind:
    """The drafts of `apply` in two tables: what rows have in common is worked out and kept once for all of them.

    A hundred thousand findings tell of a few thousand products and CVEs, so this asks a fraction of the questions.

    Args:
        stream: As in `apply`.
        raw: As in `apply`.
        materialise: Computes a table once.
        first_kind: Where the numbers of kinds begin.
        besides: What rows shall have of their kinds, by column: each makes it of the kinds' columns, once a kind.
    """
    _check_columns(stream, raw)
    types, wanted = source_types(stream.source), dict(besides or {})
    shared = [row for row in stream.rows if not row.is_identifier]
    read = [path for group in (*(r.sources for r in shared), *(r.any_of for r in stream.requires)) for path in group]
    names = sorted({column_of(path, raw.columns) for path in read}) or ["page"]
    is_refused = _refusals(stream, raw, own := _own(stream, raw, types), types, are_identifiers=True)
    # Fields of a file may be called as target columns are, so what is made of them is told apart.
    keyed = raw.filter(_none_of(is_refused)).mutate(**{_OWN + n: value for n, value in own.items()})
    given = materialise(raw.select(*names).distinct())
    found = {row.column: _map_row(row, given, types) for row in shared}
    columns = _target_columns(stream, found, without=(*PROVENANCE, *stream.own_columns))
    refused = _refusals(stream, given, found, types, are_identifiers=False)
    begin = ibis.literal(first_kind, "int64") if isinstance(first_kind, int) else first_kind.as_scalar()
    number = ibis.row_number() * 2 + begin
    numbered = given.filter(_none_of(refused)).select(
        **{KIND: number}, **{f"given_{n}": given[n] for n in names}, **columns, **{_END: _end_of_row_id(stream, given)}
    )
    kinds = materialise(numbered.mutate(**{n: make(numbered) for n, make in wanted.items()}))
    picked = kinds.select(KIND, _END, *(f"given_{n}" for n in names), *wanted)
    rows = keyed.left_join(picked, [keyed[n].identical_to(picked[f"given_{n}"]) for n in names])
    rows = rows.mutate(**{IS_DIVIDED: _is_divided(stream, rows)})
    rows = rows.mutate(**{KIND: rows[KIND] + ibis.ifelse(rows[IS_DIVIDED], 0, 1)})
    rows = rows.select(
        **{n: rows[_OWN + n] for n in own},
        **_provenance(stream, rows),
        **{n: rows[n] for n in (KIND, IS_DIVIDED, *wanted)},
    )
    divided = kinds.select(KIND, *columns, **{end_of(ROW_ID): kinds[_END]})
    whole = kinds.select(
        **{KIND: kinds[KIND] + 1}, **{n: kinds[n] for n in columns}, **{end_of(ROW_ID): ibis.literal("")}
    )
    return ByKind(rows, divided.union(whole))


def _own(stream: StreamMap, raw: ir.Table, types: dict[str, DataType]) -> dict[str, Any]:
    return {row.column: _map_row(row, raw, types) for row in stream.rows if row.is_identifier}


def _end_of_row_id(stream: StreamMap, given: ir.Table) -> ir.StringValue:
    """How the ids of a kind's rows end, as the source puts them together; null where that is not known."""
    parts = stream.source.row_id
    if parts is None or not {ROW_ID, DEVICE_ID} <= {*stream.own_columns} or not {*parts.fields[1:]} <= {*given.columns}:
        return ibis.null("string")
    end: ir.StringValue = ibis.literal("")
    for name in parts.fields[1:]:
        end = end + parts.separator + given[name].fill_null("")
    return end


def _is_divided(stream: StreamMap, rows: ir.Table) -> ir.BooleanValue:
    """Whether a row's id is the device's id with the end that its kind gives."""
    if not {ROW_ID, DEVICE_ID} <= {*stream.own_columns}:
        return ~_TRUE
    whole, device, end = rows[_OWN + ROW_ID], rows[_OWN + DEVICE_ID], rows[_END]
    is_both = whole.startswith(device) & whole.endswith(end) & (whole.length() == device.length() + end.length())
    found: ir.BooleanValue = is_both.fill_null(~_TRUE)
    return found


def _target_columns(stream: StreamMap, filled: dict[str, Any], *, without: Sequence[str]) -> dict[str, Any]:
    wanted = (column for column in stream.target if column.name not in without)
    return {column.name: filled.get(column.name, ibis.null(column.type)) for column in wanted}


def _provenance(stream: StreamMap, rows: ir.Table) -> dict[str, Any]:
    return {c.name: rows[PROVENANCE[c.name]].cast(c.type) for c in stream.target if c.name in PROVENANCE}


def _none_of(refusals: list[_Refusal]) -> ir.BooleanValue:
    return ~ibis.or_(*(r.condition for r in refusals)) if refusals else _TRUE


def _map_row(row: MapRow, raw: ir.Table, types: dict[str, DataType]) -> Any:
    function = row.function.number_places(row.sources) if isinstance(row.function, Template) else row.function
    values, given = [], []
    for path in row.sources:
        taken = accepted_type(function.takes, types[path])
        assert taken is not None, "maps are checked before they are compiled"
        values.append(convert(_value(raw, path, types[path]), types[path], taken))
        given.append(taken)
    result = function.gives or given[0]
    return convert(function.apply(values), result, row.type).cast(IBIS_TYPE[row.type])


def _value(raw: ir.Table, path: str, data_type: DataType) -> Any:
    value = _read(raw, path)
    return tidy(value) if data_type == "string" else value


def _read(raw: ir.Table, path: str) -> Any:
    if path in raw.columns:
        return raw[path]
    name, _, member = path.partition(".")
    if name.endswith("[]"):
        return raw[name.removesuffix("[]")].map(lambda entry: entry[member])
    return raw[name][member] if member else raw[name]


@dataclass(frozen=True, slots=True)
class _Refusal:
    condition: ir.BooleanValue
    reason: str
    detail: str


def _refusals(
    stream: StreamMap,
    raw: ir.Table,
    columns: dict[str, Any],
    types: dict[str, DataType],
    *,
    are_identifiers: bool | None = None,
) -> list[_Refusal]:
    """What makes a row a reject; `are_identifiers` asks for the identifiers' reasons or the others' alone."""
    refusals = []
    for row in stream.needed:
        if are_identifiers not in (None, row.is_identifier):
            continue
        # What a direct row gives is empty when its source is, which is the cheaper question.
        is_plain = isinstance(row.function, Direct) and types[row.sources[0]] == row.type
        is_empty = _is_empty(raw, row.sources[0], types) if is_plain else columns[row.column].isnull()
        reason = "identity-missing" if row.is_identifier else "value-missing"
        refusals.append(_Refusal(is_empty, reason, f"{row.target} has no value"))
    for row in stream.rows:
        if row.is_strict and row.sources and are_identifiers in (None, row.is_identifier):
            holds = ~ibis.and_(*(_is_empty(raw, path, types) for path in row.sources))
            given = " or ".join(row.sources)
            detail = f"{row.target} can be made nothing of {given} (rule {stream.rows.index(row) + 1}: {row.type})"
            refusals.append(_Refusal(holds & columns[row.column].isnull(), "value-unfit", detail))
    for requirement in () if are_identifiers else stream.requires:
        is_empty = ibis.and_(*(_is_empty(raw, path, types) for path in requirement.any_of))
        refusals.append(_Refusal(is_empty, requirement.reason, f"{' or '.join(requirement.any_of)} has no value"))
    return refusals


def _is_empty(raw: ir.Table, path: str, types: dict[str, DataType]) -> ir.BooleanValue:
    value = _read(raw, path)
    if types[path] == "string":
        return is_blank(value)
    return (value.length() == 0).fill_null(_TRUE) if types[path] == "list" else value.isnull()


def _rejects(stream: StreamMap, refused: ir.Table, refusals: list[_Refusal]) -> ir.Table:
    return refused.select(
        stream=ibis.literal(stream.source.stream),
        page=refused.page,
        row=refused.row,
        reason=ibis.cases(*((r.condition, r.reason) for r in refusals), else_=refusals[0].reason),
        detail=ibis.cases(*((r.condition, r.detail) for r in refusals), else_=refusals[0].detail),
        raw=_as_json(stream.source, refused),
    ).select(*REJECT.names)


def _as_json(model: SourceModel, rows: ir.Table) -> ir.StringValue:
    """The single values of raw rows as JSON; lists and objects are left out."""
    members = [
        ibis.literal(f'"{f.name}":') + _json_value(rows[f.name])
        for f in model.fields
        if f.kind not in ("strings", "objects", "object") and f.name in rows.columns
    ]
    whole: Any = ibis.literal("{") + members[0]
    for member in members[1:]:
        whole = whole + "," + member
    return (whole + "}").substr(0, LONGEST_RAW)


def _json_value(value: Any) -> ir.StringValue:
    if not value.type().is_string():
        return value.cast("string").fill_null("null")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').re_replace(r"[\x00-\x1f]", " ")
    return ibis.ifelse(value.isnull(), "null", ibis.literal('"') + escaped + '"')


def _check_columns(stream: StreamMap, raw: ir.Table) -> None:
    said = tuple(s.field for s in (*stream.leaves_out, *stream.says_fixed))
    others = (stream.passes_over, said, stream.cves_in)
    groups = (*(r.sources for r in stream.rows), *(r.any_of for r in stream.requires), *others)
    paths = [path for group in groups for path in group]
    needed = {column_of(path, stream.source.staged_types) for path in paths}
    missing = sorted((needed | set(PROVENANCE.values())) - set(raw.columns))
    if missing:
        raise ConfigError(
            f"The staged rows of '{stream.source.name}' have no column {', '.join(missing)}.",
            code="transform.column-missing",
            remedy="Run again so that they are read anew, or choose the map they were read for.",
        )
