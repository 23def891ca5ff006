"""How a profile fetches findings, and how the streams of a run were read."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("profile", sa.Column("strategy", sa.String(20), nullable=False, server_default="paged"))
    op.add_column("profile", sa.Column("has_software", sa.Boolean, nullable=False, server_default="0"))
    op.add_column("run", sa.Column("streams", sa.JSON, nullable=False, server_default="[]"))
