"""Seals on both databases: to the byte, over all that is written, and each over what is new."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from sealed_home import let_go

from settlement import __version__, books, quarantine_books, reperform, store
from settlement.errors import TerminalError
from settlement.evidence import seal as seals
from settlement.evidence import verify_books
from settlement.evidence.folder import last_seal, read_books, write_folder
from settlement.evidence.rows import noted_after
from settlement.evidence.verify_books import Found
from settlement.model.journal import Entry, Posting
from settlement.store import Home, KeptFile

NIGHT, NEXT = date(2010, 12, 29), date(2010, 12, 30)
CONFIG = (KeptFile(path="config/a\tb.toml", sha256="c0", size_bytes=1),)
ENTRY_LINES = (
    b"entry\tbusiness_date=2010-12-29\tentry_key=k1\tkind=accrual\ttext=one \\\\ two\n"
    b"posting\taccount=expense:fees:bank\tamount_minor=5\tcurrency=USD\tentry_key=k1\tline=1\n"
    b"posting\taccount=equity:opening\tamount_minor=-5\tcurrency=USD\tentry_key=k1\tline=2\n"
)
FILE_LINE = b"stage_file\tbusiness_date=2010-12-29\tpath=out/x\tsha256=f0\tsize_bytes=7\tstage=report\n"


def entry(key: str = "k1", night: date = NIGHT) -> Entry:
    accounts = (("expense:fees:bank", 5), ("equity:opening", -5))
    postings = tuple(Posting(account=a, currency="USD", amount_minor=m) for a, m in accounts)
    return Entry(key=key, business_date=night, kind="accrual", text="one \\ two", postings=postings)


@pytest.fixture
def home(tmp_path: Path, on_each_database: object) -> Home:
    (tmp_path / "config").mkdir()
    return Home(root=tmp_path)


def end_night(engine: sa.Engine, night: date, entries: list[Entry], path: str = "out/x") -> None:
    run = books.StageRun(business_date=night, stage="report", inputs_digest="1", outputs_digest="2")
    file = KeptFile(path=path, sha256="f0", size_bytes=7)
    last = partial(seals.add_seal, business_date=night, config=CONFIG)
    books.commit_stage(engine, run, entries, files=[file], last=last)


def looked_at(home: Home, head: str | None = None) -> Found:
    found = Found()
    verify_books.check_all(read_books(home), found, None, head=head)
    return found


def test_a_seal_is_what_the_page_says_to_the_byte(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "_program_digest", lambda: "d0")
    engine = books.connect(home)
    end_night(engine, NIGHT, [entry()])
    (row,) = read_books(home).rows("seal")
    (run,) = books.stage_runs(engine)
    assert run.recorded_at is not None
    moment = run.recorded_at.isoformat(" ").partition("+")[0]
    run_line = (
        f"stage_run\tbusiness_date=2010-12-29\tinputs_digest=1\toutputs_digest=2\trecorded_at={moment}\tstage=report\n"
    ).encode()
    journal = b"".join(
        f"k1\t2010-12-29\taccrual\t{line}\tone \\\\ two\n".encode()
        for line in ("1\texpense:fees:bank\tUSD\t5", "2\tequity:opening\tUSD\t-5")
    )
    one, two, three = (hashlib.sha256(lines).hexdigest() for lines in (ENTRY_LINES, FILE_LINE, run_line))
    assert row["content"] == (
        "settlement seal\t1\n"
        "number\t1\n"
        "night\t2010-12-29\n"
        f"previous\t{'0' * 64}\n"
        f"program\t{__version__}\td0\n"
        "config\tconfig/a\\tb.toml\tc0\n"
        f"books\t1\t2\t{hashlib.sha256(journal).hexdigest()}\n"
        f"row\t1\tentry\tk1\t{one}\n"
        f"row\t2\tstage_file\t2010-12-29\\treport\\tout/x\t{two}\n"
        f"row\t3\tstage_run\t2010-12-29\\treport\t{three}\n"
        "last row\t3\n"
    )
    assert row["sha256"] == hashlib.sha256(row["content"].encode()).hexdigest()
    assert last_seal(home) == f"seal 1 of 2010-12-29: {row['sha256']}"


def test_what_is_booked_outside_nights_is_told_and_then_sealed_by_the_next(home: Home) -> None:
    engine = books.connect(home)
    end_night(engine, NIGHT, [entry()])
    with books.transaction(engine) as connection:
        books.book(connection, [entry("k2")])
        row = {"business_date": NEXT, "name": "a/b", "sha256": "0", "content": b"secret"}
        connection.execute(sa.insert(quarantine_books.REPLAY_FILE), [row])
    before = looked_at(home)
    assert before.problems == []
    assert [(one.night, one.place) for one in before.unsealed] == [
        ("2010-12-29", "entry k2"),
        ("2010-12-30", "quarantine_file 2010-12-30\ta/b"),
    ]
    end_night(engine, NEXT, [], path="out/y")
    assert (looked_at(home).problems, looked_at(home).unsealed) == ([], [])
    second = verify_books.read_seal(read_books(home).rows("seal")[-1]["content"])
    # The first seal's rows are not looked at again.
    assert [(number, table) for number, table, *_ in second.rows] == [
        *((4, "entry"), (5, "quarantine_file"), (6, "stage_file"), (7, "stage_run"))
    ]


def test_hostile_texts_pass_through_an_evidence_folder(home: Home, tmp_path: Path) -> None:
    texts = ("a\rb", "a\u2028b", r"\N", "a\tb\nc", '"', "\\", "a,b", "")
    entries = [replace(entry(f"k{index}{text}"), text=text) for index, text in enumerate(texts)]
    end_night(books.connect(home), NIGHT, entries)
    write_folder(home, tmp_path / "evidence")
    found, read = Found(), verify_books.folder_books(tmp_path / "evidence")
    verify_books.check_all(read, found, None)
    assert found.problems == []
    assert sorted(row["text"] for row in read.rows("entry")) == sorted(texts)


def test_a_night_and_its_seal_are_one_transaction(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = books.connect(home)

    def killed(*_: object) -> bytes:
        raise TerminalError("the machine stopped")

    with monkeypatch.context() as patch:
        patch.setattr(seals, "_content", killed)
        with pytest.raises(TerminalError, match="the machine stopped"):
            end_night(engine, NIGHT, [entry()])
    assert books.stage_runs(engine) == []
    end_night(engine, NIGHT, [entry()])
    assert looked_at(home).problems == []


def test_a_chain_that_was_written_anew_holds_and_is_found_by_a_seal_noted_before(home: Home) -> None:
    engine = books.connect(home)
    end_night(engine, NIGHT, [entry()])
    noted = read_books(home).rows("seal")[0]["sha256"]
    assert looked_at(home, head=noted).problems == []
    let_go(engine)
    with books.transaction(engine) as connection:
        connection.exec_driver_sql("UPDATE entry SET text = 'another'")
        connection.exec_driver_sql("DELETE FROM seal")
        seals.add_seal(connection, business_date=NIGHT, config=CONFIG)
    assert looked_at(home).problems == []
    assert [one.place for one in looked_at(home, head=noted).problems] == [f"seal {noted}"]


def test_a_row_that_is_noted_and_gone_stops_the_seal(home: Home) -> None:
    engine = books.connect(home)
    with books.transaction(engine) as connection:
        connection.exec_driver_sql("INSERT INTO book_row (table_name, row_key) VALUES ('entry', 'gone')")
    with pytest.raises(TerminalError, match="'gone' of table entry is noted"):
        end_night(engine, NIGHT, [entry()])


def test_rows_of_two_writers_are_noted_in_the_order_in_which_they_are_seen(home: Home) -> None:
    engine = books.connect(home)
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer")
    statement = "INSERT INTO quarantine_file VALUES ('2010-12-30', '{}', '0', '0')"
    with engine.connect() as first, engine.connect() as second:
        first.exec_driver_sql(statement.format("a"))
        second.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            second.exec_driver_sql(statement.format("b"))
        second.rollback()
        first.commit()
        second.exec_driver_sql(statement.format("b"))
        second.commit()
    with books.transaction(engine) as connection:
        assert [record.row["name"] for record in noted_after(connection, 0)] == ["a", "b"]


def test_books_from_before_the_chain_are_in_its_first_seal_and_it_says_so(home: Home) -> None:
    engine = books.connect(home)
    before = books.StageRun(business_date=NIGHT, stage="report", inputs_digest="1", outputs_digest="2")
    books.commit_stage(engine, before, [entry()])
    assert looked_at(home).told[1] == "There is no seal: the chain begins with the next night that ends."
    end_night(engine, NEXT, [entry("k2", NEXT)])
    found = looked_at(home)
    assert (found.problems, found.unsealed) == ([], [])
    assert found.told[0].startswith("1 nights, 2010-12-29 to 2010-12-29, are from before the chain")


def test_every_file_of_a_night_is_in_its_seal(sealed_home: Home) -> None:
    read = verify_books.sqlite_books(sealed_home.root / "books.sqlite")
    sealed = {
        key.split("\t")[2]
        for row in read.rows("seal")
        for _, table, key, _ in verify_books.read_seal(row["content"]).rows
        if table == "stage_file"
    }
    kinds = ("tables", "out", "report", "quality", "originals")
    lying = {
        path.relative_to(sealed_home.root).as_posix()
        for kind in kinds
        for path in (sealed_home.root / kind).rglob("*")
        if path.is_file()
    }
    assert sealed == lying
    config = verify_books.read_seal(read.rows("seal")[-1]["content"]).config
    assert {f"config/{name}" for name in store.read_documents(sealed_home)} <= set(config)


def test_a_night_performed_again_is_what_was_sealed(copied_home: Home) -> None:
    night = max(store.nights_of(copied_home, "payout"))
    result = reperform.verify_night(copied_home, night)
    assert (result.differing, result.performed) == ((), result.standing)
    assert result.sealed > 50
