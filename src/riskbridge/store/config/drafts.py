"""Drafts in the config store: what people began to set up. Nothing is set up by them, so that the audit log has none."""

from __future__ import annotations

from dataclasses import asdict, fields

from sqlalchemy import delete, select

from riskbridge.model.draft import Draft
from riskbridge.store.config.database import Database
from riskbridge.store.config.tables import DraftRow


class ConfigDrafts:
    """Keeps drafts by account. Threads may share it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_drafts(self, account_id: str) -> list[Draft]:
        """An account's, the one that was worked on last first."""
        query = select(DraftRow).where(DraftRow.account_id == account_id)
        with self._database.reading() as session:
            found = session.scalars(query.order_by(DraftRow.changed_at.desc(), DraftRow.draft_id))
            return [_value(row) for row in found]

    def find_draft(self, account_id: str, draft_id: str) -> Draft | None:
        """One of an account's; None when it has none of that id."""
        with self._database.reading() as session:
            row = session.get(DraftRow, draft_id)
            return None if row is None or row.account_id != account_id else _value(row)

    def save_draft(self, draft: Draft) -> None:
        """Insert or replace one."""
        with self._database.writing() as session:
            session.merge(DraftRow(**asdict(draft)))

    def delete_draft(self, account_id: str, draft_id: str) -> bool:
        """Forget one, with its secrets; False when the account has none of that id."""
        with self._database.writing() as session:
            query = delete(DraftRow).where(DraftRow.account_id == account_id, DraftRow.draft_id == draft_id)
            return session.execute(query.returning(DraftRow.draft_id)).first() is not None


def _value(row: DraftRow) -> Draft:
    return Draft(**{f.name: getattr(row, f.name) for f in fields(Draft)})
