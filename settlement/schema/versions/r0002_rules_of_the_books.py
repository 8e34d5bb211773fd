"""Nothing is edited, entries are whole, a correction names what it corrects, a commit tells when it was recorded."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from settlement.errors import TerminalError
from settlement.schema import rules

revision = "0002"
down_revision = "0001"

_KEYS: Final = {
    "entry": [["entry_key"]],
    "posting": [["entry_key", "line"]],
    "stage_run": [["business_date", "stage"]],
    "quarantine_reject": [["reject_id"], ["file", "record"]],
    "quarantine_repair": [["reject_id", "attempt"]],
    "quarantine_file": [["business_date", "name"]],
    "quarantine_replay": [["reject_id", "attempt"]],
    "quarantine_outcome": [["reject_id", "attempt"]],
}
"""Tables and the keys of their rows; a unique key that holds a primary key is not named."""


def upgrade() -> None:
    """Add the columns and the rules; books whose entries do not balance are refused."""
    connection = op.get_bind()
    _require_balance(connection)
    op.add_column("stage_run", sa.Column("recorded_at", sa.DateTime(timezone=True)))
    # Looked at when the transaction ends: entries of one night come in any order.
    reference = "REFERENCES entry (entry_key) DEFERRABLE INITIALLY DEFERRED"
    op.execute(f"ALTER TABLE entry ADD COLUMN corrects VARCHAR(200) {reference}")
    if connection.dialect.name == "sqlite":
        _postings_again()
    else:
        name, key = "posting_entry_key_fkey", ["entry_key"]
        op.drop_constraint(name, "posting")
        op.create_foreign_key(name, "posting", "entry", key, key, deferrable=True, initially="DEFERRED")
        for table in _KEYS:
            # Quarantine had a rule of its own.
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_kept ON {table}")
            connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS {table}_kept()")
    for table, keys in _KEYS.items():
        rules.append_only(connection, table, keys)
    rules.entries_are_whole(connection)


def _require_balance(connection: sa.Connection) -> None:
    off = connection.execute(
        sa.text("SELECT entry_key FROM posting GROUP BY entry_key, currency HAVING sum(amount_minor) <> 0")
    ).first()
    if off is not None:
        raise TerminalError(
            f"Journal entry {off.entry_key} of these books does not balance, so they were changed outside the program: "
            "restore them from backup. They were not upgraded."
        )


def _postings_again() -> None:
    """SQLite changes no foreign key of a table that stands: the postings move into one that has it."""
    op.create_table(
        "posting_moving",
        sa.Column("entry_key", sa.String(200), primary_key=True),
        sa.Column("line", sa.Integer, primary_key=True),
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("currency", sa.String(10), nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["entry_key"], ["entry.entry_key"], deferrable=True, initially="DEFERRED"),
    )
    op.execute("INSERT INTO posting_moving SELECT entry_key, line, account, currency, amount_minor FROM posting")
    op.drop_table("posting")
    op.rename_table("posting_moving", "posting")
    op.create_index("ix_posting_account", "posting", ["account"])
