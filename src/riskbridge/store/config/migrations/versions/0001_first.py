"""Connectors, profiles, runs, settings and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _create_connector()
    _create_profile()
    _create_run()
    _create_setting()
    _create_audit()


def _create_connector() -> None:
    op.create_table(
        "connector",
        sa.Column("connector_id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("name_key", sa.String(400), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("login_url", sa.Text, nullable=False),
        sa.Column("api_url", sa.Text, nullable=False),
        sa.Column("audience", sa.Text, nullable=False),
        sa.Column("tenant_id", sa.String(200), nullable=False),
        sa.Column("client_id", sa.String(200), nullable=False),
        sa.Column("client_secret", sa.Text, nullable=False),
        sa.Column("ca_bundle", sa.Text),
        sa.Column("proxy", sa.Text),
        sa.Column("retain_missing", sa.Boolean, nullable=False),
        sa.UniqueConstraint("name_key", name="connector_name_unique"),
    )


def _create_profile() -> None:
    op.create_table(
        "profile",
        sa.Column("profile_id", sa.String(32), primary_key=True),
        sa.Column(
            "connector_id", sa.String(32), sa.ForeignKey("connector.connector_id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("name_key", sa.String(400), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("transform_map", sa.String(200), nullable=False),
        sa.Column("device_filter", sa.Text),
        sa.Column("finding_filter", sa.Text),
        sa.Column("page_size", sa.Integer),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.UniqueConstraint("connector_id", "name_key", name="profile_name_unique"),
    )


def _create_run() -> None:
    op.create_table(
        "run",
        sa.Column("run_id", sa.String(32), primary_key=True),
        sa.Column("connector_id", sa.String(32), nullable=False),
        sa.Column("connector_name", sa.String(200), nullable=False),
        sa.Column("profile_id", sa.String(32), nullable=False),
        sa.Column("trigger", sa.String(20), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("phase", sa.String(40)),
        sa.Column("started_at", sa.DateTime, nullable=False),
        sa.Column("observed_at", sa.DateTime, nullable=False),
        sa.Column("scope_hash", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("ended_at", sa.DateTime),
        sa.Column("run", sa.Integer),
        sa.Column("calls", sa.Integer, nullable=False),
        sa.Column("counts", sa.JSON, nullable=False),
        sa.Column("warnings", sa.JSON, nullable=False),
        sa.Column("error", sa.JSON),
        sa.Column("is_resumed", sa.Boolean, nullable=False),
    )
    for column in ("connector_id", "outcome", "started_at"):
        op.create_index(f"ix_run_{column}", "run", [column])


def _create_setting() -> None:
    op.create_table(
        "setting",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("value", sa.JSON, nullable=False),
        sa.Column("changed_at", sa.DateTime, nullable=False),
    )


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("audit_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    if op.get_context().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_no_{change.lower()} BEFORE {change} ON audit "
                "BEGIN SELECT RAISE(ABORT, 'the audit log cannot be edited'); END"
            )
