"""Restatements are ordered by two persons, and each step of an order is a row.

Orders of before were of one person. What a night has made of them becomes an order whose approval is nobody's, and says
so; the others are proposed and no more, for no night makes what one person alone has ordered.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from settlement.schema import restatement_rules, rules

revision = "0008"
down_revision = "0007"

_KEYS: Final = {
    "restatement_order": [["order_id"], ["number"]],
    "restatement_difference": [["order_id", "line"]],
    "restatement_event": [["order_id", "number"]],
}
_UNKNOWN: Final = "0001-01-01T00:00:00Z"
"""The moment of steps that were not kept."""


def upgrade() -> None:
    """Make the tables and their rules, and take over the orders of before."""
    _tables()
    connection = op.get_bind()
    _take_over(connection)
    for table, keys in _KEYS.items():
        rules.append_only(connection, table, keys)
        rules.noted(connection, table, keys[0])
    restatement_rules.make(connection)


def _tables() -> None:
    allowed = ", ".join(f"'{was}>{state}'" for was, state in restatement_rules.ORDER_STEPS)
    op.create_table(
        "restatement_order",
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
        sa.CheckConstraint("trim(reason) <> ''"),
        sa.CheckConstraint("first_night <= last_night AND last_night <= known_after AND known_after < business_date"),
    )
    op.create_table(
        "restatement_difference",
        sa.Column("order_id", sa.String(15), sa.ForeignKey("restatement_order.order_id"), primary_key=True),
        sa.Column("line", sa.Integer, primary_key=True),
        sa.Column("subject", sa.String(10), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("unit", sa.String(20), nullable=False),
        sa.Column("standing_minor", sa.BigInteger, nullable=False),
        sa.Column("performed_minor", sa.BigInteger, nullable=False),
        sa.CheckConstraint("subject IN ('account', 'partner')"),
        sa.CheckConstraint("standing_minor <> performed_minor"),
    )
    op.create_table(
        "restatement_event",
        sa.Column("order_id", sa.String(15), sa.ForeignKey("restatement_order.order_id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("was", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("person", sa.String(100), nullable=False),
        sa.Column("moment", sa.String(20), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("note", sa.String(400), nullable=False),
        sa.CheckConstraint(rules.person()),
        sa.CheckConstraint(rules.MOMENT),
        sa.CheckConstraint(f"was || '>' || state IN ({allowed})"),
        sa.CheckConstraint("state <> 'withdrawn' OR trim(note) <> ''"),
    )


def _take_over(connection: sa.Connection) -> None:
    found = connection.exec_driver_sql("SELECT count(*) FROM restatement").scalar_one()
    if not found:
        return
    number = "(SELECT count(*) FROM restatement b WHERE b.business_date <= a.business_date)"
    order_id = f"'R' || substr('000000' || CAST({number} AS VARCHAR(6)), length(CAST({number} AS VARCHAR(6))) + 1)"
    connection.exec_driver_sql(
        f"INSERT INTO restatement_order SELECT {order_id}, {number}, a.business_date, a.first_night, a.last_night, "  # noqa: S608
        "a.reason, a.last_night, '', '', '', '', '', '' FROM restatement a ORDER BY a.business_date"
    )
    committed = "EXISTS (SELECT 1 FROM stage_run s WHERE s.business_date = a.business_date AND s.stage = 'match')"
    alone = "'ordered by one person, as orders were before they needed two'"
    second = "'ordered by one person: it needs a second one, so withdraw it and propose it anew with its trial'"
    for step, was, state, person, note, where in (
        (1, "none", "proposed", "a.person", f"CASE WHEN {committed} THEN '' ELSE {second} END", "1 = 1"),
        (2, "proposed", "approved", "'nobody'", alone, committed),
        (3, "approved", "carried_out", "'night'", "''", committed),
    ):
        connection.exec_driver_sql(
            f"INSERT INTO restatement_event SELECT {order_id}, {step}, '{was}', '{state}', {person}, '{_UNKNOWN}', '', "  # noqa: S608
            f"{note} FROM restatement a WHERE {where} ORDER BY a.business_date"
        )
