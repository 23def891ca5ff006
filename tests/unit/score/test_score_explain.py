from __future__ import annotations

import random
from datetime import date, timedelta

import pytest

from riskbridge.errors import InputError
from riskbridge.model.target import ASSET_SCORE
from riskbridge.score.explain import explain_qds, explain_trurisk
from riskbridge.score.qds import score_cves
from riskbridge.score.settings import ScoreSettings, TruRiskSettings
from riskbridge.score.trurisk import score_assets

TODAY = date(2026, 11, 20)
WORDS = ("Low", "Medium", "High", "Critical", "Odd", None)


def random_facts(dice: random.Random, number: int) -> list[dict]:
    return [
        {
            "cve_id": f"CVE-2026-{i:05d}",
            "cvss_score": dice.choice((None, round(dice.uniform(0, 10), 1))),
            "epss": dice.choice((None, round(dice.random(), 5))),
            "public_exploit": dice.random() < 0.3,
            "exploit_verified": dice.random() < 0.2,
            "exploit_in_kit": dice.random() < 0.1,
            "is_kev": dice.random() < 0.2,
            "is_ransomware": dice.random() < 0.1,
            "kev_added_on": dice.choice((None, TODAY - timedelta(days=dice.randrange(60)))),
            "sources": dice.choice(([], ["defender"])),
        }
        for i in range(number)
    ]


def test_a_qds_is_recomputed_to_the_stored_number_on_1000_random_rows(make_keys, make_cves):
    dice = random.Random(7)
    facts = random_facts(dice, 1000)
    pairs = [(f["cve_id"] if dice.random() < 0.9 else None, dice.choice(WORDS)) for f in facts]
    rows = score_cves(make_keys(pairs), make_cves(facts), ScoreSettings(), TODAY).to_pyarrow().to_pylist()
    explained = {row["score_key"]: explain_qds(row, ScoreSettings()).score for row in rows}
    assert explained == {row["score_key"]: row["qds"] for row in rows}


@pytest.mark.parametrize("formula", ["trurisk-1", "trurisk-2"])
def test_a_trurisk_is_recomputed_to_the_stored_number_on_1000_random_assets(make_table, formula):
    dice = random.Random(11)
    settings = ScoreSettings(trurisk=TruRiskSettings(formula=formula))
    ids = [f"a{i}" for i in range(1000)]
    findings = [{"asset_id": i, "qds": dice.randint(1, 100)} for i in ids for _ in range(dice.randrange(12))]
    assets = [
        {
            "asset_id": i,
            "acs": dice.randint(1, 5),
            "is_internet_facing": dice.random() < 0.3,
            "multiplier": dice.choice([0.5, 1.0, 1.7]),
            "score_rules": [],
        }
        for i in ids
    ]
    table = score_assets(
        make_table(findings, {"asset_id": "string", "qds": "int64"}),
        make_table(
            assets,
            {n: t for n, t in ASSET_SCORE.types.items() if n in (*assets[0],)} | {"is_internet_facing": "boolean"},
        ),
        settings,
    )
    rows = table.to_pyarrow().to_pylist()
    explained = {row["asset_id"]: explain_trurisk(row, settings).score for row in rows}
    assert explained == {row["asset_id"]: row["trurisk"] for row in rows}


def explain(make_keys, make_cves, fact: dict, *, cve: str | None = "CVE-2024-3094", word: str | None = "High"):
    table = score_cves(make_keys([(cve, word)]), make_cves([fact | {"cve_id": cve or "other"}]), ScoreSettings(), TODAY)
    (row,) = table.to_pyarrow().to_pylist()
    return explain_qds(row, ScoreSettings())


@pytest.mark.parametrize(
    ("fact", "pair", "why"),
    [
        pytest.param(
            {"cvss_score": 9.8, "is_kev": True, "epss": 0.94, "public_exploit": True},
            ("CVE-1", "High"),
            "in CISA KEV, CVSS 9.8, EPSS 0.94, exploit public",
            id="evidence",
        ),
        pytest.param({"cvss_score": 7.5}, ("CVE-1", "High"), "CVSS 7.5", id="CVSS alone"),
        pytest.param({}, ("CVE-1", "High"), "no CVSS, 7.95 for High", id="severity stands in"),
        pytest.param(
            {"sources": []},
            ("CVE-1", None),
            "no CVSS, 5.45 for want of any severity, not enriched",
            id="nobody knows it",
        ),
        pytest.param({}, (None, "Low"), "no CVE; the source's word is Low", id="score map"),
    ],
)
def test_one_line_says_why(make_keys, make_cves, fact, pair, why):
    assert explain(make_keys, make_cves, fact, cve=pair[0], word=pair[1]).why == why


def test_the_factors_add_up_to_the_total(make_keys, make_cves):
    explanation = explain(make_keys, make_cves, {"cvss_score": 7.8, "epss": 0.5, "public_exploit": True})
    parts = {f.name: round(f.contribution, 6) for f in explanation.factors}
    assert parts == {"cvss": 50.7, "maturity": 10.5, "epss": 5.25, "trending": 0.0}
    assert (round(explanation.total, 6), explanation.score) == (66.45, 66)


def test_a_formula_of_another_release_is_refused():
    with pytest.raises(InputError, match="qds-open-9"):
        explain_qds({"formula": "qds-open-9"}, ScoreSettings())
