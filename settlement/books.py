"""The books: journal and commit log in SQL, SQLite by default, any SQLAlchemy URL by configuration.

Entries are added and never edited. An entry key is booked once: the same key with the same postings is
a no-op, with other postings a refusal. A stage is committed by one row of ``stage_run``, in the same
transaction as the entries that the stage books. What is booked outside a stage is booked by ``book`` in a
``transaction`` of its own, with whatever other rows belong to it. The tables and the database's own rules are made by
the revisions of ``settlement.schema``.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

import psycopg
import sqlalchemy as sa

from settlement.errors import RetryableError, TerminalError
from settlement.model.accounts import kind_of
from settlement.model.journal import BESIDE_NIGHTS, Entry, Posting
from settlement.schema.rules import REFUSED
from settlement.schema.upgrade import upgrade
from settlement.store import Home, KeptFile

Engine = sa.Engine
Connection = sa.Connection

_NO_PRIVILEGE: Final = "42501"
"""PostgreSQL's code for what its user may not do."""

_MOST_NAME: Final = 100
"""Characters of a person's name."""

METADATA = sa.MetaData()
"""Columns and keys as they are queried; a test holds them to the revisions."""

ENTRY = sa.Table(
    "entry",
    METADATA,
    sa.Column("entry_key", sa.String(200), primary_key=True),
    sa.Column("business_date", sa.Date, nullable=False, index=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("text", sa.String(400), nullable=False),
    sa.Column("corrects", sa.ForeignKey("entry.entry_key", deferrable=True, initially="DEFERRED")),
)
POSTING = sa.Table(
    "posting",
    METADATA,
    sa.Column("entry_key", sa.ForeignKey("entry.entry_key", deferrable=True, initially="DEFERRED"), primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True),
    sa.Column("account", sa.String(200), nullable=False, index=True),
    sa.Column("currency", sa.String(10), nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
)
STAGE_RUN = sa.Table(
    "stage_run",
    METADATA,
    sa.Column("business_date", sa.Date, primary_key=True),
    sa.Column("stage", sa.String(40), primary_key=True),
    sa.Column("inputs_digest", sa.String(64), nullable=False),
    sa.Column("outputs_digest", sa.String(64), nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True)),
)
STAGE_FILE = sa.Table(
    "stage_file",
    METADATA,
    sa.Column("business_date", sa.Date, primary_key=True),
    sa.Column("stage", sa.String(40), primary_key=True),
    sa.Column("path", sa.String(1000), primary_key=True),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRun:
    """One committed stage of one night; ``recorded_at`` is the database's clock (UTC), None in books of before."""

    business_date: date
    stage: str
    inputs_digest: str
    outputs_digest: str
    recorded_at: datetime | None = field(default=None, compare=False)


def connect(home: Home) -> sa.Engine:
    """The engine of the home's books: ``SETTLEMENT_BOOKS_URL``, else SQLite beside the tables.

    Books that are new or of an earlier version are brought to this one. Raises TerminalError where the URL or the file
    is no database or the books are of a later version, RetryableError where it cannot be reached.
    """
    named = None if home.own_books else os.environ.get("SETTLEMENT_BOOKS_URL")
    try:
        url = sa.make_url(named) if named else sa.URL.create("sqlite", database=str(home.root / "books.sqlite"))
        engine = _engine(url)
    except (sa.exc.ArgumentError, ImportError):
        # The URL may hold a password: it is never shown.
        raise TerminalError(
            "SETTLEMENT_BOOKS_URL is no database URL of SQLite (sqlite:///PATH) or PostgreSQL "
            "(postgresql+psycopg://USER@HOST/DATABASE): write it so or unset it."
        ) from None
    with reached():
        upgrade(engine)
    return engine


def _engine(url: sa.URL) -> sa.Engine:
    """The engine of a URL; ArgumentError where it is of no kind of database that the rules are written for."""
    if url.drivername in {"sqlite", "sqlite+pysqlite"}:
        engine = sa.create_engine(url, connect_args={"timeout": 60})
        sa.event.listen(engine, "connect", _keep_references)
        return engine
    if url.drivername in {"postgresql", "postgresql+psycopg"}:
        # Every question opens books of its own: a pool of each would hold connections that nobody uses.
        return sa.create_engine(url.set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    raise sa.exc.ArgumentError


def _keep_references(connection: Any, _record: object) -> None:
    """SQLite looks at foreign keys only where it is told to."""
    connection.execute("PRAGMA foreign_keys = ON")


@contextmanager
def reached() -> Iterator[None]:
    """Say in one sentence what the database refused; whatever was begun is rolled back by then."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
        raise RetryableError(f"The books cannot be reached: {error.orig}.") from None
    except sa.exc.IntegrityError as error:
        if REFUSED in str(error.orig):
            raise TerminalError(f"Nothing was booked, {str(error.orig).partition(chr(10))[0]}.") from None
        raise RetryableError("Another run booked the same at the same time and this one booked nothing.") from None
    except sa.exc.DataError as error:
        what = str(error.orig).partition(chr(10))[0]
        raise TerminalError(f"Nothing was booked, a value does not fit into the books: {what}.") from None
    except sa.exc.DatabaseError as error:
        if getattr(error.orig, "sqlstate", None) == _NO_PRIVILEGE:
            raise TerminalError(
                f"The books refuse their user ({error.orig}): give it the right, or open the books once as the owner "
                "of their tables, which upgrades them."
            ) from None
        raise TerminalError(f"The books cannot be read ({error.orig}): restore them from backup.") from None


@contextmanager
def transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction on the books: all of it is kept or, where anything is refused, nothing.

    Raises TerminalError and RetryableError as ``reached`` says them.
    """
    with reached(), engine.begin() as connection:
        yield connection


def add_row(engine: sa.Engine, table: sa.Table, row: Mapping[str, object], refused: str) -> None:
    """Add one row in a transaction of its own; TerminalError that says ``refused`` where a rule of the table does."""
    with reached():
        try:
            with engine.begin() as connection:
                connection.execute(sa.insert(table), [dict(row)])
        except sa.exc.IntegrityError:
            raise TerminalError(refused) from None


def stage_runs(engine: sa.Engine) -> list[StageRun]:
    """All committed stages of all nights, by night."""
    with reached(), engine.connect() as connection:
        query = sa.select(STAGE_RUN).order_by(STAGE_RUN.c.business_date, STAGE_RUN.c.stage)
        return [StageRun(**row) for row in connection.execute(query).mappings()]


def nights_of(engine: sa.Engine, stage: str) -> list[date]:
    """The nights on which a stage is committed, in order."""
    query = sa.select(STAGE_RUN.c.business_date).where(STAGE_RUN.c.stage == stage).order_by(STAGE_RUN.c.business_date)
    with reached(), engine.connect() as connection:
        return list(connection.execute(query).scalars())


def committed(engine: sa.Engine, business_date: date, stage: str) -> StageRun | None:
    """The commit row of one stage of one night, or None."""
    query = sa.select(STAGE_RUN).where(STAGE_RUN.c.business_date == business_date, STAGE_RUN.c.stage == stage)
    with reached(), engine.connect() as connection:
        row = connection.execute(query).mappings().one_or_none()
        return None if row is None else StageRun(**row)


def person_of(text: str) -> str:
    """A person's name as the books write it; TerminalError where it is empty or longer than they take."""
    name = text.strip().lower()
    if not 0 < len(name) <= _MOST_NAME:
        raise TerminalError(f"Say who does this in at most {_MOST_NAME} characters: --by NAME.")
    return name


Also = Callable[[sa.Connection], None]
"""What else is written to the books in a transaction."""


def commit_stage(
    engine: sa.Engine,
    run: StageRun,
    entries: Sequence[Entry],
    *,
    files: Sequence[KeptFile] = (),
    also: Also | None = None,
    last: Also | None = None,
) -> None:
    """Book the entries and commit the stage in one transaction, and in it what else the stage writes to the books.

    ``files`` are those that the stage keeps in the home; ``last`` is done behind the commit row.
    """
    with transaction(engine) as connection:
        book(connection, entries)
        if also is not None:
            also(connection)
        stage = {"business_date": run.business_date, "stage": run.stage}
        if files:
            rows = [{**stage, "path": f.path, "sha256": f.sha256, "size_bytes": f.size_bytes} for f in files]
            connection.execute(sa.insert(STAGE_FILE), rows)
        digests = {"inputs_digest": run.inputs_digest, "outputs_digest": run.outputs_digest}
        connection.execute(sa.insert(STAGE_RUN).values(**stage, **digests, recorded_at=sa.func.current_timestamp()))
        if last is not None:
            last(connection)


def book(connection: sa.Connection, entries: Sequence[Entry]) -> None:
    """Book entries in a transaction; those that are booked already with the same postings are left as they are.

    Raises TerminalError where an entry does not balance, has no postings, comes twice, is booked otherwise, names an
    account that is not in the chart, or corrects an entry that is not booked.
    """
    for entry in entries:
        entry.check()
        if not entry.postings:
            raise TerminalError(f"Journal entry {entry.key} has no postings: book nothing instead.")
        for posting in entry.postings:
            kind_of(posting.account)
    twice = [key for key, count in Counter(entry.key for entry in entries).items() if count > 1]
    if twice:
        raise TerminalError(f"Journal entry {twice[0]} comes twice in one stage: a key is booked once.")
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
        _require_corrected(connection, fresh)
        # An entry is written over its postings, and closes them.
        _load(connection, POSTING, [row for entry in fresh for row in _posting_rows(entry)])
        _load(connection, ENTRY, [(e.key, e.business_date, e.kind, e.text, e.corrects) for e in fresh])


def _require_corrected(connection: sa.Connection, fresh: Sequence[Entry]) -> None:
    mended = {entry.corrects: entry.key for entry in fresh if entry.corrects is not None}
    missing = mended.keys() - {entry.key for entry in fresh} - _booked(connection, sorted(mended)).keys()
    if missing:
        key = min(missing)
        raise TerminalError(f"Journal entry {mended[key]} corrects {key}, which is not booked.")


def _posting_rows(entry: Entry) -> Iterator[tuple[object, ...]]:
    for line, posting in enumerate(entry.postings, start=1):
        yield entry.key, line, posting.account, posting.currency, posting.amount_minor


def _load(connection: sa.Connection, table: sa.Table, rows: Sequence[Sequence[object]]) -> None:
    """Write rows whose values stand in the order of the table's columns."""
    names = [column.name for column in table.columns]
    if connection.dialect.name != "postgresql":
        connection.execute(sa.insert(table), [dict(zip(names, row, strict=True)) for row in rows])
        return
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        # As it would come from a statement, of which there is none here.
        raise sa.exc.DBAPIError.instance(None, None, error, psycopg.Error, dialect=connection.dialect) from None


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


def read_entries(
    engine: sa.Engine,
    until: date,
    after: date | None = None,
    kinds: Sequence[str] | None = None,
    below: Sequence[str] | None = None,
) -> list[Entry]:
    """All entries of nights up to ``until``, itself included, sorted by key.

    ``after`` leaves out those up to a night; ``kinds`` are the only kinds; ``below`` the only keys, each with what
    stands below it behind a slash.
    """
    query = (
        sa.select(ENTRY, POSTING.c.account, POSTING.c.currency, POSTING.c.amount_minor)
        .join(POSTING, POSTING.c.entry_key == ENTRY.c.entry_key)
        .where(ENTRY.c.business_date <= until)
        .order_by(ENTRY.c.entry_key, POSTING.c.line)
    )
    query = query if after is None else query.where(ENTRY.c.business_date > after)
    query = query if kinds is None else query.where(ENTRY.c.kind.in_(kinds))
    if below is not None:
        keys = ENTRY.c.entry_key
        query = query.where(sa.or_(keys.in_(below), *(keys.startswith(f"{key}/", autoescape=True) for key in below)))
    heads: dict[str, tuple[date, str, str, str | None]] = {}
    lines: dict[str, list[Posting]] = {}
    with reached(), engine.connect() as connection:
        for row in connection.execute(query):
            # A small letter is like a great one in some databases.
            if below is not None and not f"{row.entry_key}/".startswith(tuple(f"{key}/" for key in below)):
                continue
            heads[row.entry_key] = (row.business_date, row.kind, row.text, row.corrects)
            lines.setdefault(row.entry_key, []).append(
                Posting(account=row.account, currency=row.currency, amount_minor=row.amount_minor)
            )
    # Sorted here: the order of texts in a database depends on its collation.
    return [
        Entry(key=key, business_date=day, kind=kind, text=text, postings=tuple(lines[key]), corrects=corrects)
        for key, (day, kind, text, corrects) in sorted(heads.items())
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """An account's debits and credits to date in one currency, in minor units, and its first and last night."""

    account: str
    currency: str
    debit_minor: int
    credit_minor: int
    first: date
    last: date

    @property
    def balance_minor(self) -> int:
        """Debits less credits."""
        return self.debit_minor - self.credit_minor


def balances(engine: sa.Engine, until: date) -> list[Balance]:
    """All accounts with what was booked on nights up to and including ``until``, by account and currency."""
    return _balances(engine, ENTRY.c.business_date <= until)


def balances_now(engine: sa.Engine, night: date) -> list[Balance]:
    """As ``balances`` after a night, with what persons have booked since, which belongs to the night after it."""
    beside = sa.and_(ENTRY.c.kind.in_(BESIDE_NIGHTS), ENTRY.c.business_date == night + timedelta(days=1))
    return _balances(engine, sa.or_(ENTRY.c.business_date <= night, beside))


def _balances(engine: sa.Engine, which: sa.ColumnElement[bool]) -> list[Balance]:
    amount, night = POSTING.c.amount_minor, ENTRY.c.business_date
    query = (
        sa.select(
            POSTING.c.account,
            POSTING.c.currency,
            sa.func.sum(sa.case((amount > 0, amount), else_=0)).label("debit_minor"),
            sa.func.sum(sa.case((amount < 0, -amount), else_=0)).label("credit_minor"),
            sa.func.min(night).label("first"),
            sa.func.max(night).label("last"),
        )
        .join(ENTRY)
        .where(which)
        .group_by(POSTING.c.account, POSTING.c.currency)
    )
    with reached(), engine.connect() as connection:
        found = [
            Balance(**row | {side: int(row[side]) for side in ("debit_minor", "credit_minor")})
            for row in (dict(row) for row in connection.execute(query).mappings())
        ]
    # Sorted here: the order of texts in a database depends on its collation.
    return sorted(found, key=lambda balance: (balance.account, balance.currency))


def booked_between(engine: sa.Engine, business_date: date) -> tuple[Entry, ...]:
    """What persons booked between the night before and this one, such as payouts."""
    before = max((night for night in nights_of(engine, "post") if night < business_date), default=date.min)
    return tuple(read_entries(engine, business_date, after=before, kinds=BESIDE_NIGHTS))


def copy_books_before(source: sa.Engine, target: sa.Engine, before: date) -> None:
    """Copy journal and commit log of all nights before ``before`` into empty books, and what was booked beside them."""
    beside = sa.and_(ENTRY.c.kind.in_(BESIDE_NIGHTS), ENTRY.c.business_date == before)
    kept = sa.or_(ENTRY.c.business_date < before, beside)
    queries = {
        POSTING: sa.select(POSTING).join(ENTRY).where(kept),
        ENTRY: sa.select(ENTRY).where(kept),
        STAGE_RUN: sa.select(STAGE_RUN).where(STAGE_RUN.c.business_date < before),
    }
    with reached(), source.connect() as reader, transaction(target) as writer:
        for table, query in queries.items():
            rows = [tuple(row) for row in reader.execute(query)]
            if rows:
                _load(writer, table, rows)


def books_digest(entries: Iterable[Entry], files: Iterable[tuple[str, bytes]]) -> str:
    """SHA-256 over the canonical sorted export of the journal and the plaintext of the outgoing files.

    One line a posting, fields separated by tabs (a tab, newline or backslash in a field is escaped by a backslash),
    sorted by entry key and line, with one field more where the entry corrects another; then one line a file with its
    path and the digest of its content, sorted by path.
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
            digest.update(canonical_line(fields if entry.corrects is None else (*fields, entry.corrects)))
    for path, content in sorted(files):
        digest.update(canonical_line((path, hashlib.sha256(content).hexdigest())))
    return digest.hexdigest()


def canonical_line(fields: Iterable[str]) -> bytes:
    """Fields as one line, separated by tabs, so that no two different lists of fields give the same line."""
    return ("\t".join(map(escaped, fields)) + "\n").encode()


def escaped(text: str) -> str:
    """A text in which each backslash, tab and newline is led by a backslash."""
    return text.replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n")
