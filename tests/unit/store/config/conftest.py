from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from riskbridge.store.config.store import ConfigStore

NOW = datetime(2026, 11, 23, 9, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.db"


@pytest.fixture
def store(path: Path) -> Iterator[ConfigStore]:
    opened = ConfigStore(path, actor="ada", now=lambda: NOW)
    yield opened
    opened.close()
