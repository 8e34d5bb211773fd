"""What a detail file needs of earlier nights is read of these alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date

import polars as pl
from partner_files import clearing, given, statement_rows
from payout_frames import night, past

from settlement.pay.contributions import records_of


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
    files = pl.Series([f"{night(2)}/F", f"{night(3)}/F", None, f"{night(2)}/F"])
    found = records_of(inputs, files, "amount_minor").sort("record")
    assert found.rows() == [(f"{night(2)}/F", 2, 2), (f"{night(3)}/F", 3, 3)]
    assert sorted(asked) == [night(2), night(3)], "and no folder of the first night"
    assert records_of(inputs, pl.Series([None], dtype=pl.String), "kind").is_empty()
