"""The config store's database: opening it, its schema, and its driver's failures in our words."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.orm import Session

from riskbridge.errors import ConfigError, FatalError, RetryableError, RiskbridgeError
from riskbridge.store.config.tables import HEAD

_IS_WRITING = "riskbridge_is_writing"


class Database:
    """Sessions on the config store's database, made or migrated when it is opened.

    A writing session takes the write lock as it begins, so two processes wait for each other in place of failing half
    way. Safe to use from several threads.

    Args:
        where: Path of a SQLite file, or a SQLAlchemy URL.
        busy_timeout_s: How long a write waits for another process's write to end (SQLite).

    Raises:
        ConfigError: `config.unreadable`, `config.foreign`, `config.newer`, `config.read-only`; nothing was changed.
        RetryableError: `config.busy`: another process has been writing all that time.
        FatalError: `config.disk`: the disk is full.
    """

    def __init__(self, where: Path | str, *, busy_timeout_s: float = 10.0) -> None:
        self.name = str(where) if isinstance(where, Path) else make_url(where).render_as_string(hide_password=True)
        self._engine = _make_engine(where, busy_timeout_s)
        self._writer = self._engine.execution_options(**{_IS_WRITING: True})
        try:
            with self._translated():
                if isinstance(where, Path):
                    _ensure_private(where)
                self._ensure_schema()
        except BaseException:
            self._engine.dispose()
            raise

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one state of the store."""
        with self._translated(), Session(self._engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session whose changes are seen together at its end, or never; `IntegrityError` is left to the caller."""
        with self._translated(), Session(self._writer) as session, session.begin():
            session.connection()  # takes the lock now
            yield session

    def _ensure_schema(self) -> None:
        with self._engine.connect() as connection:
            if _version(connection) == HEAD:
                return
        with self._writer.begin() as connection:
            version = _version(connection)  # another process may have made it while we waited for the lock
            if version is not None and version > HEAD:
                raise ConfigError(
                    f"The config store {self.name} was written by a newer riskbridge (schema {version}).",
                    code="config.newer",
                    remedy="Upgrade riskbridge. The store was not changed.",
                )
            if version is None and inspect(connection).get_table_names():
                raise ConfigError(
                    f"The database {self.name} holds tables that are not riskbridge's.",
                    code="config.foreign",
                    remedy="Choose another home with --home. The database was not changed.",
                )
            if version != HEAD:
                migrate(connection)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except (DatabaseError, OSError) as error:
            raise _explain(self.name, error) from error


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring the schema to a revision, in the connection's transaction."""
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells its plugins as it loads
    from alembic import command  # noqa: PLC0415 - takes half a second to load and is needed once a release
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _make_engine(where: Path | str, busy_timeout_s: float) -> Engine:
    url = make_url(f"sqlite:///{where}") if isinstance(where, Path) else make_url(where)
    if url.get_backend_name() != "sqlite":
        return create_engine(url)
    engine = create_engine(url, connect_args={"timeout": busy_timeout_s, "isolation_level": None})

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _: Any) -> None:
        for pragma in ("foreign_keys = ON", "synchronous = FULL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # Python's driver begins too late and never IMMEDIATE; a read that turns into a write cannot wait for its lock.
        is_writing = connection.get_execution_options().get(_IS_WRITING)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")

    return engine


def _ensure_private(path: Path) -> None:
    """The file exists, in write-ahead mode, readable by its user alone; SQLite's files beside it take its mode."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    with closing(sqlite3.connect(path)) as connection, suppress(sqlite3.OperationalError):
        # Another process may hold the new file already; without it the store is as safe, readers only wait for writers.
        connection.execute("PRAGMA journal_mode = WAL")


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _explain(name: str, error: DatabaseError | OSError) -> RiskbridgeError:
    reason = str(error.orig) if isinstance(error, DatabaseError) else (error.strerror or str(error))
    if "locked" in reason or "busy" in reason:
        return RetryableError(
            f"The config store {name} is being written by another process.",
            code="config.busy",
            remedy="Try again when the other riskbridge command has ended.",
        )
    if "full" in reason or "No space" in reason:
        return FatalError(
            f"The config store {name} cannot be written: {reason}.",
            code="config.disk",
            remedy="Free disk space and run again. Nothing stored was changed.",
        )
    if "readonly" in reason or "Read-only" in reason or "denied" in reason:
        return ConfigError(
            f"The config store {name} cannot be written: {reason}.",
            code="config.read-only",
            remedy="Make the file and its directory writable for this user, or choose another home with --home.",
        )
    return ConfigError(
        f"The config store {name} cannot be read: {reason}.",
        code="config.unreadable",
        remedy="Restore it from a backup, or move it away to begin anew. It was not changed.",
    )
