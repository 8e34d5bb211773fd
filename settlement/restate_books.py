"""Restatements in SQL: which night restates which nights, why, and who ordered it; added once and never edited."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date

import sqlalchemy as sa

from settlement import books
from settlement.model.stage import Restatement

RESTATEMENT = sa.Table(
    "restatement",
    books.METADATA,
    sa.Column("business_date", sa.Date, primary_key=True),
    sa.Column("first_night", sa.Date, nullable=False),
    sa.Column("last_night", sa.Date, nullable=False),
    sa.Column("reason", sa.String(100), nullable=False),
    sa.Column("person", sa.String(100), nullable=False),
)


def restatements(engine: books.Engine, until: date) -> tuple[Restatement, ...]:
    """The restatements that nights up to one make, by night."""
    query = sa.select(RESTATEMENT).where(RESTATEMENT.c.business_date <= until).order_by(RESTATEMENT.c.business_date)
    with books.transaction(engine) as connection:
        return tuple(Restatement(**row) for row in connection.execute(query).mappings())


def order(engine: books.Engine, restatement: Restatement) -> None:
    """Have a night restate others; TerminalError where it restates some already."""
    refused = f"The night {restatement.business_date} restates others already: one restatement a night."
    books.add_row(engine, RESTATEMENT, asdict(restatement), refused)


def copy_until(source: books.Engine, target: books.Engine, until: date) -> None:
    """Copy the restatements up to a night into empty books."""
    found = [asdict(one) for one in restatements(source, until)]
    with books.transaction(target) as connection:
        if found:
            connection.execute(sa.insert(RESTATEMENT), found)
