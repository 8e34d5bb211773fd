"""The books: journal and commit log in SQL, SQLite by default, any SQLAlchemy URL by configuration.

Entries are added and never edited. An entry key is booked once: the same key with the same postings is
a no-op, with other postings a refusal. A stage is committed by one row of ``stage_run``, in the same
transaction as the entries that the stage books.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from settlement.errors import RetryableError, TerminalError
from settlement.model.journal import Entry, Posting
from settlement.store import Home

Engine = sa.Engine
Connection = sa.Connection

_metadata = sa.MetaData()

ENTRY = sa.Table(
    "entry",
    _metadata,
    sa.Column("entry_key", sa.String(200), primary_key=True),
    sa.Column("business_date", sa.Date, nullable=False, index=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("text", sa.String(400), nullable=False),
)
POSTING = sa.Table(
    "posting",
    _metadata,
    sa.Column("entry_key", sa.ForeignKey("entry.entry_key"), primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True),
    sa.Column("account", sa.String(200), nullable=False, index=True),
    sa.Column("currency", sa.String(10), nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
)
STAGE_RUN = sa.Table(
    "stage_run",
    _metadata,
    sa.Column("business_date", sa.Date, primary_key=True),
    sa.Column("stage", sa.String(40), primary_key=True),
    sa.Column("inputs_digest", sa.String(64), nullable=False),
    sa.Column("outputs_digest", sa.String(64), nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRun:
    """One committed stage of one night."""

    business_date: date
    stage: str
    inputs_digest: str
    outputs_digest: str


def connect(home: Home) -> sa.Engine:
    """The engine of the home's books: ``SETTLEMENT_BOOKS_URL``, else SQLite beside the tables.

    Raises TerminalError where the URL or the file is no database, RetryableError where it cannot be reached.
    """
    named = None if home.own_books else os.environ.get("SETTLEMENT_BOOKS_URL")
    try:
        url = sa.make_url(named) if named else sa.URL.create("sqlite", database=str(home.root / "books.sqlite"))
        local = url.get_backend_name() == "sqlite"
        engine = sa.create_engine(url, connect_args={"timeout": 60} if local else {})
        if local:
            sa.event.listen(engine, "connect", _keep_references)
    except (sa.exc.ArgumentError, ImportError):
        # The URL may hold a password: it is never shown.
        raise TerminalError(
            "SETTLEMENT_BOOKS_URL is no database URL with an installed driver: write it as SQLAlchemy does or unset it."
        ) from None
    with reached():
        make_tables(engine, _metadata)
    return engine


def make_tables(engine: sa.Engine, tables: sa.MetaData) -> None:
    """Make the tables that the books lack."""
    # Of two runners that make one at once the later finds it there, and goes on with the next.
    for _ in tables.sorted_tables:
        with suppress(sa.exc.OperationalError, sa.exc.ProgrammingError, sa.exc.IntegrityError):
            tables.create_all(engine)
            return
    tables.create_all(engine)


def never_edited(table: sa.Table, what: str) -> None:
    """Have the database refuse to change or remove a row of a table, in both of the databases that are spoken to.

    ``what`` names in its refusal what is never edited.
    """
    for verb in ("UPDATE", "DELETE"):
        name = f"{table.name}_no_{verb.lower()}"
        lite = (
            f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {verb} ON {table.name} "
            f"BEGIN SELECT RAISE(ABORT, '{what} is never edited'); END"
        )
        on_create(table, "sqlite", lite)
    raised = f"RAISE EXCEPTION '{what} is never edited' USING ERRCODE = 'integrity_constraint_violation'"
    body = f"BEGIN {raised}; END"
    function = (
        f"CREATE OR REPLACE FUNCTION {table.name}_kept() RETURNS trigger LANGUAGE plpgsql AS $kept$ {body} $kept$"
    )
    trigger = (
        f"CREATE OR REPLACE TRIGGER {table.name}_kept BEFORE UPDATE OR DELETE ON {table.name} "
        f"FOR EACH ROW EXECUTE FUNCTION {table.name}_kept()"
    )
    for statement in (function, trigger):
        on_create(table, "postgresql", statement)


def on_create(table: sa.Table, dialect: str, statement: str) -> None:
    """Run a statement where a table is made in a database of that dialect."""
    ddl: Any = sa.DDL
    sa.event.listen(table, "after_create", ddl(statement).execute_if(dialect=dialect))


def _keep_references(connection: Any, _record: object) -> None:
    """SQLite looks at foreign keys only where it is told to."""
    connection.execute("PRAGMA foreign_keys = ON")
    # Without this a row may be replaced past the triggers that keep it.
    connection.execute("PRAGMA recursive_triggers = ON")


@contextmanager
def reached() -> Iterator[None]:
    """Say in one sentence what the database refused; whatever was begun is rolled back by then."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
        raise RetryableError(f"The books cannot be reached: {error.orig}.") from None
    except sa.exc.IntegrityError:
        raise RetryableError("Another run booked the same at the same time and this one booked nothing.") from None
    except sa.exc.DatabaseError as error:
        raise TerminalError(f"The books cannot be read ({error.orig}): restore them from backup.") from None


def stage_runs(engine: sa.Engine) -> list[StageRun]:
    """All committed stages of all nights, by night."""
    with reached(), engine.connect() as connection:
        query = sa.select(STAGE_RUN).order_by(STAGE_RUN.c.business_date, STAGE_RUN.c.stage)
        return [StageRun(**row) for row in connection.execute(query).mappings()]


def committed(engine: sa.Engine, business_date: date, stage: str) -> StageRun | None:
    """The commit row of one stage of one night, or None."""
    query = sa.select(STAGE_RUN).where(STAGE_RUN.c.business_date == business_date, STAGE_RUN.c.stage == stage)
    with reached(), engine.connect() as connection:
        row = connection.execute(query).mappings().one_or_none()
        return None if row is None else StageRun(**row)


def commit_stage(
    engine: sa.Engine, run: StageRun, entries: Sequence[Entry], also: Callable[[sa.Connection], None] | None = None
) -> None:
    """Book the entries and commit the stage in one transaction, and in it what else the stage writes to the books.

    Every entry must balance and have postings.
    """
    for entry in entries:
        entry.check()
        if not entry.postings:
            raise TerminalError(f"Journal entry {entry.key} has no postings: book nothing instead.")
    twice = [key for key, count in Counter(entry.key for entry in entries).items() if count > 1]
    if twice:
        raise TerminalError(f"Journal entry {twice[0]} comes twice in one stage: a key is booked once.")
    with reached(), engine.begin() as connection:
        known = _booked(connection, [entry.key for entry in entries])
        fresh = []
        for entry in entries:
            if entry.key not in known:
                fresh.append(entry)
            elif known[entry.key] != entry.postings:
                raise TerminalError(
                    f"Journal entry {entry.key} is booked with other amounts: book a correction, never the same key."
                )
        if fresh:
            connection.execute(
                sa.insert(ENTRY),
                [{"entry_key": e.key, "business_date": e.business_date, "kind": e.kind, "text": e.text} for e in fresh],
            )
            connection.execute(
                sa.insert(POSTING),
                [
                    {
                        "entry_key": entry.key,
                        "line": line,
                        "account": posting.account,
                        "currency": posting.currency,
                        "amount_minor": posting.amount_minor,
                    }
                    for entry in fresh
                    for line, posting in enumerate(entry.postings, start=1)
                ],
            )
        if also is not None:
            also(connection)
        connection.execute(
            sa.insert(STAGE_RUN),
            [
                {
                    "business_date": run.business_date,
                    "stage": run.stage,
                    "inputs_digest": run.inputs_digest,
                    "outputs_digest": run.outputs_digest,
                }
            ],
        )


def _booked(connection: sa.Connection, keys: Sequence[str]) -> dict[str, tuple[Posting, ...]]:
    found: dict[str, list[Posting]] = {}
    for start in range(0, len(keys), 500):
        query = (
            sa.select(POSTING)
            .where(POSTING.c.entry_key.in_(keys[start : start + 500]))
            .order_by(POSTING.c.entry_key, POSTING.c.line)
        )
        for row in connection.execute(query):
            found.setdefault(row.entry_key, []).append(
                Posting(account=row.account, currency=row.currency, amount_minor=row.amount_minor)
            )
    return {key: tuple(postings) for key, postings in found.items()}


def read_entries(engine: sa.Engine, until: date) -> list[Entry]:
    """All entries of nights up to and including ``until``, sorted by key."""
    query = (
        sa.select(ENTRY, POSTING.c.account, POSTING.c.currency, POSTING.c.amount_minor)
        .join(POSTING, POSTING.c.entry_key == ENTRY.c.entry_key)
        .where(ENTRY.c.business_date <= until)
        .order_by(ENTRY.c.entry_key, POSTING.c.line)
    )
    heads: dict[str, tuple[date, str, str]] = {}
    lines: dict[str, list[Posting]] = {}
    with reached(), engine.connect() as connection:
        for row in connection.execute(query):
            heads[row.entry_key] = (row.business_date, row.kind, row.text)
            lines.setdefault(row.entry_key, []).append(
                Posting(account=row.account, currency=row.currency, amount_minor=row.amount_minor)
            )
    # Sorted here: the order of texts in a database depends on its collation.
    return [
        Entry(key=key, business_date=day, kind=kind, text=text, postings=tuple(lines[key]))
        for key, (day, kind, text) in sorted(heads.items())
    ]


def copy_books_before(source: sa.Engine, target: sa.Engine, before: date) -> None:
    """Copy journal and commit log of all nights before ``before`` into empty books."""
    with reached(), source.connect() as reader, target.begin() as writer:
        for table in (ENTRY, STAGE_RUN):
            query = sa.select(table).where(table.c.business_date < before)
            rows = [dict(row) for row in reader.execute(query).mappings()]
            if rows:
                writer.execute(sa.insert(table), rows)
        query = sa.select(POSTING).join(ENTRY).where(ENTRY.c.business_date < before)
        rows = [dict(row) for row in reader.execute(query).mappings()]
        if rows:
            writer.execute(sa.insert(POSTING), rows)


def books_digest(entries: Iterable[Entry], files: Iterable[tuple[str, bytes]]) -> str:
    """SHA-256 over the canonical sorted export of the journal and the plaintext of the outgoing files.

    One line a posting, fields separated by tabs (a tab, newline or backslash in a field is escaped by a backslash),
    sorted by entry key and line; then one line a file with its path and the digest of its content, sorted by path.
    """
    digest = hashlib.sha256()
    for entry in sorted(entries, key=lambda entry: entry.key):
        for line, posting in enumerate(entry.postings, start=1):
            fields = (
                entry.key,
                entry.business_date.isoformat(),
                entry.kind,
                str(line),
                posting.account,
                posting.currency,
                str(posting.amount_minor),
                entry.text,
            )
            digest.update(_line(fields))
    for path, content in sorted(files):
        digest.update(_line((path, hashlib.sha256(content).hexdigest())))
    return digest.hexdigest()


def _line(fields: Iterable[str]) -> bytes:
    """One line of the export, written so that no two different lists of fields give the same line."""
    escaped = (field.replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n") for field in fields)
    return ("\t".join(escaped) + "\n").encode()
