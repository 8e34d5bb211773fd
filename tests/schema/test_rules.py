"""The database's own rules, attacked by SQL past the program, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from made_replies import LATER, read, report, returned
from payout_home import ABROAD, APPROVED, bank_entry, bank_shows, made_home, proposed, with_account
from written_rows import write

from settlement import books, close_books, delivery_books, quarantine_books, restate_books
from settlement.books import StageRun
from settlement.errors import RetryableError, TerminalError
from settlement.evidence.seal import add_seal
from settlement.model.decision import Meaning
from settlement.model.journal import Entry, Posting
from settlement.payout import cash, decisions, steps
from settlement.payout.decisions import Proposed
from settlement.schema import restatement_rules
from settlement.store import Home, KeptFile

NIGHT = date(2010, 12, 29)
TABLES = books.METADATA.tables
ASKED_IN = (close_books, delivery_books, quarantine_books, restate_books)
"""The modules that describe tables beside the journal's own and those of payouts."""
SEALS = ("book_row", "seal")
AT = "'2010-12-29 00:00:00'"
ENTRY = "INSERT INTO entry (entry_key, business_date, kind, text) VALUES ('k2', '2010-12-29', 'x', 'x')"
LEFT = "INSERT INTO posting VALUES ('k2', 1, 'equity:opening', 'USD', 5)"
RIGHT = "INSERT INTO posting VALUES ('k2', 2, 'expense:fees:bank', 'USD', -5)"


def entry(key: str = "k1") -> Entry:
    postings = tuple(
        Posting(account=a, currency="USD", amount_minor=m)
        for a, m in (("equity:opening", 5), ("expense:fees:bank", -5))
    )
    return Entry(key=key, business_date=NIGHT, kind="accrual", text="a text", postings=postings)


@pytest.fixture
def engine(own_home: Callable[[str, Callable[[Path], object]], Home]) -> sa.Engine:
    """Books in which every table has a row, but the one that takes none any more."""
    return books.connect(own_home("every_table", _with_every_table))


def _with_every_table(root: Path) -> None:
    home = made_home(root, [("C2-RET-COBRAND", "A", 100_00)])
    engine = books.connect(home)
    with_account(home, "A", ABROAD)
    batch = proposed(home)
    steps.approve(engine, batch.batch_id, "cem", APPROVED, batch.digest)
    steps.override(engine, batch.batch_id, "cem", APPROVED, "a reason")
    write(engine, "INSERT INTO payout_check_again VALUES ('P000001', '2010-12-31', 2, 'A', 'c', true, 0, 1, 'x')")
    batch = steps.release(home, engine, batch.batch_id, "cem", APPROVED)
    read(home, report(batch, ("P000001-001", "ACSC")))
    bank_shows(home, date(2011, 1, 1), bank_entry(-100_00, end_to_end_id="P000001-001"))
    cash.tie(home, engine, "fay", LATER)
    read(home, returned("P000001-001", "60.00"))
    read(home, returned("P000001-009", "60.00"))
    shown = (60_00, -100_00, 100_00)
    bank_shows(home, date(2011, 1, 2), *(bank_entry(amount, end_to_end_id="P000001-001") for amount in shown))
    cash.tie(home, engine, "fay", LATER)
    (waits,) = decisions.waiting(home, engine)
    said = Proposed(subject=waits.subject, meaning=Meaning.BACK, reason="x", payments=("P000001-001",), amount="1.00")
    decisions.propose(home, engine, said, "ann", LATER)
    one = StageRun(business_date=NIGHT, stage="match", inputs_digest="1", outputs_digest="2")
    file = KeptFile(path="out/x", sha256="0", size_bytes=1)
    books.commit_stage(engine, one, [entry()], files=[file], last=partial(add_seal, business_date=NIGHT, config=()))
    values = {
        "quarantine_reject": "'r', '2010-12-29', 'f', 1, 'f', '0', 'l', 1, 1, 'BAD', 'x', '', NULL, NULL",
        "quarantine_repair": "'r', 1, 'ann', 'q1', '0'",
        "quarantine_file": "'2010-12-30', 'n', '0', '0'",
        "quarantine_replay": "'r', 1, 'ann', 'bea', '2010-12-30', 'n'",
        "quarantine_outcome": "'r', 1, '2010-12-30', 'applied'",
        "close_note": "'c', '2010-Q4', 'feeds', 'visa/2010-12-29', 'a reason', 'ann'",
        "close_certificate": "'c', '2010-Q4', '2010-12-31', 's', 'l', '2010-12-31', 'ann'",
        "close_review": "'c', '2010-Q4', '2010-12-31', 's', 'l', 'ann', 'bea'",
        "restatement_order": (
            "'R1', 1, '2010-12-31', '2010-12-29', '2010-12-29', 'x', '2010-12-29', '0', '0', '0', '0', '', 'd'"
        ),
        "restatement_difference": "'R1', 1, 'account', 'asset:bank', 'USD', 1, 2",
        "restatement_event": "'R1', 1, 'none', 'proposed', 'ann', '2010-12-30T00:00:00Z', 'd', ''",
        "delivery": f"'P', 1, 0, '2010-12-29', 'P/x', '0', 1, 1, 'USD', 'n', NULL, NULL, {AT}",
        "delivery_bytes": f"'P', 1, 0, '0', 1, 's1', 'F', 'file:///x', {AT}",
        "delivery_event": f"'P', 1, 0, 1, 'prepared', '', {AT}",
        "acknowledgement": f"'P', '0', 1, 'n', '0', 1, NULL, {AT}",
        "acknowledgement_line": "'P', '0', 2, 1, 0, 'ACCEPTED', ''",
    }
    write(engine, *(f"INSERT INTO {table} VALUES ({row})" for table, row in values.items()))
    with books.transaction(engine) as connection:
        # Orders of before needed one person: no such row is written any more.
        rule = "ruled ON restatement" if engine.dialect.name == "postgresql" else "closed"
        connection.exec_driver_sql(f"DROP TRIGGER restatement_{rule}")
        connection.exec_driver_sql(
            "INSERT INTO restatement VALUES ('2010-12-31', '2010-12-29', '2010-12-30', 'a reason', 'ann')"
        )
        restatement_rules.make(connection)


def rows_of(engine: sa.Engine) -> dict[str, list[tuple[object, ...]]]:
    with engine.connect() as connection:
        return {name: [tuple(row) for row in connection.execute(sa.select(table))] for name, table in TABLES.items()}


def test_no_row_is_changed_removed_or_replaced(engine: sa.Engine) -> None:
    before = rows_of(engine)
    assert {name for name in TABLES if not before[name]} == {"payout_override"}, "it takes no row any more"
    for table in sorted(name for name in TABLES if before[name]):
        first = next(iter(TABLES[table].columns)).name
        attacks = [f"UPDATE {table} SET {first} = {first}", f"DELETE FROM {table}"]
        if engine.dialect.name == "sqlite":
            attacks.append(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
        else:
            attacks.append(f"TRUNCATE {table} CASCADE")
        for attack in attacks:
            try:
                write(engine, attack)
            except (TerminalError, RetryableError):
                continue
            pytest.fail(f"{attack} was not refused")
    assert rows_of(engine) == before


def test_every_row_is_noted_so_that_the_next_seal_holds_it(engine: sa.Engine) -> None:
    noted = {(table, key) for _, table, key in rows_of(engine)["book_row"]}
    written = set()
    # Postings are told by their entry.
    for name, rows in ((name, rows) for name, rows in rows_of(engine).items() if name not in {"posting", *SEALS}):
        columns = [column.name for column in TABLES[name].columns]
        places = [columns.index(column.name) for column in TABLES[name].primary_key]
        written |= {(name, "\t".join(str(row[place]) for place in places)) for row in rows}
    assert noted == written, "a new table is noted by its revision: rules.noted"


def test_a_row_is_not_replaced_by_a_unique_key_that_is_not_its_first(engine: sa.Engine) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL replaces no row")
    values = "'other', '2010-12-29', 'f', 1, 'f', '0', 'l', 1, 1, 'BAD', 'x', '', NULL, NULL"
    with pytest.raises(RetryableError):
        write(engine, f"INSERT OR REPLACE INTO quarantine_reject VALUES ({values})")


@pytest.mark.parametrize(
    ("statements", "sentence"),
    [
        ([ENTRY], "sum to zero"),
        ([LEFT, ENTRY], "sum to zero"),
        ([LEFT, RIGHT.replace("-5", "-6"), ENTRY], "sum to zero"),
        ([LEFT, RIGHT.replace("USD", "EUR"), ENTRY], "sum to zero"),
        ([ENTRY, LEFT, RIGHT], "sum to zero"),
        ([LEFT, RIGHT], "booked nothing"),
        ([LEFT, RIGHT, ENTRY, LEFT.replace("1,", "3,", 1), RIGHT.replace("2,", "4,", 1)], "booked nothing"),
        ([LEFT.replace("k2', 1", "k1', 3"), RIGHT.replace("k2', 2", "k1', 4")], "booked nothing"),
    ],
)
def test_an_entry_comes_whole_or_not_at_all(engine: sa.Engine, statements: list[str], sentence: str) -> None:
    before = rows_of(engine)
    with pytest.raises((TerminalError, RetryableError), match=sentence):
        write(engine, *statements)
    assert rows_of(engine) == before
    write(engine, LEFT, RIGHT, ENTRY)
    assert len(rows_of(engine)["posting"]) == len(before["posting"]) + 2


def test_postings_of_one_key_by_two_at_once_do_not_meet_in_one_entry(engine: sa.Engine) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer")
    with engine.connect() as first, engine.connect() as second:
        for statement in (LEFT, RIGHT):
            first.exec_driver_sql(statement)
        second.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            second.exec_driver_sql("INSERT INTO posting VALUES ('k2', 3, 'equity:opening', 'USD', 7)")
        second.rollback()
        first.exec_driver_sql(ENTRY)
        first.commit()
        with pytest.raises(sa.exc.IntegrityError, match="booked already"):
            second.exec_driver_sql("INSERT INTO posting VALUES ('k2', 3, 'equity:opening', 'USD', 7)")


def test_an_entry_corrects_one_that_is_booked(engine: sa.Engine) -> None:
    books.commit_stage(
        engine,
        StageRun(business_date=NIGHT, stage="more", inputs_digest="1", outputs_digest="2"),
        [replace(entry("k3"), corrects="k1")],
    )
    with pytest.raises(RetryableError):
        write(engine, LEFT, RIGHT, ENTRY.replace("text)", "text, corrects)").replace("'x')", "'x', 'gone')"))


def test_who_repaired_before_cannot_replay_a_later_repair(engine: sa.Engine) -> None:
    write(engine, "INSERT INTO quarantine_repair VALUES ('r', 2, 'cem', 'q1', '0')")
    for row in ("'r', 2, 'cem', 'ann'", "'r', 2, 'cem', 'cem'", "'r', 2, 'cem', 'Dora'"):
        with pytest.raises(RetryableError):
            write(engine, f"INSERT INTO quarantine_replay VALUES ({row}, '2010-12-30', 'n')")
    write(engine, "INSERT INTO quarantine_replay VALUES ('r', 2, 'cem', 'dora', '2010-12-30', 'n')")
    with pytest.raises(RetryableError):
        write(engine, "INSERT INTO quarantine_outcome VALUES ('r', 2, '2010-12-30', 'applied')")
