"""Of what was stated few rows are read, and they tell of the periods asked for and of balances what all rows tell."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from rate.random_steps import WEIGHTS, fees, settlements
from rate.settled import EXTRA, FEE, told_on, version

from settlement.model.dates import period_from
from settlement.model.tables import TABLES
from settlement.rate.stated import PayoutRow, read_stated
from settlement.rate.stated_before import stated_of, stating

MONTHS = [f"2009-{month:02}" for month in range(1, 7)]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(settlements(), fees(6), st.sets(st.sampled_from(MONTHS)), st.integers(1, 12))
def test_some_periods_are_read_as_all_are(settlement: str, known: list[list[int]], some: set[str], until: int) -> None:
    """Each month has a preview ten days before it closes."""
    contract = version(settlement, WEIGHTS, FEE + EXTRA)
    rows: list[PayoutRow] = []
    for number in range(until):
        month, closes = divmod(number, 2)
        last = period_from(MONTHS[month]).last
        day = last if closes else last - timedelta(days=10)
        rows += told_on(contract, day, [{"fee": fee, "extra": -fee} for fee in known[month]], rows)
    table = pl.DataFrame([asdict(row) for row in rows], schema=TABLES["payout"].schema)
    every = read_stated(rows)
    for periods in (None, some):
        found = stated_of(stating(table.lazy()).collect(), periods)
        for name in ("carried", "recouped", "advanced", "taxed", "held", "days", "closed_on"):
            assert getattr(found, name) == getattr(every, name), name
        for month in MONTHS if periods is None else periods:
            assert found.terms.get(month) == every.terms.get(month)
            for day in every.days:
                assert found.known_on(month, day) == every.known_on(month, day)
