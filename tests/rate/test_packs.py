"""Packs: few are read whatever the number of nights, and together they hold each row of each night once."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rate.histories import PACKS, joined

from settlement.model.packs import PACKED, packed
from settlement.model.stage import StageInput
from settlement.model.tables import TABLES
from settlement.rate.packs import packs_before

FIRST = date(2010, 1, 1)
Frames = dict[str, list[pl.DataFrame]]


def told(table: str, night: date) -> pl.DataFrame:
    """Two rows of a table that no other night tells."""
    filled = {"text": f"of {night}", "int": 1, "date": night, "flag": False}
    key = TABLES[table].key[-1]
    row = {column.name: filled[column.type] for column in TABLES[table].columns}
    last = {"text": "second", "int": 2}[next(c.type for c in TABLES[table].columns if c.name == key)]
    return pl.DataFrame([row, {**row, key: last}], schema=TABLES[table].schema)


def inputs_after(nights: list[date], night: date, kept: Frames) -> StageInput:
    """A night after others: what lies of nights before is told by night alone, the tables themselves as a whole."""
    frames = {name: joined(name, kept[name]) for name in PACKS}

    def told_on(table: str, wanted: object) -> pl.LazyFrame:
        assert table in PACKS
        return frames[table].filter(pl.col("business_date").is_in(list(wanted))).lazy()  # type: ignore[call-overload]

    whole = {name: joined(name, [told(name, day).with_columns(business_date=day) for day in nights]) for name in PACKED}
    return StageInput(
        business_date=night,
        unit="all",
        documents={},
        tables={},
        history={name: frame.lazy() for name, frame in whole.items()},
        nights=tuple(nights),
        told_on=told_on,
    )


def packed_nights(count: int, since: int = 0) -> StageInput:
    """A night after so many, of which those from ``since`` on have been packed."""
    days = [FIRST + timedelta(days=number) for number in range(count + 1)]
    kept: Frames = {name: [] for name in PACKS}
    for at in range(since, count):
        packs = packs_before(inputs_after(days[:at], days[at], kept))
        earlier = {name: packs.rows(name) for name in PACKED}
        for name, frame in packs.after(earlier, {name: told(name, days[at]).lazy() for name in PACKED}).items():
            assert frame.schema == TABLES[name].schema
            assert TABLES[name].ascends(frame)
            kept[name].append(frame.with_columns(business_date=days[at]))
    return inputs_after(days[:count], days[count], kept)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 21])
def test_the_packs_hold_each_row_of_each_night_once(count: int) -> None:
    inputs = packed_nights(count)
    packs = packs_before(inputs)
    assert list(packs.nights.values()) == [2**bit for bit in reversed(range(count.bit_length())) if count >> bit & 1]
    for table, columns in PACKED.items():
        found = packs.rows(table).select(*columns, "business_date").collect()
        expected = inputs.history[table].select(*columns, "business_date").collect()
        assert_frame_equal(found, expected, check_row_order=False)


def test_the_first_night_over_a_home_without_packs_takes_up_all_nights_before_it() -> None:
    inputs = packed_nights(9, since=6)
    packs = packs_before(inputs)
    assert list(packs.nights.values()) == [7, 2]
    assert packs.rows("fx_rate").collect()["business_date"].n_unique() == 9


def test_a_table_is_packed_with_columns_that_it_has() -> None:
    for name, columns in PACKED.items():
        schema = TABLES[name].schema
        assert {column: schema[column] for column in columns}.items() <= TABLES[packed(name)].schema.items()
