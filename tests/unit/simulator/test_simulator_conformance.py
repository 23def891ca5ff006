"""The page of what the simulator does as the service does names tests that exist, each once."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "reference" / "simulator-conformance.md").read_text(encoding="utf-8")
ROWS = [
    line
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| **", "| ---", "| behaviour"))
]


def test_every_behaviour_names_one_test_that_exists() -> None:
    sources = [
        p.read_text(encoding="utf-8")
        for kind in ("scenario", "unit")
        for p in (ROOT / "tests" / kind / "simulator").glob("test_*.py")
    ]
    existing = {name for text in sources for name in re.findall(r"^def (test_\w+)\(", text, re.MULTILINE)}
    named = [re.findall(r"`(test_\w+)`", row) for row in ROWS]
    assert [row for row, names in zip(ROWS, named, strict=True) if len(names) != 1 or names[0] not in existing] == []
    assert len({names[0] for names in named}) == len(ROWS) > 50
