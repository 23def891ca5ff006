from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from riskbridge.staging.area import StagingArea

Make = Callable[..., Any]


@pytest.fixture
def runs(area: StagingArea, make_page: Make, tmp_path: Path) -> Callable[..., None]:
    def make(**closed: bool) -> None:
        for age, (run, is_closed) in enumerate(closed.items()):
            stream = area.stream(run, "machines")
            stream.append(make_page(0, is_last=True))
            if is_closed:
                stream.close()
            os.utime(tmp_path / "staging" / run, (1_000_000 - age, 1_000_000 - age))

    return make


def test_runs_are_listed_newest_first(area: StagingArea, runs: Callable[..., None]) -> None:
    assert area.runs() == []
    runs(r3=True, r2=False, r1=True)
    assert area.runs() == ["r3", "r2", "r1"]


@pytest.mark.parametrize(
    ("closed", "keep_runs", "protect", "removed"),
    [
        pytest.param({"r3": True, "r2": True, "r1": True}, 2, (), ["r1"], id="the oldest go"),
        pytest.param({"r3": True, "r2": True}, 2, (), [], id="no more than are kept"),
        pytest.param({"r3": True, "r2": False, "r1": True}, 2, (), [], id="an unfinished one takes no place"),
        pytest.param({"r3": True, "r2": False, "r1": True}, 1, (), ["r2", "r1"], id="an old unfinished one goes"),
        pytest.param({"r3": False, "r2": True, "r1": True}, 1, (), ["r1"], id="a new unfinished one stays"),
        pytest.param({"r3": True, "r2": True, "r1": True}, 0, ("r2",), ["r3", "r1"], id="a protected one stays"),
    ],
)
def test_old_runs_are_pruned(
    area: StagingArea,
    runs: Callable[..., None],
    *,
    closed: dict[str, bool],
    keep_runs: int,
    protect: tuple[str, ...],
    removed: list[str],
) -> None:
    runs(**closed)
    assert area.prune(keep_runs=keep_runs, protect=protect) == removed
    assert area.runs() == [r for r in closed if r not in removed]


def test_what_a_killed_prune_left_is_removed(area: StagingArea, runs: Callable[..., None], tmp_path: Path) -> None:
    runs(r1=True)
    (tmp_path / "staging" / ".doomed-r0").mkdir()
    assert area.prune(keep_runs=1) == []
    assert sorted(p.name for p in (tmp_path / "staging").iterdir()) == ["r1"]


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", ".hidden", "x" * 129])
def test_names_that_are_no_file_names_are_refused(area: StagingArea, name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        area.stream(name, "machines")
