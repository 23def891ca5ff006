"""Saved views in the config store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from riskbridge.errors import InputError
from riskbridge.model.view import SavedView
from riskbridge.store.config.database import Database
from riskbridge.store.config.tables import ViewRow

Audit = Callable[[Session, str, str, dict[str, Any]], None]


class ConfigViews:
    """Views of people. Threads may share it.

    Args:
        database: Where they are.
        audit: Adds an audit entry to a writing session.
    """

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit

    def list_views(self, owner: str, subject: str | None = None) -> list[SavedView]:
        """A person's views and all shared ones, by name, the person's own first where names are equal."""
        query = select(ViewRow).where(or_(ViewRow.owner == owner, ViewRow.is_shared.is_(True)))
        if subject is not None:
            query = query.where(ViewRow.subject == subject)
        with self._database.reading() as session:
            found = [_value(row) for row in session.scalars(query)]
        return sorted(found, key=lambda v: (v.name.casefold(), v.owner != owner, v.owner, v.subject))

    def get_view(self, wanted: str, owner: str, subject: str | None = None) -> SavedView:
        """The view of that id or name that a person may see; of several the person's own.

        Raises:
            InputError: `view.unknown`.
        """
        for view in self.list_views(owner, subject):
            if wanted in (view.view_id, view.name) or wanted.strip().casefold() == view.name.casefold():
                return view
        raise InputError(
            f"There is no view '{wanted}'.", code="view.unknown", remedy="List them with: riskbridge view list"
        )

    def save_view(self, view: SavedView) -> None:
        """Add or change a view.

        Raises:
            InputError: `view.exists`: its owner has another of that name.
        """
        values = asdict(view) | {"columns": list(view.columns), "sort": list(view.sort)}
        try:
            with self._database.writing() as session:
                row = session.get(ViewRow, view.view_id)
                session.merge(ViewRow(**values, name_key=view.name.casefold()))
                told = {n: v for n, v in values.items() if n != "changed_at"}
                self._audit(session, f"view.{'added' if row is None else 'changed'}", view.name, told)
        except IntegrityError as error:
            raise InputError(
                f"There is a view named '{view.name}' already.",
                code="view.exists",
                remedy="Choose another name, or change that one.",
            ) from error

    def delete_view(self, view: SavedView) -> None:
        """Delete a view; nothing happens where it is gone."""
        with self._database.writing() as session:
            row = session.get(ViewRow, view.view_id)
            if row is not None:
                session.delete(row)
                self._audit(session, "view.deleted", row.name, {})


def _value(row: ViewRow) -> SavedView:
    values = {f.name: getattr(row, f.name) for f in fields(SavedView)}
    return SavedView(**values | {"columns": tuple(row.columns), "sort": tuple(row.sort)})
