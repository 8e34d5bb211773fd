"""Law 3: a later night adds; it changes no table, file or journal entry of an earlier one."""

from __future__ import annotations

import hashlib
import shutil
from datetime import date
from pathlib import Path

import pytest

from settlement import books, originals, runner, store
from settlement.errors import TerminalError
from settlement.home import create_home
from settlement.model.journal import Entry, Posting
from settlement.store import Home


def _everything_of(home: Home, night: date) -> dict[str, str]:
    found = {}
    for path in sorted(home.root.rglob(f"business_date={night}/**/*")):
        if path.is_file():
            found[str(path.relative_to(home.root))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def test_a_later_night_leaves_earlier_nights_alone(settled_sample: Path) -> None:
    then, now = (store.open_home(settled_sample / name) for name in ("two_nights", "home"))
    first, second, third = originals.delivery_dates(now)
    assert books.nights_of(books.connect(then), "pay") == [first, second]
    assert books.nights_of(books.connect(now), "pay") == [first, second, third]
    for night in (first, second):
        before, entries = _everything_of(then, night), books.read_entries(books.connect(then), night)
        assert before
        assert _everything_of(now, night) == before
        assert books.read_entries(books.connect(now), night) == entries


def test_an_entry_key_is_booked_once(tmp_path: Path, sample_dir: Path) -> None:
    create_home(tmp_path / "home", sample_dir)
    engine = books.connect(store.open_home(tmp_path / "home"))

    def entry(amount: int) -> Entry:
        postings = (
            Posting(account="equity:opening", currency="USD", amount_minor=amount),
            Posting(account="expense:fees:bank", currency="USD", amount_minor=-amount),
        )
        return Entry(key="k", business_date=date(2020, 1, 1), kind="test", text="test", postings=postings)

    def run(stage: str) -> books.StageRun:
        return books.StageRun(business_date=date(2020, 1, 1), stage=stage, inputs_digest="", outputs_digest="")

    books.commit_stage(engine, run("one"), [entry(5)])
    books.commit_stage(engine, run("two"), [entry(5)])
    assert len(books.read_entries(engine, date(2020, 1, 1))) == 1
    with pytest.raises(TerminalError, match="book a correction"):
        books.commit_stage(engine, run("three"), [entry(6)])
    assert books.committed(engine, date(2020, 1, 1), "three") is None


def test_a_file_that_changes_after_its_night_is_refused(tmp_path: Path, sample_dir: Path) -> None:
    create_home(tmp_path / "home", sample_dir)
    home = store.open_home(tmp_path / "home")
    night = originals.delivery_dates(home)[0]
    runner.run_night(home, night, until="land")
    shutil.copy(next((home.inbox / str(night)).iterdir()), home.inbox / str(night) / "late.csv")
    with pytest.raises(TerminalError, match="next delivery folder"):
        runner.run_night(home, night, until="pay")
