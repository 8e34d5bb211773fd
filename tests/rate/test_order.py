"""Rows of table ``rated`` stand in one order, whichever way they came and however it is found."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from settlement.model.tables import TABLES
from settlement.rate import order

SEEDED = settings(derandomize=True, deadline=None)
ORDER = ["contract", "term", "period", "selector", "file", "record", "account_id", "version"]
WORDS = st.sampled_from(["a", "b", "c"])
MAYBE = st.none() | WORDS
DATES = st.sampled_from([date(2010, 1, 1), date(2011, 1, 1)])
KEYS = st.tuples(WORDS, WORDS, WORDS, st.sampled_from(["", "x"]), MAYBE, st.none() | st.integers(0, 3), MAYBE, DATES)


@pytest.mark.parametrize("most", [2**62, 1])
@SEEDED
@given(keys=st.lists(KEYS, max_size=30, unique=True))
def test_the_order_is_that_of_the_columns_one_by_one(most: int, keys: list[tuple[object, ...]]) -> None:
    made = pl.DataFrame(keys, schema={name: TABLES["rated"].schema[name] for name in ORDER}, orient="row")
    made = made.with_columns(clause="term", unit="contract", quantity=pl.lit(1, pl.Int64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "_MOST", most)
        assert_frame_equal(order.in_order(made), made.sort(ORDER, nulls_last=True))
