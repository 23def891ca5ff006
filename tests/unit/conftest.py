from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from riskbridge.store.engine import DuckDBEngine
from riskbridge.store.warehouse.warehouse import Warehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """An empty one of its own."""
    engine = DuckDBEngine(tmp_path / "w.duckdb")
    made = Warehouse(engine)
    made.ensure_schema()
    yield made
    engine.close()
