"""The generated reference pages are what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskbridge.cli.reference import PAGES


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_reference_page_is_up_to_date(root: Path, name: str) -> None:
    assert (root / "docs" / "reference" / name).read_text(encoding="utf-8") == PAGES[name]()
