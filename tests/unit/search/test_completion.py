"""What may come next, at the end of what is typed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from riskbridge.search.completion import find_place, suggest

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def texts(text: str, subject: str = "findings", values: tuple = (), cursor: int | None = None) -> list[str]:
    place = find_place(text, len(text) if cursor is None else cursor, subject)
    return [s.text for s in suggest(place, subject, values, NOW)]


@pytest.mark.parametrize(
    ("text", "kind", "typed"),
    [
        ("", "condition", ""),
        ("finding.q", "condition", "finding.q"),
        ("finding.qds ", "operator", ""),
        ("finding.qds i", "operator", "i"),
        ("finding.qds:", "value", ""),
        ("finding.qds >= 7", "value", "7"),
        ("finding.qds:[1, ", "value", ""),
        ("finding.qds:(1 .. ", "value", ""),
        ("finding.title:`Remote co", "value", "Remote co"),
        ("finding.qds:5 ", "conjunction", ""),
        ("finding.qds:5 a", "conjunction", "a"),
        ("finding.qds:5 and ", "condition", ""),
        ("not ", "condition", ""),
        ("(finding.qds:5 or no", "condition", "no"),
        ("software:(", "condition", ""),
        ("software:(name:x and ver", "condition", "ver"),
        ("software:(name:x)", "conjunction", ""),
        ("finding.qds is not ", "operator", ""),
        ("finding.qds is null ", "conjunction", ""),
        (")))", "condition", ""),
    ],
)
def test_a_place_is_known_by_what_stands_before_it(text, kind, typed):
    place = find_place(text, len(text), "findings")
    assert (place.kind, place.typed, place.start) == (kind, typed, len(text) - len(typed) - text.endswith(f"`{typed}"))


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("finding.q", ["finding.qds", "finding.qvss", "finding.qdsBasis"]),
        ("seve", ["finding.severity", "finding.sourceSeverity"]),
        ("software:(ver", ["version"]),
        ("inventory:(", ["source"]),
        ("finding.isKev:", ["true", "false"]),
        ("finding.status:n", ["NEW"]),
        ("finding.lastFoundDate > ", ["now-1d", "now-7d", "now-30d"]),
        ("finding.qds:1 ", ["and ", "or "]),
        ("software:(name:x ", ["and ", "or ", ")"]),
        ("finding.isKev", ["finding.isKev"]),
        ("finding.isKev ", [":", " is null", " is not null"]),
        ("finding.qds ", [":", " >= "]),
        ("finding.unheardOf:", []),
    ],
)
def test_suggestions_fit_the_place(text, first):
    assert texts(text)[: len(first)] == first


def test_stored_values_come_commonest_first_and_are_quoted_where_they_must_be():
    values = (("Contoso Ltd", 5), ("A`b", 3), ("contoso", 1))
    assert texts("finding.connectionName:", values=values) == ["`Contoso Ltd`", "`A``b`", "`contoso`"]
    assert texts("finding.connectionName:con", values=values) == ["`Contoso Ltd`", "`contoso`"]
    assert texts("finding.status:", values=(("ACTIVE", 9),)) == ["ACTIVE", "NEW", "FIXED", "REOPENED"]


def test_the_cursor_may_stand_in_the_middle():
    text = "finding.q and asset.name:x"
    assert texts(text, cursor=9)[0] == "finding.qds"
    assert texts(text, cursor=10_000) == texts(text)


def test_assets_are_asked_by_their_own_tokens_first():
    assert texts("name", "assets")[0] == "asset.name"
