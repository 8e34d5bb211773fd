"""The books: booked once, balanced, committed with their stage or not at all."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from settlement import books, quarantine_books
from settlement.books import StageRun
from settlement.errors import RetryableError, TerminalError
from settlement.model.journal import Entry, Posting
from settlement.store import Home

NIGHT = date(2010, 12, 29)
LATER = date(2010, 12, 30)
WRONG_KINDS = ("nosuch", "postgresql+nosuch", "postgresql+asyncpg", "mysql")


def entry(key: str = "k1", amount: int = 5, night: date = NIGHT, text: str = "a text") -> Entry:
    postings = tuple(
        Posting(account=a, currency="USD", amount_minor=m)
        for a, m in (("equity:opening", amount), ("expense:fees:bank", -amount))
    )
    return Entry(key=key, business_date=night, kind="accrual", text=text, postings=postings)


def run(stage: str = "post", night: date = NIGHT, outputs: str = "2") -> StageRun:
    return StageRun(business_date=night, stage=stage, inputs_digest="1", outputs_digest=outputs)


@pytest.fixture
def engine(tmp_path: Path, on_each_database: object) -> sa.Engine:
    return books.connect(Home(root=tmp_path))


def test_entries_and_commit_are_read_as_they_were_booked(engine: sa.Engine) -> None:
    entries = [entry("b"), entry("a", night=LATER), entry("B", -7)]
    books.commit_stage(engine, run(), entries)
    assert books.read_entries(engine, LATER) == [entries[2], entries[1], entries[0]]
    assert books.read_entries(engine, NIGHT) == [entries[2], entries[0]]
    assert books.committed(engine, NIGHT, "post") == run()
    assert books.committed(engine, LATER, "post") is None


def test_commits_are_listed_by_night_and_stage(engine: sa.Engine) -> None:
    for one in (run("rate", LATER), run("post"), run("match")):
        books.commit_stage(engine, one, [])
    assert [(r.business_date, r.stage) for r in books.stage_runs(engine)] == [
        (NIGHT, "match"),
        (NIGHT, "post"),
        (LATER, "rate"),
    ]


def test_the_same_key_with_the_same_postings_is_booked_once(engine: sa.Engine) -> None:
    books.commit_stage(engine, run("post"), [entry()])
    books.commit_stage(engine, run("again"), [entry(), entry("k2")])
    assert [e.key for e in books.read_entries(engine, NIGHT)] == ["k1", "k2"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (entry(amount=6), "booked with other amounts"),
        (replace(entry("k2"), postings=entry().postings[:1]), "does not balance"),
        (replace(entry("k2"), postings=()), "has no postings"),
        (
            replace(entry("k2"), postings=(replace(entry().postings[0], account="asset:bonk:1"), entry().postings[1])),
            "'asset:bonk:1' is no account of the chart",
        ),
    ],
)
def test_a_wrong_entry_books_nothing_and_commits_nothing(engine: sa.Engine, wrong: Entry, sentence: str) -> None:
    books.commit_stage(engine, run("first"), [entry()])
    with pytest.raises(TerminalError, match=sentence):
        books.commit_stage(engine, run(), [entry("k3"), wrong])
    assert books.read_entries(engine, NIGHT) == [entry()]
    assert books.committed(engine, NIGHT, "post") is None


def test_an_entry_balances_in_each_currency_on_its_own() -> None:
    mixed = replace(entry(), postings=(entry().postings[0], replace(entry().postings[1], currency="EUR")))
    with pytest.raises(TerminalError, match="does not balance"):
        mixed.check()


def test_a_key_that_comes_twice_in_one_stage_is_refused(engine: sa.Engine) -> None:
    with pytest.raises(TerminalError, match="k1 comes twice"):
        books.commit_stage(engine, run(), [entry(), entry()])


def test_a_stage_is_committed_once_and_the_second_books_nothing(engine: sa.Engine) -> None:
    books.commit_stage(engine, run(), [entry()])
    with pytest.raises(RetryableError, match="booked nothing"):
        books.commit_stage(engine, run(outputs="3"), [entry("k2")])
    assert books.committed(engine, NIGHT, "post") == run()
    assert books.read_entries(engine, NIGHT) == [entry()]


def test_a_correction_names_an_entry_that_is_booked(engine: sa.Engine) -> None:
    mending = replace(entry("k2", -5), corrects="k1")
    with pytest.raises(TerminalError, match="k2 corrects k1, which is not booked"):
        books.commit_stage(engine, run("first"), [mending])
    books.commit_stage(engine, run("first"), [entry()])
    books.commit_stage(engine, run(), [replace(entry("k3"), corrects="k2"), mending])
    assert [e.corrects for e in books.read_entries(engine, NIGHT)] == [None, "k1", "k2"]


def test_a_commit_tells_when_it_was_recorded(engine: sa.Engine) -> None:
    books.commit_stage(engine, run(), [])
    recorded = books.stage_runs(engine)[0].recorded_at
    assert recorded is not None
    now = datetime.now(UTC).replace(tzinfo=recorded.tzinfo)
    assert abs(now - recorded) < timedelta(hours=1)


def test_entries_are_booked_outside_a_stage_with_other_rows_or_not_at_all(engine: sa.Engine) -> None:
    def booked(times: int) -> None:
        with books.transaction(engine) as connection:
            books.book(connection, [entry()])
            for _ in range(times):
                connection.execute(sa.insert(books.STAGE_RUN), [_row(run())])

    with pytest.raises(RetryableError):
        booked(2)
    assert books.read_entries(engine, NIGHT) == []
    booked(1)
    assert books.read_entries(engine, NIGHT) == [entry()]


def _row(one: StageRun) -> dict[str, object]:
    return {name: getattr(one, name) for name in ("business_date", "stage", "inputs_digest", "outputs_digest")}


def test_many_keys_are_looked_up(engine: sa.Engine) -> None:
    entries = [entry(f"k{number}") for number in range(1201)]
    books.commit_stage(engine, run("first"), entries)
    books.commit_stage(engine, run("second"), entries)
    assert len(books.read_entries(engine, NIGHT)) == 1201


def test_books_are_copied_up_to_a_night(engine: sa.Engine, tmp_path: Path) -> None:
    books.commit_stage(engine, run(), [entry()])
    books.commit_stage(engine, run(night=LATER), [entry("k2", night=LATER)])
    (tmp_path / "other").mkdir()
    other = books.connect(Home(root=tmp_path / "other", own_books=True))
    books.copy_books_before(engine, other, LATER)
    assert books.read_entries(other, LATER) == [entry()]
    assert books.stage_runs(other) == [run()]


def test_the_digest_ignores_order_and_sees_every_change() -> None:
    base = books.books_digest([entry("a"), entry("b")], [("p", b"1"), ("q", b"2")])
    assert base == books.books_digest([entry("b"), entry("a")], [("q", b"2"), ("p", b"1")])
    changed = [
        ([entry("a")], [("p", b"1"), ("q", b"2")]),
        ([entry("a"), entry("b", 6)], [("p", b"1"), ("q", b"2")]),
        ([entry("a"), entry("b", night=LATER)], [("p", b"1"), ("q", b"2")]),
        ([entry("a"), entry("b", text="another")], [("p", b"1"), ("q", b"2")]),
        ([entry("a"), replace(entry("b"), kind="close")], [("p", b"1"), ("q", b"2")]),
        ([entry("a"), replace(entry("b"), postings=entry().postings[::-1])], [("p", b"1"), ("q", b"2")]),
        ([entry("a"), entry("b")], [("p", b"1"), ("q", b"3")]),
        ([entry("a"), entry("b")], [("p", b"1"), ("r", b"2")]),
        ([entry("a"), replace(entry("b"), corrects="a")], [("p", b"1"), ("q", b"2")]),
    ]
    digests = {books.books_digest(entries, files) for entries, files in changed}
    assert len(digests) == len(changed)
    assert base not in digests


def test_no_field_of_the_digest_runs_into_the_next() -> None:
    def digest(account: str, currency: str) -> str:
        posting = Posting(account=account, currency=currency, amount_minor=0)
        return books.books_digest([replace(entry(), postings=(posting,))], [])

    assert digest("a\tb", "c") != digest("a", "b\tc")
    assert books.books_digest([], [("a\\t", b"")]) != books.books_digest([], [("a\t", b"")])


def test_books_lie_in_any_home_and_where_the_url_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "what?a=1 home#2%20"
    root.mkdir()
    books.commit_stage(books.connect(Home(root=root)), run(), [entry()])
    assert (root / "books.sqlite").exists()
    monkeypatch.setenv("SETTLEMENT_BOOKS_URL", f"sqlite:///{tmp_path / 'elsewhere.sqlite'}")
    assert books.stage_runs(books.connect(Home(root=root))) == []
    assert (tmp_path / "elsewhere.sqlite").exists()


@pytest.mark.parametrize(
    "url", ["no url", *(f"{kind}://user:secret@host/db" for kind in ("nosuch", "postgresql+nosuch", "mysql"))]
)
def test_a_wrong_url_is_one_sentence_without_the_password(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SETTLEMENT_BOOKS_URL", url)
    with pytest.raises(TerminalError, match="is no database URL") as caught:
        books.connect(Home(root=tmp_path))
    assert "secret" not in str(caught.value)


def test_books_that_cannot_be_opened_may_be_tried_again(tmp_path: Path) -> None:
    with pytest.raises(RetryableError, match="cannot be reached"):
        books.connect(Home(root=tmp_path / "missing"))


def test_damaged_books_are_for_a_person(tmp_path: Path) -> None:
    (tmp_path / "books.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(TerminalError, match="restore them from backup"):
        books.connect(Home(root=tmp_path))


def test_a_locked_database_may_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "books.sqlite"
    books.connect(Home(root=tmp_path))
    monkeypatch.setenv("SETTLEMENT_BOOKS_URL", f"sqlite:///{path}")
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 0})
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("begin exclusive")
    try:
        with pytest.raises(RetryableError, match="cannot be reached"):
            books.commit_stage(engine, run(), [entry()])
    finally:
        holder.close()
    assert books.stage_runs(engine) == []


def test_runners_that_open_new_books_at_once_all_find_them(
    tmp_path: Path, on_each_without_tables: Callable[[], None]
) -> None:
    for turn in range(5):
        home = Home(root=tmp_path / str(turn))
        home.root.mkdir()
        on_each_without_tables()
        begin = threading.Barrier(4)

        def look(_: int, home: Home = home, begin: threading.Barrier = begin) -> list[object]:
            begin.wait()
            engine = books.connect(home)
            found = list(quarantine_books.replay_files(engine, NIGHT))
            engine.dispose()
            return found

        with ThreadPoolExecutor(4) as beside:
            assert list(beside.map(look, range(4))) == [[]] * 4
