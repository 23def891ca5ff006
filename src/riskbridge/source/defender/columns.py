"""Decoded records to Arrow columns, a field at a time."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

import pyarrow as pa

from riskbridge.model.source_model import Field
from riskbridge.source.arrays import Column, booleans, floats, integers, lists, structs, texts
from riskbridge.source.defender.shapes import arrow_type, struct_type


def to_column(field: Field, records: Sequence[Any]) -> Column:
    """The field of every record as one array of the field's Arrow type."""
    # Mapping an attrgetter is several times as fast as a comprehension with getattr.
    values = list(map(attrgetter(field.name), records))
    match field.kind:
        case "integer":
            return integers(values)
        case "number":
            return floats(values)
        case "boolean":
            return booleans(values)
        case "strings":
            return lists(values, texts, arrow_type(field))
        case "objects":
            return lists(values, lambda entries: _to_structs(field, entries), arrow_type(field))
        case "object":
            return _to_structs(field, values)
    return texts(values)


def _to_structs(field: Field, values: Sequence[Any]) -> Column:
    if not any(values):
        nothing: Column = pa.nulls(len(values), struct_type(field))  # type: ignore[call-overload] # takes any type
        return nothing
    absent = SimpleNamespace(**dict.fromkeys((c.name for c in field.children), None))
    present = [absent if v is None else v for v in values]
    return structs(values, [to_column(c, present) for c in field.children], struct_type(field))
