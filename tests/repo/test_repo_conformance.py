from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_behaviour_of_the_simulator_names_a_test_that_is_there() -> None:
    page = (ROOT / "docs" / "reference" / "simulator-conformance.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| .+ \| `(test_\w+)` \|$", page, re.MULTILINE)
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(named) > 30
    assert sorted(set(named) - there) == []
