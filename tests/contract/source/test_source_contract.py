"""What every source promises, over each of them: pages in a chain, rows in their model's form, resumption, honest tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskbridge.model.file_formats import TENABLE
from riskbridge.model.file_settings import FileSettings
from riskbridge.model.source_model import MACHINES_VULNERABILITIES, SourceModel
from riskbridge.source.defender.streams import DefenderSource
from riskbridge.source.file.columns import staged_schema
from riskbridge.source.file.source import FileRole, FileSource
from riskbridge.source.protocol import Source
from riskbridge.staging.area import StagingArea

HEADER = "Plugin ID,CVE,Risk,Host,Name\n"


@dataclass
class Kind:
    """One kind of source: how to open it anew, its stream of findings, and one that cannot be read."""

    open: Callable[[], Source]
    broken: Callable[[], Source]
    model: SourceModel


def _files(folder: Path, suffix: str) -> Callable[[], Source]:
    path = folder / f"export.{suffix}"
    records = [(str(n), f"CVE-2024-{10000 + n}", "High", f"wks-{n % 7}", "a\nname") for n in range(400)]
    names = HEADER.strip().split(",")
    if suffix == "csv":
        path.write_text(HEADER + "".join(",".join(f'"{v}"' for v in r) + "\n" for r in records))
    elif suffix == "parquet":
        pq.write_table(
            pa.table(dict(zip(names, map(list, zip(*records, strict=True)), strict=True))), path, row_group_size=50
        )
    else:
        import json  # noqa: PLC0415

        path.write_text("".join(json.dumps(dict(zip(names, r, strict=True))) + "\n" for r in records))
    return _opened(path)


def _opened(path: Path) -> Callable[[], Source]:
    settings = FileSettings(findings=(str(path),), format="tenable")
    role = FileRole(TENABLE.findings, settings.findings, TENABLE.needs)
    return lambda: FileSource(settings, [role], path.parent / "home", block_bytes=3_000)


@pytest.fixture(params=["defender", "csv", "jsonl", "parquet"])
def kind(
    request: pytest.FixtureRequest,
    connect: Callable[..., DefenderSource],
    tmp_path: Path,
) -> Kind:
    if request.param == "defender":
        away: dict[str, Any] = {"login_url": "https://127.0.0.1:9", "api_url": "https://127.0.0.1:9"}
        return Kind(lambda: connect(page_size=100), lambda: connect(**away), MACHINES_VULNERABILITIES)
    return Kind(_files(tmp_path, request.param), _opened(tmp_path / "none.csv"), TENABLE.findings)


def read(kind: Kind, **more: Any) -> list[Any]:
    return list(kind.open().read(kind.model.stream, **({"filter_text": None, "resume": None} | more)))


def test_pages_are_a_chain_and_account_for_every_record(kind: Kind) -> None:
    pages = read(kind)
    assert [p.number for p in pages] == list(range(len(pages)))
    assert [p.next_request for p in pages] == [*(p.request for p in pages[1:]), None]
    assert all(p.received == p.rows.num_rows + p.rejects.num_rows for p in pages)
    assert sum(p.received for p in pages) > 300


def test_rows_have_exactly_the_models_staged_columns(kind: Kind) -> None:
    for page in read(kind):
        page.rows.validate(full=True)
        assert page.rows.schema == staged_schema(kind.model)
        assert set(page.rows["page"].to_pylist()) <= {page.number}
        places = page.rows["row"].to_pylist() + page.rejects["row"].to_pylist()
        assert sorted(places) == list(range(page.received))


def test_two_readings_are_equal(kind: Kind) -> None:
    assert [p.rows for p in read(kind)] == [p.rows for p in read(kind)]


def test_a_staged_reading_goes_on_where_it_was_and_is_complete(kind: Kind, tmp_path: Path) -> None:
    whole = read(kind)
    stream = StagingArea(tmp_path / "staging").stream("r1", kind.model.stream)
    for page in whole[: len(whole) // 2]:
        stream.append(page)
    again = StagingArea(tmp_path / "staging").stream("r1", kind.model.stream)
    for page in read(kind, resume=again.cursor(), spool=again.spool):
        again.append(page)
    staged = pa.concat_tables([pq.read_table(f) for f in again.parquet_files()])
    assert staged.equals(pa.concat_tables([p.rows for p in whole if p.rows.num_rows]))
    assert again.reconciliation().reasons == ()
    assert read(kind, resume=again.cursor()) == []


def test_the_test_passes_where_a_reading_would_and_names_a_fault_else(kind: Kind) -> None:
    assert kind.open().check().is_ok
    report = kind.broken().check()
    assert not report.is_ok
    assert all(i.code and i.remedy for i in report.items if not i.is_ok)
