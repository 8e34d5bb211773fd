"""Payments come back in parts, bank entries are set off against one another, and two persons decide on what is left."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from settlement.schema import decision_rules, payout_rules, rules

revision = "0009"
down_revision = "0008"

_KEYS: Final = {
    "payout_credit": [["payment_id", "statement", "entry"]],
    "payout_offset": [["statement", "entry"], ["other_statement", "other_entry"]],
    "payout_decision": [["decision_id"], ["number"]],
    "payout_decision_payment": [["decision_id", "payment_id"]],
    "payout_decision_event": [["decision_id", "number"]],
}


def upgrade() -> None:
    """Let a payment come back more than once, add the tables, and make the rules anew, which add up what came back."""
    op.drop_index("payout_back_once", "payout_status")
    _cash()
    _decisions()
    connection = op.get_bind()
    for table, keys in _KEYS.items():
        rules.append_only(connection, table, keys)
        rules.noted(connection, table, keys[0])
    payout_rules.make(connection, payout_rules.RULED)
    decision_rules.make(connection)


def _cash() -> None:
    op.create_table(
        "payout_credit",
        sa.Column("payment_id", sa.String(15), sa.ForeignKey("payout.payment_id"), primary_key=True),
        sa.Column("statement", sa.String(500), primary_key=True),
        sa.Column("entry", sa.Integer, primary_key=True),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        *_written(),
        sa.CheckConstraint("amount_minor > 0"),
        sa.CheckConstraint("entry_key = 'payout_cash/' || statement || '/' || entry"),
    )
    op.create_table(
        "payout_offset",
        sa.Column("statement", sa.String(500), primary_key=True),
        sa.Column("entry", sa.Integer, primary_key=True),
        sa.Column("other_statement", sa.String(500), nullable=False),
        sa.Column("other_entry", sa.Integer, nullable=False),
        *_written(),
        sa.UniqueConstraint("other_statement", "other_entry"),
        sa.CheckConstraint("entry_key = 'payout_cash/' || statement || '/' || entry"),
    )


def _written() -> list[sa.Column[str] | sa.CheckConstraint]:
    return [
        sa.Column("entry_key", sa.String(200), sa.ForeignKey("entry.entry_key"), nullable=False),
        sa.Column("person", sa.String(100), nullable=False),
        sa.Column("moment", sa.String(20), nullable=False),
        sa.CheckConstraint(rules.person()),
        sa.CheckConstraint(rules.MOMENT),
    ]


def _decisions() -> None:
    allowed = ", ".join(f"'{was}>{state}'" for was, state in decision_rules.DECISION_STEPS)
    op.create_table(
        "payout_decision",
        sa.Column("decision_id", sa.String(15), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False, unique=True),
        sa.Column("meaning", sa.String(10), nullable=False),
        sa.Column("statement", sa.String(500)),
        sa.Column("entry", sa.Integer),
        sa.Column("other_statement", sa.String(500)),
        sa.Column("other_entry", sa.Integer),
        sa.Column("sha256", sa.String(64)),
        sa.Column("line", sa.Integer),
        sa.Column("fee_minor", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String(400), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["sha256", "line"], ["payout_status.sha256", "payout_status.line"]),
        sa.CheckConstraint("(statement IS NULL) = (entry IS NULL) AND (statement IS NULL) = (sha256 IS NOT NULL)"),
        sa.CheckConstraint("(sha256 IS NULL) = (line IS NULL)"),
        sa.CheckConstraint("(other_statement IS NULL) = (other_entry IS NULL)"),
        sa.CheckConstraint("(meaning = 'offset') = (other_statement IS NOT NULL)"),
        sa.CheckConstraint("meaning IN ('debit', 'credit', 'back', 'offset', 'charge', 'noted')"),
        sa.CheckConstraint("CASE WHEN sha256 IS NULL THEN meaning <> 'noted' ELSE meaning IN ('back', 'noted') END"),
        sa.CheckConstraint("trim(reason) <> ''"),
    )
    op.create_table(
        "payout_decision_payment",
        sa.Column("decision_id", sa.String(15), sa.ForeignKey("payout_decision.decision_id"), primary_key=True),
        sa.Column("payment_id", sa.String(15), sa.ForeignKey("payout.payment_id"), primary_key=True),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.CheckConstraint("amount_minor > 0"),
    )
    op.create_table(
        "payout_decision_event",
        sa.Column("decision_id", sa.String(15), sa.ForeignKey("payout_decision.decision_id"), primary_key=True),
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
