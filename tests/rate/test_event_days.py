"""Over an events table a day that goes on from the day before gives what all events give, row for row."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rate.exported import exported
from rate.histories import RandomHistory, restoring_documents
from rate.test_event_measures import SALES, SOURCE, Made, contract
from rate.test_events_as_nights import gathered

from settlement.model.contract import ContractVersion
from settlement.model.dates import period_of
from settlement.model.events import Events
from settlement.rate.contract_events import kinds_named
from settlement.rate.contract_file import read_contract, read_contracts
from settlement.rate.event_days import known_on
from settlement.rate.event_groups import event_groups
from settlement.rate.events_check import read_events


def day_by_day(events: Events, versions: Sequence[ContractVersion], days: Sequence[date]) -> int:
    """How many of the days changed the sums."""
    groups, at, changes = event_groups(events, versions), None, 0
    for day in days:
        before, at = at, known_on(groups, versions, day, at)
        every = known_on(groups, versions, day)
        assert at.sums == every.sums, day
        assert (at.facts.opening, at.facts.first_night) == (every.facts.opening, every.facts.first_night)
        assert_frame_equal(at.facts.rates, every.facts.rates, check_row_order=False)
        own = period_of(day, versions[0].contract.calendar)
        rows = [one.rows.filter(pl.col("period_first") >= own.first) for one in (at, every)]
        assert_frame_equal(*rows, check_row_order=False)
        changes += before is not None and before.sums != at.sums
    return changes


def test_nights_as_events() -> None:
    nights = RandomHistory(0).nights
    for row in (row for night in nights for row in night.rows.get("clearing", [])):
        row["cashback_minor"] = None
    events = read_events("events.csv", exported(gathered(nights)))
    days = [*(night.day for night in nights), nights[-1].day + timedelta(days=1)]
    assert sum(day_by_day(events, found, days) for found in read_contracts(restoring_documents()).values()) > 4


@pytest.mark.parametrize("kind", ["event_amounts", "event_accounts"])
def test_events_of_any_kind_that_change_wait_and_go(kind: str) -> None:
    version = read_contract(SOURCE, contract(kind, SALES, ("transaction_date", "purchase_posting_date")))
    changes = 0
    for seed in range(3):
        made = Made(seed)
        for row in list(made.rows):
            if made.chance(40):
                day = str(date.fromisoformat(row["known_on"]) + timedelta(days=1 + made.random.randrange(60)))
                change = made.random.choice(
                    [{"kind": "retracted"}, {"amount": "7.00"}, {"account_id": "A1"}, {"refers_to": ""}]
                )
                made.rows.append(row | {"known_on": day} | change)
        if not made.rows:
            continue
        events = read_events("e.csv", made.file, [*kinds_named([version]), "tip"])
        days = sorted({date.fromisoformat(row["known_on"]) for row in made.rows})
        changes += day_by_day(events, [version], days[::2])
    assert changes > 6


ACCOUNTS = """type = "accounts"
clause = "1"
days_from_opening = 20
place = "condition_day"
still_open = "on_condition_day"
exclude = [{ account_class = "GOLD", from = 2009-01-01, clause = "1" }]
[measures.sold]
type = "event_amounts"
clause = "1"
adds = ["purchase"]
takes_back = []
where = { account_class = ["GOLD"] }
where_not = {}
[[terms]]
id = "of_gold"
clause = "1"
measure = "sold"
form = "rate"
rate = 1
rounding = { unit = "minor", mode = "half_away", scope = "period" }"""


def told_of_accounts(seed: int) -> list[dict[str, str]]:
    """Random events of a few accounts; what is told of one may be told of another later, or be taken back."""
    chance, rows = random.Random(seed), list[dict[str, str]]()
    kinds = ["account_opened", "account_opened", "account_changed", "account_closed", "purchase", "purchase"]
    for number in range(30):
        day = date(2010, 1, 1) + timedelta(days=chance.randrange(80))
        row = {"event_id": f"E{number}", "kind": chance.choice(kinds), "event_date": str(day), "refers_to": ""}
        row |= {"account_id": chance.choice(["A1", "A2"]), "account_class": chance.choice(["GOLD", "B", ""])}
        row |= {"amount": "7.00", "currency": "USD", "known_on": str(day + timedelta(days=chance.choice([0, 0, 9])))}
        if row["kind"] == "purchase":
            row["account_class"] = ""
        rows.append(row)
        if row["kind"] != "purchase" and chance.randrange(100) < 50:
            change = chance.choice([{"kind": "retracted", "account_id": ""}, {"account_id": "A4"}])
            rows.append(row | change | {"known_on": str(day + timedelta(days=10 + chance.randrange(20)))})
    return rows


@pytest.mark.parametrize("condition", ["days_from_opening = 20", "months_from_opening = 1"])
def test_what_is_told_of_an_account_is_taken_back_or_told_of_another(condition: str) -> None:
    said = contract("event_accounts", 'adds = ["purchase"]').replace(
        '[measures.counted]\ntype = "event_accounts"\nclause = "1"\nadds = ["purchase"]',
        f"[measures.counted]\n{ACCOUNTS}".replace("days_from_opening = 20", condition),
    )
    version, rows = read_contract(SOURCE, said), told_of_accounts(7)
    file = "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)])
    days = [date(2010, 1, 3) + timedelta(days=7 * number) for number in range(12)]
    assert day_by_day(read_events("e.csv", file.encode(), [*kinds_named([version])]), [version], days) > 6


def test_a_day_asks_for_what_it_can_change_and_for_no_more() -> None:
    version = read_contract(SOURCE, contract("event_amounts", SALES))
    header = "event_id,kind,event_date,known_on,amount,currency,account_id,refers_to"
    rows = (
        "O1,account_opened,2010-01-10,2009-12-20,,,A1,",
        "P1,purchase,2010-01-15,,5.00,USD,A1,",
        "P2,purchase,2010-01-15,,5.00,USD,A2,",
        "C1,account_changed,2010-01-20,2010-02-01,,,A1,",
        "R1,refund,2010-03-01,,1.00,USD,A2,P2",
        "C1,retracted,,2010-04-01,,,,",
    )
    groups = event_groups(read_events("e.csv", "\n".join([header, *rows]).encode()), [version])

    def asked(day: str) -> set[str]:
        until = date.fromisoformat(day)
        events = groups.news(until - timedelta(days=1), until)
        return set() if events is None else set(events.rows["event_id"])

    about = {"O1", "C1"}
    # The day on which the account opens; purchases, with what refers to one later; what is said of an account, and
    # taken back; a refund.
    assert [asked("2010-01-10"), asked("2010-01-15")] == [about, {"P1", "P2", "R1"} | about]
    assert [asked("2010-02-01"), asked("2010-04-01")] == [{"P1"} | about] * 2
    assert asked("2010-03-01") == {"P2", "R1"}
    assert asked("2010-03-02") == set()
