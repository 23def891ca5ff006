"""The config store's tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, Index, String, Text, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


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
    """One connector; names are unique whatever their letter case."""

    __tablename__ = "connector"

    connector_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
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

    __table_args__ = (Index("connector_name_unique", func.lower(name), unique=True),)


class ProfileRow(Base):
    """What one run of a connector fetches."""

    __tablename__ = "profile"

    profile_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    connector_id: Mapped[str] = mapped_column(ForeignKey("connector.connector_id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    transform_map: Mapped[str] = mapped_column(String(200))
    device_filter: Mapped[str | None] = mapped_column(Text)
    finding_filter: Mapped[str | None] = mapped_column(Text)
    page_size: Mapped[int | None]
    is_active: Mapped[bool]


class RunRow(Base):
    """One execution of a profile."""

    __tablename__ = "run"

    run_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    connector_id: Mapped[str] = mapped_column(ForeignKey("connector.connector_id"), index=True)
    connector_name: Mapped[str] = mapped_column(String(200))
    profile_id: Mapped[str] = mapped_column(ForeignKey("profile.profile_id"))
    outcome: Mapped[str] = mapped_column(String(20), index=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    observed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    scope_hash: Mapped[str] = mapped_column(Text)
    pid: Mapped[int]
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    run: Mapped[int | None]
    calls: Mapped[int]
    counts: Mapped[dict[str, Any]] = mapped_column(JSON)
    warnings: Mapped[list[Any]] = mapped_column(JSON)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    is_resumed: Mapped[bool]
