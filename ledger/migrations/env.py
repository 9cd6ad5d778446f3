"""Alembic's environment: runs on the connection that ledger.database.migrate holds, inside its transaction."""

from alembic import context

from ledger.database import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
