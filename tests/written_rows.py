"""Rows written into books past the program, which the database alone refuses."""

from __future__ import annotations

import sqlalchemy as sa

from settlement import books


def write(engine: sa.Engine, *statements: str) -> None:
    """Run statements in one transaction of the books."""
    with books.transaction(engine) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
