"""Orders of restatements in SQL: which night restates which nights, what that comes to, and who took which step.

Rows are added and never edited. What each step demands is refused by the database (``schema/restatement_rules.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import date
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from settlement import books, step_books
from settlement.errors import TerminalError
from settlement.model.restatement import (
    GIVEN,
    THE_NIGHT,
    Configuration,
    Difference,
    OrderId,
    OrderState,
    RestatementOrder,
    Subject,
)
from settlement.model.stage import Restatement
from settlement.step_books import steps_in, steps_table, write_steps

ORDERED_ALONE = sa.Table(
    "restatement",
    books.METADATA,
    sa.Column("business_date", sa.Date, primary_key=True),
    sa.Column("first_night", sa.Date, nullable=False),
    sa.Column("last_night", sa.Date, nullable=False),
    sa.Column("reason", sa.String(100), nullable=False),
    sa.Column("person", sa.String(100), nullable=False),
)
"""Orders of before they needed two persons: seals hold these rows, and nobody reads them any more."""
ORDER = sa.Table(
    "restatement_order",
    books.METADATA,
    sa.Column("order_id", sa.String(15), primary_key=True),
    sa.Column("number", sa.Integer, nullable=False, unique=True),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("first_night", sa.Date, nullable=False),
    sa.Column("last_night", sa.Date, nullable=False),
    sa.Column("reason", sa.String(100), nullable=False),
    sa.Column("known_after", sa.Date, nullable=False),
    sa.Column("rules_sha256", sa.String(64), nullable=False),
    sa.Column("contracts_sha256", sa.String(64), nullable=False),
    sa.Column("layouts_sha256", sa.String(64), nullable=False),
    sa.Column("settings_sha256", sa.String(64), nullable=False),
    sa.Column("trial", sa.Text, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
)
DIFFERENCE = sa.Table(
    "restatement_difference",
    books.METADATA,
    sa.Column("order_id", sa.ForeignKey("restatement_order.order_id"), primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True),
    sa.Column("subject", sa.String(10), nullable=False),
    sa.Column("name", sa.String(300), nullable=False),
    sa.Column("unit", sa.String(20), nullable=False),
    sa.Column("standing_minor", sa.BigInteger, nullable=False),
    sa.Column("performed_minor", sa.BigInteger, nullable=False),
)
EVENT = steps_table("restatement_event", "order_id", "restatement_order")
_RESTATEMENT: Final = ("business_date", "first_night", "last_night", "reason")
_CONFIGURATION: Final = tuple(asdict(Configuration()))


def restatements(engine: books.Engine, until: date) -> tuple[Restatement, ...]:
    """The restatements that nights up to one make, by night: those of approved orders.

    Every stage of every night asks for them, so no trial and no difference is read.
    """
    columns = [ORDER.c[name] for name in _RESTATEMENT]
    with books.transaction(engine) as connection:
        return tuple(Restatement(**row) for row in connection.execute(_standing(GIVEN, until, columns)).mappings())


def _standing(states: Iterable[OrderState], until: date, columns: Sequence[sa.Column[Any]]) -> sa.Select[Any]:
    """Columns of the orders of nights up to one that stand in such states, by night."""
    later = EVENT.alias()
    follows = sa.exists().where(later.c.order_id == EVENT.c.order_id, later.c.number > EVENT.c.number)
    return (
        sa.select(*columns)
        .join(EVENT, EVENT.c.order_id == ORDER.c.order_id)
        .where(EVENT.c.state.in_(sorted(states)), ~follows, ORDER.c.business_date <= until)
        .order_by(ORDER.c.business_date, ORDER.c.number)
    )


def approved_until(engine: books.Engine, night: date) -> list[RestatementOrder]:
    """Approved orders that nights up to one have not made yet; none for most nights, and then nothing else is read."""
    with books.transaction(engine) as connection:
        approved = _standing([OrderState.APPROVED], night, [ORDER.c.order_id])
        names = set(connection.execute(approved).scalars())
        return [order for order in orders_in(connection) if order.order_id in names] if names else []


def next_number(engine: books.Engine) -> int:
    """The number of the next order."""
    return step_books.next_number(engine, ORDER.c.number)


def one_order(engine: books.Engine, order_id: str) -> RestatementOrder:
    """An order by its id; TerminalError where there is none."""
    found = [one for one in orders(engine) if one.order_id == order_id]
    if not found:
        raise TerminalError(f"There is no order {order_id!r}: `settle restate list` shows their ids.")
    return found[0]


def orders(engine: books.Engine) -> list[RestatementOrder]:
    """All orders with all that was done about them, in the order in which they were proposed."""
    with books.transaction(engine) as connection:
        return orders_in(connection)


def orders_in(connection: books.Connection) -> list[RestatementOrder]:
    """All orders as a transaction that is under way sees them; one without a step was never proposed, and is none."""
    steps = steps_in(connection, EVENT)
    differences: dict[str, list[Difference]] = {}
    for row in connection.execute(sa.select(DIFFERENCE).order_by(DIFFERENCE.c.line)).mappings():
        told = {name: value for name, value in row.items() if name not in {"order_id", "line", "subject"}}
        differences.setdefault(row["order_id"], []).append(Difference(subject=Subject(row["subject"]), **told))
    return [
        RestatementOrder(
            order_id=OrderId(row["order_id"]),
            restatement=Restatement(**{name: row[name] for name in _RESTATEMENT}),
            configuration=Configuration(**{name: row[name] for name in _CONFIGURATION}),
            differences=tuple(differences.get(row["order_id"], ())),
            steps=steps[row["order_id"]],
            **{name: row[name] for name in ("number", "known_after", "trial", "digest")},
        )
        for row in connection.execute(sa.select(ORDER).order_by(ORDER.c.number)).mappings()
        if row["order_id"] in steps
    ]


def add_order(connection: books.Connection, order: RestatementOrder) -> None:
    """Add an order with its differences, and the steps that it has."""
    parts: list[Any] = [order.restatement, order.configuration]
    row = {name: value for part in parts for name, value in asdict(part).items()}
    row |= {name: getattr(order, name) for name in ("order_id", "number", "known_after", "trial", "digest")}
    connection.execute(sa.insert(ORDER), [row])
    differences = [
        {"order_id": order.order_id, "line": line, **asdict(one)} for line, one in enumerate(order.differences, start=1)
    ]
    if differences:
        connection.execute(sa.insert(DIFFERENCE), differences)
    write_steps(EVENT, connection, order, order.steps)


add_step: Final = partial(step_books.add_step, EVENT)
"""Add a step to an order."""


def carry_out(connection: books.Connection, night: date, moment: str) -> None:
    """Add the step that a night has made its order, in the transaction that commits it; nothing where it has none."""
    for order in orders_in(connection):
        if order.state is OrderState.APPROVED and order.restatement.business_date == night:
            add_step(connection, order, OrderState.CARRIED_OUT, THE_NIGHT, moment)


def copy_until(source: books.Engine, target: books.Engine, until: date) -> None:
    """Copy the orders of nights up to one into books in which no night has landed, as they were approved."""
    found = [one for one in orders(source) if one.state in GIVEN and one.restatement.business_date <= until]
    with books.transaction(target) as connection:
        for one in found:
            add_order(connection, replace(one, steps=one.steps[:2]))
