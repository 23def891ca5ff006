"""The findings of a first run, of detections that are known by what they have in common.

Nothing is stored that they could be compared with, so a finding of one detection is that detection, and what it is
called, how severe it is and how it scores is worked out once for all devices that have it.
"""

from __future__ import annotations

from collections.abc import Callable

import ibis
import ibis.expr.types as ir

from riskbridge.lifecycle.findings import ROLLED_UP
from riskbridge.model.layout import KIND
from riskbridge.score.qds import finding_severity, score_key
from riskbridge.score.settings import ScoreSettings

KEY_COLUMNS = ("score_key", "cve_id", "connector_id", "source_severity")
"""What scores are computed for."""


def kinds_of_findings(kinds: ir.Table, connector_id: str, settings: ScoreSettings) -> ir.Table:
    """What findings of one detection each have in common, by the number of their detection's kind.

    Args:
        kinds: `kind_id` and the columns of detections' kinds.
        connector_id: The connector they are of.
        settings: With the score maps.

    Returns:
        `kind_id`, `connector_id` and the columns of findings' kinds.
    """
    rows = kinds.mutate(connector_id=ibis.literal(connector_id))
    word = rows.finding_severity
    return rows.select(
        KIND,
        "connector_id",
        "category",
        "cve_id",
        "vendor_finding_id",
        "product_vendor",
        "product_name",
        "product_version",
        "fixing_kb",
        title=rows.finding_name,
        source_severity=word,
        severity=finding_severity(word, rows.cve_id, rows.connector_id, settings),
        score_key=score_key(rows.cve_id, word, rows.connector_id, settings.own_score_maps),
    )


def score_first(
    lifted: ir.Table,
    others: ir.Table | None,
    kinds: ir.Table,
    score: Callable[[ir.Table], ir.Table],
    materialise: Callable[[ir.Table], ir.Table],
) -> tuple[ir.Table, ir.Table]:
    """Findings with their scores.

    Args:
        lifted: Findings of one detection each: `ROLLED_UP` and `kind_id`.
        others: Findings of several: `ROLLED_UP` and `score_key`; None where there are none.
        kinds: What `kinds_of_findings` gave, materialised.
        score: Makes of the `KEY_COLUMNS` of findings the rows of CVE_SCORE, materialised.
        materialise: Computes a table once.

    Returns:
        The scores, and the findings: `ROLLED_UP`, `qds`, `score_key`, `kind_id` (null for those of several detections).
    """
    columns = (*ROLLED_UP, "qds", "score_key", KIND)
    keys = kinds.select(*KEY_COLUMNS)
    scores = score(keys if others is None else keys.union(others.select(*KEY_COLUMNS)))
    known = materialise(kinds.join(scores.select("score_key", "qds"), "score_key").select(KIND, "qds", "score_key"))
    findings = lifted.join(known, KIND).select(*columns)
    if others is not None:
        scored = others.join(scores.select("score_key", "qds"), "score_key")
        findings = findings.union(scored.mutate(**{KIND: ibis.null("int64")}).select(*columns))
    return scores, findings
