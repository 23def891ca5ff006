"""Identification rules by connector, and records that people put together or took apart."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "identification_rules",
        sa.Column(
            "connector_id", sa.String(32), sa.ForeignKey("connector.connector_id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("rules", sa.JSON, nullable=False),
    )
    op.create_table(
        "identity_judgement",
        sa.Column("judgement_id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("record", sa.String(40), nullable=False),
        sa.Column("others", sa.JSON, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("decided_by", sa.String(200), nullable=False),
        sa.Column("decided_at", sa.DateTime, nullable=False),
        sa.Column("undone_by", sa.String(200), nullable=True),
        sa.Column("undone_at", sa.DateTime, nullable=True),
        sa.Column("undone_why", sa.Text, nullable=True),
    )
