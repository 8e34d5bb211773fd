"""The gate: unexplained money, open breaks, bad files and failing data keep a payout, each with its figure."""

from __future__ import annotations

from pathlib import Path

import pytest
from payout_home import AIR, NIGHT, RETAIL, made_home, table

from settlement import books, store
from settlement.books import StageRun
from settlement.model.accounts import CLEARING, OPENING, SUSPENSE
from settlement.model.journal import Entry, Posting
from settlement.model.payout import Check
from settlement.payout import gate
from settlement.payout.terms import read_payout_terms
from settlement.store import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return made_home(tmp_path / "home", [(RETAIL, "A", 100_00)])


def checks(home: Home, contract: str = RETAIL) -> dict[str, Check]:
    terms = read_payout_terms(store.read_documents(home))
    return {check.name: check for check in gate.checks(home, NIGHT, terms, [("A", "USD", [contract])])}


def failing(home: Home, contract: str = RETAIL) -> dict[str, int]:
    return {name: check.figure for name, check in checks(home, contract).items() if not check.passed}


def on_account(home: Home, account: str, amount_minor: int, currency: str = "USD") -> None:
    sides = ((account, amount_minor), (OPENING.at(), -amount_minor))
    postings = tuple(Posting(account=name, currency=currency, amount_minor=amount) for name, amount in sides)
    entry = Entry(key=f"k/{account}", business_date=NIGHT, kind="cash", text="x", postings=postings)
    run = StageRun(business_date=NIGHT, stage=account[:40], inputs_digest="1", outputs_digest="2")
    books.commit_stage(books.connect(home), run, [entry])


def test_good_data_and_explained_money_let_a_payout_go(home: Home) -> None:
    assert failing(home) == {}
    assert set(checks(home)) == {"feeds_declared", "unexplained_cash", "open_breaks", "files", "data_quality"}


@pytest.mark.parametrize(
    ("account", "amount_minor", "fails"),
    [
        (CLEARING.at("retailer_capture", "f"), 100_001, True),
        (CLEARING.at("retailer_capture", "f"), -100_001, True),
        (CLEARING.at("retailer_capture", "f"), 100_000, False),
        (CLEARING.at("visa_clearing", "f"), 999_999, False),
        (SUSPENSE.at("f", 1), -100_001, True),
    ],
)
def test_money_on_accounts_of_its_feeds_counts_whatever_its_sign(
    home: Home, account: str, amount_minor: int, fails: bool
) -> None:
    on_account(home, account, amount_minor)
    assert failing(home) == ({"unexplained_cash": abs(amount_minor)} if fails else {})


def test_two_balances_do_not_cancel_and_another_currency_does_not_count(home: Home) -> None:
    on_account(home, CLEARING.at("retailer_capture", "f"), 60_000)
    on_account(home, SUSPENSE.at("f", 1), -60_000)
    on_account(home, SUSPENSE.at("g", 1), 999_999, "EUR")
    assert failing(home) == {"unexplained_cash": 120_000}


def test_open_breaks_count_by_the_feed_of_their_file_and_expired_ones_do_not(home: Home) -> None:
    feeds = {"f": "retailer_capture", "g": "visa_clearing"}
    table(home, "file", NIGHT, *({"file": file, "feed": feed, "fate": "accepted"} for file, feed in feeds.items()))
    item = {"leg": "MERCHANT", "state": "open", "amount_minor": 70_000, "currency": "USD"}
    others = ({"file": "g"}, {"file": "f", "state": "expired"}, {"file": "f", "currency": "EUR"})
    table(home, "open_item", NIGHT, item | {"file": "f"}, *(item | other for other in others))
    assert failing(home) == {}
    table(home, "open_item", NIGHT, item | {"file": "f", "record": 1}, item | {"file": "f", "record": 2})
    assert failing(home) == {"open_breaks": 140_000}
    assert failing(home, AIR) == {}


def test_rejected_and_missing_files_of_its_feeds_are_named(home: Home) -> None:
    table(home, "file", NIGHT, {"file": "f", "feed": "retailer_capture", "fate": "rejected"})
    table(
        home,
        "finding",
        NIGHT,
        *({"check": "feed_missing", "subject": feed} for feed in ("acquirer_us", "visa_clearing")),
    )
    found = checks(home)["files"]
    assert (found.passed, found.figure) == (False, 2)
    assert found.text == "rejected: f; missing: acquirer_us: ask for good ones, a later night takes them"


def test_failing_expectations_count_for_the_feeds_and_for_tables_of_all(home: Home) -> None:
    suites = ("clearing.retailer_capture.merchant", "clearing.visa_clearing.bank", "payout", "payout")
    rows = [{"suite": suite, "expectation": str(place), "success": place == 3} for place, suite in enumerate(suites)]
    table(home, "expectation", NIGHT, *rows)
    found = checks(home)["data_quality"]
    assert (found.figure, found.passed) == (2, False)
    assert "clearing.retailer_capture.merchant, payout" in found.text


def test_a_night_whose_data_are_not_judged_and_a_programme_without_feeds_keep_it(home: Home) -> None:
    folder = home.partition("expectation", NIGHT)
    (folder / "part-00000.parquet").unlink()
    folder.rmdir()
    programme = home.config / "programme.toml"
    programme.write_text(programme.read_text().replace('programme = "RET"\nfeeds', 'programme = "X"\nfeeds'))
    assert failing(home) == {"feeds_declared": 1, "data_quality": 1}
