from __future__ import annotations

from typing import Any

import pytest

from riskbridge.staging.manifest import ManifestLine
from riskbridge.staging.reconcile import Reconciliation, reconcile


def line(number: int, rows: int = 10, *, is_last: bool = False, **changes: Any) -> ManifestLine:
    values: dict[str, Any] = {
        "number": number,
        "request": f"?{number}",
        "received": rows,
        "rows": rows,
        "rejects": 0,
        "distinct_ids": rows,
        "sha256": "",
        "next_link": None,
        "next_request": None if is_last else f"?{number + 1}",
        "server_count": None,
        "unknown_fields": (),
        "warnings": (),
        "rows_bytes": 1,
        "rejects_bytes": 0,
        "at": "2026-11-20T12:00:00+00:00",
    }
    return ManifestLine(**(values | changes))


def test_a_stream_read_to_its_end_is_complete() -> None:
    found = reconcile([line(0), line(1, received=12, rejects=2), line(2, 3, is_last=True, server_count=25)])
    assert found == Reconciliation(
        pages=3, received=25, rows=23, rejects=2, duplicates=0, server_count=25, is_complete=True, reasons=()
    )


def test_no_record_at_all_is_complete_if_a_page_said_so() -> None:
    assert reconcile([line(0, 0, is_last=True)]).is_complete


@pytest.mark.parametrize(
    ("manifest", "distinct_ids", "reason"),
    [
        pytest.param([], None, "no page was read", id="nothing"),
        pytest.param([line(0)], None, "leads on", id="not to the end"),
        pytest.param([line(0), line(2, is_last=True)], None, "page 2 is not the one", id="a page left out"),
        pytest.param([line(0, received=11, is_last=True)], None, "11 records of which 10", id="a record lost"),
        pytest.param([line(0, server_count=12), line(1, 1, is_last=True)], None, "counts 12", id="fewer than counted"),
        pytest.param(
            [line(0, distinct_ids=9, server_count=10, is_last=True)], None, "9 came", id="one twice, one missed"
        ),
        pytest.param([line(0), line(1, is_last=True)], 19, "1 records came twice", id="moved while read"),
    ],
)
def test_what_speaks_against_completeness_is_told(
    manifest: list[ManifestLine], distinct_ids: int | None, reason: str
) -> None:
    found = reconcile(manifest, distinct_ids=distinct_ids)
    assert not found.is_complete
    assert len(found.reasons) == 1
    assert reason in found.reasons[0]


def test_repeats_are_no_harm_when_the_servers_count_is_met() -> None:
    found = reconcile([line(0, server_count=19), line(1, is_last=True)], distinct_ids=19)
    assert (found.duplicates, found.is_complete) == (1, True)
