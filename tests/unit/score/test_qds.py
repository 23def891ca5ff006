from __future__ import annotations

from datetime import date

import pytest

from riskbridge.model.target import CVE_SCORE
from riskbridge.score.qds import assign_score_keys, score_cves, severity_number
from riskbridge.score.settings import QdsWeights, ScoreMap, ScoreMapRow, ScoreSettings

TODAY = date(2026, 11, 20)
ONE = "CVE-2024-3094"


def score_one(make_keys, make_cves, fact: dict | None, *, cve: str | None = ONE, word: str | None = "High"):
    cves = make_cves([{"cve_id": ONE} | fact] if fact is not None else [])
    table = score_cves(make_keys([(cve, word)]), cves, ScoreSettings(), TODAY)
    (row,) = table.to_pyarrow().to_pylist()
    return row


@pytest.mark.parametrize(
    ("fact", "qds", "basis"),
    [
        pytest.param({"cvss_score": 9.8}, 64, "cvss", id="critical CVSS alone"),  # 63.7
        pytest.param({"cvss_score": 9.8, "public_exploit": True}, 74, "cvss", id="public exploit"),  # 63.7 + 10.5
        pytest.param({"cvss_score": 9.8, "exploit_verified": True}, 85, "cvss", id="verified exploit"),  # 84.7
        pytest.param(
            {"cvss_score": 9.8, "exploit_verified": True, "epss": 0.9}, 89, "cvss", id="no evidence stays below 90"
        ),  # 94.15
        pytest.param({"cvss_score": 7.8, "epss": 0.5}, 56, "cvss", id="half an EPSS"),  # 50.7 + 5.25 = 55.95
        pytest.param({"cvss_score": 0.0}, 1, "cvss", id="never below 1"),
        pytest.param({"cvss_score": 7.0}, 46, "cvss", id="a half rounds up"),  # 45.5
        pytest.param({"is_kev": True}, 90, "evidence", id="KEV without anything else"),
        pytest.param({"is_ransomware": True, "epss": 0.5}, 92, "evidence", id="ransomware, 91.5 rounds up"),
        pytest.param({"exploit_in_kit": True}, 95, "evidence", id="exploit kit is evidence and maturity"),
        pytest.param(
            {"is_kev": True, "kev_added_on": date(2026, 11, 1), "epss": 1.0, "exploit_verified": True},
            100,
            "evidence",
            id="everything",
        ),
        pytest.param({}, 52, "severity", id="no CVSS, High stands in"),  # 7.95 * 6.5 = 51.675
    ],
)
def test_the_formula_gives_the_score_worked_out_by_hand(make_keys, make_cves, fact, qds, basis):
    row = score_one(make_keys, make_cves, fact)
    assert (row["qds"], row["basis"], row["formula"]) == (qds, basis, "qds-open-1")


@pytest.mark.parametrize(
    ("added", "trending"),
    [
        pytest.param(date(2026, 11, 20), 1.0, id="today"),
        pytest.param(date(2026, 10, 21), 1.0, id="30 days ago"),
        pytest.param(date(2026, 10, 20), 0.0, id="31 days ago"),
        pytest.param(date(2026, 11, 21), 0.0, id="after the day that is scored"),
        pytest.param(None, 0.0, id="date unknown"),
    ],
)
def test_a_cve_is_trending_for_30_days_after_it_entered_kev(make_keys, make_cves, added, trending):
    assert score_one(make_keys, make_cves, {"is_kev": True, "kev_added_on": added})["trending"] == trending


@pytest.mark.parametrize(
    ("word", "cvss"),
    [
        pytest.param("Critical", 9.5, id="critical"),
        pytest.param("high", 7.95, id="high"),
        pytest.param("MEDIUM", 5.45, id="medium"),
        pytest.param("Low", 2.0, id="low"),
        pytest.param("Bizarre", 5.45, id="unknown word takes the default severity"),
        pytest.param(None, 5.45, id="no word takes the default severity"),
    ],
)
def test_the_midpoint_of_the_severity_band_stands_in_for_a_missing_cvss(make_keys, make_cves, word, cvss):
    row = score_one(make_keys, make_cves, {}, word=word)
    assert (row["cvss"], row["cvss_source"], row["basis"], row["source_severity"]) == (
        cvss,
        "severity",
        "severity",
        word,
    )


@pytest.mark.parametrize(
    ("word", "qds"),
    [
        pytest.param("Critical", 95, id="critical"),
        pytest.param("Low", 25, id="low"),
        pytest.param("Bizarre", 55, id="unknown word"),
        pytest.param(None, 55, id="no word"),
    ],
)
def test_a_finding_without_a_cve_goes_through_the_score_map(make_keys, make_cves, word, qds):
    row = score_one(make_keys, make_cves, None, cve=None, word=word)
    assert (row["qds"], row["basis"], row["formula"], row["is_enriched"]) == (qds, "score-map", "score-map", False)


def test_a_cve_nobody_knows_is_scored_and_marked_not_enriched(make_keys, make_cves):
    unknown = score_one(make_keys, make_cves, {"sources": [], "cvss_source": None})
    missing = score_one(make_keys, make_cves, None)
    assert (unknown["is_enriched"], missing["is_enriched"]) == (False, False)
    assert (unknown["qds"], missing["qds"]) == (52, 52)


def test_a_row_carries_every_column_and_every_factor(make_keys, make_cves):
    fact = {"cvss_score": 9.8, "is_kev": True, "is_ransomware": True, "exploit_in_kit": True, "epss": 0.94}
    row = score_one(make_keys, make_cves, fact)
    assert row == {
        "score_key": f"{ONE}|high",
        "cve_id": ONE,
        "source_severity": None,
        "formula": "qds-open-1",
        "qds": 98,
        "basis": "evidence",
        "cvss": 9.8,
        "cvss_source": "defender",
        "maturity": 1.0,
        "epss": 0.94,
        "trending": 0.0,
        "evidence": "kev,ransomware,exploit-kit",
        "is_enriched": True,
    }


def test_the_result_has_the_types_of_the_target_model(make_keys, make_cves):
    table = score_cves(make_keys([(ONE, "High")]), make_cves([]), ScoreSettings(), TODAY)
    assert {name: str(type_) for name, type_ in table.schema().items()} == CVE_SCORE.types


def test_words_that_differ_in_letter_case_share_one_score(make_keys, make_cves):
    table = score_cves(make_keys([(ONE, "High"), (ONE, "HIGH")]), make_cves([]), ScoreSettings(), TODAY)
    assert table.to_pyarrow().column("score_key").to_pylist() == [f"{ONE}|high"]


def test_the_key_holds_cve_and_word_and_takes_null_as_empty(make_table):
    types = {"cve_id": "string", "source_severity": "string"}
    pairs = [(ONE, "High"), (ONE, None), (None, "LOW"), (None, None)]
    findings = make_table([dict(zip(types, pair, strict=True)) for pair in pairs], types)
    keys = assign_score_keys(findings).to_pyarrow().column("score_key").to_pylist()
    assert keys == [f"{ONE}|high", f"{ONE}|", "|low", "|"]


def test_severity_numbers_follow_the_score_map(make_table):
    rows = ScoreMap().rows
    custom = ScoreMap((*rows[:4], ScoreMapRow(1, ("Hint",), 0)), default_severity=2)
    words = make_table([{"w": w} for w in (" critical ", "Hint", "None", None)], {"w": "string"})
    found = words.select(n=severity_number(words.w, custom)).to_pyarrow().column("n").to_pylist()
    assert found == [5, 1, 2, 2]


def test_weights_are_settings(make_keys, make_cves):
    settings = ScoreSettings(qds=QdsWeights(cvss=1.0, threat=0.0))
    table = score_cves(make_keys([(ONE, "High")]), make_cves([{"cve_id": ONE, "cvss_score": 5.0}]), settings, TODAY)
    assert table.to_pyarrow().column("qds").to_pylist() == [50]
