"""``settle books``: the trial balance is the night's, and what stands open is explained or said not to be."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from settlement import balances, books, originals, store
from settlement.books_commands import app
from settlement.errors import TerminalError
from settlement.model import accounts
from settlement.model.accounts import CHART
from settlement.model.journal import Entry, Posting
from settlement.store import Home


def said(*words: str) -> str:
    done = CliRunner().invoke(app, words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_the_balance_of_a_night_is_its_trial_balance(settled_on_each_database: Home) -> None:
    home = settled_on_each_database
    for night in originals.delivery_dates(home):
        table = store.read_table(home, "trial_balance", night).sort("account", "currency")
        as_of, found = balances.trial_balance(home, night, "")
        assert as_of == night
        told = [(b.account, b.currency, b.debit_minor, b.credit_minor, b.balance_minor) for b in found]
        assert told == table.rows()
    assert balances.trial_balance(home, None, "")[0] == night


def test_open_items_of_each_night_are_explained(settled_on_each_database: Home) -> None:
    home, seen = settled_on_each_database, set()
    for night in originals.delivery_dates(home):
        found = balances.trial_balance(home, night, "")[1]
        items = balances.open_items(home, night, found)
        for item in items:
            assert item.item is not None, item
            seen.add(accounts.kind_of(item.balance.account))
            assert item.age_days == (night - item.balance.first).days
    assert accounts.SUSPENSE in seen


def test_what_is_booked_past_the_program_is_said_not_to_be_explained(settled_home: Home, tmp_path: Path) -> None:
    shutil.copytree(settled_home.root, tmp_path / "home")
    home = store.open_home(tmp_path / "home")
    night = originals.delivery_dates(home)[-1]
    found = balances.trial_balance(home, night, "asset:")[1]
    by_kind = {accounts.kind_of(balance.account): balance.account for balance in found}
    strange = [by_kind[accounts.CLEARING], by_kind[accounts.SUSPENSE], accounts.SUSPENSE.at("gone.xml", 1)]
    strange += [accounts.TRANSIT.at("bank", "p1"), accounts.BATCH_CLEARING.at("acquirer_us", "no such batch")]
    with books.transaction(books.connect(home)) as connection:
        books.book(connection, [by_hand(f"hand/{account}", account, night) for account in strange])
    waiting = accounts.CLEARING.at("visa_clearing", "not-paid.ctf")
    with books.transaction(books.connect(home)) as connection:
        books.book(connection, [by_hand("settlement/not-paid.ctf", waiting, night)])
    items = balances.open_items(home, night, balances.trial_balance(home, night, "")[1])
    assert {i.balance.account for i in items if i.item is None} == set(strange)
    assert [(i.item, i.text) for i in items if i.balance.account == waiting] == [
        ("not-paid.ctf", "its cash has not come in yet")
    ]
    page = " ".join(said("balance", "--home", str(home.root)).split())
    assert page.count("NOT EXPLAINED") == 5
    assert "6 open, 5 of them not explained." in page
    assert "equal." in page


def by_hand(key: str, account: str, night: date) -> Entry:
    postings = (
        Posting(account=account, currency="USD", amount_minor=700),
        Posting(account="equity:opening", currency="USD", amount_minor=-700),
    )
    return Entry(key=key, business_date=night, kind="manual", text="booked by hand", postings=postings)


def test_a_prefix_and_a_night_narrow_the_balance(settled_home: Home) -> None:
    first, *_ = originals.delivery_dates(settled_home)
    words = ("balance", "--home", str(settled_home.root), "--account")
    page = said(*words, "asset:settlement", "--until", str(first))
    assert "asset:settlement:visa_clearing" in page
    assert "liability" not in page
    assert f"As of the night {first}." in page
    assert "As of" in said(*words, "income:breakage"), "an account of the chart on which nothing is booked"
    with pytest.raises(TerminalError, match="No account begins with 'foo'"):
        said(*words, "foo")
    with pytest.raises(TerminalError, match="No night is booked up to 2000-01-01"):
        said(*words, "", "--until", "2000-01-01")


def test_the_chart_is_shown() -> None:
    page = said("accounts")
    assert all(kind.path in page for kind in CHART)
