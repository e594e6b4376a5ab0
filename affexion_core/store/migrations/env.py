"""Called by Alembic; runs migrations on the connection that store.upgrading hands over, inside its transaction."""

from alembic import context

from affexion_core.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite can't alter most things in place; and its DDL is transactional here, because BEGIN is ours.
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
