"""JSON lines: an object a line, members of objects within it by their dotted path."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from riskbridge.errors import ConfigError
from riskbridge.model.source_model import SourceModel
from riskbridge.source.arrays import lists, texts
from riskbridge.source.file.chunk import LONGEST_RAW, Chunk, RefusedRow
from riskbridge.source.file.contents import FileContents
from riskbridge.source.file.delimited import with_last, with_line_feeds
from riskbridge.source.file.header import Columns, key_of, require_columns
from riskbridge.source.file.records import LARGEST_RECORD_BYTES

_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_MOST_NAMES = 2000


class JsonLinesReader:
    """Reads one file of JSON lines.

    Args:
        contents: The file.
        model: Its data model.
        needs: Groups of fields; of each one at least must be met in the file's first part.
    """

    def __init__(self, contents: FileContents, model: SourceModel, needs: Sequence[Sequence[str]]) -> None:
        self._contents = contents
        self._model = model
        self._needs = needs
        self._by_key = {key_of(f.name): f.name for f in model.fields}
        self._lists = {f.name for f in model.fields if f.kind == "strings"}
        self._names: dict[str, str | None] = {}
        self._decoder = msgspec.json.Decoder()

    @property
    def unknown(self) -> tuple[str, ...]:
        """Members met that the data model does not know, sorted."""
        return tuple(sorted(name for name, field in self._names.items() if field is None))

    def chunks(self) -> Iterator[Chunk]:
        """The file's rows; see `Reader`.

        Raises:
            ConfigError: `file.not-json-lines`, `file.missing-columns`, and those of `FileContents.blocks`.
        """
        left, line, is_first = b"", 1, True
        for text, is_last in with_last(with_line_feeds(self._contents.blocks())):
            if is_first and text.lstrip()[:1] not in ("{", ""):
                raise self._not_json_lines()
            block = left + text.encode()
            end = len(block) if is_last else block.rfind(b"\n") + 1
            if len(block) - end > LARGEST_RECORD_BYTES:
                raise self._not_json_lines()
            left = block[end:]
            chunk = self._parse(block[:end], line)
            if is_first and not chunk.rows and chunk.refused:
                raise self._not_json_lines()
            if is_first and chunk.rows:
                found = tuple(self._names.items())
                require_columns(
                    Columns(tuple(n for n, _ in found), tuple(f for _, f in found)),
                    self._needs or [[f.name for f in self._model.fields]],
                    str(self._contents.path),
                )
            if is_first and is_last and not chunk.rows:
                raise self._empty()
            is_first = False
            yield chunk
            line += block.count(b"\n", 0, end)

    def _parse(self, block: bytes, line: int) -> Chunk:
        refused: list[RefusedRow] = []
        try:
            found = self._decoder.decode_lines(block)
            if not all(type(record) is dict for record in found):
                found = self._by_line(block, line, refused)
        except _NOT_JSON:
            found = self._by_line(block, line, refused)
        records = [self._flat(record) for record in found]
        met = {name for record in records for name in record}
        columns: dict[str, pa.Array[Any]] = {}
        for name in met:
            values = [record.get(name) for record in records]
            columns[name] = _listed(values) if name in self._lists else texts([_text(v) for v in values])
        numbered = [RefusedRow(len(records) + n, r.reason, r.detail, r.raw) for n, r in enumerate(refused)]
        return Chunk(columns, len(records), numbered)

    def _by_line(self, block: bytes, line: int, refused: list[RefusedRow]) -> list[dict[str, Any]]:
        """One line after the other, where one of them is no object."""
        found = []
        for number, raw in enumerate(block.split(b"\n")):
            if not raw.strip():
                continue
            try:
                record = self._decoder.decode(raw)
                problem = "" if isinstance(record, dict) else "it is no JSON object"
            except _NOT_JSON as error:
                record, problem = None, f"it is no JSON: {error}"
            if problem:
                detail = f"{self._contents.name}, line {line + number:,}: {problem}"
                refused.append(RefusedRow(0, "row-malformed", detail, raw.decode("utf-8", "replace")[:LONGEST_RAW]))
            else:
                found.append(record)
        return found

    def _flat(self, record: Mapping[str, Any], within: str = "") -> dict[str, Any]:
        flat: dict[str, Any] = {}
        for member, value in record.items():
            path = f"{within}{member}"
            field = self._field(path)
            if field is None and isinstance(value, dict):
                self._names.pop(path, None)
                flat |= {k: v for k, v in self._flat(value, f"{path}.").items() if k not in flat}
            elif field is not None:
                flat.setdefault(field, value)
        return flat

    def _field(self, path: str) -> str | None:
        if path not in self._names:
            field = self._by_key.get(key_of(path))
            if len(self._names) >= _MOST_NAMES:
                return field
            self._names[path] = field
        return self._names[path]

    def _empty(self) -> ConfigError:
        return ConfigError(
            f"{self._contents.path} has no row.",
            code="file.empty",
            remedy="Export it anew: of JSON lines without a line nobody can tell whether they are whole.",
            file=self._contents.name,
        )

    def _not_json_lines(self) -> ConfigError:
        return ConfigError(
            f"{self._contents.path} does not hold JSON lines: its beginning is no JSON object in a line of its own.",
            code="file.not-json-lines",
            remedy="Write one object a line; of a JSON array, jq -c '.[]' FILE makes such lines.",
            file=self._contents.name,
        )


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list) and not any(isinstance(v, dict | list) for v in value):
        return ", ".join(t for t in map(_text, value) if t)
    return json.dumps(value, ensure_ascii=False)


def _listed(values: Sequence[Any]) -> pa.Array[Any]:
    parts = [None if v is None else [_text(e) for e in v] if isinstance(v, list) else [_text(v)] for v in values]
    return lists(parts, texts, pa.list_(pa.string()))
