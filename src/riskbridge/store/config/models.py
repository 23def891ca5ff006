"""Source data models that people made, in the config store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from riskbridge.errors import InputError
from riskbridge.model.source_model import SourceModel, parse_model
from riskbridge.store.config.database import Database
from riskbridge.store.config.tables import DataModelRow

Audit = Callable[[Session, str, str, dict[str, Any]], None]


class ConfigModels:
    """Keeps data models by name, in any letter case. Threads may share it.

    Args:
        database: Where they are.
        audit: Adds an audit entry to a writing session.
        actor: Who makes the changes.
        now: The clock, aware UTC.
    """

    def __init__(self, database: Database, audit: Audit, actor: str, now: Callable[[], datetime]) -> None:
        self._database = database
        self._audit = audit
        self._actor = actor
        self._now = now

    def list_models(self) -> list[SourceModel]:
        """Every model by name."""
        with self._database.reading() as session:
            return [
                parse_model(row.body) for row in session.scalars(select(DataModelRow).order_by(DataModelRow.name_key))
            ]

    def find_model(self, name: str) -> SourceModel | None:
        """The model of that name, or None."""
        with self._database.reading() as session:
            row = session.get(DataModelRow, name.casefold())
            return None if row is None else parse_model(row.body)

    def save_model(self, model: SourceModel, *, is_new: bool = False) -> None:
        """Keep a model, in place of one of that name; one that is the same changes nothing.

        Args:
            model: What to keep.
            is_new: None of that name may be there yet.

        Raises:
            InputError: `model.exists`.
        """
        body = model.as_dict()
        with self._database.writing() as session:
            row = session.get(DataModelRow, model.name.casefold())
            if row is not None and is_new:
                raise InputError(
                    f"There is a data model named '{model.name}' already.",
                    code="model.exists",
                    remedy=f"Choose another name, or see it with: riskbridge model show {model.name}",
                )
            if row is not None and row.body == body:
                return
            session.merge(
                DataModelRow(
                    name_key=model.name.casefold(),
                    name=model.name,
                    body=body,
                    saved_at=self._now(),
                    saved_by=self._actor,
                )
            )
            action = "model.added" if row is None else "model.changed"
            self._audit(session, action, model.name, {"fields": len(model.fields), "description": model.description})

    def delete_model(self, name: str) -> None:
        """Forget a model; nothing happens when there is none.

        Who deletes sees to it that nothing needs it.
        """
        with self._database.writing() as session:
            row = session.get(DataModelRow, name.casefold())
            if row is not None:
                session.delete(row)
                self._audit(session, "model.deleted", row.name, {})
