from __future__ import annotations

import ibis
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples

from riskbridge.score.settings import ScoreSettings, TruRiskSettings
from riskbridge.score.trurisk import score_assets

CON = ibis.duckdb.connect()
TWO = ScoreSettings(trurisk=TruRiskSettings(formula="trurisk-2"))


def trurisk(estate: dict[str, list[int]], *, acs: int, is_facing: bool) -> dict[str, int]:
    pairs = [(asset, qds) for asset, scores in estate.items() for qds in scores]
    findings = pa.table(
        {"asset_id": pa.array([a for a, _ in pairs], "string"), "qds": pa.array([q for _, q in pairs], "int64")}
    )
    number = len(estate)
    told = {"acs": acs, "is_internet_facing": is_facing, "multiplier": 1.0, "score_rules": ["none"]}
    assets = pa.table({"asset_id": list(estate)} | {name: [value] * number for name, value in told.items()})
    rows = CON.to_pyarrow(score_assets(ibis.memtable(findings), ibis.memtable(assets), TWO)).to_pylist()
    return {row["asset_id"]: row["trurisk"] for row in rows}


@given(scores=st.lists(st.integers(1, 100), min_size=1, max_size=12), acs=st.integers(1, 5), is_facing=st.booleans())
@settings(max_examples=examples(40), deadline=None)
def test_trurisk_2_never_rises_when_any_one_finding_is_fixed_or_falls_to_any_lower_score(scores, acs, is_facing):
    fixed = {f"fixed {i}": scores[:i] + scores[i + 1 :] for i in range(len(scores))}
    lowered = {f"lowered {i}": [*scores[:i], max(1, qds - 25), *scores[i + 1 :]] for i, qds in enumerate(scores)}
    risk = trurisk({"before": scores} | fixed | lowered, acs=acs, is_facing=is_facing)
    assert max(risk.values()) == risk["before"]
