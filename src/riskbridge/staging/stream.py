"""One stream of one run on disk: page files and a manifest, written so that a kill loses one page at most."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from riskbridge.staging.disk import disk_errors, write_whole
from riskbridge.staging.manifest import MANIFEST, ManifestLine, append_line, read_lines, rejects_file, rows_file
from riskbridge.staging.reconcile import Reconciliation, reconcile
from riskbridge.staging.spool import Spool

CLOSED = "closed.json"
LOOKS = "looks.txt"
SPOOL = "fetched"
_NEARLY_UNIQUE = frozenset({"id", "extra", "description", "page", "row"})
"""Columns that a dictionary would only make larger."""


@dataclass(frozen=True, slots=True)
class PageCursor:
    """Where to go on: pages and records that are staged, and what to ask for next (None: the last page is staged)."""

    pages: int
    received: int
    next_request: str | None


class StagedPage(Protocol):
    """What staging wants to know of a page; every source's page type has it."""

    @property
    def number(self) -> int:
        """Counts from 0 within the stream."""

    @property
    def request(self) -> str:
        """What was asked for, without any secret."""

    @property
    def rows(self) -> pa.Table:
        """The records that could be read, with the staged columns of the stream's data model."""

    @property
    def rejects(self) -> pa.Table:
        """The others, with the columns of the REJECT table."""

    @property
    def received(self) -> int:
        """Records in the page."""

    @property
    def sha256(self) -> str:
        """Of the body as it was sent, in hexadecimal; of an export, of the unpacked lines."""

    @property
    def next_link(self) -> str | None:
        """The server's link to the next page; None when it gave none."""

    @property
    def next_request(self) -> str | None:
        """What is asked for next; None after the last page."""

    @property
    def server_count(self) -> int | None:
        """The server's own count; None when it gave none."""

    @property
    def unknown_fields(self) -> tuple[str, ...]:
        """Fields that the data model does not know, sorted."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was odd about the page, in words."""

    @property
    def snapshot_at(self) -> datetime | None:
        """When the snapshot was made that the page is of, UTC; None where it is of none, or does not say."""


class StagedStream:
    """The pages of one stream of one run. One writer at a time; reopening it takes up where the last one was.

    A page is staged once its manifest line is: its files come first, put in place whole, and the line is appended and
    synced last. What a kill left without a line is removed when the stream is opened again.

    Args:
        folder: The stream's own; made when missing.
        now: The clock, aware UTC.
    """

    def __init__(self, folder: Path, *, now: Callable[[], datetime] | None = None) -> None:
        self._folder = folder
        self._now = now or (lambda: datetime.now(UTC))
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._lines = read_lines(folder)
            self._remove_strays()

    @property
    def is_closed(self) -> bool:
        """Whether the source had said that nothing more comes."""
        return (self._folder / CLOSED).exists()

    @property
    def is_complete(self) -> bool:
        """Whether it was closed as complete."""
        return bool(self.closing().get("is_complete", False))

    @property
    def received(self) -> int:
        """Records received over all pages."""
        return sum(line.received for line in self._lines)

    @property
    def rows(self) -> int:
        """Records that could be read, over all pages."""
        return sum(line.rows for line in self._lines)

    @property
    def unknown_fields(self) -> tuple[str, ...]:
        """Fields met that the data model does not know, sorted."""
        return tuple(sorted({name for line in self._lines for name in line.unknown_fields}))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was odd about any page, each once, in the order met."""
        return tuple(dict.fromkeys(text for line in self._lines for text in line.warnings))

    @property
    def snapshot_at(self) -> datetime | None:
        """When the snapshot was made that was read, UTC; None where it is of none, or does not say."""
        stated = (line.snapshot_at for line in self._lines if line.snapshot_at)
        return next((datetime.fromisoformat(text) for text in stated), None)

    @property
    def looks(self) -> int:
        """How often it has been read from its beginning, this time included."""
        path = self._folder / LOOKS
        return int(path.read_text()) if path.exists() else 1

    def restart(self) -> None:
        """Forget every page, to read the stream from its beginning; what it had been read before is counted."""
        looks = self.looks + 1
        with disk_errors(self._folder):
            (self._folder / CLOSED).unlink(missing_ok=True)
            (self._folder / MANIFEST).unlink(missing_ok=True)
            write_whole(self._folder / LOOKS, str(looks).encode())
        self._lines = []
        self.spool.clear()
        self._remove_strays()

    def manifest(self) -> tuple[ManifestLine, ...]:
        """The staged pages in order."""
        return tuple(self._lines)

    def cursor(self) -> PageCursor | None:
        """Where to go on after what is staged; None to begin at the beginning."""
        if not self._lines:
            return None
        return PageCursor(len(self._lines), self.received, self._lines[-1].next_request)

    @property
    def spool(self) -> Spool:
        """Where answers wait until their page is staged."""
        return Spool(self._folder / SPOOL)

    def append(self, page: StagedPage) -> None:
        """Stage the next page; once this returns it survives a kill.

        Raises:
            FatalError: `staging.disk-full`, `staging.unwritable`; what was staged before stays.
            ValueError: The page is not the next one, or the stream is closed: a mistake of the caller.
        """
        if self.is_closed or page.number != len(self._lines):
            state = "the stream is closed" if self.is_closed else f"page {len(self._lines)} is next"
            raise ValueError(f"page {page.number} cannot be staged in {self._folder}: {state}")
        with disk_errors(self._folder):
            rows_bytes = _write_table(rows_file(self._folder, page.number), page.rows)
            rejects_bytes = _write_table(rejects_file(self._folder, page.number), page.rejects)
            line = self._line(page, rows_bytes, rejects_bytes)
            append_line(self._folder, line)
        self._lines.append(line)
        self.spool.drop(page.request)

    def close(self, *, is_complete: bool | None = None, evidence: Mapping[str, object] | None = None) -> None:
        """Say that the source has nothing more. Closing again changes nothing.

        Args:
            is_complete: Whether everything was read; None works it out by `reconciliation`.
            evidence: Whatever else speaks for it, as JSON values.
        """
        if self.is_closed:
            return
        found = self.reconciliation()
        closing = {
            "is_complete": found.is_complete if is_complete is None else is_complete,
            "evidence": dict(evidence or {}),
            "reconciliation": asdict(found),
            "at": self._now().isoformat(),
        }
        with disk_errors(self._folder):
            self.spool.clear()
            write_whole(self._folder / CLOSED, json.dumps(closing, ensure_ascii=False).encode())

    def closing(self) -> dict[str, Any]:
        """What `close` wrote: `is_complete`, `evidence`, `reconciliation`, `at`; empty while the stream is open."""
        if not self.is_closed:
            return {}
        values: dict[str, Any] = json.loads((self._folder / CLOSED).read_bytes())
        return values

    def reconciliation(self, *, distinct_ids: int | None = None) -> Reconciliation:
        """What the manifest says of completeness; see `reconcile`."""
        return reconcile(self._lines, distinct_ids=distinct_ids)

    def parquet_files(self, lines: Iterable[ManifestLine] | None = None) -> list[Path]:
        """The files of the rows, in page order, of some pages or of all; pages without rows have none."""
        wanted = self._lines if lines is None else lines
        return [rows_file(self._folder, line.number) for line in wanted if line.rows]

    def reject_files(self) -> list[Path]:
        """The files of the rejects, in page order; pages without rejects have none."""
        return [rejects_file(self._folder, line.number) for line in self._lines if line.rejects]

    def _line(self, page: StagedPage, rows_bytes: int, rejects_bytes: int) -> ManifestLine:
        return ManifestLine(
            number=page.number,
            request=page.request,
            received=page.received,
            rows=page.rows.num_rows,
            rejects=page.rejects.num_rows,
            distinct_ids=_distinct_ids(page.rows),
            sha256=page.sha256,
            next_link=page.next_link,
            next_request=page.next_request,
            server_count=page.server_count,
            unknown_fields=page.unknown_fields,
            warnings=page.warnings,
            rows_bytes=rows_bytes,
            rejects_bytes=rejects_bytes,
            at=self._now().isoformat(),
            snapshot_at=None if page.snapshot_at is None else page.snapshot_at.isoformat(),
        )

    def _remove_strays(self) -> None:
        kept = {*self.parquet_files(), *self.reject_files()}
        for file in (*self._folder.glob("*.parquet"), *self._folder.glob("*.partial")):
            if file not in kept:
                file.unlink()


def _write_table(path: Path, rows: pa.Table) -> int:
    """Write the rows, if any, as Parquet; gives the file's size."""
    if not rows.num_rows:
        return 0
    made = pa.BufferOutputStream()
    texts = [f.name for f in rows.schema if pa.types.is_string(f.type) and f.name not in _NEARLY_UNIQUE]
    # Snappy and no statistics: the files are read whole, once or twice, and thrown away.
    pq.write_table(rows, made, compression="snappy", use_dictionary=texts or False, write_statistics=False)  # type: ignore[arg-type]
    body = made.getvalue()
    write_whole(path, memoryview(body))
    return int(body.size)


def _distinct_ids(rows: pa.Table) -> int | None:
    if "id" not in rows.schema.names:
        return None
    return int(pc.count_distinct(rows["id"]).as_py())
