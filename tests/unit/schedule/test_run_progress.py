from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from riskbridge.model.connector import RunOutcome
from riskbridge.model.run import RunRecord
from riskbridge.pipeline.progress import Phase
from riskbridge.schedule.progress import RunProgress
from riskbridge.source.budget import Quota, Spending

AT = datetime(2026, 11, 25, tzinfo=UTC)


def under_way() -> RunProgress:
    record = RunRecord("r", "c", "tenant", "p", RunOutcome.RUNNING, AT, AT, "", pid=1)
    progress = RunProgress("tenant", record)
    progress.move(RunOutcome.RUNNING.value)
    return progress


def rows_of(progress: RunProgress) -> list[tuple[str, int, int | None]]:
    return [(p["name"], p["rows"], p["expected_rows"]) for p in progress.as_dict()["phases"]]


class Watcher:
    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def begin(self, phase: Phase, *, expected_rows: int | None, done_rows: int = 0) -> None:
        self.told.append(("begin", phase, expected_rows, done_rows))

    def expect(self, phase: Phase, rows: int) -> None:
        self.told.append(("expect", phase, rows))

    def advance(self, phase: Phase, rows: int) -> None:
        self.told.append(("advance", phase, rows))

    def end(self, phase: Phase) -> None:
        self.told.append(("end", phase))

    def follow(self, spending: Any) -> None:
        self.told.append(("follow", spending().calls))


def test_phases_are_told_in_their_order_and_expect_what_has_come() -> None:
    progress = under_way()
    progress.begin(Phase.MAP, expected_rows=60)
    progress.begin(Phase.FINDINGS, expected_rows=None, done_rows=40)
    progress.advance(Phase.FINDINGS, 10)
    progress.expect(Phase.MAP, 50)
    progress.advance(Phase.MAP, 60)
    assert rows_of(progress) == [("findings", 50, None), ("map", 60, 110)]


def test_the_rate_leaves_rows_from_before_a_stop_out_of_account() -> None:
    progress = under_way()
    progress.begin(Phase.FINDINGS, expected_rows=2_000_000, done_rows=1_000_000)
    progress.advance(Phase.FINDINGS, 0)
    (findings,) = progress.as_dict()["phases"]
    assert (findings["rows"], findings["rows_per_s"]) == (1_000_000, 0)


def test_what_was_spent_is_told_while_it_is_spent_and_kept_at_the_end() -> None:
    progress, made = under_way(), [0]
    quota = Quota("machines", 1, 2, 100, 1500)
    assert (progress.as_dict()["calls"], progress.as_dict()["quotas"]) == (None, [])
    progress.follow(lambda: Spending(made[0], (quota,)))
    for expected in (0, 7):
        made[0] = expected
        assert progress.as_dict()["calls"] == expected
    progress.move(RunOutcome.SUCCEEDED.value)
    made[0] = 9
    told = progress.as_dict()
    assert (told["calls"], told["quotas"][0]["hour_left"]) == (7, 1498)


def test_a_late_watcher_is_told_what_was() -> None:
    progress, watcher = under_way(), Watcher()
    progress.follow(lambda: Spending(3))
    progress.begin(Phase.FINDINGS, expected_rows=100, done_rows=40)
    progress.advance(Phase.FINDINGS, 10)
    progress.watch(watcher)
    progress.expect(Phase.FINDINGS, 5)
    progress.end(Phase.FINDINGS)
    assert watcher.told == [
        ("follow", 3),
        ("begin", Phase.FINDINGS, 100, 40),
        ("advance", Phase.FINDINGS, 10),
        ("expect", Phase.FINDINGS, 5),
        ("end", Phase.FINDINGS),
    ]
