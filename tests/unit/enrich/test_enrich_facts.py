from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from riskbridge.enrich.facts import combine
from riskbridge.model.target import CVE, CVE_DRAFT

ONE, TWO = "CVE-2024-3094", "CVE-2023-44487"
KEV = {"cve_id": "string", "kev_added_on": "date", "kev_due_on": "date", "is_ransomware": "boolean"}
EPSS = {"cve_id": "string", "epss": "float64", "epss_percentile": "float64"}
OLD, NEW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def facts(make_table):
    """Facts by CVE id, of rows of each source; None for a feed that was never read."""

    def make(defender=(), *, kev=None, epss=None, known=()):
        table = combine(
            make_table(list(defender), CVE_DRAFT.types),
            None if kev is None else make_table(kev, KEV),
            None if epss is None else make_table(epss, EPSS),
            make_table([{"cve_id": cve_id} for cve_id in known], {"cve_id": "string"}),
        )
        rows = table.to_pyarrow().to_pylist()
        assert len(rows) == len({row["cve_id"] for row in rows})
        return {row["cve_id"]: row for row in rows}

    return make


def test_every_source_adds_its_facts_and_its_name(facts):
    row = facts(
        [{"cve_id": ONE, "cvss_score": 10.0, "cvss_vector": "CVSS:3.1/AV:N", "epss": 0.5, "public_exploit": True}],
        kev=[{"cve_id": ONE, "kev_added_on": OLD.date(), "kev_due_on": NEW.date(), "is_ransomware": True}],
        epss=[{"cve_id": ONE, "epss": 0.9, "epss_percentile": 0.99}],
    )[ONE]
    told = {name: value for name, value in row.items() if value is not None}
    assert told == {
        "cve_id": ONE,
        "cvss_score": 10.0,
        "cvss_vector": "CVSS:3.1/AV:N",
        "epss": 0.9,
        "public_exploit": True,
        "cvss_version": "3.1",
        "cvss_source": "defender",
        "epss_source": "first",
        "epss_percentile": 0.99,
        "is_kev": True,
        "kev_added_on": date(2026, 1, 1),
        "kev_due_on": date(2026, 11, 1),
        "is_ransomware": True,
        "sources": ["cisa-kev", "defender", "first"],
    }


@pytest.mark.parametrize(
    ("feed", "epss", "source"),
    [
        pytest.param([{"cve_id": ONE, "epss": 0.9}], 0.9, "first", id="the feed wins"),
        pytest.param([{"cve_id": TWO, "epss": 0.9}], 0.5, "defender", id="the feed does not know it"),
        pytest.param([{"cve_id": ONE}], 0.5, "defender", id="the feed has no number"),
        pytest.param(None, 0.5, "defender", id="the feed was never read"),
    ],
)
def test_the_epss_names_the_source_that_won(facts, feed, epss, source):
    row = facts([{"cve_id": ONE, "epss": 0.5}], epss=feed)[ONE]
    assert (row["epss"], row["epss_source"]) == (epss, source)


def test_an_id_that_nobody_knows_is_listed_without_sources(facts):
    row = facts(known=["TVM-2020-0002"], kev=[], epss=[])["TVM-2020-0002"]
    told = {name: value for name, value in row.items() if value is not None}
    assert told == {"cve_id": "TVM-2020-0002", "is_kev": False, "is_ransomware": False, "sources": []}


def test_ids_of_findings_and_catalogue_are_listed_once_and_those_of_feeds_are_not(facts):
    rows = facts([{"cve_id": ONE}], known=[TWO, TWO, None, ONE], kev=[{"cve_id": "CVE-1"}], epss=[{"cve_id": "CVE-2"}])
    assert {cve_id: row["sources"] for cve_id, row in rows.items()} == {ONE: ["defender"], TWO: []}


def test_of_several_rows_of_one_id_the_last_updated_counts(facts):
    rows = [
        {"cve_id": ONE, "cvss_score": 5.0, "updated_at": OLD},
        {"cve_id": ONE, "cvss_score": 7.0, "updated_at": NEW},
        {"cve_id": ONE, "cvss_score": 9.0},
    ]
    assert facts(rows)[ONE]["cvss_score"] == 7.0


def test_a_feed_that_names_an_id_twice_gives_one_row(facts):
    row = facts(
        known=[ONE],
        kev=[
            {"cve_id": ONE, "kev_added_on": NEW.date(), "is_ransomware": True},
            {"cve_id": ONE, "kev_added_on": OLD.date()},
        ],
        epss=[{"cve_id": ONE, "epss": 0.2}, {"cve_id": ONE, "epss": 0.1}],
    )[ONE]
    assert (row["kev_added_on"], row["is_ransomware"], row["epss"]) == (OLD.date(), True, 0.2)


@pytest.mark.parametrize(
    ("vector", "version"),
    [
        pytest.param("CVSS:4.0/AV:N/AC:L/AT:N", "4.0", id="version 4"),
        pytest.param("CVSS:3.0/AV:L/AC:L", "3.0", id="version 3.0"),
        pytest.param("AV:N/AC:L/Au:N/C:P/I:P/A:P", "2.0", id="no prefix is version 2"),
        pytest.param("(AV:N/AC:L/Au:N/C:P/I:P/A:P)", "2.0", id="brackets of version 2"),
        pytest.param("nonsense", None, id="no vector at all"),
        pytest.param(None, None, id="a score without a vector"),
    ],
)
def test_the_version_is_read_from_the_vector(facts, vector, version):
    row = facts([{"cve_id": ONE, "cvss_score": 7.5, "cvss_vector": vector}])[ONE]
    assert (row["cvss_version"], row["cvss_source"]) == (version, "defender")


def test_without_a_score_nobody_is_named_as_its_source(facts):
    row = facts([{"cve_id": ONE}])[ONE]
    assert (row["cvss_source"], row["epss_source"]) == (None, None)


def test_the_result_has_the_types_of_the_target_model(make_table):
    nothing = combine(make_table([], CVE_DRAFT.types), None, make_table([], EPSS), make_table([], {"cve_id": "string"}))
    assert {name: str(type_) for name, type_ in nothing.schema().items()} == CVE.types
