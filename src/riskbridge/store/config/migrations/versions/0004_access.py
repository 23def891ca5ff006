"""Connectors that log in by the machine's identity, with a cap on their calls and the end of their secret."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("connector", sa.Column("managed_identity", sa.String(80)))
    op.add_column("connector", sa.Column("calls_per_minute", sa.Integer))
    op.add_column("connector", sa.Column("secret_expires_on", sa.String(10)))
