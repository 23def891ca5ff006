from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from riskbridge.enrich.facts import Feeds, combine
from riskbridge.model.target import CVE, CVE_CLAIM, CVE_DRAFT
from riskbridge.source.feeds import FEED_TYPES

ONE, TWO = "CVE-2024-3094", "CVE-2023-44487"
KEV = {"cve_id": "string", "kev_added_on": "date", "kev_due_on": "date", "is_ransomware": "boolean"}
EPSS = {"cve_id": "string", "epss": "float64", "epss_percentile": "float64"}
OLD, NEW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def facts(make_table):
    """Facts by CVE id, of rows of each source; None for a feed that was never read."""

    def make(defender=(), *, kev=None, epss=None, exploits=None, cvss=None, epss_before=None, vectors=None, known=()):
        table = combine(
            make_table(list(defender), CVE_DRAFT.types),
            Feeds(
                kev=None if kev is None else make_table(kev, KEV),
                epss=None if epss is None else make_table(epss, EPSS),
                exploits=None if exploits is None else make_table(exploits, FEED_TYPES["exploits"]),
                cvss=None if cvss is None else make_table(cvss, FEED_TYPES["cvss"]),
                epss_before=None if epss_before is None else make_table(epss_before, EPSS),
            ),
            make_table([{"cve_id": cve_id} for cve_id in known], {"cve_id": "string"}),
            None if vectors is None else make_table(vectors, {"vector": "string", "vector_score": "float64"}),
        ).cve
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
    feeds = Feeds(epss=make_table([], EPSS), cvss=make_table([], FEED_TYPES["cvss"]))
    nothing = combine(make_table([], CVE_DRAFT.types), feeds, make_table([], {"cve_id": "string"}))
    assert {name: str(type_) for name, type_ in nothing.cve.schema().items()} == CVE.types
    assert {name: str(type_) for name, type_ in nothing.claims.schema().items()} == CVE_CLAIM.types


V31, V40 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "CVSS:4.0/AV:N"


def stated(source, version, score, vector=None):
    return {"cve_id": ONE, "source": source, "cvss_version": version, "cvss_score": score, "cvss_vector": vector}


@pytest.mark.parametrize(
    ("defender", "feed", "winner"),
    [
        pytest.param((9.8, V31), [("cna", "4.0", 7.1, V40)], ("cna", "4.0", 7.1), id="the newest version"),
        pytest.param((9.8, V31), [("cna", "3.1", 7.1, V31)], ("defender", "3.1", 9.8), id="equal versions: Defender"),
        pytest.param((None, V31), [("cna", "3.0", 7.1, None)], ("cna", "3.0", 7.1), id="Defender states no score"),
        pytest.param(
            (None, None),
            [("cisa-adp", "3.1", 5.0, V31), ("cna", "3.1", 6.0, V31)],
            ("cna", "3.1", 6.0),
            id="the publisher before CISA",
        ),
    ],
)
def test_of_several_cvss_claims_one_wins_and_is_named(facts, defender, feed, winner):
    own = [{"cve_id": ONE, "cvss_score": defender[0], "cvss_vector": defender[1]}]
    row = facts(own, cvss=[stated(*claim) for claim in feed])[ONE]
    assert (row["cvss_source"], row["cvss_version"], row["cvss_score"]) == winner
    assert row["sources"] == ["defender", "vulnrichment"]


def test_a_score_that_its_vector_denies_is_kept_and_flagged(facts):
    vectors = [{"vector": V31, "vector_score": 9.8}]
    row = facts([{"cve_id": ONE, "cvss_score": 8.8, "cvss_vector": V31}], vectors=vectors)[ONE]
    assert (row["cvss_score"], row["cvss_from_vector"], row["is_cvss_disputed"]) == (8.8, 9.8, True)
    agreed = facts([{"cve_id": ONE, "cvss_score": 9.8, "cvss_vector": V31}], vectors=vectors)[ONE]
    assert agreed["is_cvss_disputed"] is False


def test_exploit_modules_and_ssvc_are_facts(facts):
    row = facts(
        known=[ONE],
        exploits=[{"cve_id": ONE, "exploit_modules": ["exploit/x"], "has_exploit_module": True}],
        cvss=[{"cve_id": ONE, "source": "cisa-adp", "ssvc_exploitation": "poc"}],
    )[ONE]
    assert (row["exploit_modules"], row["has_exploit_module"]) == (["exploit/x"], True)
    assert (row["ssvc_exploitation"], row["cvss_source"]) == ("poc", None)
    assert row["sources"] == ["metasploit", "vulnrichment"]


def test_the_rise_of_the_epss_is_told_where_an_earlier_reading_knows_the_cve(facts):
    rows = facts(
        known=[ONE, TWO],
        epss=[{"cve_id": ONE, "epss": 0.3}, {"cve_id": TWO, "epss": 0.3}],
        epss_before=[{"cve_id": ONE, "epss": 0.2}],
    )
    assert (rows[ONE]["epss_rise"], rows[TWO]["epss_rise"]) == (0.1, None)
