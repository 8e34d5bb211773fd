"""Books of revision 0008, in which a credit of what came back is a row that tells no amount."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from made_replies import LATER, read, returned
from new_books import RUN
from payout_home import ABROAD, NIGHT, RETAIL, bank_entry, bank_shows, made_home, released, with_account
from sealed_home import let_go

from settlement import books, payout_books
from settlement.payout import cash, conservation
from settlement.payout_tables import CASH, CREDIT
from settlement.schema import upgrade
from settlement.store import Home

PAYMENT = "P000001-001"


def paid_and_back(root: Path) -> Home:
    """A payment that left, came back whole, and was credited; and another that left."""
    home = made_home(root, ((RETAIL, "A", 100_00), (RETAIL, "D", 250_00)))
    for partner in "AD":
        with_account(home, partner, ABROAD)
    released(home)
    read(home, returned(PAYMENT, "100.00"))
    shown = (bank_entry(-350_00, payment_id="P000001"), bank_entry(100_00, end_to_end_id=PAYMENT))
    for day, entry in enumerate(shown, start=1):
        bank_shows(home, NIGHT + timedelta(days=day), entry)
        cash.tie(home, books.connect(home), "fay", LATER)
    return home


def of_revision_8(home: Home, root: Path) -> Home:
    """The same books as the version before wrote them."""
    shutil.copytree(home.root, root, ignore=shutil.ignore_patterns("books.sqlite*"))
    old = Home(root=root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upgrade, "LATEST", "0008")
        patch.setattr(upgrade, "_run", RUN)
        engine = books.connect(old)
    let_go(engine)
    there = sa.MetaData()
    there.reflect(engine)
    with books.connect(home).connect() as reader, engine.begin() as writer:
        for table in books.METADATA.sorted_tables:
            rows = [dict(row) for row in reader.execute(sa.select(table)).mappings()]
            if table is CREDIT:
                rows = [{name: row[name] for name in row if name != "amount_minor"} | {"way": "credit"} for row in rows]
                table = CASH  # noqa: PLW2901 - where that version kept them
            if rows:
                writer.execute(sa.insert(there.tables[table.name]), rows)
    engine.dispose()
    return old


def test_an_old_credit_is_what_its_entry_took_off_transit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = paid_and_back(tmp_path / "home")
    old = of_revision_8(home, tmp_path / "old")
    monkeypatch.setattr(upgrade, "_run", RUN)
    engine, now = books.connect(old), books.connect(home)
    with engine.connect() as connection:
        assert connection.execute(sa.select(CASH.c.way).order_by(CASH.c.way)).scalars().all() == [
            *("credit", "debit", "debit"),
        ]
        assert connection.execute(sa.select(CREDIT)).all() == []
    (batch,), (as_now,) = payout_books.batches(engine), payout_books.batches(now)
    assert batch.payouts == as_now.payouts
    assert [(one.debited, one.credits) for one in batch.payouts] == [(True, (100_00,)), (True, ())]
    assert conservation.standing(engine) == conservation.standing(now)
    assert conservation.broken(engine) == []
    # The credit is known to be taken: the same again is refused.
    bank_shows(old, NIGHT + timedelta(days=9), bank_entry(100_00, end_to_end_id=PAYMENT))
    assert [one.why for one in cash.tie(old, engine, "fay", LATER)] == [
        f"what came back of {PAYMENT} was credited before"
    ]
