"""Ledgers of things: points and inventory add up at every moment, and the oldest go first."""

from __future__ import annotations

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st
from rate.settled import MONTHS

from settlement.model.dates import Calendar, PeriodKind, period_from, period_of
from settlement.rate.ledgers import Flow, points, prepaid

LAST = date(2011, 1, 31)
FLOWS = st.lists(st.tuples(st.integers(-50, 400), st.integers(-50, 400)), min_size=1, max_size=24)


def flows_of(pairs: list[tuple[int, int]]) -> list[Flow]:
    months = [period_from(month) for month in MONTHS]
    return [Flow(period=month, comes=comes, goes=goes) for month, (comes, goes) in zip(months, pairs, strict=False)]


@settings(max_examples=400, deadline=None, derandomize=True)
@given(FLOWS, st.integers(1, 14))
def test_issued_is_redeemed_expired_and_open_at_every_moment(pairs: list[tuple[int, int]], months: int) -> None:
    entries = points(flows_of(pairs), months, LAST)
    issued = redeemed = expired = 0
    for number, entry in enumerate(entries):
        issued += entry["issued"]
        redeemed += entry["redeemed"]
        expired += entry["expired"]
        assert entry["expired"] >= 0
        assert issued == redeemed + expired + entry["open"]
        # What a month tells does not depend on what comes later.
        assert points(flows_of(pairs[: number + 1]), months, LAST)[-1] == entry


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 400), min_size=1, max_size=24), st.integers(1, 14))
def test_what_nobody_redeems_expires_in_its_month_and_not_before(issued: list[int], months: int) -> None:
    entries = points(flows_of([(count, 0) for count in issued]), months, LAST)
    for number, entry in enumerate(entries):
        assert entry["expired"] == (issued[number - months] if number >= months else 0)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(FLOWS)
def test_what_is_used_is_drawn_or_beyond_and_inventory_comes_first(pairs: list[tuple[int, int]]) -> None:
    bought = used = drawn = beyond = 0
    for (comes, goes), entry in zip(pairs, prepaid(flows_of([(max(0, c), g) for c, g in pairs])), strict=True):
        bought, used = bought + max(0, comes), used + goes
        drawn, beyond = drawn + entry["drawn"], beyond + entry["beyond"]
        assert used == drawn + beyond
        assert bought == drawn + entry["left"]
        assert entry["left"] >= 0
        assert entry["beyond"] <= 0 or entry["left"] == 0


def test_the_oldest_points_are_redeemed_first_and_the_rest_expires_at_the_close() -> None:
    flows = flows_of([(100, 0), (50, 30), (0, 80), (0, 0)])
    told = [{name: entry[name] for name in ("expired", "open")} for entry in points(flows, 2, date(2009, 4, 30))]
    assert told == [
        {"expired": 0, "open": 100},
        {"expired": 0, "open": 120},
        {"expired": 0, "open": 40},
        {"expired": 40, "open": 0},
    ]
    assert points(flows, 2, date(2009, 4, 29))[-1] == {"issued": 0, "redeemed": 0, "expired": 0, "open": 40}


def test_a_quarter_s_points_expire_when_the_quarter_of_their_last_month_closes() -> None:
    quarters = [period_of(date(2009, 3 * number + 1, 1), Calendar(kind=PeriodKind.QUARTER)) for number in range(4)]
    flows = [Flow(period=one, comes=10 if not number else 0, goes=0) for number, one in enumerate(quarters)]
    assert [entry["expired"] for entry in points(flows, 4, LAST)] == [0, 0, 10, 0]
