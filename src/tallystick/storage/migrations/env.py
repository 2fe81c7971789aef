"""Alembic's environment for our own runs: the connection and the tables are handed in."""

from __future__ import annotations

from alembic import context

attributes = context.config.attributes
tables = attributes["tables"]

context.configure(
    connection=attributes["connection"],
    dialect_name=attributes["dialect"],
    version_table=tables.version_table,
    version_table_schema=tables.schema,
    transactional_ddl=True,  # SQLite has it too, once the transaction is begun by hand
    tallystick=tables,
)
with context.begin_transaction():
    if context.is_offline_mode() and tables.schema is not None:
        context.execute(f'CREATE SCHEMA IF NOT EXISTS "{tables.schema}"')
    context.run_migrations()
