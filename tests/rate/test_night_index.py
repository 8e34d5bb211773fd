"""The index of nights finds every night that holds a key, whatever was taken up, and of a home that had no index."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rate.histories import READS, RandomHistory, inputs_of, joined, rate_history, without

from settlement.model.stage import StageInput
from settlement.model.tables import TABLES
from settlement.rate import night as rate
from settlement.rate.night_index import Kind, digests, index_rows, night_index

FIRST = date(2010, 1, 1)
NIGHTS = 75
KEPT = ("rated", "rated_total", "rated_account", "payout")


def days(count: int) -> list[date]:
    return [FIRST + timedelta(days=number) for number in range(count)]


def records(night: date, order: str) -> pl.DataFrame:
    filled = {"text": "-", "int": 1, "date": night, "flag": False}
    columns = TABLES["clearing"].columns
    row = {column.name: None if column.nullable else filled[column.type] for column in columns}
    row |= {"file": f"{night}/sales", "side": "merchant", "kind": "purchase", "order_ref": order}
    return pl.DataFrame([row], schema=TABLES["clearing"].schema)


def members(file: str, record: int) -> pl.DataFrame:
    row = {"match_id": "m", "side": "merchant", "file": file, "record": record, "amount_minor": 1, "currency": "USD"}
    return pl.DataFrame([row], schema=TABLES["match_member"].schema)


def inputs_on(night: date, before: list[date], kept: list[pl.DataFrame]) -> StageInput:
    """Each night sells under an order of its own, and matches the sale of the night before."""
    clearing = {day: records(day, f"order {day}") for day in (*before, night)}
    matched = {day: members(f"{day - timedelta(days=1)}/sales", 1) for day in (*before, night)}
    told = {"clearing": clearing, "match_member": matched}
    history = {
        name: joined(name, [frames[day].with_columns(pl.lit(day).alias("business_date")) for day in before]).lazy()
        for name, frames in told.items()
    }
    history = {name: joined(name, []).lazy() for name in READS} | history
    history["rated_key"] = joined("rated_key", kept).lazy()
    tables = {name: TABLES[name].empty() for name in READS} | {name: frames[night] for name, frames in told.items()}
    return StageInput(business_date=night, unit="all", documents={}, tables=tables, history=history)


@cache
def indexed(count: int, since: int) -> tuple[StageInput, list[date], list[pl.DataFrame]]:
    """A night after so many, of which those from ``since`` on have been indexed; and what each of these has left."""
    every = days(count + 1)
    kept: list[pl.DataFrame] = []
    for at in range(since, count):
        inputs = inputs_on(every[at], every[:at], kept)
        rows = index_rows(inputs, night_index(inputs, every[:at]))
        assert rows.select("key", "night").is_unique().all()
        assert rows["key"].is_sorted()
        kept.append(rows.with_columns(pl.lit(every[at]).alias("business_date")))
    return inputs_on(every[count], every[:count], kept), every[:count], kept


@pytest.mark.parametrize("count", [1, 3, 32, 33, NIGHTS])
def test_the_nights_that_hold_a_key_are_found_and_no_others(count: int) -> None:
    inputs, before, _ = indexed(count, 0)
    index = night_index(inputs, before)
    assert not index.unindexed
    tonight = inputs.business_date
    for day in before:
        orders, files = pl.Series([f"order {day}"]), pl.Series([f"{day}/sales"])
        assert set(index.nights(digests(Kind.LINK, orders))) == {day, tonight}
        assert set(index.nights(digests(Kind.FILE, files))) == {day, tonight}
        found = set(index.nights(digests(Kind.MATCHED, files, pl.Series([1]))))
        assert found == ({day + timedelta(days=1), tonight} if day != before[-1] else {tonight})
        assert set(index.nights(digests(Kind.CARD, orders))) == {tonight}
    everything = pl.Series([f"order {day}" for day in before])
    assert set(index.nights(digests(Kind.LINK, everything))) == {*before, tonight}


def test_few_nights_are_read_of_many() -> None:
    inputs, before, kept = indexed(NIGHTS, 0)
    read = night_index(inputs, before).rows.collect()["business_date"].unique()
    assert len(read) <= NIGHTS // 32 + 5
    # What is written is at most 32 nights of rows, and on most nights that of two.
    heights = sorted(rows.height for rows in kept)
    assert heights[-1] <= 32 * heights[0]
    assert heights[len(heights) // 2] <= 2 * heights[0]


def test_a_night_without_rows_may_hold_every_key_until_it_is_indexed() -> None:
    inputs, before, _ = indexed(50, 49)
    index = night_index(inputs, before)
    assert index.unindexed == tuple(before[31:49])
    held = index.nights(digests(Kind.LINK, pl.Series([f"order {before[3]}", "of nobody"])))
    assert set(held) == {before[3], *before[31:49], inputs.business_date}
    inputs, before, _ = indexed(51, 49)
    assert not night_index(inputs, before).unindexed


def test_a_home_of_before_is_rated_as_one_that_was_indexed_from_its_first_night() -> None:
    nights = RandomHistory(5).nights
    outputs = rate_history(nights)
    inputs = inputs_of(nights, len(nights) - 1, outputs)
    found = rate.run(without(inputs, "rated_key")).tables
    for table in KEPT:
        assert_frame_equal(found[table].sort(TABLES[table].key), outputs[-1][table].sort(TABLES[table].key))
    assert set(found["rated_key"]["night"]) == {night.day for night in nights}
