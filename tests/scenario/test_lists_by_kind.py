"""Lists that look at kinds first give what lists that look at every finding give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.scenario.test_strategies import World

from riskbridge.app import App
from riskbridge.browse import GROUPS, GroupBy, group_findings
from riskbridge.question import moment_of
from riskbridge.search.compile import read_query
from riskbridge.search.listing import Asked, find_ids
from riskbridge.search.paging import sort_keys

QUERIES = (
    "",
    "finding.qds >= 40",
    "finding.title:windows and not finding.status:FIXED",
    "asset.truRisk >= 100",
    "finding.severity:[3, 5]",
    "not finding.isKev:true",
)
SORTS = (
    "-epss", "epss", "title", "-cvss_score", "cvss_score", "product_name", "-is_kev", "-severity", "fixing_kb", "-fixing_kb",
    "exploit_maturity", "-qds", "first_found_at", "asset_name", "status",
)  # fmt: skip
GROUPED = """
    SELECT {names}, count(*), count(DISTINCT asset_id), count(DISTINCT cve_id), max(qds), sum(coalesce(is_kev, false)::INT)
    FROM (SELECT f.*, a.asset_name, {tags} AS tags, c.is_kev, d.owner, CASE WHEN f.state = 'fixed' THEN 'FIXED'
            WHEN f.reopened_run = 2 THEN 'REOPENED' WHEN f.first_run = 2 THEN 'NEW' ELSE 'ACTIVE' END AS status
        FROM finding f JOIN asset a ON a.asset_id = f.asset_id AND a.valid_to_run IS NULL
        LEFT JOIN cve c ON c.cve_id = f.cve_id
        LEFT JOIN decision d ON d.finding_id = f.finding_id AND d.valid_to_run IS NULL
        WHERE f.valid_to_run IS NULL)
    WHERE qds >= 30 AND {first} IS NOT NULL GROUP BY {names} ORDER BY max(qds) DESC, count(*) DESC, {names} LIMIT {limit}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A home with two runs, between which something was upgraded and came back."""
    folder: Path = tmp_path_factory.mktemp("kinds")
    world = World(folder, devices=12, findings_per_device=12)
    with world.simulator:
        world.connect("home")
        world.read("home", "paged")
        world.play("upgrade", devices=4, seed=2)
        world.let_pass(hours=1)
        world.read("home", "paged")
        with world.open("home") as app:
            yield app


@pytest.mark.slow
@pytest.mark.parametrize("query", QUERIES)
def test_pages_are_the_same_whether_kinds_are_at_hand_or_not(home: App, query: str) -> None:
    moment = moment_of(home, None)
    tables, read = moment.finding_tables(), read_query(query, "findings", moment.now)
    plain = replace(tables, kinds=None, rows=None)
    found, expected = {}, {}
    for sort in SORTS:
        keys = sort_keys((sort,), "finding_id")
        found[sort] = home.engine.records(find_ids(Asked(tables, read), keys, 40))
        expected[sort] = home.engine.records(find_ids(Asked(plain, read), keys, 40))
    assert found == expected
    assert all(found.values())


@pytest.mark.parametrize("limit", [2, 1000])
@pytest.mark.parametrize("by", sorted(GROUPS))
def test_groups_are_what_a_plain_statement_counts(home: App, by: GroupBy, limit: int) -> None:
    names = GROUPS[by]
    statement = GROUPED.format(
        names=", ".join(names), first=names[0], limit=limit, tags="unnest(a.tags)" if by == "tag" else "a.tags"
    )
    expected = home.engine.connection.execute(statement).fetchall()
    found = group_findings(home, by, "finding.qds >= 30", limit=limit)
    counted = ("findings", "assets", "cves", "max_qds", "kev")
    assert [tuple(row[n] for n in (*names, *counted)) for row in found] == expected
    assert (found == []) == (by == "owner")
