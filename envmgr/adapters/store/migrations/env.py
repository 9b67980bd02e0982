"""Runs the migrations on the connection, and in the transaction, of `migrate`."""

from alembic import context

from envmgr.adapters.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by making a new one
    transactional_ddl=True,
)
context.run_migrations()
