"""Transform maps in the config store: every save is a new version, and no version is ever changed or removed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from riskbridge.errors import InputError
from riskbridge.model.map_version import MapVersion
from riskbridge.store.config.database import Database
from riskbridge.store.config.tables import ConnectorRow, ProfileRow, TransformMapRow, TransformMapVersionRow

Audit = Callable[[Session, str, str, dict[str, Any]], None]


class ConfigMaps:
    """The maps that people made, in versions. Threads may share it.

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

    def list_maps(self) -> list[MapVersion]:
        """The newest version of every map, by name."""
        query = (
            select(TransformMapVersionRow)
            .join(TransformMapRow, TransformMapRow.name == TransformMapVersionRow.name)
            .where(TransformMapRow.version == TransformMapVersionRow.version, TransformMapRow.is_deleted.is_(False))
            .order_by(TransformMapVersionRow.name)
        )
        with self._database.reading() as session:
            return [_value(row) for row in session.scalars(query)]

    def find_map(self, name: str) -> MapVersion | None:
        """The newest version of a map; None when there is none, or it was deleted."""
        with self._database.reading() as session:
            head = session.get(TransformMapRow, name)
            if head is None or head.is_deleted:
                return None
            row = session.get(TransformMapVersionRow, (name, head.version))
            return None if row is None else _value(row)

    def find_version(self, name: str, version: int) -> MapVersion | None:
        """One version, also of a map that was deleted since; None when there is none."""
        with self._database.reading() as session:
            row = session.get(TransformMapVersionRow, (name, version))
            return None if row is None else _value(row)

    def list_versions(self, name: str) -> list[MapVersion]:
        """Every version of a map, newest first."""
        query = select(TransformMapVersionRow).where(TransformMapVersionRow.name == name)
        with self._database.reading() as session:
            found = session.scalars(query.order_by(TransformMapVersionRow.version.desc()))
            return [_value(row) for row in found]

    def save_map(self, name: str, body: dict[str, Any], *, note: str = "", expected: int | None = None) -> MapVersion:
        """Add a version; what is there already stays the newest.

        Args:
            name: The map.
            body: As in `MapVersion`.
            note: What to say of it.
            expected: The version that this one is an edit of, 0 for a new map; None takes whatever there is.

        Raises:
            InputError: `map.stale`: another version is the newest; `map.exists`: a new map has a name that is taken.
        """
        with self._database.writing() as session:
            head = session.get(TransformMapRow, name)
            newest = 0 if head is None or head.is_deleted else head.version
            _require_expected(name, newest, expected)
            stored = session.get(TransformMapVersionRow, (name, newest)) if newest else None
            if stored is not None and stored.body == body:
                return _value(stored)
            version = 1 if head is None else head.version + 1
            row = TransformMapVersionRow(
                name=name, version=version, body=body, note=note, saved_at=self._now(), saved_by=self._actor
            )
            session.add(row)
            session.merge(TransformMapRow(name=name, version=version, is_deleted=False))
            self._audit(session, f"map.{'changed' if newest else 'added'}", name, {"version": version, "note": note})
            session.flush()
            return _value(row)

    def keep_version(self, name: str, version: int, body: dict[str, Any]) -> None:
        """Keep a built-in map as a run used it, so that its version can be told when a later release has another."""
        with self._database.writing() as session:
            if session.get(TransformMapVersionRow, (name, version)) is None:
                values = {"note": "built in", "saved_at": self._now(), "saved_by": "riskbridge"}
                session.add(TransformMapVersionRow(name=name, version=version, body=body, **values))

    def delete_map(self, name: str, *, expected: int | None = None) -> None:
        """Delete a map; its versions stay, for what they made.

        Raises:
            InputError: `map.unknown`; `map.stale`; `map.in-use`: profiles name it.
        """
        with self._database.writing() as session:
            head = session.get(TransformMapRow, name)
            if head is None or head.is_deleted:
                raise InputError(
                    f"There is no transform map of yours named '{name}'.",
                    code="map.unknown",
                    remedy="List the maps with: riskbridge map list",
                )
            _require_expected(name, head.version, expected)
            users = session.execute(
                select(ConnectorRow.name, ProfileRow.name)
                .join(ProfileRow, ProfileRow.connector_id == ConnectorRow.connector_id)
                .where(ProfileRow.transform_map == name)
                .order_by(ConnectorRow.name)
            ).all()
            if users:
                told = ", ".join(f"'{profile}' of '{connector}'" for connector, profile in users[:10])
                raise InputError(
                    f"The transform map '{name}' is in use by {len(users)} profiles: {told}. It was not deleted.",
                    code="map.in-use",
                    remedy="Give them another map first: riskbridge profile change CONNECTOR PROFILE --map OTHER",
                )
            head.is_deleted = True
            self._audit(session, "map.deleted", name, {"version": head.version})


def _require_expected(name: str, newest: int, expected: int | None) -> None:
    if expected is None or expected == newest:
        return
    if expected == 0:
        raise InputError(
            f"There is a transform map named '{name}' already.", code="map.exists", remedy="Choose another name."
        )
    raise InputError(
        f"Version {newest} of the transform map '{name}' is the newest, and the edit is of version {expected}. "
        "Nothing was saved.",
        code="map.stale",
        remedy=f"See what changed with: riskbridge map show {name}. Then put your changes into that version.",
    )


def _value(row: TransformMapVersionRow) -> MapVersion:
    return MapVersion(**{f.name: getattr(row, f.name) for f in fields(MapVersion)})
