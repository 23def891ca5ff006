"""Page bodies to records and columns: whole pages at once, record by record where one breaks the data model."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pyarrow as pa

from riskbridge.errors import RetryableError
from riskbridge.model.source_model import SourceModel
from riskbridge.source.arrays import positions, same_number, texts, whole_numbers
from riskbridge.source.defender.columns import to_column
from riskbridge.source.defender.mend import LONGEST_RAW, FaultyRecordError, RecordMender
from riskbridge.source.defender.shapes import REJECT_SCHEMA, page_type, record_type, staged_schema

MOST_LEARNED = 64
"""Unknown members that a stream's decoder learns; beyond them, records are read one by one."""

_BOM = b"\xef\xbb\xbf"
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that cannot be used: its place in the page, the stable code, what was wrong, and its JSON, cut."""

    row: int
    reason: str
    detail: str
    raw: str


@dataclass(slots=True)
class ParsedPage:
    """A page's records as structs, before they become columns.

    Attributes:
        received: Records in the page.
        records: The usable ones.
        places: Place in the page of each usable one; None when all are usable.
        extras: JSON of unknown members of each usable one; None when there are none at all.
        rejects: The others.
        next_link: The server's link; None on the last page.
        server_count: The server's count; None when it gave none.
        unknown_fields: Names of unknown members, sorted.
    """

    received: int
    records: list[Any]
    next_link: str | None
    server_count: int | None
    places: list[int] | None = None
    extras: list[str | None] | None = None
    rejects: list[Reject] = field(default_factory=list)
    unknown_fields: tuple[str, ...] = ()


class PageDecoder:
    """Decodes the pages of one stream. Not for several threads at once: it learns unknown members as it meets them.

    The whole page is decoded into typed structs in one go. Where that fails, the page is read record by record: faulty
    records become rejects, unknown members are kept as JSON, and their names are learned, so that a column which
    Microsoft adds costs one slow page and not all of them.
    """

    def __init__(self, model: SourceModel) -> None:
        self._model = model
        self._schema = staged_schema(model)
        self._loose = msgspec.json.Decoder(page_type(msgspec.Raw))
        self._mender = RecordMender(model)
        self._learned: dict[str, str] = {}
        self._prepare()

    def parse(self, body: bytes) -> ParsedPage:
        """The page's records.

        Raises:
            RetryableError: `defender.not-a-page`: no JSON, cut off, or without a `value` array.
        """
        try:
            page = self._strict.decode(body)
        except _NOT_JSON:
            return self._parse_by_record(body)
        parsed = ParsedPage(len(page.value), page.value, page.next_link, page.server_count)
        if self._learned:
            self._add_learned(parsed)
        return parsed

    def to_rows(self, page: ParsedPage, number: int) -> pa.Table:
        """The usable records as a table with exactly the staged columns; `number` is the page's."""
        count = len(page.records)
        columns = [to_column(f, page.records) for f in self._model.fields]
        extra = pa.nulls(count, pa.string()) if page.extras is None else texts(page.extras)
        rows = positions(count) if page.places is None else whole_numbers(page.places)
        return pa.Table.from_arrays([*columns, extra, same_number(number, count), rows], schema=self._schema)

    def to_rejects(self, page: ParsedPage, number: int) -> pa.Table:
        """The faulty records as a table with the columns of the REJECT table."""
        found, stream = page.rejects, self._model.stream
        columns = [
            texts([stream] * len(found)),
            same_number(number, len(found)),
            whole_numbers(r.row for r in found),
            texts([r.reason for r in found]),
            texts([r.detail for r in found]),
            texts([r.raw for r in found]),
        ]
        return pa.Table.from_arrays(columns, schema=REJECT_SCHEMA)

    def _prepare(self) -> None:
        record = record_type(self._model.fields, is_strict=True, learned=self._learned)
        self._strict: msgspec.json.Decoder[Any] = msgspec.json.Decoder(page_type(record))
        self._strict_record: msgspec.json.Decoder[Any] = msgspec.json.Decoder(record)

    def _parse_by_record(self, body: bytes) -> ParsedPage:
        page = self._open(body)
        parsed = ParsedPage(len(page.value), [], page.next_link, page.server_count, places=[], extras=[])
        unknown: set[str] = set()
        for place, raw in enumerate(page.value):
            try:
                record, extra = self._read(raw)
            except FaultyRecordError as error:
                parsed.rejects.append(_reject(place, error, raw))
                continue
            unknown |= extra.keys()
            parsed.records.append(record)
            assert parsed.places is not None and parsed.extras is not None  # noqa: PT018 - set five lines above
            parsed.places.append(place)
            parsed.extras.append(json.dumps(extra, ensure_ascii=False, separators=(",", ":")) if extra else None)
        parsed.unknown_fields = tuple(sorted(unknown))
        self._learn(unknown)
        return parsed

    def _open(self, body: bytes) -> Any:
        body = body.removeprefix(_BOM)
        try:
            return self._loose.decode(body)
        except _NOT_JSON as error:
            # A wrong shape stays wrong; what cannot be read as text may be one record's fault.
            page = None if isinstance(error, msgspec.ValidationError) else self._open_leniently(body)
            if page is not None:
                return page
            raise RetryableError(
                f"Defender's answer is not a page of {self._model.stream}: {_outline(body, error)}.",
                code="defender.not-a-page",
                remedy="Check that no proxy or sign-in page answers in its place, then run again; the run goes on at "
                "the page it had reached.",
            ) from error

    def _open_leniently(self, body: bytes) -> Any:
        """The page where Python's own reader takes it: halves of surrogate pairs are no end of JSON to that one."""
        try:
            values = json.loads(body.decode("utf-8", "surrogateescape"))
            records = [msgspec.Raw(json.dumps(record).encode()) for record in values["value"]]
            if not isinstance(values["value"], list):
                return None
            return msgspec.convert(values | {"value": records}, self._loose.type)
        except (ValueError, KeyError, TypeError, RecursionError):
            return None

    def _read(self, raw: msgspec.Raw) -> tuple[Any, dict[str, Any]]:
        try:
            record = self._strict_record.decode(raw)
        except _NOT_JSON:
            mended = self._mender.mend(raw)
            return mended.record, dict(mended.unknown)
        met = ((name, getattr(record, attribute)) for attribute, name in self._learned.items())
        return record, {name: msgspec.json.decode(v) for name, v in met if v is not msgspec.UNSET}

    def _learn(self, unknown: set[str]) -> None:
        fresh = unknown - set(self._learned.values()) - {f.name for f in self._model.fields}
        room = MOST_LEARNED - len(self._learned)
        if fresh and room > 0:
            start = len(self._learned)
            self._learned |= {f"learned_{start + n}": name for n, name in enumerate(sorted(fresh)[:room])}
            self._prepare()

    def _add_learned(self, page: ParsedPage) -> None:
        keys = [(attribute, json.dumps(name), name) for attribute, name in self._learned.items()]
        met: set[str] = set()
        extras: list[str | None] = []
        for record in page.records:
            parts = []
            for attribute, key, name in keys:
                value = getattr(record, attribute)
                if value is not msgspec.UNSET:
                    parts.append(f"{key}:{bytes(value).decode('utf-8', 'replace')}")
                    met.add(name)
            extras.append("{" + ",".join(parts) + "}" if parts else None)
        if met:
            page.extras = extras
            page.unknown_fields = tuple(sorted(met))


def _reject(place: int, error: FaultyRecordError, raw: msgspec.Raw) -> Reject:
    return Reject(place, error.reason, str(error), bytes(raw).decode("utf-8", "replace")[:LONGEST_RAW])


def _outline(body: bytes, error: Exception) -> str:
    start = body.lstrip()[:15].lower()
    if not start:
        return "it is empty"
    if start.startswith(b"<"):
        return "it is HTML or XML"
    return str(error)
