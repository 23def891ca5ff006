from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from riskbridge.search.values import Span, parse_boolean, parse_number, parse_span

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "number"),
    [("70", 70), ("-1", -1), ("0.5", 0.5), ("1e3", None), ("NaN", None), ("1_000", None), ("", None), ("9" * 16, None)],
)
def test_a_number_is_plain_digits(text, number):
    assert parse_number(text) == number


@pytest.mark.parametrize(("text", "truth"), [("true", True), ("FALSE", False), ("yes", None)])
def test_truth_values_are_true_and_false(text, truth):
    assert parse_boolean(text) is truth


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("2026-01-31", Span(datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))),
        ("2026-01-31T08:00:00Z", Span(datetime(2026, 1, 31, 8, tzinfo=UTC))),
        ("2026-01-31T08:00", Span(datetime(2026, 1, 31, 8, tzinfo=UTC))),
        ("now", Span(NOW)),
        ("NOW-7d", Span(NOW - timedelta(days=7))),
        ("now-24h", Span(NOW - timedelta(hours=24))),
        ("now-1w", Span(NOW - timedelta(weeks=1))),
        ("now-5m", Span(NOW - timedelta(minutes=5))),
        ("now-1M", Span(NOW - timedelta(days=30))),
        ("now + 14D", Span(NOW + timedelta(days=14))),
        ("now-99999y", None),
        ("9999-12-31", None),
        ("2026-13-01", None),
        ("2026-1-1", None),
        ("last week", None),
    ],
)
def test_a_date_is_a_day_or_a_moment(text, span):
    assert parse_span(text, NOW) == span
