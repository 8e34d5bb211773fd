"""Every account of the chart is booked by nights and payouts, and the books hold after each of them."""

from __future__ import annotations

from collections import Counter
from datetime import date

from payout_home import with_account
from typer.testing import CliRunner

from settlement import balances, books
from settlement.balances import trial_balance
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


def test_nights_and_payouts_book_every_account_of_the_chart(copied_home: Home) -> None:
    home = copied_home
    holds(home)
    assert not_booked(home) == [BREAKAGE, TRANSIT]
    pay(home)
    holds(home)
    run(home, AFTER)
    holds(home)
    assert not_booked(home) == []
