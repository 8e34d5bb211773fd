"""What was sent to partners: each delivery, its sealed bytes, its steps, and what the partner says it has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from settlement.schema import delivery_rules, rules

revision = "0005"
down_revision = "0004"

_DELIVERY = ("partner", "sequence", "resend")


def upgrade() -> None:
    """Make the tables and their rules."""
    _sent()
    _acknowledged()
    connection = op.get_bind()
    rules.append_only(connection, "delivery", [[*_DELIVERY], ["business_date", "path", "resend"]])
    rules.append_only(connection, "delivery_bytes", [[*_DELIVERY]])
    rules.append_only(connection, "delivery_event", [[*_DELIVERY, "step"]])
    rules.append_only(connection, "acknowledgement", [["partner", "sha256"], ["partner", "number"]])
    rules.append_only(connection, "acknowledgement_line", [["partner", "sha256", "line"]])
    delivery_rules.make(connection)


def _sent() -> None:
    op.create_table(
        "delivery",
        sa.Column("partner", sa.String(100), primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("resend", sa.Integer, primary_key=True),
        sa.Column("business_date", sa.Date, nullable=False),
        sa.Column("path", sa.String(400), nullable=False),
        sa.Column("plain_sha256", sa.String(64), nullable=False),
        sa.Column("lines", sa.BigInteger, nullable=False),
        sa.Column("total_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(10), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("person", sa.String(100)),
        sa.Column("reason", sa.String(400)),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("business_date", "path", "resend"),
        sa.CheckConstraint("sequence >= 1 AND resend >= 0"),
        sa.CheckConstraint("(resend = 0) = (person IS NULL) AND (resend = 0) = (reason IS NULL)"),
        sa.CheckConstraint("resend = 0 OR (person = lower(trim(person)) AND person <> '' AND trim(reason) <> '')"),
    )
    op.create_table(
        "delivery_bytes",
        sa.Column("partner", sa.String(100), primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("resend", sa.Integer, primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("signing_key", sa.String(40), nullable=False),
        sa.Column("recipient", sa.String(128), nullable=False),
        sa.Column("place", sa.String(400), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint([*_DELIVERY], [f"delivery.{column}" for column in _DELIVERY]),
    )
    op.create_table(
        "delivery_event",
        sa.Column("partner", sa.String(100), primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("resend", sa.Integer, primary_key=True),
        sa.Column("step", sa.Integer, primary_key=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("detail", sa.String(1000), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint([*_DELIVERY], [f"delivery.{column}" for column in _DELIVERY]),
    )


def _acknowledged() -> None:
    op.create_table(
        "acknowledgement",
        sa.Column("partner", sa.String(100), primary_key=True),
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("last_sequence", sa.Integer),
        sa.Column("problem", sa.String(1000)),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("partner", "number"),
        sa.CheckConstraint("(last_sequence IS NULL) <> (problem IS NULL)"),
    )
    op.create_table(
        "acknowledgement_line",
        sa.Column("partner", sa.String(100), primary_key=True),
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("line", sa.Integer, primary_key=True),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("resend", sa.Integer, nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(400), nullable=False),
        sa.ForeignKeyConstraint(["partner", "sha256"], ["acknowledgement.partner", "acknowledgement.sha256"]),
        sa.ForeignKeyConstraint(["partner", "sequence", "resend"], [f"delivery.{column}" for column in _DELIVERY]),
        sa.CheckConstraint("status IN ('ACCEPTED', 'REJECTED')"),
    )
