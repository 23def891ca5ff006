from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from riskbridge.store.config.store import ConfigStore


@pytest.fixture(params=["path", "url"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ConfigStore]:
    """One store an engine; each test of the suite runs on every one."""
    path = tmp_path / "config.db"
    where = path if request.param == "path" else f"sqlite:///{path}"
    opened = ConfigStore(where, actor="ada", now=lambda: datetime(2026, 11, 23, 9, 30, 15, 123456, tzinfo=UTC))
    yield opened
    opened.close()
