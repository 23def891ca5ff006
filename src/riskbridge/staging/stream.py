"""One stream of one run on disk: page files and a manifest, written so that a kill loses one page at most."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from riskbridge.errors import FatalError

MANIFEST = "manifest.jsonl"
CLOSED = "closed.json"


@dataclass(frozen=True, slots=True)
class PageCursor:
    """Where to go on: pages and records that are staged, and the link to the next page where the source gave one."""

    pages: int
    received: int
    next_link: str | None


@dataclass(frozen=True, slots=True)
class StagedPage:
    """One page as received.

    Attributes:
        number: Counts from 0 within the stream.
        request: What was asked for, without any secret.
        rows: The records that could be read, with the staged columns of the stream's data model.
        rejects: The others, as REJECT rows.
        received: Records in the page.
        sha256: Of the decoded body, in hexadecimal.
        next_link: The server's link to the next page; None on the last.
        server_count: The server's own count where it gave one.
        unknown_fields: Fields that the data model does not know, sorted.
    """

    number: int
    request: str
    rows: pa.Table
    rejects: pa.Table
    received: int
    sha256: str
    next_link: str | None
    server_count: int | None = None
    unknown_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ManifestLine:
    """What the manifest keeps of a page."""

    number: int
    request: str
    received: int
    rows: int
    rejects: int
    sha256: str
    next_link: str | None
    server_count: int | None
    unknown_fields: tuple[str, ...]


class StagedStream:
    """The pages of one stream of one run.

    A page is on disk once its manifest line is: files come first, the line is appended and synced last. What a kill left
    without a line is removed when the stream is opened again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        _writing(folder, lambda: folder.mkdir(parents=True, exist_ok=True))
        self._lines = self._read_manifest()
        self._remove_strays()

    @property
    def is_closed(self) -> bool:
        """Whether the source had said that nothing more comes."""
        return (self._folder / CLOSED).exists()

    @property
    def manifest(self) -> tuple[ManifestLine, ...]:
        """The staged pages in order."""
        return tuple(self._lines)

    @property
    def received(self) -> int:
        """Records received over all pages."""
        return sum(line.received for line in self._lines)

    @property
    def unknown_fields(self) -> tuple[str, ...]:
        """Fields met that the data model does not know, sorted."""
        return tuple(sorted({name for line in self._lines for name in line.unknown_fields}))

    def cursor(self) -> PageCursor | None:
        """Where to go on after what is staged; None to begin at the beginning."""
        if not self._lines:
            return None
        return PageCursor(len(self._lines), self.received, self._lines[-1].next_link)

    def append(self, page: StagedPage) -> None:
        """Stage a page; once this returns it survives a kill.

        Raises:
            FatalError: `staging.disk`: the disk is full or not writable; what was staged before stays.
        """
        _writing(self._folder, lambda: self._write(page))

    def close(self) -> None:
        """Say that the stream has been read to its end."""
        evidence = {"pages": len(self._lines), "received": self.received}
        _writing(self._folder, lambda: _write_durably(self._folder / CLOSED, json.dumps(evidence).encode()))

    def parquet_files(self) -> list[Path]:
        """The files of the rows, in page order; pages without rows have none."""
        return [self._rows_file(line.number) for line in self._lines if line.rows]

    def reject_files(self) -> list[Path]:
        """The files of the rejects, in page order."""
        return [self._rejects_file(line.number) for line in self._lines if line.rejects]

    def _write(self, page: StagedPage) -> None:
        if page.rows.num_rows:
            _write_parquet(self._rows_file(page.number), page.rows)
        if page.rejects.num_rows:
            _write_parquet(self._rejects_file(page.number), page.rejects)
        line = ManifestLine(
            page.number,
            page.request,
            page.received,
            page.rows.num_rows,
            page.rejects.num_rows,
            page.sha256,
            page.next_link,
            page.server_count,
            page.unknown_fields,
        )
        with (self._folder / MANIFEST).open("ab") as manifest:
            manifest.write(json.dumps(asdict(line)).encode() + b"\n")
            manifest.flush()
            os.fsync(manifest.fileno())
        self._lines.append(line)

    def _read_manifest(self) -> list[ManifestLine]:
        path = self._folder / MANIFEST
        if not path.exists():
            return []
        whole, torn = [], b""
        for raw in path.read_bytes().splitlines(keepends=True):
            torn = b"" if raw.endswith(b"\n") else raw
            values: dict[str, Any] = {} if torn else json.loads(raw)
            if values:
                whole.append(ManifestLine(**values | {"unknown_fields": tuple(values["unknown_fields"])}))
        if torn:
            with path.open("r+b") as manifest:
                manifest.truncate(path.stat().st_size - len(torn))
        return whole

    def _remove_strays(self) -> None:
        kept = {self._rows_file(line.number) for line in self._lines}
        kept |= {self._rejects_file(line.number) for line in self._lines}
        for file in self._folder.glob("*.parquet"):
            if file not in kept:
                file.unlink()

    def _rows_file(self, number: int) -> Path:
        return self._folder / f"page-{number:06}.parquet"

    def _rejects_file(self, number: int) -> Path:
        return self._folder / f"rejects-{number:06}.parquet"


def _write_parquet(path: Path, rows: pa.Table) -> None:
    with path.open("wb") as file:
        pq.write_table(rows, file, compression="lz4")
        file.flush()
        os.fsync(file.fileno())


def _write_durably(path: Path, body: bytes) -> None:
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _writing(folder: Path, write: Callable[[], None]) -> None:
    try:
        write()
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else (error.strerror or str(error))
        raise FatalError(
            f"Rows cannot be staged in {folder}: {reason}.",
            code="staging.disk",
            remedy="Free disk space in the home directory and run again; the run goes on at the page it had reached.",
        ) from error
