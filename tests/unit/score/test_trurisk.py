from __future__ import annotations

import pytest

from riskbridge.model.target import ASSET_SCORE
from riskbridge.score.settings import ScoreSettings, TruRiskSettings
from riskbridge.score.trurisk import score_assets

FINDING = {"asset_id": "string", "qds": "int64"}
ASSET = {
    "asset_id": "string",
    "acs": "int64",
    "is_internet_facing": "boolean",
    "multiplier": "float64",
    "score_rules": "array<string>",
}
TWO = ScoreSettings(trurisk=TruRiskSettings(formula="trurisk-2"))


@pytest.fixture
def score(make_table):
    """The row of ASSET_SCORE of one asset with findings of the given scores."""

    def make(scores: list[int], *, acs: int | None = 2, is_facing: bool | None = False, multiplier=1.0, settings=None):
        findings = make_table([{"asset_id": "a", "qds": qds} for qds in scores], FINDING)
        asset = {"asset_id": "a", "acs": acs, "is_internet_facing": is_facing, "multiplier": multiplier}
        assets = make_table([asset | {"score_rules": []}], ASSET)
        (row,) = score_assets(findings, assets, settings or ScoreSettings()).to_pyarrow().to_pylist()
        return row

    return make


@pytest.mark.parametrize(
    ("scores", "acs", "is_facing", "trurisk"),
    [
        pytest.param([95] * 3 + [65] * 50 + [30] * 20, 4, False, 517, id="printed example, inside"),
        pytest.param(
            [95] * 2 + [84] * 10 + [65] * 40 + [31] * 30, 5, True, 1000, id="printed example, internet-facing"
        ),
        pytest.param([100], 1, False, 100, id="one finding"),
        pytest.param([], 5, True, 0, id="no finding"),
        pytest.param([0], 5, True, 0, id="a QDS of 0 counts for nothing"),
    ],
)
def test_trurisk_1_gives_the_printed_numbers(score, scores, acs, is_facing, trurisk):
    assert score(scores, acs=acs, is_facing=is_facing)["trurisk"] == trurisk


@pytest.mark.parametrize(
    ("scores", "trurisk"),
    [
        pytest.param(
            [95] * 3 + [65] * 50 + [30] * 20, 574, id="4 x (95 x 1.3 + 3 x 3 + 50 x 0.2 + 20 x 0.05), half up"
        ),
        pytest.param([70], 312, id="4 x (70 x 1.1 + 1)"),
        pytest.param([69], 277, id="4 x (69 + 0.2)"),
        pytest.param([], 0, id="no finding"),
    ],
)
def test_trurisk_2_gives_the_numbers_worked_out_by_hand(score, scores, trurisk):
    row = score(scores, acs=4, settings=TWO)
    assert (row["trurisk"], row["trurisk_formula"]) == (trurisk, "trurisk-2")


def test_a_row_carries_every_factor(score):
    assert score([95, 90, 84, 40, 39, 1], acs=3, is_facing=True) == {
        "asset_id": "a",
        "trurisk": 589,
        "trurisk_formula": "trurisk-1",
        "acs": 3,
        "exposure": 1.2,
        "multiplier": 1.0,
        "score_rules": [],
        "max_qds": 95,
        "critical_count": 2,
        "critical_mean": 92.5,
        "high_count": 1,
        "high_mean": 84.0,
        "medium_count": 1,
        "medium_mean": 40.0,
        "low_count": 2,
        "low_mean": 20.0,
    }


def test_an_asset_without_findings_has_counts_of_zero_and_no_means(score):
    row = score([])
    assert [row[n] for n in ("max_qds", "critical_count", "critical_mean", "low_count")] == [None, 0, None, 0]


def test_an_unset_criticality_is_the_default_and_unknown_exposure_is_inside(score):
    row = score([50], acs=None, is_facing=None)
    assert (row["acs"], row["exposure"]) == (2, 1.0)


def test_the_result_has_the_types_of_the_target_model(make_table):
    table = score_assets(make_table([], FINDING), make_table([], ASSET), ScoreSettings())
    assert {name: str(type_) for name, type_ in table.schema().items()} == ASSET_SCORE.types


def test_fixing_the_weakest_critical_raises_trurisk_1_and_not_trurisk_2(score):
    before, after = [100, 90], [100]
    assert score(after, acs=5)["trurisk"] > score(before, acs=5)["trurisk"]
    assert score(after, acs=5, settings=TWO)["trurisk"] < score(before, acs=5, settings=TWO)["trurisk"]


@pytest.mark.parametrize(("multiplier", "trurisk"), [(0.5, 100), (1.0, 200), (1.5, 300), (4.0, 800)])
def test_rules_multiply_the_risk(score, multiplier, trurisk):
    assert score([100], acs=2, multiplier=multiplier)["trurisk"] == trurisk
