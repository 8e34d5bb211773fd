"""Steps of what several persons take on, in SQL: one table for batches of payouts, for decisions and for orders each.

Rows are added and never edited; which step may follow which, and by whom, is refused by the database's rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import sqlalchemy as sa

from settlement import books
from settlement.model.steps import Step


class Stepped(Protocol):
    """What steps are taken of: what a person approves, by its digest, and the steps that it has."""

    @property
    def digest(self) -> str:
        """SHA-256 over everything that it says."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """Its steps in order."""


def steps_table(name: str, key: str, of: str) -> sa.Table:
    """The table of the steps of what column ``key`` of the table ``of`` names, and of what an attribute of it holds."""
    return sa.Table(
        name,
        books.METADATA,
        sa.Column(key, sa.ForeignKey(f"{of}.{key}"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("was", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("person", sa.String(100), nullable=False),
        sa.Column("moment", sa.String(20), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("note", sa.String(400), nullable=False),
    )


def steps_in(connection: books.Connection, table: sa.Table) -> dict[str, tuple[Step, ...]]:
    """The steps of everything in a table, by its id and in order."""
    key, *_ = table.columns
    found: dict[str, list[Step]] = {}
    for row in connection.execute(sa.select(table).order_by(table.c.number)).mappings():
        told = {name: value for name, value in row.items() if name not in {key.name, "digest"}}
        found.setdefault(row[key.name], []).append(Step(**told))
    return {name: tuple(steps) for name, steps in found.items()}


def add_step(  # noqa: PLR0917 - the step's own parts
    table: sa.Table, connection: books.Connection, of: Stepped, state: str, person: str, moment: str, note: str = ""
) -> None:
    """Add a step behind the last one that is known; the books refuse it where another came between."""
    last = of.steps[-1] if of.steps else None
    number, was = (last.number + 1, last.state) if last else (1, "none")
    step = Step(number=number, was=was, state=str(state), person=person, moment=moment, note=note)
    write_steps(table, connection, of, [step])


def write_steps(table: sa.Table, connection: books.Connection, of: Stepped, steps: Sequence[Step]) -> None:
    """Write steps as they are told."""
    key, *columns = (column.name for column in table.columns)
    whose = {key: getattr(of, key), "digest": of.digest}
    names = [name for name in columns if name != "digest"]
    connection.execute(sa.insert(table), [whose | {name: getattr(step, name) for name in names} for step in steps])


def next_number(engine: books.Engine, numbers: sa.Column[int]) -> int:
    """The next of the numbers in a column: behind all that stand, also of what has no step."""
    with books.transaction(engine) as connection:
        last: int = connection.execute(sa.select(sa.func.coalesce(sa.func.max(numbers), 0))).scalar_one()
        return last + 1
