"""What bank statements show of payments, looks at checks and words on them, and rules that compare amounts."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from settlement.schema import delivery_rules, payout_rules, rules

revision = "0007"
down_revision = "0006"

_KEYS: Final = {
    "payout_cash": ["payment_id", "way"],
    "payout_check_again": ["batch_id", "night", "look", "partner", "name"],
    "payout_word": ["batch_id", "night", "look", "person"],
}


def upgrade() -> None:
    """Add the tables, and make the rules anew: they compare amounts, and hold no lock that another holds for them."""
    connection = op.get_bind()
    _cash()
    _looks()
    for table, key in _KEYS.items():
        rules.append_only(connection, table, [key])
        rules.noted(connection, table, key)
    payout_rules.make(connection, payout_rules.RULED_CASH)
    delivery_rules.make(connection)


def _cash() -> None:
    op.create_table(
        "payout_cash",
        sa.Column("payment_id", sa.String(15), sa.ForeignKey("payout.payment_id"), primary_key=True),
        sa.Column("way", sa.String(10), primary_key=True),
        sa.Column("statement", sa.String(500), nullable=False),
        sa.Column("entry", sa.Integer, nullable=False),
        sa.Column("entry_key", sa.String(200), sa.ForeignKey("entry.entry_key"), nullable=False),
        sa.Column("person", sa.String(100), nullable=False),
        sa.Column("moment", sa.String(20), nullable=False),
        sa.CheckConstraint(rules.person()),
        sa.CheckConstraint(rules.MOMENT),
        sa.CheckConstraint("way IN ('debit', 'credit')"),
    )


def _looks() -> None:
    op.create_table(
        "payout_check_again",
        sa.Column("batch_id", sa.String(15), sa.ForeignKey("payout_batch.batch_id"), primary_key=True),
        sa.Column("night", sa.Date, primary_key=True),
        sa.Column("look", sa.Integer, primary_key=True),
        sa.Column("partner", sa.String(100), primary_key=True),
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("passed", sa.Boolean, nullable=False),
        sa.Column("figure", sa.BigInteger, nullable=False),
        sa.Column("most", sa.BigInteger, nullable=False),
        sa.Column("text", sa.String(400), nullable=False),
        sa.CheckConstraint("passed = (figure <= most)"),
    )
    op.create_table(
        "payout_word",
        sa.Column("batch_id", sa.String(15), sa.ForeignKey("payout_batch.batch_id"), primary_key=True),
        sa.Column("night", sa.Date, primary_key=True),
        sa.Column("look", sa.Integer, primary_key=True),
        sa.Column("person", sa.String(100), primary_key=True),
        sa.Column("moment", sa.String(20), nullable=False),
        sa.Column("reason", sa.String(400), nullable=False),
        sa.CheckConstraint(rules.person()),
        sa.CheckConstraint(rules.MOMENT),
        sa.CheckConstraint("trim(reason) <> ''"),
    )
