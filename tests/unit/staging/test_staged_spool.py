from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from riskbridge.staging.spool import Spool
from riskbridge.staging.stream import StagedStream


def test_an_answer_is_kept_until_it_is_forgotten(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "fetched")
    assert spool.get("https://h/a?$skip=0") is None
    spool.put("https://h/a?$skip=0", b"one")
    spool.put("https://h/a?$skip=1", b"two")
    again = Spool(tmp_path / "fetched")
    assert (again.get("https://h/a?$skip=0"), again.get("https://h/a?$skip=1")) == (b"one", b"two")
    again.drop("https://h/a?$skip=0")
    again.drop("https://h/never")
    assert (spool.get("https://h/a?$skip=0"), spool.get("https://h/a?$skip=1")) == (None, b"two")
    spool.clear()
    assert not (tmp_path / "fetched").exists()


def test_half_an_answer_is_none(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "fetched")
    spool.put("a", b"whole")
    (whole,) = (tmp_path / "fetched").iterdir()
    whole.rename(whole.with_suffix(".partial"))
    assert spool.get("a") is None


def test_a_staged_page_needs_its_answer_no_more(tmp_path: Path, make_page: Callable[..., Any]) -> None:
    stream = StagedStream(tmp_path / "stream")
    page = make_page(0, is_last=True)
    stream.spool.put(page.request, b"body")
    stream.append(page)
    assert stream.spool.get(page.request) is None
    stream.spool.put("another", b"body")
    stream.close()
    assert stream.spool.get("another") is None


def test_a_stream_that_begins_again_forgets_its_pages_and_counts_its_readings(
    tmp_path: Path, make_page: Callable[..., Any]
) -> None:
    stream = StagedStream(tmp_path / "stream")
    stream.append(make_page(0, is_last=True))
    stream.spool.put("ahead", b"body")
    stream.close()
    stream.restart()
    again = StagedStream(tmp_path / "stream")
    assert (again.looks, again.manifest(), again.is_closed, again.cursor()) == (2, (), False, None)
    assert again.spool.get("ahead") is None
    assert not list((tmp_path / "stream").glob("*.parquet"))
