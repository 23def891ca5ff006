"""What people set up, and the record of runs: SQLAlchemy models, Alembic migrations, one typed store."""
