"""Page bodies to columns: whole pages at once where every record keeps to the data model, record by record where not."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa

from riskbridge.model.source_model import Field, Kind, SourceModel

LONGEST_RAW = 4000
_PYTHON: dict[Kind, Any] = {
    "string": str,
    "datetime": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "strings": list[str],
}
_ARROW: dict[Kind, pa.DataType] = {
    "string": pa.string(),
    "datetime": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "strings": pa.list_(pa.string()),
}
_POWERSHELL = re.compile(r"@\{(.*)\}", re.DOTALL)
REJECT_SCHEMA = pa.schema(
    [
        ("stream", pa.string()),
        ("page", pa.int64()),
        ("row", pa.int64()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("raw", pa.string()),
    ]
)


class NotAPageError(ValueError):
    """The body is no JSON, is cut off, or holds no `value` array."""


@dataclass(frozen=True, slots=True)
class DecodedPage:
    """A page's rows and rejects as Arrow, the number of records it held, and its link and count where given."""

    rows: pa.Table
    rejects: pa.Table
    received: int
    next_link: str | None
    server_count: int | None
    unknown_fields: tuple[str, ...]


class PageDecoder:
    """Decodes the pages of one stream.

    Records that break the data model (a mistyped field, a missing id) become rejects; fields that the model does not know
    are kept as JSON in the `extra` column.
    """

    def __init__(self, model: SourceModel) -> None:
        self._model = model
        self._strict = msgspec.json.Decoder(_page_type(_record_type(model.fields, forbids_unknown=True)))
        self._loose = msgspec.json.Decoder(_page_type(msgspec.Raw))
        self._record = _record_type(model.fields, forbids_unknown=False)
        self._schema = pa.schema(
            [(f.name, _arrow(f)) for f in model.fields]
            + [("extra", pa.string()), ("page", pa.int64()), ("row", pa.int64())]
        )

    def decode(self, body: bytes, number: int) -> DecodedPage:
        """The page of that number.

        Raises:
            NotAPageError: The body is not a page at all.
        """
        try:
            page = self._strict.decode(body)
        except msgspec.ValidationError:
            return self._decode_by_record(body, number)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise NotAPageError(str(error)) from error
        count = len(page.value)
        rows = self._table(page.value, number, pa.array(range(count), pa.int64()), pa.nulls(count, pa.string()))
        return DecodedPage(rows, REJECT_SCHEMA.empty_table(), count, page.next_link, page.server_count, ())

    def _decode_by_record(self, body: bytes, number: int) -> DecodedPage:
        try:
            page = self._loose.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise NotAPageError(str(error)) from error
        records, places, extras, rejects, unknown = [], [], [], [], set()
        known = {f.name for f in self._model.fields}
        for place, raw in enumerate(page.value):
            try:
                values = msgspec.json.decode(raw)
                record = msgspec.convert(_mended(values), self._record)
            except msgspec.ValidationError as error:
                rejects.append(self._reject(number, place, str(error), bytes(raw)))
                continue
            extra = {k: v for k, v in values.items() if k not in known}
            unknown |= extra.keys()
            records.append(record)
            places.append(place)
            extras.append(json.dumps(extra, ensure_ascii=False) if extra else None)
        rows = self._table(records, number, pa.array(places, pa.int64()), pa.array(extras, pa.string()))
        refused = pa.Table.from_pylist(rejects, REJECT_SCHEMA)
        return DecodedPage(rows, refused, len(page.value), page.next_link, page.server_count, tuple(sorted(unknown)))

    def _table(self, records: list[Any], number: int, places: pa.Array, extras: pa.Array) -> pa.Table:
        columns = [_column(f, records) for f in self._model.fields]
        page = pa.array([number], pa.int64()).take(pa.array([0] * len(records), pa.int32()))
        return pa.Table.from_arrays([*columns, extras, page, places], schema=self._schema)

    def _reject(self, page: int, row: int, problem: str, raw: bytes) -> dict[str, object]:
        required = {f.name for f in self._model.fields if f.required}
        at = re.search(r"`\$\.(\w+)`|field `(\w+)`", problem)
        name = (at[1] or at[2]) if at else ""
        is_identity = name in required and ("null" in problem or "missing" in problem)
        reason = "identity-missing" if is_identity else "field-mistyped" if name else "record-not-object"
        return {
            "stream": self._model.stream,
            "page": page,
            "row": row,
            "reason": reason,
            "detail": problem,
            "raw": raw.decode("utf-8", "replace")[:LONGEST_RAW],
        }


def _column(field: Field, records: list[Any]) -> pa.Array:
    name = field.name
    values: list[Any] = [getattr(r, name) for r in records]
    if field.children:
        values = msgspec.to_builtins(values)
    return pa.array(values, _arrow(field))


def _page_type(record: Any) -> Any:
    return msgspec.defstruct(
        "Page",
        [("value", list[record]), ("next_link", str | None, None), ("server_count", int | None, None)],
        rename={"next_link": "@odata.nextLink", "server_count": "@odata.count"},
        gc=False,
    )


def _record_type(fields: tuple[Field, ...], *, forbids_unknown: bool) -> Any:
    members: list[Any] = []
    for field in sorted(fields, key=lambda f: not f.required):
        kind = _python(field, forbids_unknown=forbids_unknown)
        members.append((field.name, kind) if field.required else (field.name, kind | None, None))
    return msgspec.defstruct("Record", members, forbid_unknown_fields=forbids_unknown, gc=False)


def _python(field: Field, *, forbids_unknown: bool) -> Any:
    if field.kind == "object":
        return _record_type(field.children, forbids_unknown=forbids_unknown)
    if field.kind == "objects":
        return list[_record_type(field.children, forbids_unknown=forbids_unknown)]  # type: ignore[misc]
    return _PYTHON[field.kind]


@functools.cache
def _arrow(field: Field) -> pa.DataType:
    if field.children:
        struct = pa.struct([(c.name, _arrow(c)) for c in field.children])
        return pa.list_(struct) if field.kind == "objects" else struct
    return _ARROW[field.kind]


def _mended(values: Any) -> Any:
    """Undo what a trip through PowerShell does to `ipAddresses`: each entry became `@{ipAddress=…; macAddress=…}`."""
    if not isinstance(values, dict) or not isinstance(values.get("ipAddresses"), list):
        return values
    return values | {"ipAddresses": [_parse_powershell(entry) for entry in values["ipAddresses"]]}


def _parse_powershell(entry: Any) -> Any:
    found = _POWERSHELL.fullmatch(entry) if isinstance(entry, str) else None
    if not found:
        return entry
    pairs = (part.partition("=") for part in found[1].split(";"))
    return {name.strip(): value.strip() or None for name, _, value in pairs if name.strip()}
