"""What persons sign of a close, in SQL: words on open items, and certificates of two persons, added once.

A certificate is prepared by one person and reviewed by another: the row of the review names who prepared, which a
foreign key ties to the preparation, and a check refuses the same person twice. Rows cannot be changed or removed: by
triggers. A period has one certificate, because its statement is issued once. All of it is made by the revisions of
``settlement.schema``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date

import sqlalchemy as sa

from settlement import books

NOTE = sa.Table(
    "close_note",
    books.METADATA,
    sa.Column("contract", sa.String(100), primary_key=True),
    sa.Column("period", sa.String(40), primary_key=True),
    sa.Column("check_name", sa.String(40), primary_key=True),
    sa.Column("subject", sa.String(500), primary_key=True),
    sa.Column("reason", sa.String(400), nullable=False),
    sa.Column("person", sa.String(100), nullable=False),
)
CERTIFICATE = sa.Table(
    "close_certificate",
    books.METADATA,
    sa.Column("contract", sa.String(100), primary_key=True),
    sa.Column("period", sa.String(40), primary_key=True),
    sa.Column("known_after", sa.Date, nullable=False),
    sa.Column("statement_sha256", sa.String(64), nullable=False),
    sa.Column("checklist_sha256", sa.String(64), nullable=False),
    sa.Column("closed_on", sa.Date, nullable=False),
    sa.Column("prepared_by", sa.String(100), nullable=False),
    sa.UniqueConstraint("contract", "period", "statement_sha256", "prepared_by"),
)
REVIEW = sa.Table(
    "close_review",
    books.METADATA,
    sa.Column("contract", sa.String(100), primary_key=True),
    sa.Column("period", sa.String(40), primary_key=True),
    sa.Column("known_after", sa.Date, nullable=False),
    sa.Column("statement_sha256", sa.String(64), nullable=False),
    sa.Column("checklist_sha256", sa.String(64), nullable=False),
    sa.Column("prepared_by", sa.String(100), nullable=False),
    sa.Column("reviewed_by", sa.String(100), nullable=False),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A word on one open item of a checklist: a feed that is waived, or why an account or a break is still open."""

    contract: str
    period: str
    check_name: str
    subject: str
    reason: str
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One period's certificate; ``reviewed_by`` is empty while the second person has not signed.

    ``closed_on`` is the night that stated the period, ``known_after`` the last settled night when the checklist was
    looked at, ``statement_sha256`` the digest of the statement's lines and ``checklist_sha256`` that of the checklist.
    """

    contract: str
    period: str
    closed_on: date
    known_after: date
    statement_sha256: str
    checklist_sha256: str
    prepared_by: str
    reviewed_by: str | None = None


def notes(engine: books.Engine) -> list[Note]:
    """All words on open items, by contract, period, check and subject."""
    query = sa.select(NOTE).order_by(*NOTE.primary_key.columns)
    with books.transaction(engine) as connection:
        return [Note(**row) for row in connection.execute(query).mappings()]


def add_note(engine: books.Engine, note: Note) -> None:
    """Add a word on an open item; TerminalError where there is one already."""
    refused = (
        f"{note.contract} {note.period} has a word on {note.check_name} {note.subject} already: what is written stays "
        "as it is."
    )
    books.add_row(engine, NOTE, asdict(note), refused)


def certificates(engine: books.Engine) -> list[Certificate]:
    """All certificates, by contract and period."""
    query = (
        sa.select(CERTIFICATE, REVIEW.c.reviewed_by)
        .outerjoin(REVIEW, onclause=sa.and_(*(CERTIFICATE.c[n] == REVIEW.c[n] for n in ("contract", "period"))))
        .order_by(CERTIFICATE.c.contract, CERTIFICATE.c.period)
    )
    with books.transaction(engine) as connection:
        return [Certificate(**row) for row in connection.execute(query).mappings()]


def prepare(engine: books.Engine, certificate: Certificate) -> None:
    """Sign a certificate as its first person; TerminalError where it is signed already."""
    row = {name: value for name, value in asdict(certificate).items() if name != "reviewed_by"}
    refused = (
        f"{certificate.contract} {certificate.period} is prepared already: another person reviews it with "
        "`settle close review`."
    )
    books.add_row(engine, CERTIFICATE, row, refused)


def review(engine: books.Engine, certificate: Certificate) -> None:
    """Sign a certificate as its second person; TerminalError where that is the first one, or it is reviewed already."""
    row = {name: value for name, value in asdict(certificate).items() if name != "closed_on"}
    refused = (
        f"{certificate.contract} {certificate.period} is not to be reviewed by {certificate.reviewed_by}: whoever "
        "prepared it cannot, a certificate is reviewed once, and it is of the statement that was prepared."
    )
    books.add_row(engine, REVIEW, row, refused)
