"""The config store: connectors, profiles, runs, settings and the audit log, as values in and values out."""

from __future__ import annotations

import copy
import difflib
import getpass
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from riskbridge.errors import InputError
from riskbridge.model.connector import Connector, Profile, RunOutcome
from riskbridge.model.file_settings import file_settings_of
from riskbridge.model.run import RunRecord
from riskbridge.store.config.accounts import ConfigAccounts
from riskbridge.store.config.database import Database
from riskbridge.store.config.drafts import ConfigDrafts
from riskbridge.store.config.identification import ConfigIdentification
from riskbridge.store.config.maps import ConfigMaps
from riskbridge.store.config.models import ConfigModels
from riskbridge.store.config.schedules import ConfigSchedules, run_row
from riskbridge.store.config.score_maps import ConfigScoreMaps
from riskbridge.store.config.tables import AuditRow, ConnectorRow, ProfileRow, RunRow, SettingRow
from riskbridge.store.config.tags import ConfigTags
from riskbridge.store.config.views import ConfigViews

_SECRETS = frozenset({"client_secret"})


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change that a person made: who, when, what was done to which object, and the values that changed.

    Attributes:
        at: Aware UTC.
        actor: Name of the account.
        action: Such as `connector.changed`.
        object: Name of what was changed.
        detail: New values by field; a secret shows as `changed`.
    """

    at: datetime
    actor: str
    action: str
    object: str
    detail: dict[str, Any]


T = TypeVar("T", Connector, Profile, AuditEntry)


class ConfigStore:
    """What people set up and the record of runs, made or migrated when it is opened. Threads may share it.

    Every change of a connector, profile or setting adds an audit entry in the same transaction; saving what is there
    already changes nothing. Names are unique and found without regard to letter case.

    Args:
        where: Path of a SQLite file, or a SQLAlchemy URL.
        actor: Who makes the changes, for the audit log; None is the user of this process.
        now: The clock, aware UTC.

    Raises:
        ConfigError: `config.unreadable`, `config.foreign`, `config.newer`, `config.read-only`; nothing was changed.
        RetryableError: `config.busy`: another process keeps writing. Any method may raise it.
        FatalError: `config.disk`: the disk is full. Any method may raise it.
    """

    def __init__(
        self, where: Path | str, *, actor: str | None = None, now: Callable[[], datetime] | None = None
    ) -> None:
        self._actor = actor or _local_user()
        self._now = now or (lambda: datetime.now(UTC))
        self._database = Database(where)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def acting_as(self, actor: str) -> ConfigStore:
        """The same store, whose changes are another person's."""
        other = copy.copy(self)
        vars(other).update(_actor=actor)
        return other

    @property
    def accounts(self) -> ConfigAccounts:
        """Accounts, sessions and API tokens."""
        return ConfigAccounts(self._database)

    @property
    def schedules(self) -> ConfigSchedules:
        """When profiles run by themselves."""
        return ConfigSchedules(self._database, self._audit)

    @property
    def identification(self) -> ConfigIdentification:
        """Identification rules by connector, and what people put together and took apart."""
        return ConfigIdentification(self._database, self._audit)

    @property
    def drafts(self) -> ConfigDrafts:
        """What people began to set up and have not saved yet."""
        return ConfigDrafts(self._database)

    @property
    def maps(self) -> ConfigMaps:
        """Transform maps in versions."""
        return ConfigMaps(self._database, self._audit, self._actor, self._now)

    @property
    def score_maps(self) -> ConfigScoreMaps:
        """Score maps that connectors have of their own."""
        return ConfigScoreMaps(self._database, self._audit)

    @property
    def tags(self) -> ConfigTags:
        """Tags, and the assets that people gave them."""
        return ConfigTags(self._database, self._audit)

    @property
    def views(self) -> ConfigViews:
        """Saved views."""
        return ConfigViews(self._database, self._audit)

    @property
    def data_models(self) -> ConfigModels:
        """Source data models that people made."""
        return ConfigModels(self._database, self._audit, self._actor, self._now)

    # Connectors

    def save_connector(self, connector: Connector) -> None:
        """Insert or update a connector.

        Raises:
            InputError: `connector.exists`: another connector has the name.
        """
        try:
            with self._database.writing() as session:
                row = session.get(ConnectorRow, connector.connector_id)
                self._save(session, "connector", connector, row, ConnectorRow)
        except IntegrityError as error:
            raise InputError(
                f"There is a connector named '{connector.name}' already.",
                code="connector.exists",
                remedy="Choose another name, or see it with: riskbridge connector show NAME",
            ) from error

    def find_connector(self, name: str) -> Connector | None:
        """The connector of that name in any letter case, else of that id, or None."""
        with self._database.reading() as session:
            row = _find_connector(session, name)
            return None if row is None else _value(row, Connector)

    def get_connector(self, name: str) -> Connector:
        """The connector of that name in any letter case, else of that id.

        Raises:
            InputError: `connector.unknown`, with the nearest names.
        """
        found = self.find_connector(name)
        if found is None:
            raise _unknown_connector(name, [c.name for c in self.list_connectors()])
        return found

    def list_connectors(self) -> list[Connector]:
        """Every connector by name."""
        with self._database.reading() as session:
            rows = session.scalars(select(ConnectorRow).order_by(ConnectorRow.name_key))
            return [_value(row, Connector) for row in rows]

    def delete_connector(self, name: str) -> None:
        """Delete a connector and its profiles; records of its runs and everything in the warehouse stay.

        Raises:
            InputError: `connector.unknown`, with the nearest names.
        """
        with self._database.writing() as session:
            row = _find_connector(session, name)
            if row is None:
                raise _unknown_connector(name, list(session.scalars(select(ConnectorRow.name))))
            session.delete(row)
            self._audit(session, "connector.deleted", row.name, {"connector_id": row.connector_id})

    # Profiles

    def save_profile(self, profile: Profile) -> None:
        """Insert or update a profile.

        Raises:
            InputError: `profile.exists`: the connector has another profile of that name, or the connector is not there.
        """
        try:
            with self._database.writing() as session:
                row = session.get(ProfileRow, profile.profile_id)
                self._save(session, "profile", profile, row, ProfileRow)
        except IntegrityError as error:
            raise InputError(
                f"The profile '{profile.name}' cannot be saved: its connector has another of that name, or is gone.",
                code="profile.exists",
                remedy="Choose another name, or see what there is with: riskbridge connector show NAME",
            ) from error

    def list_profiles(self, connector_id: str) -> list[Profile]:
        """The connector's profiles by name."""
        query = select(ProfileRow).where(ProfileRow.connector_id == connector_id).order_by(ProfileRow.name_key)
        with self._database.reading() as session:
            return [_value(row, Profile) for row in session.scalars(query)]

    def get_profile(self, connector_id: str, name: str | None) -> Profile:
        """The profile of that name or id; without a name, the connector's only one, or the one named `default`.

        Raises:
            InputError: `profile.unknown`, with the names there are.
        """
        profiles = self.list_profiles(connector_id)
        wanted = name or (profiles[0].name if len(profiles) == 1 else "default")
        for profile in profiles:
            if profile.name.casefold() == wanted.casefold():
                return profile
        for profile in profiles:
            if profile.profile_id == wanted:
                return profile
        raise _unknown_profile(wanted, [p.name for p in profiles])

    def delete_profile(self, connector_id: str, name: str) -> None:
        """Delete a profile; records of its runs stay.

        Raises:
            InputError: `profile.unknown`, with the names there are.
        """
        profile = self.get_profile(connector_id, name)
        with self._database.writing() as session:
            row = session.get(ProfileRow, profile.profile_id)
            if row is not None:
                named = _profile_name(session, profile)
                session.delete(row)
                self._audit(session, "profile.deleted", named, {"profile_id": profile.profile_id})

    # Runs

    def save_run(self, record: RunRecord) -> None:
        """Insert or update a run's record."""
        with self._database.writing() as session:
            session.merge(run_row(record))

    def get_run(self, run_id: str) -> RunRecord:
        """The run whose id begins so.

        Raises:
            InputError: `run.unknown`: no run's id does, or several do.
        """
        query = select(RunRow).where(RunRow.run_id.startswith(run_id, autoescape=True)).limit(2)
        with self._database.reading() as session:
            found = [_record(row) for row in session.scalars(query)] if run_id else []
        if len(found) == 1:
            return found[0]
        problem = "is the beginning of more than one" if found else "is no"
        raise InputError(
            f"'{run_id}' {problem} run id.", code="run.unknown", remedy="List the ids with: riskbridge runs"
        )

    def list_runs(self, connector_id: str | None = None, *, limit: int = 50) -> list[RunRecord]:
        """Runs, newest first; of one connector or of all."""
        query = select(RunRow).order_by(RunRow.started_at.desc(), RunRow.run_id).limit(limit)
        if connector_id is not None:
            query = query.where(RunRow.connector_id == connector_id)
        with self._database.reading() as session:
            return [_record(row) for row in session.scalars(query)]

    def list_open(self, connector_id: str | None = None) -> list[RunRecord]:
        """Runs that by their record have not ended, oldest first; of one connector or of all.

        Who owns the home and works on none of them knows that those that run were killed.
        """
        ends = [outcome.value for outcome in RunOutcome if outcome.is_open]
        query = select(RunRow).where(RunRow.outcome.in_(ends)).order_by(RunRow.started_at, RunRow.run_id)
        if connector_id is not None:
            query = query.where(RunRow.connector_id == connector_id)
        with self._database.reading() as session:
            return [_record(row) for row in session.scalars(query)]

    # Settings and the audit log

    def find_setting(self, name: str) -> Any:
        """The value a person chose, as plain data; None when nobody did."""
        with self._database.reading() as session:
            row = session.get(SettingRow, name)
            return None if row is None else row.value

    def save_setting(self, name: str, value: Any) -> None:
        """Keep a choice; `value` is plain data that JSON can hold."""
        with self._database.writing() as session:
            row = session.get(SettingRow, name)
            if row is not None and row.value == value:
                return
            session.merge(SettingRow(name=name, value=value, changed_at=self._now()))
            self._audit(session, "setting.changed", name, {"value": value})

    @property
    def actor(self) -> str:
        """Who makes the changes."""
        return self._actor

    def record(self, action: str, name: str, detail: dict[str, Any]) -> None:
        """Add an audit entry for a change that is kept elsewhere, such as a decision in the warehouse."""
        with self._database.writing() as session:
            self._audit(session, action, name, detail)

    def list_audit(self, *, limit: int = 100) -> list[AuditEntry]:
        """What people changed, newest first."""
        with self._database.reading() as session:
            rows = session.scalars(select(AuditRow).order_by(AuditRow.audit_id.desc()).limit(limit))
            return [_value(row, AuditEntry) for row in rows]

    def find_change(self, noun: str, name: str) -> AuditEntry | None:
        """The newest change of an object; None when the audit log knows of none.

        Args:
            noun: What its actions begin with, such as `connector`.
            name: The object's name, as the audit log has it.
        """
        query = (
            select(AuditRow)
            .where(AuditRow.object == name, AuditRow.action.startswith(f"{noun}."))
            .order_by(AuditRow.audit_id.desc())
            .limit(1)
        )
        with self._database.reading() as session:
            row = session.scalars(query).first()
            return None if row is None else _value(row, AuditEntry)

    def _save(
        self,
        session: Session,
        noun: str,
        value: Connector | Profile,
        row: ConnectorRow | ProfileRow | None,
        kind: type[ConnectorRow | ProfileRow],
    ) -> None:
        values = asdict(value)
        if isinstance(value, Connector) and value.file is not None:
            values["file"] = value.file.as_dict()
        changed = {n: v for n, v in values.items() if row is None or getattr(row, n) != v}
        if not changed:
            return
        session.merge(kind(**values, name_key=value.name.casefold()))
        shown = {n: "changed" if n in _SECRETS else v for n, v in changed.items()}
        name = _profile_name(session, value) if isinstance(value, Profile) else value.name
        self._audit(session, f"{noun}.{'added' if row is None else 'changed'}", name, shown)

    def _audit(self, session: Session, action: str, name: str, detail: dict[str, Any]) -> None:
        session.add(AuditRow(at=self._now(), actor=self._actor, action=action, object=name, detail=detail))


def _profile_name(session: Session, profile: Profile) -> str:
    """A profile's name for the audit log: names are unique within a connector alone."""
    connector = session.get(ConnectorRow, profile.connector_id)
    return profile.name if connector is None else f"{connector.name}/{profile.name}"


def _find_connector(session: Session, name: str) -> ConnectorRow | None:
    found = session.scalars(select(ConnectorRow).where(ConnectorRow.name_key == name.casefold())).first()
    return found or session.get(ConnectorRow, name)


def _unknown_connector(name: str, names: Sequence[str]) -> InputError:
    near = _nearest(name, names)
    remedy = f"Did you mean: {', '.join(near)}?" if near else "Add one with: riskbridge connector add"
    return InputError(f"There is no connector named '{name}'.", code="connector.unknown", remedy=remedy)


def _unknown_profile(name: str, names: Sequence[str]) -> InputError:
    return InputError(
        f"The connector has no profile named '{name}'.",
        code="profile.unknown",
        remedy=f"Choose one with --profile. There are: {', '.join(names) or 'none'}.",
    )


def _nearest(name: str, names: Sequence[str]) -> Sequence[str]:
    by_key = {n.casefold(): n for n in sorted(names)}
    near = difflib.get_close_matches(name.casefold(), by_key, n=3)
    return [by_key[key] for key in near] or sorted(names)[:5]


def _value(row: object, kind: type[T]) -> T:
    values = _columns(row, kind)
    if values.get("file"):
        values["file"] = file_settings_of(values["file"])
    return kind(**values)


def _record(row: RunRow) -> RunRecord:
    values = _columns(row, RunRecord)
    lists = {"warnings": tuple(row.warnings), "streams": tuple(row.streams)}
    return RunRecord(**values | lists | {"outcome": RunOutcome(row.outcome)})


def _columns(row: object, kind: Any) -> dict[str, Any]:
    return {f.name: getattr(row, f.name) for f in fields(kind)}


def _local_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"uid {os.getuid()}"
