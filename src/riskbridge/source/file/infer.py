"""A data model from a sample: columns as they are named, and their kinds as their values are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from riskbridge.errors import ConfigError
from riskbridge.model.file_settings import AUTO, FileSettings
from riskbridge.model.source_model import MOST_FIELDS, Field, Kind, SourceModel
from riskbridge.source.file.chunk import Chunk, Reader
from riskbridge.source.file.contents import FileContents
from riskbridge.source.file.delimited import DelimitedReader
from riskbridge.source.file.header import find_width, first_records, heading, key_of
from riskbridge.source.file.json_lines import JsonLinesReader
from riskbridge.source.file.parquet import ParquetReader
from riskbridge.source.file.source import kind_of

pc: Any = pyarrow.compute
"""Its stubs know fewer kinds of arrays than it does."""
MOST_EXAMPLES = 3
_LONGEST_EXAMPLE = 80
_SAMPLE_LINES = 1000
_SHARE_OF_LISTS = 0.2
_OCTET = "(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_SHAPES: tuple[tuple[Kind, str], ...] = (
    ("boolean", r"^(?i:true|false|yes|no)$"),
    ("integer", r"^[+-]?(0|[1-9][0-9]{0,17})$"),
    ("number", r"^[+-]?(0|[1-9][0-9]{0,17})[.][0-9]{1,18}$|^[+-]?(0|[1-9][0-9]{0,17})$"),
    ("mac", r"^(?i:[0-9a-f]{2}([:-][0-9a-f]{2}){5}|[0-9a-f]{4}[.][0-9a-f]{4}[.][0-9a-f]{4})$"),
    ("ip", rf"^({_OCTET}\.){{3}}{_OCTET}$|^(?i:[0-9a-f]{{0,4}}(:[0-9a-f]{{0,4}}){{2,7}})$"),
    ("date", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$|^[0-9]{1,2}[./][0-9]{1,2}[./][0-9]{4}$"),
    (
        "datetime",
        r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?$",
    ),
    ("version", r"^[vV]?[0-9]+([.][0-9]+){2,}([-+~][0-9A-Za-z.+~-]+)?$"),
)
_LIST = r"^[^,;|]+([,;|] ?[^,;| ]+)+$"


@dataclass(frozen=True, slots=True)
class InferredColumn:
    """What a sample says of a column.

    Attributes:
        name: The field.
        kind: Its kind, `string` where its values agree on none.
        blanks: Rows of the sample in which it is empty.
        distinct: Different values.
        examples: The most frequent of them.
    """

    name: str
    kind: Kind
    blanks: int
    distinct: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InferredModel:
    """A data model made from a sample, what it was made from, and how many rows that had."""

    model: SourceModel
    columns: tuple[InferredColumn, ...]
    rows: int


def infer_model(contents: FileContents, settings: FileSettings, name: str, stream: str) -> InferredModel:
    """The data model of a file, from its first megabytes.

    A field may be empty where the sample has it empty. A kind is taken only when every value of the sample has it.

    Args:
        contents: The sample.
        settings: How it is written.
        name: What to call the model.
        stream: `findings` or `assets`.

    Raises:
        RiskbridgeError: `file.*`: it cannot be read so.
    """
    kind = settings.reader if settings.reader != AUTO else kind_of(contents)
    names, delimiter = _names(contents, settings, kind)
    kinds = _member_kinds(contents, settings) if kind == "jsonl" else {}
    fields = tuple(Field(n, kinds.get(given, "string"), "") for n, given in zip(_unique(names), names, strict=True))
    if not fields or len(fields) > MOST_FIELDS:
        raise ConfigError(
            f"{contents.path} has {len(fields):,} columns.",
            code="file.missing-columns",
            remedy=f"A data model has 1 to {MOST_FIELDS:,} fields: name the delimiter, or the reader.",
            file=contents.name,
        )
    model = SourceModel(name, stream, f"Made from {contents.name}", fields, is_read_only=False)
    chunk = _first_chunk(contents, settings, kind, model, delimiter)
    columns = tuple(_column(f.name, chunk.columns.get(f.name), chunk.rows) for f in fields)
    made = [_field(f, c, chunk.rows) for f, c in zip(fields, columns, strict=True)]
    return InferredModel(replace(model, fields=tuple(made)), columns, chunk.rows)


def _field(plain: Field, column: InferredColumn, rows: int) -> Field:
    example = column.examples[0] if column.examples else ""
    return replace(plain, kind=column.kind, example=example, required=rows > 0 and column.blanks == 0)


def _names(contents: FileContents, settings: FileSettings, kind: str) -> tuple[list[str], str]:
    """The columns' names, and the delimiter."""
    if kind == "parquet":
        try:
            schema = pq.read_schema(contents.path)
        except (pa.ArrowInvalid, OSError) as error:
            raise ConfigError(
                f"{contents.path} is no Parquet that can be read: {str(error)[:300]}.",
                code="file.not-parquet",
                remedy="Export it anew, or say what it is with the reader setting.",
                file=contents.name,
            ) from error
        empty = pa.Table.from_batches([], schema)
        while any(pa.types.is_struct(f.type) for f in empty.schema):
            empty = empty.flatten()
        return list(empty.schema.names), settings.delimiter
    if kind == "jsonl":
        return list(_member_kinds(contents, settings)), settings.delimiter
    text = next(FileContents(contents.path, settings.encoding).blocks(), "")
    return _column_names(text, settings)


def _column_names(text: str, settings: FileSettings) -> tuple[list[str], str]:
    """Names from the first of the records that are as wide as most, by the delimiter that makes them widest."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    delimiter, width = find_width(text, delimiter=settings.delimiter, qualifier=settings.qualifier)
    if not settings.has_header:
        return [f"Column {n}" for n in range(1, width + 1)], delimiter
    records = (names for names, _ in first_records(text, delimiter, settings.qualifier))
    return next((names for names in records if len(names) == width), []), delimiter


def _member_kinds(contents: FileContents, settings: FileSettings) -> dict[str, Kind]:
    """The members of the first objects by their paths; those that are lists somewhere are `strings`."""
    text = next(FileContents(contents.path, settings.encoding).blocks(), "")
    kinds: dict[str, Kind] = {}
    for line in text.split("\n")[:_SAMPLE_LINES]:
        try:
            record = msgspec.json.decode(line) if line.strip() else None
        except (msgspec.DecodeError, RecursionError):
            continue
        if isinstance(record, dict):
            for path, value in _members(record):
                kinds[path] = "strings" if isinstance(value, list) else kinds.get(path, "string")
    return kinds


def _members(record: dict[str, Any], within: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in record.items():
        path = f"{within}{name}"
        found += _members(value, f"{path}.") if isinstance(value, dict) else [(path, value)]
    return found


def _unique(names: Sequence[str]) -> list[str]:
    """Field names that no two columns share, in any letter case; a column without one is named by its place."""
    taken: set[str] = set()
    made = []
    for place, given in enumerate(names, start=1):
        printable = "".join(c if c.isprintable() else " " for c in given)
        base = heading(printable)[:180] or f"Column {place}"
        name, number = base, 2
        while key_of(name) in taken:
            name, number = f"{base} {number}", number + 1
        taken.add(key_of(name))
        made.append(name)
    return made


def _first_chunk(
    contents: FileContents, settings: FileSettings, kind: str, model: SourceModel, delimiter: str
) -> Chunk:
    fresh = FileContents(contents.path, settings.encoding)
    reader: Reader
    if kind == "parquet":
        reader = ParquetReader(fresh, model, ())
        chunks = list(zip(range(2), reader.chunks(), strict=False))
        return chunks[-1][1]
    if kind == "jsonl":
        reader = JsonLinesReader(fresh, model, ())
    else:
        every = tuple((f.name,) for f in model.fields) if settings.has_header else ()
        reader = DelimitedReader(fresh, model, every[:1], replace(settings, delimiter=delimiter))
    return next(iter(reader.chunks()))


def _column(name: str, values: Any, rows: int) -> InferredColumn:
    if values is None:
        return InferredColumn(name, "string", rows, 0, ())
    is_list = pa.types.is_list(values.type)
    texts = pc.binary_join(values, ", ") if is_list else values
    tidy = pc.utf8_trim_whitespace(texts)
    filled = tidy.filter(pc.fill_null(pc.not_equal(tidy, ""), fill_value=False))
    counted = pc.value_counts(filled).to_pylist()
    frequent = sorted(counted, key=lambda c: (-c["counts"], c["values"]))
    examples = tuple(str(c["values"])[:_LONGEST_EXAMPLE] for c in frequent[:MOST_EXAMPLES])
    kind: Kind = "strings" if is_list else _kind(filled)
    return InferredColumn(name, kind, rows - len(filled), len(counted), examples)


def _kind(filled: Any) -> Kind:
    if not len(filled):
        return "string"
    for kind, shape in _SHAPES:
        if pc.all(pc.match_substring_regex(filled, shape)).as_py():
            return kind
    many = pc.sum(pc.match_substring_regex(filled, _LIST)).as_py() or 0
    spaced = pc.sum(pc.match_substring_regex(filled, r"[^,;|] [^,;|]")).as_py() or 0
    return "strings" if many >= len(filled) * _SHARE_OF_LISTS and not spaced else "string"
