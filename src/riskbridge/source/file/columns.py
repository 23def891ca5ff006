"""Texts of a file as the staged columns of its data model; what does not fit its kind becomes null and is counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute

from riskbridge.model.source_model import Field, SourceModel
from riskbridge.source.arrays import positions, same_number, texts, whole_numbers
from riskbridge.source.defender.shapes import REJECT_SCHEMA
from riskbridge.source.file.chunk import Chunk

pc: Any = pyarrow.compute
"""Its stubs know fewer kinds of arrays than it does."""
_ARROW: dict[str, Any] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "boolean": pa.bool_(),
    "array<string>": pa.list_(pa.string()),
}
_SHAPES = {
    "int64": r"^[+-]?[0-9]{1,18}$",
    "float64": r"^[+-]?[0-9]{1,18}([.][0-9]{1,18})?([eE][+-]?[0-9]{1,2})?$",
    "boolean": r"^(?i:true|false|yes|no|1|0)$",
}
_YES = texts(["true", "yes", "1"])
_SEPARATORS = r"\s*[,;|\n]\s*"


@dataclass(slots=True)
class Unfit:
    """Values that did not fit their field's kind: how many by field, and one of each."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, number: int, example: str) -> None:
        """Count some."""
        self.counts[name] = self.counts.get(name, 0) + number
        self.examples.setdefault(name, example)

    def warnings(self, model: SourceModel) -> list[str]:
        """What was left empty, in sentences."""
        kinds = {f.name: f.kind for f in model.fields}
        return [
            f"'{name}': {number:,} values are no {kinds[name]} and were left empty, such as '{self.examples[name][:80]}'."
            for name, number in sorted(self.counts.items())
        ]


def staged_schema(model: SourceModel) -> pa.Schema:
    """The Arrow form of `SourceModel.staged_types`."""
    return pa.schema([(name, _ARROW[kind]) for name, kind in model.staged_types.items()])


def to_rows(chunk: Chunk, model: SourceModel, page: int, unfit: Unfit) -> pa.Table:
    """A chunk's rows with exactly the staged columns."""
    columns = [_typed(chunk.columns.get(f.name), f, chunk.rows, unfit) for f in model.fields]
    staged = [pa.nulls(chunk.rows, pa.string()), same_number(page, chunk.rows), positions(chunk.rows)]
    return pa.Table.from_arrays([*columns, *staged], schema=staged_schema(model))


def to_rejects(chunk: Chunk, stream: str, page: int) -> pa.Table:
    """A chunk's refused rows with the columns of the REJECT table."""
    found = chunk.refused
    columns = [
        texts([stream] * len(found)),
        same_number(page, len(found)),
        whole_numbers(r.place for r in found),
        texts([r.reason for r in found]),
        texts([r.detail for r in found]),
        texts([r.raw for r in found]),
    ]
    return pa.Table.from_arrays(columns, schema=REJECT_SCHEMA)


def _typed(column: Any, wanted: Field, rows: int, unfit: Unfit) -> Any:
    kind = wanted.ibis_type
    if column is None:
        return pa.nulls(rows, _ARROW[kind])
    if kind == "array<string>":
        return column if pa.types.is_list(column.type) else _split(column)
    if pa.types.is_list(column.type):
        column = pc.binary_join(column, ", ")
    if kind == "string":
        return column
    tidy = pc.utf8_trim_whitespace(column)
    tidy = pc.if_else(pc.equal(tidy, ""), pa.scalar(None, pa.string()), tidy)
    fits = pc.match_substring_regex(tidy, _SHAPES[kind])
    number = pc.sum(pc.invert(fits)).as_py() or 0
    if number:
        unfit.add(wanted.name, number, tidy.filter(pc.invert(fits))[0].as_py())
        tidy = pc.if_else(fits, tidy, pa.scalar(None, pa.string()))
    if kind == "boolean":
        return pc.if_else(pc.is_valid(tidy), pc.is_in(pc.utf8_lower(tidy), _YES), pa.scalar(None, pa.bool_()))
    return tidy.cast(_ARROW[kind])


def _split(column: Any) -> Any:
    parts = pc.split_pattern_regex(pc.utf8_trim_whitespace(column), _SEPARATORS)
    return parts.cast(pa.list_(pa.string()))
