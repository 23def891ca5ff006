from __future__ import annotations

import pytest

from riskbridge.enrich.vectors import base_score


@pytest.mark.parametrize(
    ("vector", "score"),
    [
        pytest.param("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8, id="3.1"),
        pytest.param("CVSS:3.0/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 7.8, id="3.0"),
        pytest.param("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 9.3, id="4.0"),
        pytest.param("AV:N/AC:L/Au:N/C:P/I:P/A:P", 7.5, id="2"),
        pytest.param("(AV:N/AC:L/Au:N/C:P/I:P/A:P)", 7.5, id="2 in brackets"),
        pytest.param("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:U/RL:O/RC:C", 9.8, id="with temporal metrics"),
        pytest.param("CVSS:3.1/AV:N/AC:L", None, id="metrics missing"),
        pytest.param("CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", None, id="a value there is not"),
        pytest.param("CVSS:9.9/AV:N", None, id="a version there is not"),
        pytest.param("nonsense", None, id="no vector"),
        pytest.param("", None, id="empty"),
        pytest.param("CVSS:3.1/" + "AV:N/" * 100, None, id="too long"),
    ],
)
def test_the_base_score_of_a_vector(vector: str, score: float | None) -> None:
    assert base_score(vector) == score
