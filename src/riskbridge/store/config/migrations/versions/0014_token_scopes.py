"""What an API token may do: tokens made before may do what their account may."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("api_token", sa.Column("scope", sa.String(10), nullable=False, server_default="write"))
