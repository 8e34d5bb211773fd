"""The tables of payouts as they are queried; the revisions of ``settlement.schema`` make them, with their rules."""

from __future__ import annotations

import sqlalchemy as sa

from settlement import account_books, books
from settlement.step_books import steps_table

BATCH = sa.Table(
    "payout_batch",
    books.METADATA,
    sa.Column("batch_id", sa.String(15), primary_key=True),
    sa.Column("number", sa.Integer, nullable=False, unique=True),
    sa.Column("night", sa.Date, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("value_date", sa.Date, nullable=False),
    sa.Column("debtor", sa.String(4000), nullable=False),
    sa.Column("approvals", sa.Integer, nullable=False),
    sa.Column("may_override", sa.Boolean, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
)
PAYOUT = sa.Table(
    "payout",
    books.METADATA,
    sa.Column("payment_id", sa.String(15), primary_key=True),
    sa.Column("batch_id", sa.ForeignKey("payout_batch.batch_id"), nullable=False, index=True),
    sa.Column("partner", sa.String(100), nullable=False),
    sa.Column("account_id", sa.ForeignKey(account_books.ACCOUNT.c.account_id), nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("remittance", sa.String(140), nullable=False),
    sa.Column("trace", sa.String(15), unique=True),
)
STATEMENT = sa.Table(
    "payout_statement",
    books.METADATA,
    sa.Column("payment_id", sa.ForeignKey("payout.payment_id"), primary_key=True),
    sa.Column("entry_key", sa.ForeignKey("entry.entry_key"), primary_key=True, index=True),
    sa.Column("account", sa.String(200), primary_key=True),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
)
CHECK = sa.Table(
    "payout_check",
    books.METADATA,
    sa.Column("batch_id", sa.ForeignKey("payout_batch.batch_id"), primary_key=True),
    sa.Column("night", sa.Date, primary_key=True),
    sa.Column("partner", sa.String(100), primary_key=True),
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("passed", sa.Boolean, nullable=False),
    sa.Column("figure", sa.BigInteger, nullable=False),
    sa.Column("most", sa.BigInteger, nullable=False),
    sa.Column("text", sa.String(400), nullable=False),
)
OVERRIDE = sa.Table(
    "payout_override",
    books.METADATA,
    sa.Column("batch_id", sa.ForeignKey("payout_batch.batch_id"), primary_key=True),
    sa.Column("person", sa.String(100), primary_key=True),
    sa.Column("moment", sa.String(20), nullable=False),
    sa.Column("reason", sa.String(400), nullable=False),
)
"""Words of before revision 0007, which name no look; none is added."""
CHECK_AGAIN = sa.Table(
    "payout_check_again",
    books.METADATA,
    sa.Column("batch_id", sa.ForeignKey("payout_batch.batch_id"), primary_key=True),
    sa.Column("night", sa.Date, primary_key=True),
    sa.Column("look", sa.Integer, primary_key=True),
    sa.Column("partner", sa.String(100), primary_key=True),
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("passed", sa.Boolean, nullable=False),
    sa.Column("figure", sa.BigInteger, nullable=False),
    sa.Column("most", sa.BigInteger, nullable=False),
    sa.Column("text", sa.String(400), nullable=False),
)
"""Checks of a night that was looked at before: the second look and those after it."""
WORD = sa.Table(
    "payout_word",
    books.METADATA,
    sa.Column("batch_id", sa.ForeignKey("payout_batch.batch_id"), primary_key=True),
    sa.Column("night", sa.Date, primary_key=True),
    sa.Column("look", sa.Integer, primary_key=True),
    sa.Column("person", sa.String(100), primary_key=True),
    sa.Column("moment", sa.String(20), nullable=False),
    sa.Column("reason", sa.String(400), nullable=False),
)
"""Each person's word that failing checks of one look do not keep a batch."""
FILE = sa.Table(
    "payout_file",
    books.METADATA,
    sa.Column("batch_id", sa.ForeignKey("payout_batch.batch_id"), primary_key=True),
    sa.Column("name", sa.String(60), nullable=False, unique=True),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
EVENT = steps_table("payout_event", "batch_id", "payout_batch")
REPLY = sa.Table(
    "payout_reply",
    books.METADATA,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(500), nullable=False),
    sa.Column("reply_id", sa.String(200), nullable=False),
    sa.Column("person", sa.String(100), nullable=False),
    sa.Column("moment", sa.String(20), nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
STATUS = sa.Table(
    "payout_status",
    books.METADATA,
    sa.Column("sha256", sa.ForeignKey("payout_reply.sha256"), primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True),
    sa.Column("payment_id", sa.ForeignKey("payout.payment_id"), index=True),
    sa.Column("named", sa.String(100), nullable=False),
    sa.Column("outcome", sa.String(20), nullable=False),
    sa.Column("code", sa.String(40), nullable=False),
    sa.Column("words", sa.String(1000), nullable=False),
    sa.Column("amount_minor", sa.BigInteger),
    sa.Column("currency", sa.String(3)),
    sa.Column("effect", sa.String(20), nullable=False),
    sa.Column("entry_key", sa.ForeignKey("entry.entry_key")),
)
CASH = sa.Table(
    "payout_cash",
    books.METADATA,
    sa.Column("payment_id", sa.ForeignKey("payout.payment_id"), primary_key=True),
    sa.Column("way", sa.String(10), primary_key=True),
    sa.Column("statement", sa.String(500), nullable=False),
    sa.Column("entry", sa.Integer, nullable=False),
    sa.Column("entry_key", sa.ForeignKey("entry.entry_key"), nullable=False),
    sa.Column("person", sa.String(100), nullable=False),
    sa.Column("moment", sa.String(20), nullable=False),
)
"""Debits of payments, and credits of before revision 0009, which told no amount."""
CREDIT = sa.Table(
    "payout_credit",
    books.METADATA,
    sa.Column("payment_id", sa.ForeignKey("payout.payment_id"), primary_key=True),
    sa.Column("statement", sa.String(500), primary_key=True),
    sa.Column("entry", sa.Integer, primary_key=True),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("entry_key", sa.ForeignKey("entry.entry_key"), nullable=False),
    sa.Column("person", sa.String(100), nullable=False),
    sa.Column("moment", sa.String(20), nullable=False),
)
OFFSET = sa.Table(
    "payout_offset",
    books.METADATA,
    sa.Column("statement", sa.String(500), primary_key=True),
    sa.Column("entry", sa.Integer, primary_key=True),
    sa.Column("other_statement", sa.String(500), nullable=False),
    sa.Column("other_entry", sa.Integer, nullable=False),
    sa.Column("entry_key", sa.ForeignKey("entry.entry_key"), nullable=False),
    sa.Column("person", sa.String(100), nullable=False),
    sa.Column("moment", sa.String(20), nullable=False),
    sa.UniqueConstraint("other_statement", "other_entry"),
)
"""Bank entries that are set off against one another, such as a second debit and the credit that gives it back."""
DECISION = sa.Table(
    "payout_decision",
    books.METADATA,
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
)
DECISION_PAYMENT = sa.Table(
    "payout_decision_payment",
    books.METADATA,
    sa.Column("decision_id", sa.ForeignKey("payout_decision.decision_id"), primary_key=True),
    sa.Column("payment_id", sa.ForeignKey("payout.payment_id"), primary_key=True),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
)
DECISION_EVENT = steps_table("payout_decision_event", "decision_id", "payout_decision")
