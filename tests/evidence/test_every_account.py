"""Every account of the chart is booked by nights and payouts, and the books hold after each of them."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date
from pathlib import Path

from payout_home import with_account
from typer.testing import CliRunner

from settlement import balances, books
from settlement.balances import trial_balance
from settlement.explain import booked, booked_text, explain_line, line_addresses, parse_line_address
from settlement.model.accounts import BREAKAGE, CHART, TRANSIT, AccountKind, kind_of
from settlement.night_commands import app as commands
from settlement.payout import conservation, steps
from settlement.store import Home

AFTER = date(2026, 2, 2)
"""The night that closes January, in which points of December expire."""
AT = "2026-01-05T1{}:00:00Z"


def run(home: Home, night: date) -> None:
    """A night with two batches of the acquirer: one carries what it lacks over to the other."""
    folder = home.root / "inbox" / str(night)
    folder.mkdir()
    report(home, folder / "ACQ_SETTLEMENT_US_20260201.csv", 4003, ("Fee", -10), ("Balancetransfer", 10))
    lines = (("Balancetransfer", -10), ("Fee", 25), ("MerchantPayout", -15))
    report(home, folder / "ACQ_SETTLEMENT_US_20260202.csv", 4004, *lines)
    words = ["run", "--home", str(home.root), "--business-date", str(night), "--until", "pay"]
    done = CliRunner().invoke(commands, words)
    assert done.exit_code == 0, (done.output, done.exception)


def report(home: Home, path: Path, batch: int, *lines: tuple[str, int]) -> None:
    """An acquirer's report with the columns of those that came before; amounts are dollars, + to the merchant."""
    with next((home.root / "inbox").rglob("ACQ_SETTLEMENT_US_*.csv")).open(encoding="utf-8") as before:
        columns = next(csv.reader(before))
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, columns, restval="")
        writer.writeheader()
        for name, amount in lines:
            told = {"Merchant Account": "MERIDIANPAY_US", "Type": name, "Modification Reference": f"{name} {batch}"}
            side = "Net Credit (NC)" if amount > 0 else "Net Debit (NC)"
            money = {"Net Currency": "USD", side: f"{abs(amount)}.00", "Batch Number": batch}
            writer.writerow(told | money)


def pay(home: Home) -> None:
    """Everything that is due is paid by the people that it takes."""
    with_account(home, "COALITION")
    engine = books.connect(home)
    (batch,) = steps.propose(home, engine, "ann", AT.format(0)).batches
    for person in ("cem", "dora"):
        steps.approve(engine, batch.batch_id, person, AT.format(1), batch.digest)
        if steps.failing(batch):
            steps.override(engine, batch.batch_id, person, AT.format(1), "the nights of a test")
    steps.release(home, engine, batch.batch_id, "cem", AT.format(2))


def holds(home: Home) -> None:
    """Debits are credits in each unit, all that is earned is somewhere, and what is open is explained."""
    engine = books.connect(home)
    for night in books.nights_of(engine, "post"):
        _, found = trial_balance(home, night, "")
        sums: Counter[str] = Counter()
        for one in found:
            sums[one.currency] += one.balance_minor
        assert not any(sums.values())
        assert {"USD", "CNY", "POINTS"} <= sums.keys()
        assert [item for item in balances.open_items(home, night, found) if item.item is None] == []
    assert conservation.broken(engine) == []
    assert all(one.earned_minor == one.found_minor for one in conservation.standing(engine))


def not_booked(home: Home) -> list[AccountKind]:
    entries = books.read_entries(books.connect(home), date.max)
    booked = {kind_of(posting.account) for entry in entries for posting in entry.postings}
    return [kind for kind in CHART if kind not in booked]


EARNED = ("expense:partner_share:", "income:breakage:", "asset:reserve:")


def every_line_is_booked(home: Home) -> int:
    """Each line of the last night of these contracts is explained by entries that add up to it; how many are."""
    night, found = max(books.nights_of(books.connect(home), "post")), 0
    for text in (one for one in line_addresses(home, night) if one.startswith(("P2-", "P3-"))):
        explanation = explain_line(home, night, parse_line_address(text), limit=1)
        told = booked(home, night, explanation)
        page = booked_text(told, 20)
        assert all(entry.key in page for entry in told.entries), page
        if explanation.address.beneficiary is None and explanation.state in {"CLOSED", "PREVIEW"}:
            amounts = {
                account: amount for (account, _), amount in told.by_account.items() if account.startswith(EARNED)
            }
            assert sum(amounts.values()) == explanation.amount_minor, text
            assert bool(told.entries) or told.why_not == "it is nothing"
            found += bool(told.entries)
        elif explanation.state == "CLOSED":
            contract, period, *_ = text.split("/")
            close = f"close/{contract}/{period}/{explanation.address.beneficiary}"
            must = explanation.amount_minor and explanation.address.term not in {"carry_in", "carry_out"}
            keys = [entry.key for entry in told.entries]
            assert close in keys or not must, (text, keys)
            found += close in keys
        else:
            assert told.entries == (), text
            assert "Not booked" in page
    return found


def test_nights_and_payouts_book_every_account_of_the_chart(copied_home: Home) -> None:
    home = copied_home
    holds(home)
    assert not_booked(home) == [BREAKAGE, TRANSIT]
    assert every_line_is_booked(home) > 10
    pay(home)
    holds(home)
    paid = explain_line(home, date(2025, 12, 31), parse_line_address("P2-ACCOUNTS/2025-12/payout/COALITION"))
    assert [entry.key for entry in booked(home, date(2025, 12, 31), paid).entries] == [
        *("close/P2-ACCOUNTS/2025-12/COALITION", "payout/P000001"),
    ]
    run(home, AFTER)
    holds(home)
    assert not_booked(home) == []
    night, found = trial_balance(home, None, "asset:batch_clearing:")
    assert [one.balance_minor for one in found] == [0, 0, 0, 15_00]
    assert [item.text for item in balances.open_items(home, night, found)] == [
        "its payout of 15.00 USD has not come yet"
    ]
