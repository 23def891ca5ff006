from __future__ import annotations

from pathlib import Path

import pytest

from riskbridge.simulator.__main__ import _parser
from riskbridge.simulator.faults import KINDS, PATHS
from riskbridge.simulator.scenarios import SCENARIOS

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "simulator.md").read_text(encoding="utf-8")
OPTIONS = [word for action in _parser()._actions for word in action.option_strings if word.startswith("--")]


@pytest.mark.parametrize("name", [*(o for o in OPTIONS if o != "--help"), *KINDS, *PATHS, *SCENARIOS])
def test_the_page_about_the_simulator_names_it(name: str) -> None:
    assert f"`{name}`" in PAGE
