"""Journal, commit log and quarantine, as homes had them before there were revisions.

Such a home has the first three tables and, once anything was asked of quarantine, the others: what it has is kept.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from settlement.schema import rules

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables that are missing."""
    there = sa.inspect(op.get_bind()).get_table_names()
    if "entry" not in there:
        _journal()
    if "quarantine_reject" not in there:
        _quarantine()
        rules.never_by_a_repairer(op.get_bind())


def _journal() -> None:
    op.create_table(
        "entry",
        sa.Column("entry_key", sa.String(200), primary_key=True),
        sa.Column("business_date", sa.Date, nullable=False, index=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("text", sa.String(400), nullable=False),
    )
    op.create_table(
        "posting",
        sa.Column("entry_key", sa.String(200), sa.ForeignKey("entry.entry_key"), primary_key=True),
        sa.Column("line", sa.Integer, primary_key=True),
        sa.Column("account", sa.String(200), nullable=False, index=True),
        sa.Column("currency", sa.String(10), nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "stage_run",
        sa.Column("business_date", sa.Date, primary_key=True),
        sa.Column("stage", sa.String(40), primary_key=True),
        sa.Column("inputs_digest", sa.String(64), nullable=False),
        sa.Column("outputs_digest", sa.String(64), nullable=False),
    )


def _quarantine() -> None:
    op.create_table(
        "quarantine_reject",
        sa.Column("reject_id", sa.String(16), primary_key=True),
        sa.Column("business_date", sa.Date, nullable=False, index=True),
        sa.Column("file", sa.String(500), nullable=False),
        sa.Column("record", sa.BigInteger, nullable=False),
        sa.Column("original_file", sa.String(500), nullable=False),
        sa.Column("original_sha256", sa.String(64), nullable=False),
        sa.Column("layout", sa.String(200), nullable=False),
        sa.Column("byte_offset", sa.BigInteger),
        sa.Column("byte_length", sa.BigInteger),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("field", sa.String(200), nullable=False),
        sa.Column("preview", sa.String(400), nullable=False),
        sa.Column("key_id", sa.String(40)),
        sa.Column("sealed", sa.LargeBinary),
        sa.UniqueConstraint("file", "record"),
    )
    op.create_table(
        "quarantine_repair",
        sa.Column("reject_id", sa.String(16), sa.ForeignKey("quarantine_reject.reject_id"), primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True),
        sa.Column("person", sa.String(100), nullable=False),
        sa.Column("key_id", sa.String(40), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.CheckConstraint(rules.person()),
        sa.UniqueConstraint("reject_id", "attempt", "person"),
    )
    op.create_table(
        "quarantine_file",
        sa.Column("business_date", sa.Date, primary_key=True),
        sa.Column("name", sa.String(500), primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    _replays()


def _replays() -> None:
    op.create_table(
        "quarantine_replay",
        sa.Column("reject_id", sa.String(16), primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True),
        sa.Column("repaired_by", sa.String(100), nullable=False),
        sa.Column("replayed_by", sa.String(100), nullable=False),
        sa.Column("business_date", sa.Date, nullable=False),
        sa.Column("name", sa.String(500), nullable=False),
        sa.CheckConstraint(rules.person("replayed_by")),
        sa.CheckConstraint("repaired_by <> replayed_by", name="quarantine_four_eyes"),
        sa.ForeignKeyConstraint(
            ["reject_id", "attempt", "repaired_by"],
            ["quarantine_repair.reject_id", "quarantine_repair.attempt", "quarantine_repair.person"],
        ),
        sa.ForeignKeyConstraint(["business_date", "name"], ["quarantine_file.business_date", "quarantine_file.name"]),
        sa.UniqueConstraint("reject_id", "attempt", "business_date"),
    )
    outcome = op.create_table(
        "quarantine_outcome",
        sa.Column("reject_id", sa.String(16), primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True),
        sa.Column("business_date", sa.Date, nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.CheckConstraint("outcome IN ('applied', 'refused')"),
        sa.ForeignKeyConstraint(
            ["reject_id", "attempt", "business_date"],
            ["quarantine_replay.reject_id", "quarantine_replay.attempt", "quarantine_replay.business_date"],
        ),
    )
    applied = outcome.c.outcome == "applied"
    op.create_index(
        "quarantine_applied_once",
        "quarantine_outcome",
        ["reject_id"],
        unique=True,
        sqlite_where=applied,
        postgresql_where=applied,
    )
