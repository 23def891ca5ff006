"""The manifest: a line a page, which says what was asked and what came. With its line, a page is staged."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

MANIFEST = "manifest.jsonl"


@dataclass(frozen=True, slots=True)
class ManifestLine:
    """What is kept of a page.

    Attributes:
        number: Counts from 0 within the stream.
        request: What was asked for.
        received: Records in the page.
        rows: Records that could be read.
        rejects: Those that could not.
        distinct_ids: Different values of the rows' `id` column; None where they have none.
        sha256: Of the body as it was sent, in hexadecimal; of an export, of the unpacked lines.
        next_link: The server's link to the next page; None when it gave none.
        next_request: What was to be asked for next; None after the last page.
        server_count: The server's own count; None when it gave none.
        unknown_fields: Fields that the data model does not know, sorted.
        warnings: What was odd about the page, in words.
        rows_bytes: Size of the rows' file; 0 where a page without rows has none.
        rejects_bytes: Size of the rejects' file; likewise.
        at: When it was staged, ISO 8601 in UTC.
        snapshot_at: When the snapshot was made that the page is of, likewise; None where it is of none, or does not say.
    """

    number: int
    request: str
    received: int
    rows: int
    rejects: int
    distinct_ids: int | None
    sha256: str
    next_link: str | None
    next_request: str | None
    server_count: int | None
    unknown_fields: tuple[str, ...]
    warnings: tuple[str, ...]
    rows_bytes: int
    rejects_bytes: int
    at: str
    snapshot_at: str | None = None


_NAMES = frozenset(f.name for f in fields(ManifestLine))


def append_line(folder: Path, line: ManifestLine) -> None:
    """Add a line; once this returns it survives a kill and a power cut."""
    with (folder / MANIFEST).open("ab") as file:
        file.write(json.dumps(asdict(line), ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_lines(folder: Path) -> list[ManifestLine]:
    """The whole lines in order, up to the first that is torn, out of order, or whose files are not whole.

    What follows that line is cut off the manifest, so that the stream goes on from there.
    """
    path = folder / MANIFEST
    if not path.exists():
        return []
    lines: list[ManifestLine] = []
    whole_bytes = 0
    body = path.read_bytes()
    for raw in body.splitlines(keepends=True):
        line = _parse(raw)
        if line is None or line.number != len(lines) or not _has_files(folder, line):
            break
        lines.append(line)
        whole_bytes += len(raw)
    if whole_bytes < len(body):
        os.truncate(path, whole_bytes)
    return lines


def rows_file(folder: Path, number: int) -> Path:
    """Where the rows of a page are."""
    return folder / f"page-{number:06}.parquet"


def rejects_file(folder: Path, number: int) -> Path:
    """Where the rejects of a page are."""
    return folder / f"rejects-{number:06}.parquet"


def _parse(raw: bytes) -> ManifestLine | None:
    if not raw.endswith(b"\n"):
        return None
    try:
        values = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(values, dict) or values.keys() != _NAMES:
        return None
    lists = {name: tuple(values[name]) for name in ("unknown_fields", "warnings")}
    return ManifestLine(**(values | lists))


def _has_files(folder: Path, line: ManifestLine) -> bool:
    # A power cut can keep the line and lose the files: their folder entries are not synced one by one.
    sizes = ((rows_file(folder, line.number), line.rows_bytes), (rejects_file(folder, line.number), line.rejects_bytes))
    return all(size == 0 or (file.is_file() and file.stat().st_size == size) for file, size in sizes)
