"""Every row of the books is noted as it is written, a commit tells its files, and seals chain the nights."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from settlement.schema import rules

revision = "0003"
down_revision = "0002"

_NOTED: Final = {
    "entry": ["entry_key"],
    "stage_run": ["business_date", "stage"],
    "stage_file": ["business_date", "stage", "path"],
    "quarantine_reject": ["reject_id"],
    "quarantine_repair": ["reject_id", "attempt"],
    "quarantine_file": ["business_date", "name"],
    "quarantine_replay": ["reject_id", "attempt"],
    "quarantine_outcome": ["reject_id", "attempt"],
}
"""Tables and their primary keys; postings are told by their entry."""


def upgrade() -> None:
    """Add the tables; rows that stand already are noted first, in the order of their keys."""
    connection = op.get_bind()
    op.create_table(
        "book_row",
        sa.Column("number", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("table_name", sa.String(60), nullable=False),
        sa.Column("row_key", sa.Text, nullable=False),
        sa.UniqueConstraint("table_name", "row_key"),
    )
    op.create_table(
        "stage_file",
        sa.Column("business_date", sa.Date, primary_key=True),
        sa.Column("stage", sa.String(40), primary_key=True),
        sa.Column("path", sa.String(1000), primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "seal",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("business_date", sa.Date, nullable=False),
        sa.Column("last_row", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.UniqueConstraint("business_date"),
    )
    for table, key in _NOTED.items():
        rules.noted(connection, table, key)
    rules.append_only(connection, "book_row", [["number"], ["table_name", "row_key"]])
    rules.append_only(connection, "stage_file", [["business_date", "stage", "path"]])
    rules.append_only(connection, "seal", [["number"], ["business_date"]])
