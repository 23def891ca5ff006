"""Pages to stage, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from riskbridge.staging.area import StagingArea

REJECTS = pa.schema(
    [(n, pa.string() if n in ("stream", "reason") else pa.int64()) for n in ("stream", "row", "reason")]
)


@dataclass(frozen=True)
class Page:
    """A page with so many rows."""

    number: int
    request: str
    rows: pa.Table
    rejects: pa.Table
    received: int
    sha256: str
    next_link: str | None
    next_request: str | None
    server_count: int | None = None
    unknown_fields: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    snapshot_at: datetime | None = None


def make(
    number: int,
    ids: tuple[str, ...] = ("a", "b"),
    *,
    rejects: int = 0,
    is_last: bool = False,
    **more: object,
) -> Page:
    rows = pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "page": pa.array([number] * len(ids)),
            "tags": pa.array([["x"]] * len(ids), pa.list_(pa.string())),
        }
    )
    refused = pa.table(
        [
            pa.array(["s"] * rejects, pa.string()),
            pa.array(range(rejects), pa.int64()),
            pa.array(["r"] * rejects, pa.string()),
        ],
        schema=REJECTS,
    )
    following = None if is_last else f"https://x/?$skip={number + 1}"
    values: dict[str, object] = {
        "number": number,
        "request": f"https://x/?$skip={number}",
        "rows": rows,
        "rejects": refused,
        "received": len(ids) + rejects,
        "sha256": "ab" * 32,
        "next_link": following,
        "next_request": following,
    }
    return Page(**(values | more))  # type: ignore[arg-type]


@pytest.fixture
def make_page() -> Callable[..., Page]:
    return make


@pytest.fixture
def area(tmp_path: Path) -> StagingArea:
    return StagingArea(tmp_path / "staging", now=lambda: datetime(2026, 11, 20, 12, 0, tzinfo=UTC))
