"""Every row of the books is noted as it is written, a commit tells its files, and seals chain the nights."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from settlement.schema import rules

revision = "0006"
down_revision = "0005"

_NOT_NOTED: Final = frozenset({"alembic_version", "posting", "book_row", "seal"})
"""Tables whose rows are not noted: postings are told by their entry, and the notes and seals are the chain itself."""


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
    look = sa.inspect(connection)
    for table in sorted(set(look.get_table_names()) - _NOT_NOTED):
        rules.noted(connection, table, look.get_pk_constraint(table)["constrained_columns"])
    rules.append_only(connection, "book_row", [["number"], ["table_name", "row_key"]])
    rules.append_only(connection, "stage_file", [["business_date", "stage", "path"]])
    rules.append_only(connection, "seal", [["number"], ["business_date"]])
