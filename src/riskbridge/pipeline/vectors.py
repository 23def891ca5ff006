"""The base scores of the CVSS vectors that a run meets: a few thousand texts, each parsed once in a process."""

from __future__ import annotations

import ibis.expr.types as ir

from riskbridge.enrich.facts import Feeds, stated_vectors
from riskbridge.enrich.vectors import base_score
from riskbridge.store.engine import DuckDBEngine


def score_vectors(engine: DuckDBEngine, catalogue: ir.Table, feeds: Feeds) -> ir.Table:
    """`vector` and `vector_score`, null for a bad one, of every vector that is stated."""
    stated = engine.rows(stated_vectors(catalogue, feeds)).column("vector")
    scored = ({"vector": v, "vector_score": base_score(str(v))} for v in stated.to_pylist())
    return engine.from_records(scored, {"vector": "string", "vector_score": "float64"})
