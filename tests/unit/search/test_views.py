from __future__ import annotations

from datetime import UTC, datetime

import pytest

from riskbridge.errors import InputError
from riskbridge.search.listing import count_findings, find_findings
from riskbridge.search.paging import sort_keys
from riskbridge.search.tokens import TOKENS, column_tokens, tokens_by_name
from riskbridge.search.views import ASSET_VIEW, FINDING_VIEW, asset_view, default_order


def by_id(rows, *columns):
    return {r["finding_id"]: tuple(r[c] for c in columns) for r in rows}


def test_a_view_has_current_versions_with_every_column_in_order(tables, records):
    view = tables.view()

    assert tuple(view.columns) == FINDING_VIEW
    assert sorted(by_id(records(view))) == ["f1", "f2", "f3", "f4", "f5"]


def test_status_follows_from_state_and_the_newest_run_of_the_connector(tables, records):
    assert by_id(records(tables.view(["finding_id", "status"])), "status") == {
        "f1": ("NEW",),
        "f2": ("ACTIVE",),
        "f3": ("FIXED",),
        "f4": ("REOPENED",),
        "f5": ("ACTIVE",),
    }


def test_a_finding_that_is_still_confirmed_was_last_found_by_the_newest_run(tables, records):
    found = by_id(records(tables.view(["finding_id", "last_found_at"])), "last_found_at")

    assert found["f2"] == (datetime(2026, 11, 20, 18, tzinfo=UTC),)
    assert found["f3"] == (datetime(2026, 10, 31, tzinfo=UTC),)


def test_a_finding_carries_its_asset_and_what_is_known_of_its_cve(tables, records):
    columns = (
        "qvss",
        "vendor_product_name",
        "asset_name",
        "operating_system",
        "trurisk",
        "sources",
        "cvss_score",
        "cvss4_score",
        "epss",
        "is_kev",
        "is_exploit_available",
        "threat_indicators",
        "is_patch_available",
        "exploit_maturity",
        "is_exploited",
    )
    found = by_id(records(tables.view(["finding_id", *columns])), *columns)

    assert found["f1"] == (
        9.7, "Defender", "WKS-0042.example.test", "Windows11 24H2", 870, ["MS Defender", "Tenable"],
        10.0, None, 0.85, True, True, ["Cisa_Known_Exploited_Vulns", "Public_Exploit"], False, "Functional", True,
    )  # fmt: skip
    assert found["f5"] == (
        0.1, "Tenable", "c-lab-31", None, 0, ["Tenable"],
        None, None, None, None, None, None, None, None, None,
    )  # fmt: skip


def test_assets_count_their_open_findings(assets, records):
    assert {r["asset_id"]: r["open_findings"] for r in records(assets)} == {"a1": 2, "a2": 1, "a3": 1}


def test_assets_without_findings_keep_the_columns_of_the_view(stored_assets):
    assert tuple(asset_view(stored_assets).columns) == ASSET_VIEW


def test_lists_nobody_sorted_show_the_worst_first(tables, assets, records):
    findings = tables.view(["finding_id", "qds"])

    assert [r["qds"] for r in records(findings.order_by(default_order(findings)))] == [97, 93, 40, 20, 1]
    assert [r["asset_id"] for r in records(assets.order_by(default_order(assets)))] == ["a1", "a2", "a3"]


@pytest.mark.parametrize(
    "sort", ["asset_name", "-qds,-trurisk", "severity,asset_name", "-epss", "first_found_at,-epss"]
)
def test_pages_neither_overlap_nor_leave_out(tables, now, records, sort):
    by = sort.split(",")
    keys = sort_keys(by, "finding_id")
    columns = [k.column for k in keys]
    whole = records(find_findings(tables, "", now, sort=by, columns=columns))
    found, after = [], None
    for _ in range(3):
        page = records(find_findings(tables, "", now, sort=by, limit=2, after=after, columns=columns))
        found += page
        after = [page[-1][c] for c in columns]
    assert [r["finding_id"] for r in found] == [r["finding_id"] for r in whole]
    assert len(found) == 5


def test_missing_values_come_last_in_either_direction(tables, now, records):
    def order(sort):
        return [r["finding_id"] for r in records(find_findings(tables, "", now, sort=[sort], columns=["finding_id"]))]

    assert order("epss")[-2:] == order("-epss")[-2:] == ["f4", "f5"]


def test_a_page_has_the_columns_asked_for_in_their_order(tables, now, records):
    page = find_findings(tables, "finding.qds:97", now, columns=["status", "qds"])

    assert records(page) == [{"status": "NEW", "qds": 97}]


def test_an_unknown_column_is_refused_with_the_nearest(tables, now):
    with pytest.raises(InputError, match=r"no column 'asset_nam'. Did you mean asset_name\?") as refused:
        find_findings(tables, "", now, sort=["-asset_nam"])

    assert refused.value.code == "list.unknown-column"


def test_a_count_counts_what_the_list_shows(tables, now, connection):
    assert connection.to_pyarrow(count_findings(tables, "not status:FIXED", now)).as_py() == 4


def test_every_token_reads_a_column_of_its_view(tables, assets):
    views = {"findings": FINDING_VIEW, "assets": assets.columns}
    for subject, view in views.items():
        assert [t.name for t in column_tokens(subject).values() if t.column not in view] == []
        for token in TOKENS[subject]:
            if token.element not in (None, "source"):
                found = tables.elements_of(subject)(token.element, frozenset([token.column]))
                assert token.column in found.rows.columns, token.name


def test_names_are_told_apart(tables):
    for subject, tokens in TOKENS.items():
        names = [n.lower() for t in tokens for n in (t.name, *t.aliases)]
        assert len(names) == len(set(names)), subject


@pytest.mark.parametrize(
    ("short", "column"),
    [("severity", "severity"), ("riskscore", "trurisk"), ("acs", "acs"), ("product.name", "product_name")],
)
def test_a_prefix_may_be_left_out_where_the_rest_means_one_thing(short, column):
    assert tokens_by_name("findings")[short].column == column


def test_a_short_name_of_two_things_is_no_token():
    assert "name" not in tokens_by_name("findings")
    assert tokens_by_name("assets")["name"].column == "asset_name"
