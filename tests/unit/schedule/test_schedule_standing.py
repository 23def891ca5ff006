"""Where a connector stands, and what it says to do."""

# ruff: noqa: DTZ001 - local times stand beside their zone
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from riskbridge.model.connector import Connector, ConnectorState, Profile, RunOutcome
from riskbridge.model.run import RunRecord
from riskbridge.model.schedule import Schedule, Timing, TimingKind
from riskbridge.schedule.standing import stand

NOW = datetime(2027, 1, 20, 12, tzinfo=UTC)
LAB = Connector("c1", "Lab")
DAILY, WEEKLY = Profile("p1", "c1", "daily"), Profile("p2", "c1", "weekly")
AT_SIX = Timing(TimingKind.DAYS, "UTC", datetime(2027, 1, 1), at="06:00")
SCHEDULE = Schedule("s1", "c1", "p1", AT_SIX, False, datetime(2027, 1, 20, 6, tzinfo=UTC), NOW)


def run(outcome: str, *, profile: str = "p1", hours_ago: int = 1, **more: Any) -> RunRecord:
    at = NOW - timedelta(hours=hours_ago)
    made = RunRecord(f"r{hours_ago}", "c1", "Lab", profile, RunOutcome(outcome), at, at, "", 7, **more)
    return made if made.outcome.is_open else replace(made, ended_at=at)


def standing(runs: list[RunRecord], **values: Any) -> tuple[str, list[str]]:
    asked = {"connector": LAB, "profiles": [DAILY], "schedules": [], "now": NOW, "is_processing": False, "held": 0}
    found = stand(runs=runs, **asked | values)
    assert (found.state is ConnectorState.ATTENTION) == bool(found.concerns) or values.get("is_processing")
    return found.state.value, [c.code.removeprefix("attention.") for c in found.concerns]


@pytest.mark.parametrize(
    ("runs", "values", "expected"),
    [
        pytest.param([], {}, ("Registered", []), id="new"),
        pytest.param([], {"schedules": [SCHEDULE]}, ("Scheduled", []), id="waits for its time"),
        pytest.param([], {"schedules": [replace(SCHEDULE, is_paused=True)]}, ("Registered", []), id="schedule paused"),
        pytest.param(
            [], {"schedules": [SCHEDULE], "profiles": [replace(DAILY, is_active=False)]}, ("Registered", []), id="inactive"
        ),
        pytest.param([run("queued")], {"is_processing": True}, ("Processing", []), id="waits for its turn"),
        pytest.param([run("running"), run("failed", hours_ago=3)], {"is_processing": True}, ("Processing", []), id="runs"),
        pytest.param([run("succeeded")], {"schedules": [SCHEDULE]}, ("Processed", []), id="done, with a next time"),
        pytest.param([run("failed"), run("succeeded", hours_ago=2)], {}, ("Attention", ["run-failed"]), id="failed"),
        pytest.param([run("partial", warnings=("A page was short.",))], {}, ("Attention", ["run-partial"]), id="partial"),
        pytest.param([run("interrupted")], {}, ("Attention", ["run-interrupted"]), id="interrupted"),
        pytest.param([run("paused")], {}, ("Attention", ["run-paused"]), id="paused"),
        pytest.param([run("running"), run("succeeded", hours_ago=2)], {}, ("Attention", ["run-left"]), id="killed"),
        pytest.param([run("cancelled"), run("succeeded", hours_ago=2)], {}, ("Processed", []), id="cancelled says nothing"),
        pytest.param([run("cancelled")], {}, ("Registered", []), id="cancelled alone"),
        pytest.param([run("succeeded")], {"held": 2}, ("Attention", ["closings-held"]), id="held"),
        pytest.param(
            [run("succeeded", profile="p2"), run("failed", hours_ago=5)],
            {"profiles": [DAILY, WEEKLY]}, ("Attention", ["run-failed"]), id="the other profile failed",
        ),
        pytest.param(
            [run("failed"), run("succeeded", profile="p2", hours_ago=2)],
            {"profiles": [WEEKLY]}, ("Processed", []), id="the failed profile is gone",
        ),
        pytest.param(
            [run("succeeded")], {"schedules": [replace(SCHEDULE, decided_until=NOW - timedelta(days=3))]},
            ("Attention", ["schedule-missed"]), id="missed",
        ),
        pytest.param(
            [run("succeeded")], {"connector": replace(LAB, secret_expires_on="2027-02-19")},
            ("Attention", ["secret-ends"]), id="the secret ends within thirty days",
        ),
        pytest.param(
            [run("succeeded")], {"connector": replace(LAB, secret_expires_on="2027-02-20")}, ("Processed", []), id="not yet"
        ),
        pytest.param(
            [run("failed")], {"held": 1, "connector": replace(LAB, secret_expires_on="2027-01-19")},
            ("Attention", ["run-failed", "closings-held", "secret-ends"]), id="all at once, the gravest first",
        ),
    ],
)  # fmt: skip
def test_a_connector_stands(runs: list[RunRecord], values: dict[str, Any], expected: tuple[str, list[str]]) -> None:
    assert standing(runs, **values) == expected


def test_a_failure_says_what_its_error_said() -> None:
    error = {"message": "Access was refused.", "remedy": "Grant Vulnerability.Read.All."}
    (concern,) = stand(
        LAB, [DAILY], [], [run("failed", error=error)], NOW, is_processing=False, held=0
    ).concerns  # fmt: skip
    assert (concern.message, concern.remedy) == (
        "The newest run failed: Access was refused.",
        "Grant Vulnerability.Read.All.",
    )


def test_the_next_and_the_last_run_are_told() -> None:
    found = stand(LAB, [DAILY], [SCHEDULE], [run("succeeded")], NOW, is_processing=False, held=0).as_dict()
    assert found == {
        "state": "Processed",
        "attention": [],
        "next_run_at": "2027-01-21T06:00:00+00:00",
        "last_run_at": "2027-01-20T11:00:00+00:00",
    }
