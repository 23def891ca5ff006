"""Score maps that connectors have of their own, in the config store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from riskbridge.model.connector import Connector
from riskbridge.model.score_map import ScoreMap, ScoreMapRow
from riskbridge.store.config import tables
from riskbridge.store.config.database import Database

Audit = Callable[[Session, str, str, dict[str, Any]], None]


class ConfigScoreMaps:
    """Score maps by connector. Threads may share it.

    Args:
        database: Where they are.
        audit: Adds an audit entry to a writing session.
    """

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit

    def list_score_maps(self) -> dict[str, ScoreMap]:
        """Connector id to its own map, for those that have one."""
        with self._database.reading() as session:
            return {row.connector_id: _value(row) for row in session.scalars(select(tables.ScoreMapRow))}

    def find_score_map(self, connector_id: str) -> ScoreMap | None:
        """A connector's own map; None where it has none."""
        with self._database.reading() as session:
            row = session.get(tables.ScoreMapRow, connector_id)
            return None if row is None else _value(row)

    def save_score_map(self, connector: Connector, score_map: ScoreMap) -> None:
        """Keep a connector's own map; the audit log has who and when."""
        values = plain_map(score_map)
        with self._database.writing() as session:
            row = session.get(tables.ScoreMapRow, connector.connector_id)
            if row is not None and _value(row) == score_map:
                return
            session.merge(tables.ScoreMapRow(connector_id=connector.connector_id, **values))
            self._audit(session, "score-map.changed", connector.name, values)

    def delete_score_map(self, connector: Connector) -> None:
        """Let a connector have no map of its own; nothing happens where it has none."""
        with self._database.writing() as session:
            row = session.get(tables.ScoreMapRow, connector.connector_id)
            if row is not None:
                session.delete(row)
                self._audit(session, "score-map.reset", connector.name, {})


def plain_map(score_map: ScoreMap) -> dict[str, Any]:
    """A score map as plain data, highest severity first."""
    rows = sorted(score_map.rows, key=lambda row: -row.severity)
    return {
        "rows": [{"severity": r.severity, "source_values": list(r.source_values), "qds": r.qds} for r in rows],
        "default_severity": score_map.default_severity,
    }


def _value(row: tables.ScoreMapRow) -> ScoreMap:
    rows = (ScoreMapRow(r["severity"], tuple(r["source_values"]), r["qds"]) for r in row.rows)
    return ScoreMap(tuple(rows), row.default_severity)
