"""Files as a source of streams: findings, and devices where they have files of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from riskbridge.errors import RiskbridgeError
from riskbridge.model.file_settings import AUTO, FileSettings
from riskbridge.model.source_model import SourceModel
from riskbridge.source.budget import Spending
from riskbridge.source.file.chunk import Chunk, Reader
from riskbridge.source.file.columns import Unfit, to_rejects, to_rows
from riskbridge.source.file.contents import BLOCK_BYTES, FileContents
from riskbridge.source.file.delimited import DelimitedReader
from riskbridge.source.file.files import find_files
from riskbridge.source.file.json_lines import JsonLinesReader
from riskbridge.source.file.parquet import ParquetReader
from riskbridge.source.protocol import CheckItem, CheckReport, PageCursor, RawPage, SnapshotChangedError, Spool

ROWS_SHOWN = 10
MOST_LOOKED_AT = 20
"""Files whose beginning a connection test reads."""
_JSON_NAMES = (".jsonl", ".ndjson", ".json")


@dataclass(frozen=True, slots=True)
class FileRole:
    """What some files hold.

    Attributes:
        model: Their data model; its stream names them.
        patterns: Where they are.
        needs: Groups of fields; of each one at least must be in every file.
    """

    model: SourceModel
    patterns: tuple[str, ...]
    needs: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class FileRead:
    """What is kept of a file that was read, as evidence.

    Attributes:
        name: Its path.
        size_bytes: As it lies there.
        modified_at: When it was last written, UTC.
        sha256: In hexadecimal.
        rows: Rows that could be read.
        refused: Those that could not.
    """

    name: str
    size_bytes: int
    modified_at: datetime
    sha256: str
    rows: int
    refused: int

    def as_dict(self) -> dict[str, Any]:
        """As plain data that JSON can hold."""
        return {
            "name": self.name,
            "size_bytes": self.size_bytes,
            "modified_at": self.modified_at.isoformat(),
            "sha256": self.sha256,
            "rows": self.rows,
            "refused": self.refused,
        }


@dataclass(frozen=True, slots=True)
class FileLook:
    """The beginning of a file.

    Attributes:
        name: Its path.
        columns: Fields of the data model that it has, in the model's order.
        unknown: Its columns that the model does not know.
        missing: Fields of the model that it lacks.
        rows: The first rows, by field.
        refused: What was wrong with lines among them.
    """

    name: str
    columns: tuple[str, ...]
    unknown: tuple[str, ...]
    missing: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    refused: tuple[str, ...]


class FileSource:
    """Reads files, one after the other. One reading at a time.

    Args:
        settings: How they are found and written.
        roles: What they hold, devices before findings.
        home: The home directory, of which uploads alone may be read.
        block_bytes: How much of a file makes a page.
    """

    calls = 0
    """Nobody is called."""

    def __init__(
        self, settings: FileSettings, roles: Sequence[FileRole], home: Path, *, block_bytes: int = BLOCK_BYTES
    ) -> None:
        self._settings = settings
        self._roles = {role.model.stream: role for role in roles}
        self._home = home
        self._block_bytes = block_bytes
        self._read: dict[str, list[FileRead]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is kept open."""

    def spending(self) -> Spending:
        """Nothing: nobody is called."""
        return Spending()

    def files(self, stream: str) -> list[dict[str, Any]]:
        """What is known of a stream's files once it was read to its end, as plain data."""
        return [read.as_dict() for read in self._read.get(stream, ())]

    def check(self) -> CheckReport:
        """Look at the files: that they are there, what they are, and their first rows; a failure is an item."""
        items: list[CheckItem] = []
        for stream, role in self._roles.items():
            try:
                looks = self.look(stream)
            except RiskbridgeError as error:
                items.append(
                    CheckItem(stream, is_ok=False, message=error.message, remedy=error.remedy, code=error.code)
                )
                continue
            items += [CheckItem(stream, is_ok=True, message=_told(look, role.model)) for look in looks]
        return CheckReport(tuple(items))

    def look(self, stream: str, *, rows: int = ROWS_SHOWN) -> list[FileLook]:
        """The beginnings of a stream's files, at most of `MOST_LOOKED_AT`.

        Raises:
            RiskbridgeError: `file.*`: one cannot be read so.
        """
        role = self._roles[stream]
        paths = find_files(role.patterns, takes=self._settings.takes, home=self._home)
        return [self._look(path, role, rows) for path in paths[:MOST_LOOKED_AT]]

    def read(
        self,
        stream: str,
        *,
        filter_text: str | None = None,  # noqa: ARG002 - files take no filter
        resume: PageCursor | None,
        since: datetime | None = None,  # noqa: ARG002 - files do not tell
        spool: Spool | None = None,  # noqa: ARG002 - files need none
    ) -> Iterator[RawPage]:
        """Pages of a stream in order, from the cursor on; a page is a part of a file.

        Args:
            stream: The stream of one of the roles' data models.
            filter_text: Files take no filter.
            resume: Where to go on; None begins at the beginning.
            since: Files do not tell.
            spool: Files need none.

        Raises:
            SnapshotChangedError: The files are not those that the pages before the cursor came from.
            RiskbridgeError: `file.*`: a file cannot be read, or is malformed as a whole.
        """
        done = resume.pages if resume is not None else 0
        wanted = resume.next_request if resume is not None else None
        held: RawPage | None = None
        for page in self._pages(self._roles[stream]):
            if page.number < done:
                continue
            if page.number == done and resume is not None and page.request != wanted:
                raise _changed(page.request)
            if held is not None:
                yield replace(held, next_request=page.request)
            held = page
        if held is not None:
            yield held
        elif wanted is not None:
            raise _changed(wanted)

    def _pages(self, role: FileRole) -> Iterator[RawPage]:
        read: list[FileRead] = []
        number = 0
        for path in find_files(role.patterns, takes=self._settings.takes, home=self._home):
            contents, unfit = self._contents(path), Unfit()
            reader = self._reader(contents, role)
            rows = refused = 0
            for part, (chunk, is_last) in enumerate(_with_last(reader.chunks())):
                rows, refused = rows + chunk.rows, refused + len(chunk.refused)
                made = to_rows(chunk, role.model, number, unfit)
                warnings = [f"{path.name}: {text}" for text in unfit.warnings(role.model)] if is_last else []
                yield RawPage(
                    number=number,
                    request=_request(contents, part),
                    rows=made,
                    rejects=to_rejects(chunk, role.model.stream, number),
                    received=chunk.rows + len(chunk.refused),
                    sha256=contents.sha256,
                    next_link=None,
                    next_request=None,
                    unknown_fields=reader.unknown,
                    warnings=tuple(warnings),
                    snapshot_at=contents.modified_at,
                )
                number += 1
            contents.require_unchanged()
            read.append(FileRead(str(path), contents.size_bytes, contents.modified_at, contents.sha256, rows, refused))
        self._read[role.model.stream] = read

    def _look(self, path: Path, role: FileRole, rows: int) -> FileLook:
        reader = self._reader(self._contents(path), role)
        chunk = next(iter(reader.chunks()))
        shown = to_rows(chunk, role.model, 0, Unfit()).slice(0, rows)
        fields = [f.name for f in role.model.fields]
        known = [name for name in fields if name in chunk.columns]
        return FileLook(
            str(path),
            tuple(known),
            reader.unknown,
            tuple(name for name in fields if name not in chunk.columns),
            tuple(shown.select(known).to_pylist()),
            tuple(r.detail for r in chunk.refused[:rows]),
        )

    def _contents(self, path: Path) -> FileContents:
        return FileContents(path, self._settings.encoding, block_bytes=self._block_bytes)

    def _reader(self, contents: FileContents, role: FileRole) -> Reader:
        kind = self._settings.reader if self._settings.reader != AUTO else kind_of(contents)
        if kind == "parquet":
            return ParquetReader(contents, role.model, role.needs)
        if kind == "jsonl":
            return JsonLinesReader(contents, role.model, role.needs)
        return DelimitedReader(contents, role.model, role.needs, self._settings)


def kind_of(contents: FileContents) -> str:
    """`parquet`, `jsonl` or `csv`, by the file's first bytes and its name."""
    start = contents.first_bytes()
    if start.startswith(b"PAR1"):
        return "parquet"
    name = contents.name.lower().removesuffix(".gz")
    return "jsonl" if name.endswith(_JSON_NAMES) or start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{") else "csv"


def _with_last(chunks: Iterator[Chunk]) -> Iterator[tuple[Chunk, bool]]:
    held: Chunk | None = None
    for chunk in chunks:
        if held is not None:
            yield held, False
        held = chunk
    if held is not None:
        yield held, True


def _request(contents: FileContents, part: int) -> str:
    return f"{contents.path}?bytes={contents.size_bytes}&modified={contents.modified_at:%Y-%m-%dT%H:%M:%SZ}&part={part}"


def _told(look: FileLook, model: SourceModel) -> str:
    known = f"{len(look.columns)} of the {len(model.fields)} fields of {model.name}"
    others = f"; columns left out: {', '.join(look.unknown[:8])}" if look.unknown else ""
    rows = "no row yet" if not look.rows else f"its first row begins {_first_values(look)}"
    wrong = f"; {len(look.refused)} of its first lines would be refused: {look.refused[0]}" if look.refused else ""
    return f"{look.name} has {known}; {rows}{others}{wrong}."


def _first_values(look: FileLook) -> str:
    values = [str(v) for v in look.rows[0].values() if v not in (None, "", [])]
    return ", ".join(f"'{v[:40]}'" for v in values[:4])


def _changed(request: str) -> SnapshotChangedError:
    return SnapshotChangedError(
        f"The files are not those that this run began to read: {request.partition('?')[0]}.",
        code="file.changed",
        remedy="Run again; they are read from the beginning. Nothing was published.",
    )
