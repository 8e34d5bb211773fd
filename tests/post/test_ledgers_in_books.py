"""Points, inventory, breakage, reserves and minimums in the books: a contract rated from events and booked by night."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl
from payout_frames import balances, post_nights

from settlement.evidence.beancount_text import ledger_text
from settlement.evidence.ledger import control_totals
from settlement.model.stage import StageOutput
from settlement.model.statement_lines import told
from settlement.model.tables import TABLES
from settlement.rate.closings import Closing, closings
from settlement.rate.contract_events import kinds_named
from settlement.rate.contract_file import read_contract
from settlement.rate.event_days import KnownOn, known_on
from settlement.rate.event_groups import event_groups
from settlement.rate.events_check import read_events

RECIPE = Path(__file__).resolve().parents[2] / "docs" / "recipes" / "coalition" / "2012-01-01.toml"
MORE = """
[[terms]]
id = "least"
form = "minimum_guarantee"
clause = "1"
of = ["points_sold"]
window = "period"
checkpoint = "close_of_last_period"
guarantee = 50.00

[[terms]]
id = "beyond"
form = "prepaid"
clause = "2"
of = ["redeemed"]
bought = [{ on = 2012-01-10, quantity = 1_000 }]
price = 0.0010
rounding = { unit = "minor", mode = "half_away", scope = "period" }

[[beneficiaries]]
"""
CREDITED = [("C1", "2012-01-05", 10_000), ("C2", "2012-02-05", 4_000), ("C3", "2012-03-07", 2_000)]
REDEEMED = [("R1", "2012-02-20", 2_500), ("R2", "2012-03-20", 600)]
LATE = ("L1", "2012-01-20", 3_000)
"""Credited in January and known in April, when what was left of January had expired in the closed March."""
END = date(2012, 5, 2)
BETWEEN = (date(2012, 2, 22), date(2012, 3, 21), date(2012, 4, 10), date(2012, 4, 22))
"""Days of previews."""


def contract() -> str:
    """The recipe with points that expire after two months, for which the operator gives back half a cent each."""
    text = "examples = []\n" + RECIPE.read_text("utf-8").partition("[[examples]]")[0]
    text = text.replace("expires_after = 36", "expires_after = 2").replace("price = 0\n", "price = -0.0050\n")
    return text.replace("[[beneficiaries]]\n", MORE, 1)


def events(late: str | None, retracted: str | None = None) -> bytes:
    """The events as a file; ``late`` is the day on which the late credit is known."""
    rows = [f"{name},points_credited,{day},{day},{count}" for name, day, count in CREDITED]
    rows += [f"{name},points_redeemed,{day},{day},{count}" for name, day, count in REDEEMED]
    name, day, count = LATE
    rows += [f"{name},points_credited,{day},{late},{count}"] if late else []
    rows += [f"{name},retracted,{day},{retracted},"] if retracted else []
    return "\n".join(["event_id,kind,event_date,known_on,quantity", *rows]).encode()


@cache
def settled(late: str | None, retracted: str | None = None) -> tuple[list[Closing], list[StageOutput]]:
    version = read_contract("contracts/operator/2012-01-01.toml", contract())
    groups = event_groups(read_events("e.csv", events(late, retracted), [*kinds_named([version])]), [version])
    known: dict[date, KnownOn] = {}

    def known_then(day: date) -> KnownOn:
        """Each day goes on from the one before it, as the last day is asked for first."""
        if day not in known:
            before = max((one for one in known if one < day), default=None)
            known[day] = known_on(groups, [version], day, None if before is None else known[before])
        return known[day]

    facts, sums = (lambda day: known_then(day).facts), (lambda day: known_then(day).sums)
    made = list(closings([version], END, facts, sums, between=BETWEEN))
    return made, post_nights(
        [{"payout": frame("payout", one.rows), "ledger": frame("ledger", one.entries())} for one in made]
    )


def frame(table: str, rows: Sequence[object]) -> pl.DataFrame:
    return pl.DataFrame([asdict(row) for row in rows], schema=TABLES[table].schema)  # type: ignore[call-overload]


def of(books: Mapping[str, int], account: str, unit: str) -> int:
    return books.get(f"{account} {unit}", 0)


def test_things_stand_where_the_statements_tell_after_every_night() -> None:
    for late in (None, "2012-04-04"):
        made, outputs = settled(late)
        for closing, output in zip(made, outputs, strict=True):
            books, period = balances(output), max(row.period for row in closing.rows)
            now = {row.term: row.quantities for row in closing.rows if row.period == period and row.adjusts is None}
            opened = told(now["points_sold"], "open")
            assert opened is not None
            assert of(books, "liability:points:R-COALITION:points_sold", "POINTS") == -int(opened)
            left = told(now["beyond"], "left")
            assert left is not None
            assert of(books, "asset:prepaid:R-COALITION:beyond", "POINTS") == int(left)
            for unit in ("POINTS", "USD"):
                assert sum(amount for account, amount in books.items() if account.endswith(f" {unit}")) == 0
    assert of(balances(settled(None)[1][-1]), "income:breakage:R-COALITION", "POINTS") == -(10_000 - 3_100 + 4_000)


def test_breakage_earns_and_the_reserve_comes_back_as_points_expire() -> None:
    _, outputs = settled(None)
    books = balances(outputs[-1])
    assert of(books, "income:breakage:R-COALITION", "USD") == -(10_000 - 3_100 + 4_000) // 2
    # 2,000 points are open, of which 80 % are thought to be redeemed at 0.80 cents.
    assert of(books, "asset:reserve:R-COALITION", "USD") == 1_280
    accrued = [entry for output in outputs for entry in output.entries if "/points_reserve/" in entry.key]
    assert (
        max(sum(p.amount_minor for p in e.postings if p.account.startswith("asset:reserve")) for e in accrued) > 1_280
    )


def test_a_minimum_is_a_guarantee_until_its_statement_closes_and_then_owed() -> None:
    _, outputs = settled(None)
    entries = {entry.key: entry for output in outputs for entry in output.entries}
    accounts = [[p.account for p in entry.postings] for key, entry in entries.items() if "/least/" in key]
    assert accounts == [
        ["expense:partner_share:R-COALITION:least", "liability:guarantee:R-COALITION:" + month]
        for month in ("2012-02", "2012-03", "2012-04")
    ]
    owed = {key: entry.postings[0].amount_minor for key, entry in entries.items() if key.startswith("guarantee/")}
    assert owed == {
        "guarantee/R-COALITION/2012-02/least": 1_000,
        "guarantee/R-COALITION/2012-03/least": 3_000,
        "guarantee/R-COALITION/2012-04/least": 5_000,
    }
    assert not [account for account in balances(outputs[-1]) if "guarantee" in account]
    assert not [account for account in balances(outputs[-1]) if "accrued_share:R-COALITION:2012-04" in account]


LEDGERS = ("income:breakage", "asset:reserve", "asset:prepaid", "liability:points", "equity:things")


def stand(output: StageOutput) -> dict[str, int]:
    return {account: amount for account, amount in balances(output).items() if account.startswith(LEDGERS)}


def test_what_is_known_late_ends_where_it_had_ended_in_time_and_goes_back_exactly() -> None:
    in_time, late, gone = (
        settled(*days)[1][-1] for days in (("2012-01-20",), ("2012-04-04",), ("2012-04-04", "2012-04-20"))
    )
    assert stand(late) == stand(in_time) != stand(gone)
    assert stand(gone) == stand(settled(None)[1][-1])
    keys = [entry.key for output in settled("2012-04-04", "2012-04-20")[1] for entry in output.entries]
    assert len(keys) == len(set(keys))
    assert sum("adjustment:2012-03" in key for key in keys) == 2


def test_an_update_between_rate_and_post_of_a_night_books_its_things_with_the_next_one() -> None:
    """Nights that an older `rate` has told have no rows in `ledger`, whichever version books them."""
    made, whole = settled("2012-04-04")
    for first in range(1, len(made)):
        nights = [
            {"payout": frame("payout", one.rows)} | ({"ledger": frame("ledger", one.entries())} if told_so else {})
            for told_so, one in ((number >= first, one) for number, one in enumerate(made))
        ]
        outputs = post_nights(nights)
        assert not [account for output in outputs[:first] for account in stand(output)]
        keys = [entry.key for output in outputs for entry in output.entries]
        assert len(keys) == len(set(keys))
        for output, then in zip(outputs[first:], whole[first:], strict=True):
            assert of_points(output) == of_points(then)
            assert owed(output) == owed(then)


def of_points(output: StageOutput) -> dict[str, int]:
    return {account: amount for account, amount in balances(output).items() if account.endswith(" POINTS")}


def owed(output: StageOutput) -> dict[str, int]:
    """What is owed to partners, whatever it was accrued as."""
    return {account: amount for account, amount in balances(output).items() if "payable" in account}


def test_things_are_a_commodity_of_the_general_ledger() -> None:
    entries = [entry for output in settled(None)[1] for entry in output.entries]
    totals = control_totals(entries)
    assert [total.currency for total in totals] == ["POINTS", "USD"]
    assert all(total.debit_minor == total.credit_minor for total in totals)
    text = ledger_text(entries, {}, END, [])
    assert "  Liabilities:Points:R-COALITION:Points--sold  -10000 POINTS" in text
    assert "  Assets:Prepaid:R-COALITION:Beyond  1000 POINTS" in text
    assert Counter(entry.kind for entry in entries).keys() == {"accrual", "close", "things"}
