"""Alembic's entry: runs the migrations on the connection that ``storage.migrate`` holds."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration=False, render_as_batch=True)
context.run_migrations()
