"""A stream's data model as the types that decode it and the columns that hold it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import pyarrow as pa

from riskbridge.model.source_model import Field, Kind, SourceModel
from riskbridge.model.target import REJECT

_INT64 = msgspec.Meta(ge=-(2**63), le=2**63 - 1)
_PYTHON: dict[Kind, Any] = {
    "string": str,
    "datetime": str,
    "integer": Annotated[int, _INT64],
    "number": float,
    "boolean": bool,
    "strings": list[str | None],
}
_ARROW: dict[Kind, pa.DataType] = {
    "string": pa.string(),
    "datetime": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "strings": pa.list_(pa.string()),
}
_REJECT_ARROW: dict[str, pa.DataType] = {"string": pa.string(), "int64": pa.int64()}

REJECT_SCHEMA = pa.schema([(c.name, _REJECT_ARROW[c.type]) for c in REJECT])
"""The columns of the REJECT table as Arrow."""


def staged_schema(model: SourceModel) -> pa.Schema:
    """The Arrow form of `SourceModel.staged_types`."""
    columns = [(f.name, arrow_type(f)) for f in model.fields]
    return pa.schema([*columns, ("extra", pa.string()), ("page", pa.int64()), ("row", pa.int64())])


def arrow_type(field: Field) -> pa.DataType:
    """The Arrow type of a field's column."""
    if field.children:
        return pa.list_(struct_type(field)) if field.kind == "objects" else struct_type(field)
    return _ARROW[field.kind]


def struct_type(field: Field) -> pa.DataType:
    """The Arrow type of an object, or of one of several."""
    return pa.struct([(c.name, arrow_type(c)) for c in field.children])


def page_type(record: Any) -> type[msgspec.Struct]:
    """The envelope of a page: `value` (required), `next_link` and `server_count` where given."""
    return msgspec.defstruct(
        "Page",
        [("value", list[record]), ("next_link", str | None, None), ("server_count", int | None, None)],
        rename={"next_link": "@odata.nextLink", "server_count": "@odata.count"},
        gc=False,
    )


def record_type(
    fields: tuple[Field, ...], *, is_strict: bool, learned: Mapping[str, str] | None = None
) -> type[msgspec.Struct]:
    """A struct with the fields as attributes, null and missing both None.

    Args:
        fields: The data model's.
        is_strict: Unknown members make the record invalid; else they are passed over.
        learned: Attribute name to member name of unknown members met before, kept as raw JSON.
    """
    members: list[Any] = [(f.name, Annotated[str, msgspec.Meta(min_length=1)]) for f in fields if f.required]
    members += [(f.name, _optional(f, is_strict=is_strict), None) for f in fields if not f.required]
    members += [(attribute, msgspec.Raw | msgspec.UnsetType, msgspec.UNSET) for attribute in learned or {}]
    return msgspec.defstruct(
        "Record", members, forbid_unknown_fields=is_strict, gc=False, rename=dict(learned) if learned else None
    )


def _optional(field: Field, *, is_strict: bool) -> Any:
    if not field.children:
        return _PYTHON[field.kind] | None
    child = record_type(field.children, is_strict=is_strict)
    return (list[child | None] | None) if field.kind == "objects" else (child | None)  # type: ignore[valid-type]
