from __future__ import annotations

import pytest

from riskbridge.errors import InputError
from riskbridge.score.bands import QDS_BANDS, TRURISK_BANDS, band_name, band_of


@pytest.mark.parametrize(
    ("bands", "score", "name"),
    [
        pytest.param(QDS_BANDS, 100, "Critical", id="QDS top"),
        pytest.param(QDS_BANDS, 90, "Critical", id="QDS 90"),
        pytest.param(QDS_BANDS, 89, "High", id="QDS 89"),
        pytest.param(QDS_BANDS, 69, "Medium", id="QDS 69"),
        pytest.param(QDS_BANDS, 1, "Low", id="QDS bottom"),
        pytest.param(TRURISK_BANDS, 1000, "Severe", id="TruRisk top"),
        pytest.param(TRURISK_BANDS, 849, "High", id="TruRisk 849"),
        pytest.param(TRURISK_BANDS, 500, "Medium", id="TruRisk 500"),
        pytest.param(TRURISK_BANDS, 0, "Low", id="TruRisk bottom"),
    ],
)
def test_a_score_lies_in_one_band_in_python_and_in_tables(make_table, bands, score, name):
    table = make_table([{"score": score}], {"score": "int64"})
    column = table.select(name=band_name(table.score, bands)).to_pyarrow().column("name").to_pylist()
    assert (band_of(score, bands).name, column) == (name, [name])


def test_a_missing_score_has_no_band(make_table):
    table = make_table([{}], {"score": "int64"})
    assert table.select(name=band_name(table.score, QDS_BANDS)).to_pyarrow().column("name").to_pylist() == [None]


def test_a_number_that_is_no_score_is_refused():
    with pytest.raises(InputError, match="101 is no score"):
        band_of(101, QDS_BANDS)
