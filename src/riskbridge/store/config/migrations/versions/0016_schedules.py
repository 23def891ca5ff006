"""Schedules of profiles; runs that a schedule began, and that wait for their turn."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("run", sa.Column("due_at", sa.DateTime, nullable=True))
    op.add_column("run", sa.Column("is_drop_accepted", sa.Boolean, nullable=False, server_default="0"))
    op.create_table(
        "schedule",
        sa.Column("schedule_id", sa.String(32), primary_key=True),
        sa.Column(
            "connector_id", sa.String(32), sa.ForeignKey("connector.connector_id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("profile_id", sa.String(32), sa.ForeignKey("profile.profile_id", ondelete="CASCADE"), nullable=False),
        sa.Column("timing", sa.JSON, nullable=False),
        sa.Column("is_paused", sa.Boolean, nullable=False),
        sa.Column("decided_until", sa.DateTime, nullable=False),
        sa.Column("changed_at", sa.DateTime, nullable=False),
        sa.UniqueConstraint("profile_id", name="schedule_profile_unique"),
    )
