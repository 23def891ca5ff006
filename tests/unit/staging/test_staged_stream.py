from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskbridge.errors import FatalError
from riskbridge.staging.area import StagingArea
from riskbridge.staging.manifest import ManifestLine
from riskbridge.staging.stream import PageCursor, StagedStream

Make = Callable[..., Any]


def folder(area: StagingArea, tmp_path: Path) -> Path:
    area.stream("r1", "machines")
    return tmp_path / "staging" / "r1" / "machines"


def read(stream: StagedStream) -> list[str]:
    return [i for f in stream.parquet_files() for i in pq.read_table(f)["id"].to_pylist()]


def test_a_fresh_stream_begins_at_the_beginning(area: StagingArea) -> None:
    stream = area.stream("r1", "machines")
    assert (stream.cursor(), stream.received, stream.parquet_files(), stream.is_closed) == (None, 0, [], False)


def test_rows_and_rejects_come_back_as_they_went_in(area: StagingArea, make_page: Make) -> None:
    stream = area.stream("r1", "machines")
    page = make_page(0, ("a", "b", "c"), rejects=2)
    stream.append(page)
    again = area.stream("r1", "machines")
    assert pa.concat_tables([pq.read_table(f) for f in again.parquet_files()]).equals(page.rows)
    assert pa.concat_tables([pq.read_table(f) for f in again.reject_files()]).equals(page.rejects)


def test_the_manifest_says_what_was_asked_and_what_came(area: StagingArea, make_page: Make) -> None:
    stream = area.stream("r1", "machines")
    page = make_page(0, ("a", "a", "b"), rejects=1, server_count=9, unknown_fields=("new",), warnings=("odd",))
    stream.append(page)
    (line,) = area.stream("r1", "machines").manifest()
    rows_file, rejects_file = stream.parquet_files()[0], stream.reject_files()[0]
    assert line == ManifestLine(
        number=0,
        request="https://x/?$skip=0",
        received=4,
        rows=3,
        rejects=1,
        distinct_ids=2,
        sha256="ab" * 32,
        next_link="https://x/?$skip=1",
        next_request="https://x/?$skip=1",
        server_count=9,
        unknown_fields=("new",),
        warnings=("odd",),
        rows_bytes=rows_file.stat().st_size,
        rejects_bytes=rejects_file.stat().st_size,
        at="2026-11-20T12:00:00+00:00",
    )
    assert (stream.unknown_fields, stream.warnings) == (("new",), ("odd",))


def test_reading_goes_on_after_the_last_staged_page(area: StagingArea, make_page: Make) -> None:
    stream = area.stream("r1", "machines")
    stream.append(make_page(0))
    stream.append(make_page(1, ("c",)))
    assert area.stream("r1", "machines").cursor() == PageCursor(2, 3, "https://x/?$skip=2")
    stream.append(make_page(2, is_last=True))
    assert area.stream("r1", "machines").cursor() == PageCursor(3, 5, None)


def test_a_page_without_rows_has_a_line_and_no_file(area: StagingArea, make_page: Make) -> None:
    stream = area.stream("r1", "machines")
    stream.append(make_page(0, (), is_last=True))
    again = area.stream("r1", "machines")
    assert (len(again.manifest()), again.parquet_files(), again.reject_files()) == (1, [], [])


@pytest.mark.parametrize("number", [0, 2])
def test_a_page_out_of_order_is_refused(area: StagingArea, make_page: Make, number: int) -> None:
    stream = area.stream("r1", "machines")
    stream.append(make_page(0))
    with pytest.raises(ValueError, match="page 1 is next"):
        stream.append(make_page(number))


def test_a_closed_stream_takes_no_page(area: StagingArea, make_page: Make) -> None:
    stream = area.stream("r1", "machines")
    stream.append(make_page(0, is_last=True))
    stream.close()
    with pytest.raises(ValueError, match="closed"):
        area.stream("r1", "machines").append(make_page(1))


def test_closing_keeps_the_reconciliation_and_the_evidence(area: StagingArea, make_page: Make) -> None:
    stream = area.stream("r1", "machines")
    stream.append(make_page(0, is_last=True))
    stream.close(evidence={"order": "id"})
    again = area.stream("r1", "machines")
    assert (again.is_closed, again.is_complete) == (True, True)
    assert again.closing()["evidence"] == {"order": "id"}
    assert again.closing()["reconciliation"]["received"] == 2


def test_a_stream_that_leads_on_is_not_complete_when_closed(area: StagingArea, make_page: Make) -> None:
    stream = area.stream("r1", "machines")
    stream.append(make_page(0))
    stream.close()
    assert not area.stream("r1", "machines").is_complete


def test_a_person_may_close_a_stream_as_incomplete(area: StagingArea, make_page: Make) -> None:
    stream = area.stream("r1", "machines")
    stream.append(make_page(0, is_last=True))
    stream.close(is_complete=False)
    stream.close(is_complete=True)
    assert not stream.is_complete


# What kills and power cuts leave behind


def test_a_torn_last_line_is_cut_off_with_its_page(area: StagingArea, make_page: Make, tmp_path: Path) -> None:
    stream = area.stream("r1", "machines")
    stream.append(make_page(0, ("a",)))
    stream.append(make_page(1, ("b",)))
    manifest = folder(area, tmp_path) / "manifest.jsonl"
    os.truncate(manifest, manifest.stat().st_size - 7)
    again = area.stream("r1", "machines")
    assert (again.cursor(), read(again)) == (PageCursor(1, 1, "https://x/?$skip=1"), ["a"])
    again.append(make_page(1, ("b2",)))
    assert read(area.stream("r1", "machines")) == ["a", "b2"]


def test_files_without_a_line_are_removed(area: StagingArea, make_page: Make, tmp_path: Path) -> None:
    area.stream("r1", "machines").append(make_page(0, ("a",)))
    home = folder(area, tmp_path)
    for name in ("page-000001.parquet", "rejects-000000.parquet", "page-000002.parquet.partial"):
        (home / name).write_bytes(b"half")
    area.stream("r1", "machines")
    assert sorted(p.name for p in home.iterdir()) == ["manifest.jsonl", "page-000000.parquet"]


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda f: f.unlink(), id="gone"),
        pytest.param(lambda f: os.truncate(f, 0), id="emptied"),
        pytest.param(lambda f: os.truncate(f, f.stat().st_size - 1), id="short by a byte"),
    ],
)
def test_a_line_whose_file_is_not_whole_does_not_count(
    area: StagingArea, make_page: Make, harm: Callable[[Path], None]
) -> None:
    stream = area.stream("r1", "machines")
    for number, name in enumerate("abc"):
        stream.append(make_page(number, (name,)))
    harm(stream.parquet_files()[1])
    again = area.stream("r1", "machines")
    assert (again.cursor(), read(again)) == (PageCursor(1, 1, "https://x/?$skip=1"), ["a"])


def test_a_garbled_line_ends_what_counts(area: StagingArea, make_page: Make, tmp_path: Path) -> None:
    stream = area.stream("r1", "machines")
    stream.append(make_page(0, ("a",)))
    stream.append(make_page(1, ("b",)))
    manifest = folder(area, tmp_path) / "manifest.jsonl"
    lines = manifest.read_bytes().splitlines(keepends=True)
    manifest.write_bytes(lines[0] + bytes(len(lines[1]) - 1) + b"\n")
    assert read(area.stream("r1", "machines")) == ["a"]
    assert len(manifest.read_bytes().splitlines()) == 1


_WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from conftest import make
from riskbridge.staging.area import StagingArea
stream = StagingArea(Path(sys.argv[1])).stream("r1", "machines")
print("ready", flush=True)
for number in range(100_000):
    stream.append(make(number, tuple(f"{number}-{n}" for n in range(50))))
    print(number, flush=True)
"""


def test_a_kill_loses_no_page_that_was_reported_staged(area: StagingArea, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _WRITER, str(tmp_path / "staging"), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        reported = [next(writer.stdout) for _ in range(6)]
        writer.send_signal(signal.SIGKILL)
        reported += list(writer.stdout)
    last = max(int(line) for line in reported[1:] if line.strip().isdigit())
    cursor = area.stream("r1", "machines").cursor()
    assert cursor is not None
    assert last + 1 <= cursor.pages <= last + 2
    ids = read(area.stream("r1", "machines"))
    assert ids == [f"{page}-{n}" for page in range(cursor.pages) for n in range(50)]


# What the disk refuses


def test_a_full_disk_is_told_and_what_was_staged_stays(area: StagingArea, make_page: Make, tmp_path: Path) -> None:
    stream = area.stream("r1", "machines")
    stream.append(make_page(0, ("a",)))
    (folder(area, tmp_path) / "page-000001.parquet.partial").symlink_to("/dev/full")
    with pytest.raises(FatalError) as caught:
        stream.append(make_page(1, ("b",)))
    assert caught.value.code == "staging.disk-full"
    stream.append(make_page(1, ("b",)))
    assert read(area.stream("r1", "machines")) == ["a", "b"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "staging").write_text("a file in the way")
    with pytest.raises(FatalError) as caught:
        StagingArea(tmp_path / "staging").stream("r1", "machines")
    assert caught.value.code == "staging.unwritable"


def test_the_closing_is_plain_json(area: StagingArea, make_page: Make, tmp_path: Path) -> None:
    stream = area.stream("r1", "machines")
    stream.append(make_page(0, is_last=True))
    stream.close()
    closing = json.loads((folder(area, tmp_path) / "closed.json").read_text())
    assert closing["at"] == "2026-11-20T12:00:00+00:00"
