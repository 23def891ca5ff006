"""Tags in the config store: what they are, and the assets that people gave them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from riskbridge.errors import InputError
from riskbridge.model.tag import MOST_TAGS, Tag
from riskbridge.store.config.database import Database
from riskbridge.store.config.tables import TagAssetRow, TagRow

Audit = Callable[[Session, str, str, dict[str, Any]], None]
MOST_SHOWN = 20
"""Assets that an audit entry names."""


class ConfigTags:
    """Tags by name, in any letter case. Threads may share it.

    Args:
        database: Where they are.
        audit: Adds an audit entry to a writing session.
    """

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit

    def list_tags(self) -> list[Tag]:
        """Every tag, by name."""
        with self._database.reading() as session:
            return [_value(row) for row in session.scalars(select(TagRow).order_by(TagRow.name_key))]

    def find_tag(self, name: str) -> Tag | None:
        """The tag of that name, or None."""
        with self._database.reading() as session:
            row = session.get(TagRow, _key(name))
            return None if row is None else _value(row)

    def get_tag(self, name: str) -> Tag:
        """The tag of that name.

        Raises:
            InputError: `tag.unknown`.
        """
        found = self.find_tag(name)
        if found is None:
            raise _unknown(name)
        return found

    def save_tag(self, tag: Tag) -> None:
        """Add or change a tag; the assets that it has by hand stay.

        Raises:
            InputError: `tag.too-many`.
        """
        with self._database.writing() as session:
            row = session.get(TagRow, _key(tag.name))
            if row is not None and _value(row) == tag:
                return
            if row is None and len(session.scalars(select(TagRow.name_key)).all()) >= MOST_TAGS:
                raise InputError(
                    f"There are {MOST_TAGS} tags already.", code="tag.too-many", remedy="Delete one that is not used."
                )
            session.merge(TagRow(name_key=_key(tag.name), **asdict(tag)))
            self._audit(session, f"tag.{'added' if row is None else 'changed'}", tag.name, asdict(tag))

    def delete_tag(self, name: str) -> None:
        """Delete a tag; sources that give one of the same name go on doing so.

        Raises:
            InputError: `tag.unknown`.
        """
        with self._database.writing() as session:
            row = session.get(TagRow, _key(name))
            if row is None:
                raise _unknown(name)
            session.execute(delete(TagAssetRow).where(TagAssetRow.name_key == row.name_key))
            session.delete(row)
            self._audit(session, "tag.deleted", row.name, {})

    def list_assigned(self) -> dict[str, tuple[str, ...]]:
        """Tag to the assets that people gave it, sorted, for tags that have some."""
        query = select(TagRow.name, TagAssetRow.asset_id).join(TagAssetRow, TagAssetRow.name_key == TagRow.name_key)
        found: dict[str, list[str]] = {}
        with self._database.reading() as session:
            for name, asset_id in session.execute(query.order_by(TagRow.name, TagAssetRow.asset_id)):
                found.setdefault(name, []).append(asset_id)
        return {name: tuple(ids) for name, ids in found.items()}

    def assign(self, name: str, asset_ids: Collection[str]) -> int:
        """Give assets a tag; gives how many did not have it by hand before.

        Raises:
            InputError: `tag.unknown`.
        """
        with self._database.writing() as session:
            row = session.get(TagRow, _key(name))
            if row is None:
                raise _unknown(name)
            there = set(session.scalars(select(TagAssetRow.asset_id).where(TagAssetRow.name_key == row.name_key)))
            new = sorted(set(asset_ids) - there)
            session.add_all(TagAssetRow(name_key=row.name_key, asset_id=a) for a in new)
            if new:
                self._audit(session, "tag.assigned", row.name, _shown(new))
            return len(new)

    def unassign(self, name: str, asset_ids: Collection[str]) -> int:
        """Take a tag that was given by hand from assets; gives how many had it.

        Raises:
            InputError: `tag.unknown`.
        """
        with self._database.writing() as session:
            row = session.get(TagRow, _key(name))
            if row is None:
                raise _unknown(name)
            there = set(session.scalars(select(TagAssetRow.asset_id).where(TagAssetRow.name_key == row.name_key)))
            gone = sorted(there & set(asset_ids))
            for asset_id in gone:
                session.delete(session.get_one(TagAssetRow, (row.name_key, asset_id)))
            if gone:
                self._audit(session, "tag.unassigned", row.name, _shown(gone))
            return len(gone)


def _key(name: str) -> str:
    return name.strip().casefold()


def _shown(asset_ids: list[str]) -> dict[str, Any]:
    return {"assets": len(asset_ids), "asset_ids": asset_ids[:MOST_SHOWN]}


def _unknown(name: str) -> InputError:
    return InputError(f"There is no tag '{name}'.", code="tag.unknown", remedy="List them with: riskbridge tag list")


def _value(row: TagRow) -> Tag:
    return Tag(**{f.name: getattr(row, f.name) for f in fields(Tag)})
