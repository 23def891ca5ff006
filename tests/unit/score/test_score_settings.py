from __future__ import annotations

import pytest

from riskbridge.errors import ConfigError, InputError
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


@pytest.mark.parametrize(
    ("make", "faults"),
    [
        pytest.param(lambda: ScoreMap(FOUR), ["severity 1 has no row"], id="a severity is missing"),
        pytest.param(
            lambda: ScoreMap((*FOUR, FOUR[0])),
            ["severity 1 has no row", "severity 5 has 2 rows"],
            id="a severity is doubled",
        ),
        pytest.param(
            lambda: ScoreMap((*FOUR, ScoreMapRow(1, ("HIGH", "low "), 5))),
            ["'HIGH' stands for severity 4 and for 1", "'low' stands for severity 2 and for 1"],
            id="words stand twice",
        ),
        pytest.param(
            lambda: ScoreMap((*FOUR, ScoreMapRow(1, (), 101)), default_severity=6),
            ["severity 1 has no source value", "the QDS 101 is not within 0 to 100", "the default severity 6 is none"],
            id="several faults at once",
        ),
        pytest.param(
            lambda: ScoreMap((*DEFAULT_SCORE_MAP, ScoreMapRow(7, ("Mega",), 99))),
            ["there is no severity 7"],
            id="a sixth row",
        ),
    ],
)
def test_a_score_map_that_cannot_be_is_told_with_every_fault(make, faults):
    with pytest.raises(InputError) as caught:
        make()
    assert caught.value.code == "score-map.bad"
    assert [f["message"] for f in caught.value.context["faults"]] == faults


def test_the_default_settings_are_valid():
    assert ScoreSettings().score_map.qds(5) == 95


def test_a_mapped_zero_counts_as_the_lowest_score():
    assert ScoreMap((*FOUR, ScoreMapRow(1, ("Info",), 0))).qds(1) == 1
