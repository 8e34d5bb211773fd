"""Books of any age are brought to this version's revision, and books of a later one are refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from settlement import books, close_books, delivery_books, payout_tables, quarantine_books, restate_books
from settlement.errors import TerminalError
from settlement.schema import upgrade
from settlement.store import Home

NIGHT = date(2010, 12, 29)
BEFORE = (
    (
        "CREATE TABLE entry (entry_key VARCHAR(200) NOT NULL, business_date DATE NOT NULL, kind VARCHAR(40) NOT NULL, "
        "text VARCHAR(400) NOT NULL, PRIMARY KEY (entry_key))"
    ),
    "CREATE INDEX ix_entry_business_date ON entry (business_date)",
    (
        "CREATE TABLE posting (entry_key VARCHAR(200) NOT NULL, line INTEGER NOT NULL, account VARCHAR(200) NOT NULL, "
        "currency VARCHAR(10) NOT NULL, amount_minor BIGINT NOT NULL, PRIMARY KEY (entry_key, line), "
        "FOREIGN KEY(entry_key) REFERENCES entry (entry_key))"
    ),
    "CREATE INDEX ix_posting_account ON posting (account)",
    (
        "CREATE TABLE stage_run (business_date DATE NOT NULL, stage VARCHAR(40) NOT NULL, "
        "inputs_digest VARCHAR(64) NOT NULL, outputs_digest VARCHAR(64) NOT NULL, PRIMARY KEY (business_date, stage))"
    ),
    "INSERT INTO entry VALUES ('k1', '2010-12-29', 'accrual', 'a text')",
    "INSERT INTO posting VALUES ('k1', 1, 'equity:opening', 'USD', 5)",
    "INSERT INTO posting VALUES ('k1', 2, 'expense:fees:bank', 'USD', -5)",
    "INSERT INTO stage_run VALUES ('2010-12-29', 'post', '1', '2')",
)
"""Tables and rows as the version before revisions wrote them, without quarantine."""


def engine_of(home: Home) -> sa.Engine:
    """The books' engine without an upgrade, as a version of before opened them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(books, "upgrade", lambda _: None)
        return books.connect(home)


def write(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


@pytest.fixture
def home(tmp_path: Path, on_each_without_tables: object) -> Home:
    return Home(root=tmp_path)


def test_books_of_before_there_were_revisions_are_upgraded_with_all_they_hold(home: Home) -> None:
    write(engine_of(home), *BEFORE)
    engine = books.connect(home)
    (entry,) = books.read_entries(engine, NIGHT)
    assert [(p.account, p.amount_minor) for p in entry.postings] == [("equity:opening", 5), ("expense:fees:bank", -5)]
    (run,) = books.stage_runs(engine)
    assert (run.stage, run.recorded_at) == ("post", None)
    assert quarantine_books.cases(engine) == []
    with engine.connect() as connection:
        noted = connection.exec_driver_sql("SELECT table_name, row_key FROM book_row ORDER BY number").all()
    assert [tuple(row) for row in noted] == [("entry", "k1"), ("stage_run", "2010-12-29\tpost")]
    assert delivery_books.standings(engine) == []
    _require_as_queried(engine)
    with pytest.raises(TerminalError, match="never changed"), books.transaction(engine) as connection:
        connection.exec_driver_sql("UPDATE posting SET amount_minor = 6")


def test_new_books_have_the_tables_that_are_queried(home: Home) -> None:
    queried = {close_books.NOTE.name, payout_tables.BATCH.name, restate_books.ORDER.name}
    assert queried < books.METADATA.tables.keys()
    _require_as_queried(books.connect(home))


def _require_as_queried(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        options = {"compare_type": True, "include_object": None if connection.dialect.name != "sqlite" else _told_whole}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, books.METADATA) == []


def _told_whole(item: sa.ForeignKeyConstraint, _name: str, kind: str, *_: object) -> bool:
    """Of a reference that came with its column SQLite does not tell when it is looked at."""
    return kind != "foreign_key_constraint" or item.column_keys != ["corrects"]


def test_books_that_do_not_balance_are_not_upgraded(home: Home) -> None:
    write(engine_of(home), *BEFORE, "UPDATE posting SET amount_minor = 6 WHERE line = 1")
    with pytest.raises(TerminalError, match="k1 of these books does not balance"):
        books.connect(home)
    assert not sa.inspect(engine_of(home)).has_table("alembic_version")
    write(engine_of(home), "UPDATE posting SET amount_minor = 5 WHERE line = 1")
    assert len(books.read_entries(books.connect(home), NIGHT)) == 1


def test_books_of_a_later_version_are_refused_in_one_sentence(home: Home) -> None:
    write(books.connect(home), "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(TerminalError, match="are of revision 9999 and this program knows"):
        books.connect(home)


def test_the_latest_revision_is_the_last_of_the_chain(tmp_path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(upgrade.__file__).parent))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    revisions = [revision.revision for revision in script.walk_revisions()]
    assert script.get_heads() == [upgrade.LATEST]
    assert revisions == sorted(revisions, reverse=True), "a later revision has a greater number"
