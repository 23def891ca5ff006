"""Detections rolled up to findings with their scores.

On a first run nothing is stored that they could be compared with, so a finding of one detection is that detection, and
what it is called, how severe it is and how it scores is worked out once for all devices that have it.
"""

from __future__ import annotations

from collections.abc import Callable

import ibis
import ibis.expr.types as ir

from riskbridge.lifecycle.findings import ROLLED_UP, lift, roll_up
from riskbridge.model.layout import KIND
from riskbridge.score.qds import finding_severity, score_key
from riskbridge.score.settings import ScoreSettings
from riskbridge.store.engine import DuckDBEngine

KEY_COLUMNS = ("score_key", "cve_id", "connector_id", "source_severity")
"""What scores are computed for."""


def roll_up_parts(
    engine: DuckDBEngine, after: ir.Table, settings: ScoreSettings, *, is_one_each: bool = False
) -> tuple[ir.Table, ir.Table | None]:
    """Findings of one detection each, and those of several; None where there are none.

    Args:
        engine: Executes.
        after: All detections of the findings in question: the columns of DETECTION but validity, and `kind_id` if known.
        settings: With the score maps.
        is_one_each: It is known that no two are of one finding.
    """
    word = after.finding_severity
    after = after.mutate(severity=finding_severity(word, after.cve_id, after.connector_id, settings))
    if is_one_each:
        return lift(after), None
    counted = after.group_by("finding_id").agg(number=after.count())
    shared = engine.materialise(counted.filter(counted.number > 1), "shared")
    if engine.scalar(shared.count()) == 0:
        return lift(after), None
    return lift(after.anti_join(shared, "finding_id")), roll_up(after.semi_join(shared, "finding_id"))


def together(lifted: ir.Table, others: ir.Table | None) -> ir.Table:
    """Findings of one detection each and those of several as one table."""
    return lifted if others is None else lifted.union(others)


def with_score_keys(rolled: ir.Table, settings: ScoreSettings) -> ir.Table:
    """Findings with `score_key`."""
    own = settings.own_score_maps
    return rolled.mutate(score_key=score_key(rolled.cve_id, rolled.source_severity, rolled.connector_id, own))


def with_scores(rolled: ir.Table, scores: ir.Table) -> ir.Table:
    """Findings that have a `score_key`: `ROLLED_UP`, `qds`, `score_key`."""
    return rolled.join(scores.select("score_key", "qds"), "score_key").select(*ROLLED_UP, "qds", "score_key")


def kinds_of_findings(kinds: ir.Table, settings: ScoreSettings) -> ir.Table:
    """What findings of one detection each have in common, by the number of their detection's kind.

    Args:
        kinds: `kind_id` and the columns of detections' kinds.
        settings: With the score maps.

    Returns:
        `kind_id`, `connector_id` and the columns of findings' kinds.
    """
    word = kinds.finding_severity
    return kinds.select(
        KIND,
        "connector_id",
        "category",
        "cve_id",
        "vendor_finding_id",
        "product_vendor",
        "product_name",
        "product_version",
        "fixing_kb",
        title=kinds.finding_name,
        source_severity=word,
        severity=finding_severity(word, kinds.cve_id, kinds.connector_id, settings),
        score_key=score_key(kinds.cve_id, word, kinds.connector_id, settings.own_score_maps),
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
        findings = findings.union(with_scores(others, scores).mutate(**{KIND: ibis.null("int64")}).select(*columns))
    return scores, findings
