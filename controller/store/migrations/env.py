"""Alembic's entry: runs the revisions on the connection, and in the transaction, handed to it."""

from __future__ import annotations

from alembic import context

from controller.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table=context.config.attributes["version_table"],
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
