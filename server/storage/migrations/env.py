"""Alembic's entry point: runs the steps on the connection that `server.storage.migrate` hands over.

It reads no configuration file and opens no connection of its own. The caller owns the transaction.
"""

from alembic import context

from server.storage.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
