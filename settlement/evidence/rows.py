"""Rows of the books as canonical texts, whatever database holds them and whatever tables it has.

docs/EVIDENCE.md has the form. A table that a revision adds is read here without another word, as long as the revision
has its rows noted (``settlement.schema.rules.noted``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

import sqlalchemy as sa

from settlement.errors import TerminalError

Row = dict[str, str | None]
"""A row's values by column, None where there is none."""

PARTS: Final = {"entry": "posting"}
"""Tables whose records have parts in another table, which begins its key with theirs."""

_AT_ONCE: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A row of the books that was noted, with the rows that are its parts, in their order."""

    number: int
    table: str
    key: str
    row: Row
    parts: tuple[Row, ...]


def books_tables(connection: sa.Connection) -> dict[str, sa.Table]:
    """All tables of the books as the database has them, sorted by name."""
    found = sa.MetaData()
    # All at once: PostgreSQL takes longer to say what a table is than to give its rows.
    found.reflect(connection, resolve_fks=False)
    return {name: found.tables[name] for name in sorted(found.tables) if name != "alembic_version"}


def books_table(connection: sa.Connection, name: str) -> sa.Table:
    """One table of the books as the database has it."""
    return sa.Table(name, sa.MetaData(), autoload_with=connection, resolve_fks=False)


def table_rows(connection: sa.Connection, table: sa.Table) -> list[Row]:
    """All rows of a table."""
    return [_texts(row) for row in connection.execute(sa.select(table)).mappings()]


def noted_after(connection: sa.Connection, number: int) -> list[Record]:
    """The records that were written behind the one of that number, in order.

    Raises TerminalError where one is not there.
    """
    notes = books_table(connection, "book_row")
    query = sa.select(notes).where(notes.c.number > number).order_by(notes.c.number)
    numbers: dict[str, dict[str, int]] = {}
    for note in connection.execute(query):
        numbers.setdefault(note.table_name, {})[note.row_key] = note.number
    found = [record for name, keys in numbers.items() for record in _records(connection, name, keys)]
    return sorted(found, key=lambda record: record.number)


def _records(connection: sa.Connection, name: str, numbers: Mapping[str, int]) -> Iterator[Record]:
    table = books_table(connection, name)
    key = [column.name for column in table.primary_key]
    parts = _parts(connection, name, list(numbers))
    left = dict(numbers)
    for row in _rows_of(connection, table, key, list(numbers)):
        told = "\t".join(row[column] or "" for column in key)
        yield Record(number=left.pop(told), table=name, key=told, row=row, parts=tuple(parts.get(told, ())))
    if left:
        raise TerminalError(
            f"Row {min(left)!r} of table {name} is noted in the books and is not there: restore them from backup."
        )


def _parts(connection: sa.Connection, name: str, keys: Sequence[str]) -> dict[str, list[Row]]:
    if name not in PARTS:
        return {}
    table = books_table(connection, PARTS[name])
    first, line = (column.name for column in table.primary_key)
    found: dict[str, list[Row]] = {}
    for row in _rows_of(connection, table, [first], keys):
        found.setdefault(row[first] or "", []).append(row)
    return {key: sorted(rows, key=lambda row: int(row[line] or 0)) for key, rows in found.items()}


def _rows_of(connection: sa.Connection, table: sa.Table, key: Sequence[str], keys: Sequence[str]) -> Iterator[Row]:
    columns = [table.c[name] for name in key]
    for start in range(0, len(keys), _AT_ONCE):
        wanted = [_values(columns, text) for text in keys[start : start + _AT_ONCE]]
        for row in connection.execute(sa.select(table).where(sa.tuple_(*columns).in_(wanted))).mappings():
            yield _texts(row)


def _values(columns: Sequence[sa.Column[object]], text: str) -> tuple[object, ...]:
    """The values of a key as the database takes them."""
    read: Mapping[type, Callable[[str], object]] = {date: date.fromisoformat, int: int}
    return tuple(
        read.get(column.type.python_type, str)(value)
        for column, value in zip(columns, text.split("\t", len(columns) - 1), strict=True)
    )


def _texts(row: sa.RowMapping) -> Row:
    return {name: _text(value) for name, value in row.items()}


def _text(value: object) -> str | None:
    """A value as it is sealed; TerminalError for one of a type that seals do not know."""
    match value:
        case None | str():
            return value
        case bool() | int():
            return str(int(value))
        case datetime():
            # What SQLite gives back has no zone, and is UTC.
            moment = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
            return moment.isoformat(" ")
        case date():
            return value.isoformat()
        case bytes():
            return f"sha256:{hashlib.sha256(value).hexdigest()}"
    raise TerminalError(f"The books hold a value of type {type(value).__name__}, which seals do not know.")
