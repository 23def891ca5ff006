"""Connectors, profiles and runs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "connector",
        sa.Column("connector_id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
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
    )
    op.create_index("connector_name_unique", "connector", [sa.text("lower(name)")], unique=True)
    op.create_table(
        "profile",
        sa.Column("profile_id", sa.String(32), primary_key=True),
        sa.Column("connector_id", sa.String(32), sa.ForeignKey("connector.connector_id"), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("transform_map", sa.String(200), nullable=False),
        sa.Column("device_filter", sa.Text),
        sa.Column("finding_filter", sa.Text),
        sa.Column("page_size", sa.Integer),
        sa.Column("is_active", sa.Boolean, nullable=False),
    )
    op.create_index("ix_profile_connector_id", "profile", ["connector_id"])
    op.create_table(
        "run",
        sa.Column("run_id", sa.String(32), primary_key=True),
        sa.Column("connector_id", sa.String(32), sa.ForeignKey("connector.connector_id"), nullable=False),
        sa.Column("connector_name", sa.String(200), nullable=False),
        sa.Column("profile_id", sa.String(32), sa.ForeignKey("profile.profile_id"), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
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
