"""An entry by which payouts moved money is no statement, and a payment that was debited may be rejected."""

from __future__ import annotations

from alembic import op

from settlement.schema import payout_rules

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the rules of payouts anew, and drop the one that refused to have a debited payment rejected."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        # Elsewhere the rules of a table are one function, which is replaced.
        connection.exec_driver_sql("DROP TRIGGER IF EXISTS payout_status_not_rejected_once_paid")
    payout_rules.make(connection, payout_rules.RULED)
