"""Large tables in parts: every id in one part, and the parts together are the whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import ibis
import pyarrow as pa
import pytest

from riskbridge.forms import hash_id
from riskbridge.pipeline.slices import IdRange, id_ranges, materialise_in_parts
from riskbridge.store.engine import DuckDBEngine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckDBEngine]:
    made = DuckDBEngine(tmp_path / "warehouse.duckdb")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("rows", "parts"), [(0, 1), (1, 1), (100, 1), (101, 2), (1_000, 10), (10**9, 256)], ids=lambda n: f"{n}"
)
def test_so_many_rows_are_so_many_parts(rows: int, parts: int) -> None:
    assert len(id_ranges(rows, at_once=100)) == parts


def test_one_part_asks_for_nothing() -> None:
    assert id_ranges(100, at_once=100) == [IdRange(None, None)]


def test_the_parts_together_are_the_whole(engine: DuckDBEngine) -> None:
    numbers = engine.from_arrow(pa.table({"text": [str(n) for n in range(3_000)]}), {"text": "string"})
    rows = engine.materialise(numbers.mutate(finding_id=hash_id(numbers.text)))
    asked: list[int] = []

    def make(ids: IdRange) -> ibis.expr.types.Table:
        part = ids.of(rows, "finding_id")
        asked.append(engine.scalar(part.count()))
        return part

    made = materialise_in_parts(engine, 3_000, make, "parts", at_once=500)
    whole = engine.rows(rows.order_by("finding_id"))
    assert engine.rows(made.order_by("finding_id")) == whole
    assert len(asked) == 6
    assert max(asked) < 700
