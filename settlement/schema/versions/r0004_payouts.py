"""Partners' bank accounts, payout batches with their steps, and what banks tell of payments."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from settlement.schema import payout_rules, rules

revision = "0004"
down_revision = "0003"

_KEYS: Final = {
    "bank_account": [["account_id"]],
    "bank_account_event": [["account_id", "number"]],
    "payout_batch": [["batch_id"], ["number"]],
    "payout": [["payment_id"], ["trace"]],
    "payout_statement": [["payment_id", "entry_key", "account"]],
    "payout_check": [["batch_id", "night", "partner", "name"]],
    "payout_override": [["batch_id", "person"]],
    "payout_file": [["batch_id"], ["name"]],
    "payout_event": [["batch_id", "number"]],
    "payout_reply": [["sha256"]],
    "payout_status": [["sha256", "line"]],
}


def upgrade() -> None:
    """Make the tables and the rules that the database keeps of them."""
    _accounts()
    _batches()
    _steps()
    _replies()
    connection = op.get_bind()
    for table, keys in _KEYS.items():
        rules.append_only(connection, table, keys)
    payout_rules.make(connection, payout_rules.RULED_FIRST)


def _accounts() -> None:
    op.create_table(
        "bank_account",
        sa.Column("account_id", sa.String(16), primary_key=True),
        sa.Column("partner", sa.String(100), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("holder", sa.String(140), nullable=False),
        sa.Column("details", sa.String(1000), nullable=False),
    )
    op.create_table(
        "bank_account_event",
        sa.Column("account_id", sa.String(16), sa.ForeignKey("bank_account.account_id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("was", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("person", sa.String(100), nullable=False),
        sa.Column("moment", sa.String(20), nullable=False),
        sa.Column("usable_from", sa.Date),
        sa.CheckConstraint(rules.person()),
        sa.CheckConstraint(rules.MOMENT),
        sa.CheckConstraint(_among(payout_rules.ACCOUNT_STEPS)),
        sa.CheckConstraint("(state = 'approved') = (usable_from IS NOT NULL)"),
    )


def _batches() -> None:
    op.create_table(
        "payout_batch",
        sa.Column("batch_id", sa.String(15), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False, unique=True),
        sa.Column("night", sa.Date, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("value_date", sa.Date, nullable=False),
        sa.Column("debtor", sa.String(4000), nullable=False),
        sa.Column("approvals", sa.Integer, nullable=False),
        sa.Column("may_override", sa.Boolean, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.CheckConstraint("approvals > 0"),
    )
    op.create_table(
        "payout",
        sa.Column("payment_id", sa.String(15), primary_key=True),
        sa.Column("batch_id", sa.String(15), sa.ForeignKey("payout_batch.batch_id"), nullable=False, index=True),
        sa.Column("partner", sa.String(100), nullable=False),
        sa.Column("account_id", sa.String(16), sa.ForeignKey("bank_account.account_id"), nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("remittance", sa.String(140), nullable=False),
        sa.Column("trace", sa.String(15), unique=True),
        sa.CheckConstraint("amount_minor > 0"),
    )
    op.create_table(
        "payout_statement",
        sa.Column("payment_id", sa.String(15), sa.ForeignKey("payout.payment_id"), primary_key=True),
        sa.Column("entry_key", sa.String(200), sa.ForeignKey("entry.entry_key"), primary_key=True),
        sa.Column("account", sa.String(200), primary_key=True),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_payout_statement_entry_key", "payout_statement", ["entry_key"])


def _steps() -> None:
    op.create_table(
        "payout_check",
        sa.Column("batch_id", sa.String(15), sa.ForeignKey("payout_batch.batch_id"), primary_key=True),
        sa.Column("night", sa.Date, primary_key=True),
        sa.Column("partner", sa.String(100), primary_key=True),
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("passed", sa.Boolean, nullable=False),
        sa.Column("figure", sa.BigInteger, nullable=False),
        sa.Column("most", sa.BigInteger, nullable=False),
        sa.Column("text", sa.String(400), nullable=False),
        sa.CheckConstraint("passed = (figure <= most)"),
    )
    op.create_table(
        "payout_override",
        sa.Column("batch_id", sa.String(15), sa.ForeignKey("payout_batch.batch_id"), primary_key=True),
        sa.Column("person", sa.String(100), primary_key=True),
        sa.Column("moment", sa.String(20), nullable=False),
        sa.Column("reason", sa.String(400), nullable=False),
        sa.CheckConstraint(rules.person()),
        sa.CheckConstraint(rules.MOMENT),
        sa.CheckConstraint("trim(reason) <> ''"),
    )
    op.create_table(
        "payout_file",
        sa.Column("batch_id", sa.String(15), sa.ForeignKey("payout_batch.batch_id"), primary_key=True),
        sa.Column("name", sa.String(60), nullable=False, unique=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "payout_event",
        sa.Column("batch_id", sa.String(15), sa.ForeignKey("payout_batch.batch_id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("was", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("person", sa.String(100), nullable=False),
        sa.Column("moment", sa.String(20), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("note", sa.String(400), nullable=False),
        sa.CheckConstraint(rules.person()),
        sa.CheckConstraint(rules.MOMENT),
        sa.CheckConstraint(_among(payout_rules.BATCH_STEPS)),
        sa.CheckConstraint("state <> 'rejected' OR trim(note) <> ''"),
    )


def _replies() -> None:
    op.create_table(
        "payout_reply",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("reply_id", sa.String(200), nullable=False),
        sa.Column("person", sa.String(100), nullable=False),
        sa.Column("moment", sa.String(20), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.CheckConstraint(rules.person()),
        sa.CheckConstraint(rules.MOMENT),
    )
    status = op.create_table(
        "payout_status",
        sa.Column("sha256", sa.String(64), sa.ForeignKey("payout_reply.sha256"), primary_key=True),
        sa.Column("line", sa.Integer, primary_key=True),
        sa.Column("payment_id", sa.String(15), sa.ForeignKey("payout.payment_id"), index=True),
        sa.Column("named", sa.String(100), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("words", sa.String(1000), nullable=False),
        sa.Column("amount_minor", sa.BigInteger),
        sa.Column("currency", sa.String(3)),
        sa.Column("effect", sa.String(20), nullable=False),
        sa.Column("entry_key", sa.String(200), sa.ForeignKey("entry.entry_key")),
        sa.CheckConstraint("effect IN ('accepted', 'back', 'noted', 'to_look_at')"),
        sa.CheckConstraint("(effect = 'back') = (entry_key IS NOT NULL)"),
        sa.CheckConstraint("effect NOT IN ('accepted', 'back') OR payment_id IS NOT NULL"),
    )
    back = status.c.effect == "back"
    op.create_index(
        "payout_back_once",
        "payout_status",
        ["payment_id"],
        unique=True,
        sqlite_where=back,
        postgresql_where=back,
    )


def _among(steps: tuple[tuple[str, str], ...]) -> str:
    allowed = ", ".join(f"'{was}>{state}'" for was, state in steps)
    return f"was || '>' || state IN ({allowed})"
