"""Every account of the chart is booked by nights and payouts, and the books hold after each of them."""

from __future__ import annotations

from collections import Counter
from datetime import date

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
    (home.root / "inbox" / str(night)).mkdir()
    (home.root / "inbox" / str(night) / "NOTICE.txt").write_text("nothing more\n", encoding="utf-8")
    words = ["run", "--home", str(home.root), "--business-date", str(night), "--until", "pay"]
    done = CliRunner().invoke(commands, words)
    assert done.exit_code == 0, (done.output, done.exception)


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
