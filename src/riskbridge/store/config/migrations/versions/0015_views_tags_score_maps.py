"""Score maps of connectors, tags and saved views."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "score_map",
        sa.Column(
            "connector_id",
            sa.String(32),
            sa.ForeignKey("connector.connector_id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("rows", sa.JSON, nullable=False),
        sa.Column("default_severity", sa.Integer, nullable=False),
    )
    op.create_table(
        "tag",
        sa.Column("name_key", sa.String(400), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("query", sa.Text),
        sa.Column("acs", sa.Integer),
    )
    op.create_table(
        "tag_asset",
        sa.Column("name_key", sa.String(400), sa.ForeignKey("tag.name_key", ondelete="CASCADE"), primary_key=True),
        sa.Column("asset_id", sa.String(40), primary_key=True),
    )
    op.create_table(
        "view",
        sa.Column("view_id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("name_key", sa.String(400), nullable=False),
        sa.Column("subject", sa.String(20), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("is_shared", sa.Boolean, nullable=False),
        sa.Column("query", sa.Text, nullable=False),
        sa.Column("columns", sa.JSON, nullable=False),
        sa.Column("sort", sa.JSON, nullable=False),
        sa.Column("group", sa.String(40)),
        sa.Column("changed_at", sa.DateTime, nullable=False),
        sa.UniqueConstraint("owner", "subject", "name_key", name="view_name_unique"),
    )
