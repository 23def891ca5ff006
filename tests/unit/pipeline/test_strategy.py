from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from riskbridge.model.connector import Strategy
from riskbridge.pipeline.forecast import forecast
from riskbridge.pipeline.strategy import History, choose
from riskbridge.source.budget import Limit

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def history(**changes: Any) -> History:
    values = {"reflects_at": NOW - DAY, "is_complete": True, "whole_at": NOW - DAY, "live_at": None}
    return History(**(values | changes))


def chosen(wanted: Strategy, stored: History | None, **changes: Any) -> Any:
    values = {"devices": 10, "has_device_filter": False, "finding_filter": None, "observed_at": NOW}
    return choose(wanted, stored, **(values | changes))


@pytest.mark.parametrize(
    ("wanted", "stored", "changes", "expected"),
    [
        pytest.param(Strategy.PAGED, history(), {}, Strategy.PAGED, id="as the profile says"),
        pytest.param(Strategy.EXPORT_FILES, history(), {}, Strategy.EXPORT_FILES, id="files as the profile says"),
        pytest.param(Strategy.EXPORT_JSON, None, {"finding_filter": "severity eq 'High'"}, Strategy.PAGED, id="filter"),
        pytest.param(Strategy.AUTO, None, {}, Strategy.EXPORT_JSON, id="first reading"),
        pytest.param(Strategy.AUTO, None, {"devices": 200_000}, Strategy.EXPORT_FILES, id="many devices"),
        pytest.param(Strategy.AUTO, history(), {}, Strategy.DELTA, id="changes"),
        pytest.param(Strategy.DELTA, history(), {}, Strategy.DELTA, id="changes as the profile says"),
        pytest.param(Strategy.DELTA, history(is_complete=False), {}, Strategy.EXPORT_JSON, id="after a partial run"),
        pytest.param(Strategy.DELTA, history(), {"has_device_filter": True}, Strategy.EXPORT_JSON, id="device filter"),
        pytest.param(Strategy.DELTA, history(whole_at=NOW - 7 * DAY), {}, Strategy.EXPORT_JSON, id="weekly"),
        pytest.param(Strategy.DELTA, history(reflects_at=NOW - 13 * DAY), {}, Strategy.EXPORT_JSON, id="gap"),
        pytest.param(Strategy.DELTA, history(whole_at=None), {}, Strategy.EXPORT_JSON, id="never whole"),
    ],
)
def test_the_strategy_follows_from_what_is_wanted_and_stored(
    wanted: Strategy, stored: History | None, changes: dict[str, Any], expected: Strategy
) -> None:
    choice = chosen(wanted, stored, **changes)
    assert choice.strategy is expected
    assert choice.why
    assert (choice.since is not None) == (expected is Strategy.DELTA)


def test_changes_are_asked_for_with_an_overlap_but_never_from_before_a_live_reading() -> None:
    assert chosen(Strategy.DELTA, history()).since == NOW - DAY - timedelta(hours=12)
    live = chosen(Strategy.DELTA, history(live_at=NOW - DAY))
    assert (live.since, live.floor) == (NOW - DAY, NOW - DAY)


def test_a_forecast_counts_calls_and_the_time_that_limits_make_them_take() -> None:
    lines = forecast(
        {"machines": 25_000, "files": 0, "unknown": None},
        {"machines": 10_000, "files": 50_000, "unknown": 1},
        {"machines": Limit(2, 100), "files": None, "unknown": Limit(1, 1)},
        {"machines": 1},
    )
    assert [(x.stream, x.calls, x.used, x.least_s) for x in lines] == [
        ("machines", 3, 1, 60.0),
        ("files", 1, 0, 0.0),
        ("unknown", None, 0, 0.0),
    ]
