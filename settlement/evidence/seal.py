"""A night's seal: what was written to the books since the seal before, and the digest of that seal.

It is made in the transaction of the night's last commit row, of rows that were just written: no file of a table and no
row that is sealed is read again. What is booked outside nights is sealed by the next night.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from settlement import __version__, books
from settlement.evidence.rows import PARTS, Record, Row, noted_after
from settlement.model.journal import Entry, Posting
from settlement.store import KeptFile

FORM: Final = "1"
"""Version of the form of seals; a checker refuses another."""

FIRST: Final = "0" * 64
"""What stands in the first seal for the one before it."""

_PACKAGE: Final = Path(__file__).resolve().parents[1]
_BUILT: Final = frozenset({".pyc", ".so"})

_SEAL: Final = sa.Table(
    "seal",
    books.METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("last_row", sa.Integer, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.UniqueConstraint("business_date"),
)
sa.Table(
    "book_row",
    books.METADATA,
    sa.Column("number", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("table_name", sa.String(60), nullable=False),
    sa.Column("row_key", sa.Text, nullable=False),
    sa.UniqueConstraint("table_name", "row_key"),
)


def add_seal(connection: sa.Connection, *, business_date: date, config: Sequence[KeptFile]) -> None:
    """Seal what no seal holds yet, in a transaction in which the night's last commit row has been written.

    Raises TerminalError where a row is noted and is not there.
    """
    before = connection.execute(sa.select(_SEAL).order_by(_SEAL.c.number.desc()).limit(1)).mappings().first()
    number, last_row, previous = (before["number"], before["last_row"], before["sha256"]) if before else (0, 0, FIRST)
    records = noted_after(connection, last_row)
    last_row = records[-1].number
    content = _content(number + 1, business_date, previous, config, records)
    row = {"number": number + 1, "business_date": business_date, "last_row": last_row}
    sealed = {"sha256": hashlib.sha256(content).hexdigest(), "content": content.decode()}
    connection.execute(sa.insert(_SEAL).values(**row, **sealed))


def _content(
    number: int, business_date: date, previous: str, config: Sequence[KeptFile], records: Sequence[Record]
) -> bytes:
    entries = [_entry(record) for record in records if record.table == "entry"]
    postings = sum(len(entry.postings) for entry in entries)
    lines: list[tuple[str, ...]] = [
        ("settlement seal", FORM),
        ("number", str(number)),
        ("night", business_date.isoformat()),
        ("previous", previous),
        ("program", __version__, _program_digest()),
        *(("config", file.path, file.sha256) for file in config),
        ("books", str(len(entries)), str(postings), books.books_digest(entries, ())),
        *(("row", str(r.number), r.table, r.key, record_digest(r)) for r in records),
        ("last row", str(records[-1].number)),
    ]
    return b"".join(books.canonical_line(line) for line in lines)


def record_digest(record: Record) -> str:
    """SHA-256 of a record: its row, then its parts, each as one line."""
    digest = hashlib.sha256(_row_line(record.table, record.row))
    for part in record.parts:
        digest.update(_row_line(PARTS[record.table], part))
    return digest.hexdigest()


def _row_line(table: str, row: Row) -> bytes:
    """The table and each value with its column's name, sorted by that; a column without a value is left out.

    So a column that a later version adds does not change the rows of before.
    """
    told: Iterable[str] = (f"{name}={value}" for name, value in sorted(row.items()) if value is not None)
    return books.canonical_line((table, *told))


def _entry(record: Record) -> Entry:
    row = {name: value or "" for name, value in record.row.items()}
    postings = (
        Posting(account=p["account"] or "", currency=p["currency"] or "", amount_minor=int(p["amount_minor"] or 0))
        for p in record.parts
    )
    return Entry(
        key=row["entry_key"],
        business_date=date.fromisoformat(row["business_date"]),
        kind=row["kind"],
        text=row["text"],
        postings=tuple(postings),
        corrects=record.row["corrects"],
    )


@cache
def _program_digest() -> str:
    """SHA-256 over the installed source: one line a file with its path and digest, sorted; not what was built of it."""
    digest = hashlib.sha256()
    for path in sorted(path for path in _PACKAGE.rglob("*") if path.is_file() and path.suffix not in _BUILT):
        name = path.relative_to(_PACKAGE).as_posix()
        digest.update(books.canonical_line((name, hashlib.sha256(path.read_bytes()).hexdigest())))
    return digest.hexdigest()
