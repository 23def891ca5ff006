"""The base scores of the CVSS vectors that a run meets: a few thousand texts, each parsed once in a process."""

from __future__ import annotations

import ibis.expr.types as ir
import pyarrow as pa

from riskbridge.enrich.facts import Feeds, stated_vectors
from riskbridge.enrich.vectors import base_score
from riskbridge.source.arrays import floats
from riskbridge.store.engine import DuckDBEngine


def score_vectors(engine: DuckDBEngine, catalogue: ir.Table, feeds: Feeds) -> ir.Table:
    """`vector` and `vector_score`, null for a bad one, of every vector that is stated."""
    stated = engine.rows(stated_vectors(catalogue, feeds)).column("vector")
    scores = floats([base_score(str(v)) for v in stated.to_pylist()])
    return engine.from_arrow(
        pa.table({"vector": stated, "vector_score": scores}), {"vector": "string", "vector_score": "float64"}
    )
