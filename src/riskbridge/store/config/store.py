"""The config store: connectors, profiles and runs, as values in and values out."""

from __future__ import annotations

import difflib
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, inspect, select, text
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.orm import Session

from riskbridge.errors import ConfigError, InputError
from riskbridge.model.connector import Connector, Profile, RunOutcome
from riskbridge.model.run import RunRecord
from riskbridge.store.config.tables import ConnectorRow, ProfileRow, RunRow

HEAD = "0001"
"""The newest migration of this release."""


class ConfigStore:
    """What people set up, in one SQLite file, made or migrated when it is opened.

    Raises:
        ConfigError: `config.unreadable` for a file that is no store, `config.newer` for one of a later release; neither is
            changed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = _open(path)
        try:
            with self._engine.begin() as connection:
                self._ensure_schema(connection)
        except DatabaseError as error:
            self._engine.dispose()
            raise ConfigError(
                f"The config store {path} cannot be read: {error.orig}.",
                code="config.unreadable",
                remedy="Restore it from a backup, or move it away to begin anew. It was not changed.",
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._engine.dispose()

    def save_connector(self, connector: Connector) -> None:
        """Insert or update a connector.

        Raises:
            InputError: `connector.exists`: another connector has the name.
        """
        try:
            with Session(self._engine) as session, session.begin():
                session.merge(ConnectorRow(**asdict(connector)))
        except IntegrityError as error:
            raise InputError(
                f"There is a connector named '{connector.name}' already.",
                code="connector.exists",
                remedy="Choose another name, or see it with: riskbridge connector show NAME",
            ) from error

    def find_connector(self, name: str) -> Connector | None:
        """The connector of that name in any letter case, or None."""
        with Session(self._engine) as session:
            row = session.scalars(select(ConnectorRow).where(func.lower(ConnectorRow.name) == name.lower())).first()
            return None if row is None else Connector(**_values(row, Connector))

    def get_connector(self, name: str) -> Connector:
        """The connector of that name in any letter case.

        Raises:
            InputError: `connector.unknown`, with the nearest names.
        """
        found = self.find_connector(name)
        if found is not None:
            return found
        names = [c.name for c in self.list_connectors()]
        near = difflib.get_close_matches(name, names, n=3) or names[:5]
        remedy = f"Did you mean: {', '.join(near)}?" if near else "Add one with: riskbridge connector add"
        raise InputError(f"There is no connector named '{name}'.", code="connector.unknown", remedy=remedy)

    def list_connectors(self) -> list[Connector]:
        """Every connector by name."""
        with Session(self._engine) as session:
            rows = session.scalars(select(ConnectorRow).order_by(func.lower(ConnectorRow.name)))
            return [Connector(**_values(row, Connector)) for row in rows]

    def save_profile(self, profile: Profile) -> None:
        """Insert or update a profile."""
        with Session(self._engine) as session, session.begin():
            session.merge(ProfileRow(**asdict(profile)))

    def list_profiles(self, connector_id: str) -> list[Profile]:
        """The connector's profiles by name."""
        with Session(self._engine) as session:
            rows = session.scalars(
                select(ProfileRow).where(ProfileRow.connector_id == connector_id).order_by(ProfileRow.name)
            )
            return [Profile(**_values(row, Profile)) for row in rows]

    def get_profile(self, connector_id: str, name: str | None) -> Profile:
        """The profile of that name; without a name, the connector's only one, or the one named `default`.

        Raises:
            InputError: `profile.unknown`, with the names there are.
        """
        profiles = self.list_profiles(connector_id)
        wanted = name or ("default" if len(profiles) > 1 else profiles[0].name if profiles else "default")
        for profile in profiles:
            if profile.name.lower() == wanted.lower():
                return profile
        names = ", ".join(p.name for p in profiles) or "none"
        raise InputError(
            f"The connector has no profile named '{wanted}'.",
            code="profile.unknown",
            remedy=f"Choose one with --profile. There are: {names}.",
        )

    def save_run(self, record: RunRecord) -> None:
        """Insert or update a run's record."""
        values = asdict(record) | {"warnings": list(record.warnings), "outcome": record.outcome.value}
        with Session(self._engine) as session, session.begin():
            session.merge(RunRow(**values))

    def list_runs(self, connector_id: str | None = None, *, limit: int = 50) -> list[RunRecord]:
        """Runs, newest first; of one connector or of all."""
        query = select(RunRow).order_by(RunRow.started_at.desc()).limit(limit)
        if connector_id is not None:
            query = query.where(RunRow.connector_id == connector_id)
        with Session(self._engine) as session:
            return [_record(row) for row in session.scalars(query)]

    def list_running(self, connector_id: str) -> list[RunRecord]:
        """Runs whose record says that they have not ended, newest first. Who owns the home knows that they were killed."""
        return [r for r in self.list_runs(connector_id, limit=1000) if r.outcome is RunOutcome.RUNNING]

    def _ensure_schema(self, connection: Connection) -> None:
        version = _version(connection)
        if version == HEAD:
            return
        if version is not None and version > HEAD:
            raise ConfigError(
                f"The config store {self.path} was written by a newer riskbridge (schema {version}).",
                code="config.newer",
                remedy="Upgrade riskbridge. The store was not changed.",
            )
        _migrate(connection)


def _open(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 10})

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _: Any) -> None:
        for pragma in ("foreign_keys = ON", "busy_timeout = 10000", "journal_mode = WAL", "synchronous = FULL"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _migrate(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - half a second, needed once a release
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _values(row: object, kind: type[Any]) -> dict[str, Any]:
    return {f.name: getattr(row, f.name) for f in fields(kind)}


def _record(row: RunRow) -> RunRecord:
    values = _values(row, RunRecord)
    return RunRecord(**values | {"outcome": RunOutcome(row.outcome), "warnings": tuple(row.warnings)})
