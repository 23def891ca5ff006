"""CSV and its kin, a block of whole records at a time; the columns are made by Arrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv as pa_csv

from riskbridge.errors import ConfigError
from riskbridge.model.file_settings import FileSettings
from riskbridge.model.source_model import SourceModel
from riskbridge.source.file.chunk import LONGEST_RAW, Chunk, RefusedRow
from riskbridge.source.file.contents import FileContents
from riskbridge.source.file.header import Columns, Header, find_header, find_width
from riskbridge.source.file.records import LARGEST_RECORD_BYTES, BadLine, RecordSplitter


class DelimitedReader:
    """Reads one delimited file.

    Args:
        contents: The file.
        model: Its data model.
        needs: Groups of fields; of each one at least must be in the header.
        settings: How it is written.
    """

    def __init__(
        self, contents: FileContents, model: SourceModel, needs: Sequence[Sequence[str]], settings: FileSettings
    ) -> None:
        self._contents = contents
        self._model = model
        self._needs = needs
        self._settings = settings
        self._header: Header | None = None

    @property
    def unknown(self) -> tuple[str, ...]:
        """Columns that the data model does not know, sorted; empty before the first chunk."""
        return () if self._header is None else self._header.columns.unknown

    @property
    def header(self) -> Header | None:
        """What the file's columns are; None before the first chunk."""
        return self._header

    def chunks(self) -> Iterator[Chunk]:
        """The file's rows; see `Reader`.

        Raises:
            ConfigError: `file.broken-quote`, `file.missing-columns`, `file.empty`, and those of `FileContents.blocks`.
        """
        left, line, splitter = b"", 1, RecordSplitter(",", "")
        for text, is_last in with_last(with_line_feeds(self._contents.blocks())):
            block = left + text.encode()
            if self._header is None:
                self._header = self._find_header(text)
                splitter = RecordSplitter(self._header.delimiter, self._settings.qualifier)
                start = _end_of_line(block, self._header.lines)
                block, line = block[start:], line + self._header.lines
            split = splitter.split(block, is_last=is_last)
            if split.broken_at is not None or len(block) - split.end > LARGEST_RECORD_BYTES:
                raise self._broken_quote(line + block.count(b"\n", 0, split.broken_at or split.end))
            left = block[split.end :]
            if split.end or is_last:
                yield self._parse(block[: split.end], split.bad, line)
            line += block.count(b"\n", 0, split.end)

    def _find_header(self, text: str) -> Header:
        settings = self._settings
        if settings.has_header:
            return find_header(
                text,
                self._model,
                self._needs,
                delimiter=settings.delimiter,
                qualifier=settings.qualifier,
                file=str(self._contents.path),
            )
        delimiter, width = find_width(text, delimiter=settings.delimiter, qualifier=settings.qualifier)
        names = tuple(f.name for f in self._model.fields)
        if width != len(names):
            raise ConfigError(
                f"{self._contents.path} has {width} columns and no header; the data model "
                f"'{self._model.name}' has {len(names)} fields.",
                code="file.missing-columns",
                remedy="Name the delimiter, or choose a data model with the file's columns in their order.",
                file=self._contents.name,
            )
        return Header(Columns(names, names), delimiter, 0)

    def _parse(self, block: bytes, bad: Sequence[BadLine], line: int) -> Chunk:
        assert self._header is not None, "the header comes first"
        columns = self._header.columns
        names = [f"c{n}" for n in range(len(columns.names))]
        wanted = {name: field for name, field in zip(names, columns.fields, strict=True) if field is not None}
        wrong: list[pa_csv.InvalidRow] = []

        def refuse(row: pa_csv.InvalidRow) -> Literal["skip", "error"]:
            wrong.append(row)
            return "skip"

        sound = _without(block, bad)
        if not sound.strip():
            table = pa.table({name: pa.nulls(0, pa.string()) for name in wanted})
        else:
            table = pa_csv.read_csv(
                pa.BufferReader(sound),  # type: ignore[arg-type]  # the stubs know files alone
                read_options=pa_csv.ReadOptions(column_names=names, use_threads=False, block_size=len(sound) + 1),
                parse_options=pa_csv.ParseOptions(
                    delimiter=self._header.delimiter,
                    quote_char=self._settings.qualifier or False,
                    newlines_in_values=bool(self._settings.qualifier),
                    invalid_row_handler=refuse,
                ),
                convert_options=pa_csv.ConvertOptions(
                    include_columns=list(wanted), column_types=dict.fromkeys(wanted, pa.string()), check_utf8=False
                ),
            )
        refused = self._refused(block, bad, wrong, line, table.num_rows)
        combined = {wanted[name]: _whole(table[name]) for name in wanted}
        return Chunk(combined, table.num_rows, refused)

    def _refused(
        self, block: bytes, bad: Iterable[BadLine], wrong: Iterable[Any], line: int, rows: int
    ) -> list[RefusedRow]:
        assert self._header is not None, "the header comes first"
        found: list[tuple[int, str, str, str]] = []
        position, expected = 0, len(self._header.columns.names)
        for row in wrong:
            if not row.text.strip():
                continue
            at = max(block.find(row.text.encode(), position), position)
            position = at + 1
            detail = f"{row.actual_columns:,} columns where the header has {expected:,}"
            found.append((line + block.count(b"\n", 0, at), "row-malformed", detail, row.text))
        for part in bad:
            text = block[part.start : part.end].decode("utf-8", "replace").rstrip("\r\n")
            detail = "a quote stands within a quoted text without being doubled"
            found.append((line + block.count(b"\n", 0, part.start), "row-malformed", detail, text))
        return [
            RefusedRow(rows + place, reason, f"{self._contents.name}, line {at:,}: {detail}", text[:LONGEST_RAW])
            for place, (at, reason, detail, text) in enumerate(sorted(found))
        ]

    def _broken_quote(self, line: int) -> ConfigError:
        return ConfigError(
            f"{self._contents.path}: a quote that opens in line {line:,} does not close where its text ends, and swallows "
            "the lines after it.",
            code="file.broken-quote",
            remedy="Double the quotes within the text of that line, or name the qualifier that the file uses; none is ''.",
            file=self._contents.name,
            line=line,
        )


def with_last(texts: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Each text and whether it is the last."""
    held: str | None = None
    for text in texts:
        if held is not None:
            yield held, False
        held = text
    if held is not None:
        yield held, True


def with_line_feeds(texts: Iterable[str]) -> Iterator[str]:
    """The texts, where lines end in a carriage return alone with a line feed in its place."""
    is_bare: bool | None = None
    for text in texts:
        if is_bare is None and ("\r" in text or "\n" in text):
            is_bare = "\n" not in text
        yield text.replace("\r", "\n") if is_bare else text


def _end_of_line(block: bytes, number: int) -> int:
    """Where the line of that number, counted from 1, ends; the end of the block where there are fewer."""
    position = 0
    for _ in range(number):
        position = block.find(b"\n", position) + 1
        if not position:
            return len(block)
    return position


def _without(block: bytes, bad: Sequence[BadLine]) -> bytes:
    if not bad:
        return block
    starts = [0, *(part.end for part in bad)]
    ends = [*(part.start for part in bad), len(block)]
    return b"".join(block[start:end] for start, end in zip(starts, ends, strict=True))


def _whole(column: Any) -> Any:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
