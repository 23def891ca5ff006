from __future__ import annotations

import pytest

from riskbridge.errors import ConfigError
from riskbridge.score.settings import (
    DEFAULT_SCORE_MAP,
    BandWeights,
    QdsWeights,
    ScoreMap,
    ScoreMapRow,
    ScoreSettings,
    TruRiskSettings,
)

FOUR = DEFAULT_SCORE_MAP[:4]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        pytest.param(lambda: ScoreMap(FOUR), "score.map", id="a severity is missing"),
        pytest.param(lambda: ScoreMap((*FOUR, FOUR[0])), "score.map", id="a severity is doubled"),
        pytest.param(lambda: ScoreMap((*FOUR, ScoreMapRow(1, ("HIGH",), 5))), "score.map", id="a word stands twice"),
        pytest.param(lambda: ScoreMap((*FOUR, ScoreMapRow(1, (), 101))), "score.map", id="a QDS above 100"),
        pytest.param(lambda: ScoreMap(default_severity=6), "score.map", id="a default that is no severity"),
        pytest.param(lambda: QdsWeights(cvss=0.7), "score.weights", id="QDS weights that do not add up"),
        pytest.param(lambda: QdsWeights(no_evidence_ceiling=95), "score.weights", id="a ceiling above the floor"),
        pytest.param(lambda: BandWeights(0.2, 0.4, 0.6, 1.0), "score.weights", id="weights that rise"),
        pytest.param(lambda: TruRiskSettings(formula="trurisk-9"), "score.formula", id="a formula nobody knows"),
        pytest.param(lambda: TruRiskSettings(steps=((70, 1.3), (90, 1.1))), "score.weights", id="steps that rise"),
        pytest.param(lambda: TruRiskSettings(default_acs=0), "score.weights", id="a criticality out of range"),
    ],
)
def test_settings_that_cannot_be_are_refused(make, code):
    with pytest.raises(ConfigError) as caught:
        make()
    assert caught.value.code == code


def test_the_default_settings_are_valid():
    assert ScoreSettings().score_map.qds(5) == 95


def test_a_mapped_zero_counts_as_the_lowest_score():
    assert ScoreMap((*FOUR, ScoreMapRow(1, ("Info",), 0))).qds(1) == 1
