"""Alembic's entry: migrates over the connection that the store hands in."""

# ruff: noqa: INP001 - Alembic loads this file by its path
from __future__ import annotations

from alembic import context

from riskbridge.store.config.tables import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
