"""Connectors that log in with a certificate or a federated token."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("connector", sa.Column("certificate", sa.Text))
    op.add_column("connector", sa.Column("federated_token_file", sa.Text))
