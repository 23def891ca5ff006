"""Files as rows: whatever they are written in, and whatever is wrong with them."""

from __future__ import annotations

import gzip
import io
import os
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples

from riskbridge.errors import RiskbridgeError
from riskbridge.model.file_settings import FileSettings
from riskbridge.model.source_model import Field, SourceModel
from riskbridge.source.file.columns import Unfit, to_rejects, to_rows
from riskbridge.source.file.contents import BLOCK_BYTES, FileContents
from riskbridge.source.file.records import RecordSplitter
from riskbridge.source.file.source import FileRole, FileSource

MODEL = SourceModel(
    "scan",
    "findings",
    "",
    (
        Field("Host", "string", ""),
        Field("CVE", "string", ""),
        Field("Port", "integer", ""),
        Field("Is Open", "boolean", ""),
        Field("Tags", "strings", ""),
    ),
)
NEEDS = (("Host",),)
HEADER = "Host,CVE,Port,Is Open,Tags\n"
Rows = list[dict[str, Any]]


def source(path: Path | str, home: Path | None = None, *, block_bytes: int = BLOCK_BYTES, **written: Any) -> FileSource:
    chosen = FileSettings(findings=(str(path),), **written)
    roles = [FileRole(MODEL, chosen.findings, NEEDS)]
    return FileSource(chosen, roles, home or Path(path).parent / "home", block_bytes=block_bytes)


def read(path: Path, **written: Any) -> tuple[Rows, list[tuple[str, str]]]:
    """Rows without their provenance, and reasons with details of those refused."""
    pages = list(source(path, **written).read("findings", resume=None))
    rows = [r for p in pages for r in p.rows.drop_columns(["extra", "page", "row"]).to_pylist()]
    refused = [(r["reason"], r["detail"]) for p in pages for r in p.rejects.to_pylist()]
    assert sum(p.received for p in pages) == len(rows) + len(refused)
    return rows, refused


def row(host: str, cve: str | None = None, port: int | None = None, **more: Any) -> dict[str, Any]:
    return {"Host": host, "CVE": cve, "Port": port, "Is Open": None, "Tags": None} | more


FULL = [
    row("wks-1", "CVE-2024-1", 80, **{"Is Open": True, "Tags": ["a", "b"]}),
    row("müller", "", 443, **{"Is Open": False, "Tags": ["c"]}),
]
OPEN = HEADER.encode() + b'a,1,,,\n"b,2,,,\nc,3,,,\n'
SHUT = HEADER.encode() + b'"a,1,,,\n"b",2,,,\n'
TEXT = "Host,CVE,Port,Is Open,Tags\nwks-1,CVE-2024-1,80,yes,a;b\nmüller,,443,false,c\n"


@pytest.mark.parametrize(
    ("body", "written"),
    [
        pytest.param(TEXT.encode(), {}, id="UTF-8"),
        pytest.param(TEXT.encode("utf-8-sig"), {}, id="UTF-8 with a mark"),
        pytest.param(TEXT.encode("utf-16"), {}, id="UTF-16 with a mark"),
        pytest.param(TEXT.encode("utf-16-be"), {"encoding": "utf-16-be"}, id="UTF-16 without one"),
        pytest.param(TEXT.encode("windows-1252"), {"encoding": "windows-1252"}, id="Windows-1252"),
        pytest.param(TEXT.replace("\n", "\r\n").encode(), {}, id="carriage returns and line feeds"),
        pytest.param(TEXT.replace("\n", "\r").encode(), {}, id="carriage returns alone"),
        pytest.param(TEXT.rstrip("\n").encode(), {}, id="no line end at the end"),
        pytest.param(gzip.compress(TEXT.encode()), {}, id="gzip"),
        pytest.param(gzip.compress(TEXT[:30].encode()) + gzip.compress(TEXT[30:].encode()), {}, id="two gzips in one"),
        pytest.param(TEXT.replace(";", "|").replace(",", ";").encode(), {}, id="semicolons"),
        pytest.param(TEXT.replace(",", "\t").encode(), {"delimiter": "\t"}, id="tabs"),
        pytest.param(TEXT.replace(",", "|").encode(), {}, id="bars"),
        pytest.param(TEXT.replace(",", "^").encode(), {"delimiter": "^"}, id="another delimiter"),
        pytest.param(TEXT.replace("wks-1", "'wks-1'").encode(), {"qualifier": "'"}, id="another qualifier"),
        pytest.param(b"Scan of May\n\n" + TEXT.encode(), {}, id="a title before the header"),
        pytest.param(
            TEXT.replace("Is Open", "is_open").replace("CVE,", "Cve,").encode(), {}, id="header spelled otherwise"
        ),
        pytest.param(TEXT.partition("\n")[2].encode(), {"has_header": False}, id="no header"),
        pytest.param(TEXT.replace("\nm", "\n\nm").encode(), {}, id="an empty line"),
    ],
)
def test_rows_are_the_same_however_a_csv_is_written(tmp_path: Path, body: bytes, written: dict[str, Any]) -> None:
    (tmp_path / "scan.csv").write_bytes(body)
    assert read(tmp_path / "scan.csv", **written) == (FULL, [])


def test_json_lines_give_the_same_rows(tmp_path: Path) -> None:
    lines = '{"host":"wks-1","CVE":"CVE-2024-1","port":80,"is":{"Open":true},"tags":["a","b"]}\n\n'
    lines += '{"Host":"müller","CVE":"","Port":"443","Is Open":"no","Tags":"c"}'
    (tmp_path / "scan.jsonl").write_text(lines, encoding="utf-8")
    assert read(tmp_path / "scan.jsonl") == (FULL, [])


def test_parquet_gives_the_same_rows(tmp_path: Path) -> None:
    table = pa.table(
        {
            "host": ["wks-1", "müller"],
            "CVE": pa.array(["CVE-2024-1", ""]).dictionary_encode(),
            "Port": pa.array([80, 443], pa.int32()),
            "is": pa.array([{"open": True}, {"open": False}]),
            "tags": [["a", "b"], ["c"]],
        }
    )
    pq.write_table(table, tmp_path / "scan.data", row_group_size=1)
    assert read(tmp_path / "scan.data") == (FULL, [])


def test_quotes_may_hold_delimiters_line_ends_and_quotes(tmp_path: Path) -> None:
    text = HEADER + '"a ""b"", c",",\r\n,",1,,\n24" screen,"",2,,\n'
    (tmp_path / "scan.csv").write_bytes(text.encode())
    assert read(tmp_path / "scan.csv") == (
        [row('a "b", c', ",\r\n,", 1, Tags=[""]), row('24" screen', "", 2, Tags=[""])],
        [],
    )


def test_a_malformed_row_is_refused_with_its_line(tmp_path: Path) -> None:
    text = HEADER + 'a,"two\nlines",1,,\nshort,1\n"b"c",x,2,,\nlong,1,2,3,4,5,6\nd,x,3,,\n'
    (tmp_path / "scan.csv").write_text(text)
    rows, refused = read(tmp_path / "scan.csv")
    assert [r["Host"] for r in rows] == ["a", "d"]
    assert refused == [
        ("row-malformed", "scan.csv, line 4: 2 columns where the header has 5"),
        ("row-malformed", "scan.csv, line 5: a quote stands within a quoted text without being doubled"),
        ("row-malformed", "scan.csv, line 6: 7 columns where the header has 5"),
    ]


def test_a_malformed_json_line_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "scan.jsonl").write_text('{"Host":"a"}\n\n[1]\n{"Host":\n{"Host":"b"}\n')
    rows, refused = read(tmp_path / "scan.jsonl")
    assert [r["Host"] for r in rows] == ["a", "b"]
    assert [d.partition(":")[0] for _, d in refused] == ["scan.jsonl, line 3", "scan.jsonl, line 4"]


def test_values_that_fit_no_kind_are_left_empty_and_told(tmp_path: Path) -> None:
    (tmp_path / "scan.csv").write_text(HEADER + "a,,x1,maybe,\nb,,y,,\n")
    (page,) = source(tmp_path / "scan.csv").read("findings", resume=None)
    assert page.rows["Port"].to_pylist() == [None, None]
    assert page.warnings == (
        "scan.csv: 'Is Open': 1 values are no boolean and were left empty, such as 'maybe'.",
        "scan.csv: 'Port': 2 values are no integer and were left empty, such as 'x1'.",
    )


@pytest.mark.parametrize(
    ("name", "body", "written", "code", "line"),
    [
        pytest.param("a.csv", b"", {}, "file.empty", None, id="nothing"),
        pytest.param("a.csv", b"\n \n\n", {}, "file.empty", None, id="blank lines alone"),
        pytest.param("a.csv", OPEN, {}, "file.broken-quote", 3, id="a quote that swallows the rest"),
        pytest.param("a.csv", SHUT, {}, "file.broken-quote", 2, id="a quote closed by another"),
        pytest.param("a.csv", TEXT.encode("windows-1252"), {}, "file.wrong-encoding", 3, id="another encoding"),
        pytest.param("a.csv", HEADER.encode("utf-16-le"), {}, "file.not-text", 1, id="UTF-16 without a mark"),
        pytest.param("a.csv", b"Asset,CVE\na,b\n", {}, "file.missing-columns", 1, id="a column missing"),
        pytest.param("a.csv", b"PK\x03\x04rest of a spreadsheet", {}, "file.not-text", None, id="a spreadsheet"),
        pytest.param("a.csv", gzip.compress(TEXT.encode() * 99)[:-20], {}, "file.damaged", None, id="half a gzip"),
        pytest.param("a.csv", b"PAR1 but no more", {"reader": "csv"}, "file.not-text", None, id="Parquet called CSV"),
        pytest.param("a.parquet", b"PAR1 but no more", {}, "file.not-parquet", None, id="half a Parquet"),
        pytest.param("a.parquet", TEXT.encode(), {"reader": "parquet"}, "file.not-parquet", None, id="CSV called Parquet"),
        pytest.param("a.jsonl", b'[{"Host":"a"}]', {}, "file.not-json-lines", None, id="a JSON array"),
        pytest.param("a.jsonl", b'{"Host":\n', {}, "file.not-json-lines", None, id="no JSON at all"),
        pytest.param("a.jsonl", b"\n\n", {}, "file.empty", None, id="no line"),
        pytest.param("a.jsonl", b'{"Asset":"a"}', {}, "file.missing-columns", None, id="a member missing"),
    ],
)  # fmt: skip
def test_a_malformed_file_is_refused_whole(
    tmp_path: Path, *, name: str, body: bytes, written: dict[str, Any], code: str, line: int | None
) -> None:
    (tmp_path / name).write_bytes(body)
    with pytest.raises(RiskbridgeError) as caught:
        read(tmp_path / name, **written)
    assert (caught.value.code, caught.value.context.get("line")) == (code, line)
    assert caught.value.remedy


def test_a_large_file_comes_in_parts_and_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "scan.csv"
    path.write_text(HEADER + "".join(f'host-{n},"CVE\n{n}",{n},,\n' for n in range(1_000)))
    whole = list(source(path, block_bytes=2_000).read("findings", resume=None))
    assert len(whole) > 5
    assert [p.next_request for p in whole] == [*(p.request for p in whole[1:]), None]
    assert [h for p in whole for h in p.rows["Port"].to_pylist()] == list(range(1_000))
    again = source(path, block_bytes=2_000)
    rest = list(again.read("findings", resume=_At(whole, 3)))
    assert [p.rows for p in rest] == [p.rows for p in whole[3:]]
    assert again.files("findings")[0]["rows"] == 1_000
    assert list(source(path, block_bytes=2_000).read("findings", resume=_At(whole, len(whole)))) == []


def test_files_that_changed_after_a_kill_are_read_from_their_beginning(tmp_path: Path) -> None:
    path = tmp_path / "scan.csv"
    path.write_text(HEADER + "a,,1,,\n" * 50)
    pages = list(source(path, block_bytes=50).read("findings", resume=None))
    path.write_text(HEADER + "b,,1,,\n" * 60)
    with pytest.raises(RiskbridgeError) as caught:
        list(source(path, block_bytes=50).read("findings", resume=_At(pages, 2)))
    assert caught.value.code == "file.changed"


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scan.csv"
    path.write_text(TEXT)
    text = FileContents(path).blocks()
    next(text)
    path.write_text(TEXT * 2)
    with pytest.raises(RiskbridgeError) as caught:
        list(text)
    assert caught.value.code == "file.changed"


def test_what_was_read_of_a_file_is_kept_as_evidence(tmp_path: Path) -> None:
    path = tmp_path / "scan.csv"
    path.write_text(TEXT + "short\n")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    found = source(path)
    list(found.read("findings", resume=None))
    assert found.files("findings") == [
        {
            "name": str(path),
            "size_bytes": len(path.read_bytes()),
            "modified_at": "2023-11-14T22:13:20+00:00",
            "sha256": __import__("hashlib").sha256(path.read_bytes()).hexdigest(),
            "rows": 2,
            "refused": 1,
        }
    ]


def test_globs_take_all_files_or_the_newest(tmp_path: Path) -> None:
    for day, name in enumerate(("b", "a", "c")):
        (tmp_path / f"scan-{name}.csv").write_text(HEADER + f"{name},,,,\n")
        os.utime(tmp_path / f"scan-{name}.csv", (day, day))
    pattern = tmp_path / "scan-*.csv"
    assert [r["Host"] for r in read(pattern)[0]] == ["a", "b", "c"]
    assert [r["Host"] for r in read(pattern, takes="newest")[0]] == ["c"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("relative.csv", "file.bad-path"),
        ("{home}/secret.key", "file.bad-path"),
        ("{home}/../home/config.db", "file.bad-path"),
        ("upload:../config.db", "file.bad-path"),
        ("upload:none.csv", "file.missing"),
        ("/nowhere/at/all.csv", "file.missing"),
        ("/nowhere/*.csv", "file.missing"),
        ("{folder}", "file.unreadable"),
    ],
)
def test_paths_that_may_not_be_read_are_told(tmp_path: Path, path: str, code: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "secret.key").write_text(TEXT)
    report = source(path.format(home=home, folder=tmp_path), home).check()
    assert [(i.is_ok, i.code) for i in report.items] == [(False, code)]


def test_a_look_tells_columns_and_first_rows(tmp_path: Path) -> None:
    path = tmp_path / "scan.csv"
    path.write_text("Host,More,CVE\na,x,CVE-1\nbad\n")
    (look,) = source(path).look("findings")
    assert (look.columns, look.unknown, look.rows) == (("Host", "CVE"), ("More",), ({"Host": "a", "CVE": "CVE-1"},))
    assert look.missing == ("Port", "Is Open", "Tags")
    assert look.refused == ("scan.csv, line 3: 1 columns where the header has 3",)
    assert source(path).check().is_ok


CELLS = st.text(alphabet=st.sampled_from('ab",\n;é '), max_size=6)


@settings(max_examples=examples(60), deadline=None)
@given(table=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=12), size=st.integers(1, 40))
def test_records_end_where_csv_says_wherever_blocks_do(table: list[tuple[str, str]], size: int) -> None:
    """Python's own reader is the second opinion."""
    import csv  # noqa: PLC0415

    made = io.StringIO(newline="")
    csv.writer(made, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(table)
    body, splitter, records = made.getvalue().encode(), RecordSplitter(",", '"'), b""
    left = b""
    for start in range(0, len(body), size):
        left += body[start : start + size]
        split = splitter.split(left, is_last=start + size >= len(body))
        assert (split.bad, split.broken_at) == ((), None)
        whole = left[: split.end].decode()
        assert all(len(r) == 2 for r in csv.reader(io.StringIO(whole, newline="")))
        records, left = records + left[: split.end], left[split.end :]
    assert (records, left) == (body, b"")


def test_typed_columns_keep_every_row_in_place() -> None:
    from riskbridge.source.file.chunk import Chunk, RefusedRow  # noqa: PLC0415

    columns = {"Host": pa.array(["a", None]), "Port": pa.array([" 7 ", ""]), "Is Open": pa.array([None, "NO"])}
    chunk = Chunk(columns, 2, [RefusedRow(2, "row-malformed", "line 9", "x")])
    rows = to_rows(chunk, MODEL, 4, Unfit())
    rows.validate(full=True)
    assert rows.to_pylist() == [
        row("a", None, 7) | {"extra": None, "page": 4, "row": 0},
        row("x", None, None, Host=None, **{"Is Open": False}) | {"extra": None, "page": 4, "row": 1},
    ]
    assert to_rejects(chunk, "findings", 4).to_pylist() == [
        {"stream": "findings", "page": 4, "row": 2, "reason": "row-malformed", "detail": "line 9", "raw": "x"}
    ]


class _At:
    """Where staging remembers to be."""

    def __init__(self, pages: list[Any], number: int) -> None:
        self.pages = number
        self.next_request = pages[number].request if number < len(pages) else None


def test_a_million_cells_with_quotes_are_split_quickly_and_right() -> None:
    random.seed(1)
    line = b'10.0.0.1,"a ""quoted"" text\nof two lines, long",High,' + b"x" * 60 + b"\n"
    block = line * 20_000
    assert RecordSplitter(",", '"').split(block, is_last=True).end == len(block)
