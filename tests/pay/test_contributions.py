"""What a detail file needs of earlier nights is read of these alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from random import Random

import polars as pl
import pytest
from partner_files import clearing, given, rated, statement_rows
from payout_frames import night, past

from settlement.model.tables import TABLES
from settlement.pay.contributions import contributions, records_of


def test_records_are_read_of_the_nights_of_their_files_alone() -> None:
    asked: list[date] = []
    told = {night(n): clearing({"file": f"{night(n)}/F", "record": n, "amount_minor": n}) for n in (1, 2)}
    history = past("clearing", told)

    def told_on(table: str, nights: Collection[date]) -> pl.LazyFrame:
        assert table == "clearing"
        asked.extend(nights)
        return history.filter(pl.col("business_date").is_in(list(nights)))

    tonight = {"clearing": clearing({"file": f"{night(3)}/F", "record": 3, "amount_minor": 3})}
    inputs = replace(given(statement_rows(), tables=tonight), told_on=told_on)
    files = [f"{night(2)}/F", f"{night(3)}/F", None, f"{night(2)}/F", f"{night(2)}/F"]
    places = pl.DataFrame({"file": files, "record": [2, 3, None, 2, 9]})
    found = records_of(inputs, places, "amount_minor").sort("record")
    assert found.rows() == [(f"{night(2)}/F", 2, 2), (f"{night(3)}/F", 3, 3)]
    assert sorted(asked) == [night(2)], "and no folder of the first night"
    nowhere = pl.DataFrame({"file": [None], "record": [None]}, schema={"file": pl.String, "record": pl.Int64})
    assert records_of(inputs, nowhere, "kind").is_empty()


class Told:
    """Earlier nights, of each what ``rated`` and the totals after it tell of the period; what is read is noted."""

    def __init__(self, quantities: Sequence[int | None], *, without_totals: int = 0) -> None:
        self.asked: set[date] = set()
        nights = [night(number) for number in range(1, len(quantities) + 1)]
        told = dict(zip(nights, quantities, strict=True))
        held = {day: sum(quantity or 0 for quantity in quantities[: number + 1]) for number, day in enumerate(nights)}
        self.history = {
            "rated": past("rated", {day: rated({"record": 1, "quantity": q}) for day, q in told.items() if q}),
            "rated_basis": past("rated_basis", dict.fromkeys(nights[without_totals:], BASIS)),
            "rated_total": past("rated_total", {day: total(held[day]) for day in nights[without_totals:]}),
        }
        empty = given(statement_rows(), number=len(nights) + 1)
        self.inputs = replace(empty, nights=tuple(nights), told_on=self.told_on)

    def told_on(self, table: str, nights: Collection[date]) -> pl.LazyFrame:
        if table == "rated":
            self.asked |= set(nights)
        return self.history[table].filter(pl.col("business_date").is_in(list(nights)))

    def sum(self) -> int:
        return int(contributions(self.inputs, "C9-TEST", "2010-Q4").select(pl.col("quantity").sum()).collect().item())


BASIS = pl.DataFrame([{"contract": "C9-TEST", "basis": "b"}], schema=TABLES["rated_basis"].schema)


def total(quantity: int) -> pl.DataFrame:
    rows = [{"contract": "C9-TEST", "term": "rate", "period": "2010-Q4", "selector": "", "quantity": quantity}]
    return pl.DataFrame(rows if quantity else [], schema=TABLES["rated_total"].schema)


@pytest.mark.parametrize("seed", range(8))
def test_only_nights_that_may_have_told_of_a_period_are_read(seed: int) -> None:
    draw = Random(seed)
    first = draw.randrange(1, 40)
    quantities = [None] * first + [draw.choice([None, 1, 2]) for _ in range(50 - first)]
    quantities[first] = 1
    told = Told(quantities)
    assert told.sum() == sum(quantity or 0 for quantity in quantities)
    assert min(told.asked) == night(first + 1), "and no night before the first that told of it"


def test_what_was_taken_back_is_not_read_and_changes_no_sum() -> None:
    told = Told([5, 3, -8, None, None, 7, None])
    assert told.sum() == 7
    assert min(told.asked) >= night(4)


def test_nights_of_a_home_that_had_no_totals_yet_are_read() -> None:
    assert Told([5, None, None, None, None, 7, None], without_totals=6).sum() == 12
