from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from riskbridge.store.engine import MOST_WRITTEN, DuckDBEngine

TYPES = {
    "text": "string",
    "number": "int64",
    "share": "float64",
    "is_so": "boolean",
    "at": "timestamp('UTC', 6)",
}
AT = datetime(2026, 11, 20, 12, 30, 15, 123456, tzinfo=UTC)
ODD = [
    {"text": "it's 'quoted'\\ \n;--", "number": -(2**63), "share": 0.1, "is_so": True, "at": AT},
    {"text": "be\0fore \0", "number": 2**63 - 1, "share": -1e-300, "is_so": False, "at": None},
    {"text": "", "number": 0, "share": 0.0, "is_so": None, "at": None},
    {"text": None, "number": None, "share": None, "is_so": None, "at": None},
    {"text": "münchen 🙂 $1 ? {}", "number": 1, "share": 1.0, "is_so": True, "at": AT},
]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckDBEngine]:
    made = DuckDBEngine(tmp_path / "w.duckdb")
    yield made
    made.close()


@pytest.mark.parametrize("times", [0, 1, MOST_WRITTEN // len(ODD) + 1], ids=["none", "written", "through Arrow"])
def test_values_come_back_as_they_were_given(engine: DuckDBEngine, times: int) -> None:
    table = engine.from_records(ODD * times, TYPES)
    assert {n: str(t) for n, t in table.schema().items()} == TYPES
    found = engine.records(table)
    assert sorted(map(repr, found)) == sorted(map(repr, ODD * times))


def test_a_table_made_again_takes_the_place_of_the_one_before(engine: DuckDBEngine) -> None:
    for rows in (ODD, ODD[:2]):
        table = engine.materialise(engine.from_records(rows, TYPES), "batch", is_again=True)
        assert engine.scalar(table.count()) == len(rows)
    assert table.get_name() == "tmp_batch"


def test_threads_come_back_after_room_was_left(tmp_path: Path) -> None:
    for workers_yield, left in ((False, 2), (True, 3)):
        engine = DuckDBEngine(tmp_path / f"{left}.duckdb", threads=3, workers_yield=workers_yield)
        engine.leave_room(is_left=True)
        assert engine.execute("SELECT current_setting('threads')").fetchone() == (left,)
        engine.leave_room(is_left=False)
        assert engine.execute("SELECT current_setting('threads')").fetchone() == (3,)
        engine.close()
