"""What bank statements show of payments, and rules that compare amounts and not keys alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from settlement.schema import delivery_rules, payout_rules, rules

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the table, and make the rules anew: they compare amounts, and hold no lock that another holds for them."""
    connection = op.get_bind()
    op.create_table(
        "payout_cash",
        sa.Column("payment_id", sa.String(15), sa.ForeignKey("payout.payment_id"), primary_key=True),
        sa.Column("way", sa.String(10), primary_key=True),
        sa.Column("statement", sa.String(500), nullable=False),
        sa.Column("entry", sa.Integer, nullable=False),
        sa.Column("entry_key", sa.String(200), sa.ForeignKey("entry.entry_key"), nullable=False),
        sa.Column("person", sa.String(100), nullable=False),
        sa.Column("moment", sa.String(20), nullable=False),
        sa.CheckConstraint("person = lower(trim(person)) AND person <> ''"),
        sa.CheckConstraint("length(moment) = 20 AND moment LIKE '____-__-__T__:__:__Z'"),
        sa.CheckConstraint("way IN ('debit', 'credit')"),
    )
    rules.append_only(connection, "payout_cash", [["payment_id", "way"]])
    rules.noted(connection, "payout_cash", ["payment_id", "way"])
    payout_rules.make(connection, payout_rules.RULED)
    delivery_rules.make(connection)
