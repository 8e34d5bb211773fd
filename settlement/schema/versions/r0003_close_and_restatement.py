"""What persons sign of a close, with the rule of two persons, and the restatements that nights are ordered to make."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

from settlement.schema import rules

revision = "0003"
down_revision = "0002"

_TOLD: Final = "trim({0}) <> ''"
_KEYS: Final = {
    "close_note": [["contract", "period", "check_name", "subject"]],
    "close_certificate": [["contract", "period"]],
    "close_review": [["contract", "period"]],
    "restatement": [["business_date"]],
}
"""Tables and the keys of their rows; a unique key that holds a primary key is not named."""


def upgrade() -> None:
    """Make the tables; a review names the preparation it is of by a foreign key, and never its own person."""
    _close()
    op.create_table(
        "restatement",
        sa.Column("business_date", sa.Date, primary_key=True),
        sa.Column("first_night", sa.Date, nullable=False),
        sa.Column("last_night", sa.Date, nullable=False),
        sa.Column("reason", sa.String(100), sa.CheckConstraint(_TOLD.format("reason")), nullable=False),
        sa.Column("person", sa.String(100), sa.CheckConstraint(rules.person()), nullable=False),
        sa.CheckConstraint("first_night <= last_night AND last_night < business_date", name="restatement_range"),
    )
    for table, keys in _KEYS.items():
        rules.append_only(op.get_bind(), table, keys)


def _close() -> None:
    op.create_table(
        "close_note",
        *_period(),
        sa.Column("check_name", sa.String(40), primary_key=True),
        sa.Column("subject", sa.String(500), primary_key=True),
        sa.Column("reason", sa.String(400), sa.CheckConstraint(_TOLD.format("reason")), nullable=False),
        sa.Column("person", sa.String(100), sa.CheckConstraint(rules.person()), nullable=False),
    )
    op.create_table(
        "close_certificate",
        *_period(),
        *_signed(),
        sa.Column("closed_on", sa.Date, nullable=False),
        sa.Column("prepared_by", sa.String(100), sa.CheckConstraint(rules.person("prepared_by")), nullable=False),
        sa.UniqueConstraint("contract", "period", "statement_sha256", "prepared_by"),
    )
    op.create_table(
        "close_review",
        *_period(),
        *_signed(),
        sa.Column("prepared_by", sa.String(100), nullable=False),
        sa.Column("reviewed_by", sa.String(100), sa.CheckConstraint(rules.person("reviewed_by")), nullable=False),
        sa.CheckConstraint("prepared_by <> reviewed_by", name="close_four_eyes"),
        sa.ForeignKeyConstraint(
            ["contract", "period", "statement_sha256", "prepared_by"],
            [
                "close_certificate.contract",
                "close_certificate.period",
                "close_certificate.statement_sha256",
                "close_certificate.prepared_by",
            ],
        ),
    )


def _period() -> tuple[sa.Column[str], ...]:
    return sa.Column("contract", sa.String(100), primary_key=True), sa.Column("period", sa.String(40), primary_key=True)


def _signed() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("known_after", sa.Date, nullable=False),
        sa.Column("statement_sha256", sa.String(64), nullable=False),
        sa.Column("checklist_sha256", sa.String(64), nullable=False),
    )
