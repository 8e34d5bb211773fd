"""A close that is looked at again knows what nights up to its own had taken, and nothing of later ones."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
from made_replies import LATER
from payout_home import ABROAD, NIGHT, RETAIL, bank_entry, bank_shows, made_home, released, table, with_account

from settlement import books
from settlement.close.open_items import aged_accounts
from settlement.close.scene import CloseRules, Scene
from settlement.payout import cash


def test_what_a_later_night_took_off_suspense_was_open_on_the_day_before(tmp_path: Path) -> None:
    home = made_home(tmp_path / "home", ((RETAIL, "A", 100_00),))
    with_account(home, "A", ABROAD)
    released(home)
    nights = [NIGHT + timedelta(days=days) for days in (1, 2)]
    bank_shows(home, nights[0], bank_entry(-100_00, end_to_end_id="P000001-001"))
    account = f"asset:suspense:cash:{nights[0]}/statement.xml#1"
    for night in nights:
        table(home, "trial_balance", night, {"account": account, "currency": "USD", "balance_minor": 100_00})
    bank_shows(home, nights[1])
    engine = books.connect(home)
    assert [one.why for one in cash.tie(home, engine, "fay", LATER)] == [""]

    def counted(night: object) -> int:
        scene = Scene(
            home=home,
            engine=engine,
            night=night,
            settled=nights,
            delivered=[],
            documents={},
            contracts={},
            statements=pl.DataFrame(),
            rules=CloseRules(),
        )
        return aged_accounts(scene, nights[1])[1]

    assert [counted(night) for night in nights] == [1, 0]
