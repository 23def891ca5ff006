"""The config store's tables, in types that SQLite and PostgreSQL share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DDL, JSON, DateTime, Dialect, ForeignKey, String, Table, Text, UniqueConstraint, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

HEAD = "0016"
"""The newest migration of this release; a test holds it equal to the newest file in `migrations/versions`."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time on engines that keep no zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Store UTC without a zone."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give UTC with its zone."""
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """The tables' common registry."""


class ConnectorRow(Base):
    """One connector; `name_key` is the name without regard to letter case, in which names are unique."""

    __tablename__ = "connector"
    __table_args__ = (UniqueConstraint("name_key", name="connector_name_unique"),)

    connector_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    name_key: Mapped[str] = mapped_column(String(400))
    description: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(40))
    login_url: Mapped[str] = mapped_column(Text)
    api_url: Mapped[str] = mapped_column(Text)
    audience: Mapped[str] = mapped_column(Text)
    tenant_id: Mapped[str] = mapped_column(String(200))
    client_id: Mapped[str] = mapped_column(String(200))
    client_secret: Mapped[str] = mapped_column(Text)
    ca_bundle: Mapped[str | None] = mapped_column(Text)
    proxy: Mapped[str | None] = mapped_column(Text)
    retain_missing: Mapped[bool]
    certificate: Mapped[str | None] = mapped_column(Text)
    federated_token_file: Mapped[str | None] = mapped_column(Text)
    managed_identity: Mapped[str | None] = mapped_column(String(80))
    calls_per_minute: Mapped[int | None]
    secret_expires_on: Mapped[str | None] = mapped_column(String(10))
    file: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class DataModelRow(Base):
    """A source data model that a person made; `name_key` is the name without regard to letter case."""

    __tablename__ = "data_model"

    name_key: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    saved_by: Mapped[str] = mapped_column(String(200))


class ProfileRow(Base):
    """What one run of a connector fetches; goes with its connector."""

    __tablename__ = "profile"
    __table_args__ = (UniqueConstraint("connector_id", "name_key", name="profile_name_unique"),)

    profile_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    connector_id: Mapped[str] = mapped_column(ForeignKey("connector.connector_id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    name_key: Mapped[str] = mapped_column(String(400))
    description: Mapped[str] = mapped_column(Text)
    transform_map: Mapped[str] = mapped_column(String(200))
    device_filter: Mapped[str | None] = mapped_column(Text)
    finding_filter: Mapped[str | None] = mapped_column(Text)
    page_size: Mapped[int | None]
    is_active: Mapped[bool]
    strategy: Mapped[str] = mapped_column(String(20), server_default="paged")
    has_software: Mapped[bool] = mapped_column(server_default="0")


class RunRow(Base):
    """One execution of a profile. It refers to nothing, so that history outlives its connector."""

    __tablename__ = "run"

    run_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    connector_id: Mapped[str] = mapped_column(String(32), index=True)
    connector_name: Mapped[str] = mapped_column(String(200))
    profile_id: Mapped[str] = mapped_column(String(32))
    trigger: Mapped[str] = mapped_column(String(20))
    outcome: Mapped[str] = mapped_column(String(20), index=True)
    phase: Mapped[str | None] = mapped_column(String(40))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    observed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    scope_hash: Mapped[str] = mapped_column(Text)
    pid: Mapped[int]
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    run: Mapped[int | None]
    calls: Mapped[int]
    counts: Mapped[dict[str, Any]] = mapped_column(JSON)
    warnings: Mapped[list[Any]] = mapped_column(JSON)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    is_resumed: Mapped[bool]
    streams: Mapped[list[Any]] = mapped_column(JSON, server_default="[]")
    map_version: Mapped[str] = mapped_column(String(80), server_default="")
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_drop_accepted: Mapped[bool] = mapped_column(server_default="0")


class ScheduleRow(Base):
    """When a profile runs by itself; goes with its profile. `timing` is as `timing_as_dict` writes it."""

    __tablename__ = "schedule"
    __table_args__ = (UniqueConstraint("profile_id", name="schedule_profile_unique"),)

    schedule_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    connector_id: Mapped[str] = mapped_column(ForeignKey("connector.connector_id", ondelete="CASCADE"))
    profile_id: Mapped[str] = mapped_column(ForeignKey("profile.profile_id", ondelete="CASCADE"))
    timing: Mapped[dict[str, Any]] = mapped_column(JSON)
    is_paused: Mapped[bool]
    decided_until: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TransformMapRow(Base):
    """A transform map that a person made, and its newest version; a deleted one keeps its versions and its number."""

    __tablename__ = "transform_map"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int]
    is_deleted: Mapped[bool]


class TransformMapVersionRow(Base):
    """One version of a map, as it was saved; never changed. Built-in maps are kept too, once a run has used them."""

    __tablename__ = "transform_map_version"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    note: Mapped[str] = mapped_column(Text)
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    saved_by: Mapped[str] = mapped_column(String(200))


class SettingRow(Base):
    """A choice made in the product, such as a weight of a formula; not where things are, which settings files say."""

    __tablename__ = "setting"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AccountRow(Base):
    """A person who may log in; `name_key` is the name without regard to letter case, in which names are unique."""

    __tablename__ = "account"
    __table_args__ = (UniqueConstraint("name_key", name="account_name_unique"),)

    account_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    name_key: Mapped[str] = mapped_column(String(400))
    password_hash: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SessionRow(Base):
    """A login in one browser; goes with its account."""

    __tablename__ = "session"

    session_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.account_id", ondelete="CASCADE"))
    csrf: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ApiTokenRow(Base):
    """A token of a script; goes with its account."""

    __tablename__ = "api_token"
    __table_args__ = (UniqueConstraint("token_hash", name="api_token_hash_unique"),)

    token_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.account_id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    token_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    scope: Mapped[str] = mapped_column(String(10), server_default="write")


class IdentificationRulesRow(Base):
    """The identification rules of a connector that has its own, in order; they go with it."""

    __tablename__ = "identification_rules"

    connector_id: Mapped[str] = mapped_column(
        String(32), ForeignKey("connector.connector_id", ondelete="CASCADE"), primary_key=True
    )
    rules: Mapped[list[Any]] = mapped_column(JSON)


class IdentityJudgementRow(Base):
    """Records that a person put together or took apart. It refers to nothing: records outlive their connector."""

    __tablename__ = "identity_judgement"

    judgement_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    record: Mapped[str] = mapped_column(String(40))
    others: Mapped[list[Any]] = mapped_column(JSON)
    text: Mapped[str] = mapped_column(Text)
    why: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[str] = mapped_column(String(200))
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)
    undone_by: Mapped[str | None] = mapped_column(String(200))
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undone_why: Mapped[str | None] = mapped_column(Text)


class ScoreMapRow(Base):
    """A connector's own score map; goes with its connector."""

    __tablename__ = "score_map"

    connector_id: Mapped[str] = mapped_column(
        String(32), ForeignKey("connector.connector_id", ondelete="CASCADE"), primary_key=True
    )
    rows: Mapped[list[Any]] = mapped_column(JSON)
    default_severity: Mapped[int]


class TagRow(Base):
    """A tag; `name_key` is the name without regard to letter case, in which names are unique."""

    __tablename__ = "tag"

    name_key: Mapped[str] = mapped_column(String(400), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    query: Mapped[str | None] = mapped_column(Text)
    acs: Mapped[int | None]


class TagAssetRow(Base):
    """An asset that a person gave a tag; goes with its tag."""

    __tablename__ = "tag_asset"

    name_key: Mapped[str] = mapped_column(String(400), ForeignKey("tag.name_key", ondelete="CASCADE"), primary_key=True)
    asset_id: Mapped[str] = mapped_column(String(40), primary_key=True)


class ViewRow(Base):
    """What a list shows, under a name."""

    __tablename__ = "view"
    __table_args__ = (UniqueConstraint("owner", "subject", "name_key", name="view_name_unique"),)

    view_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    name_key: Mapped[str] = mapped_column(String(400))
    subject: Mapped[str] = mapped_column(String(20))
    owner: Mapped[str] = mapped_column(String(200))
    is_shared: Mapped[bool]
    query: Mapped[str] = mapped_column(Text)
    columns: Mapped[list[Any]] = mapped_column(JSON)
    sort: Mapped[list[Any]] = mapped_column(JSON)
    group: Mapped[str | None] = mapped_column(String(40))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DraftRow(Base):
    """What a person began to set up; goes with their account."""

    __tablename__ = "draft"

    draft_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.account_id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(40))
    values: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    secrets: Mapped[dict[str, Any]] = mapped_column(JSON)
    checks: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class AuditRow(Base):
    """Who changed what; rows are added and nothing else."""

    __tablename__ = "audit"

    audit_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(60))
    object: Mapped[str] = mapped_column(Text)
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)


_make_ddl: Any = DDL  # its constructor has no annotations


def _forbid(change: str) -> Any:
    return _make_ddl(
        f"CREATE TRIGGER audit_no_{change.lower()} BEFORE {change} ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit log cannot be edited'); END"
    )


_AUDIT: Any = AuditRow.__table__
assert isinstance(_AUDIT, Table)
for _change in ("UPDATE", "DELETE"):
    event.listen(_AUDIT, "after_create", _forbid(_change).execute_if(dialect="sqlite"))
