"""What Alembic runs a revision in: the connection that ``upgrade`` hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

# Alembic believes that SQLite cannot take back a change of tables; within one transaction it can.
context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
