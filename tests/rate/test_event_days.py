"""Over an events table a day that goes on from the day before gives what all events give, row for row."""

from __future__ import annotations

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
