"""The nearest row of another side: every pair of small sides, looked at one by one, says the same."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from random_cases import examples

from settlement.match.closest import closest, meeting

_LEAST, _MOST = -(2**63), 2**63 - 1
VALUE = st.one_of(st.integers(0, 6), st.sampled_from([_LEAST, -1, _MOST]), st.none())
SIDE = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), VALUE), max_size=8)


def _frame(rows: list[tuple[int, int, int | None]]) -> pl.DataFrame:
    schema = {"group": pl.Int32, "day": pl.Int64, "amount": pl.Int64}
    return (
        pl.DataFrame(rows, schema=schema, orient="row").with_row_index("place").with_columns(pl.col("place").cast(int))
    )


def _by_hand(mine: list[Any], other: list[Any], keys: int) -> dict[int, int]:
    found = {}
    for at, one in enumerate(mine):
        near = [
            (abs(two[2] - one[2]), -two[2], there)
            for there, two in enumerate(other)
            if two[:keys] == one[:keys] and None not in {one[2], two[2]}
        ]
        if near:
            found[at] = min(near)[2]
    return found


@given(mine=SIDE, other=SIDE, keys=st.integers(1, 2))
@settings(max_examples=examples(133), deadline=None)
def test_the_nearest_is_the_nearest_of_all(mine: list[Any], other: list[Any], keys: int) -> None:
    by = ["group", "day"][:keys]
    met = closest(_frame(mine), _frame(other), "amount", by)
    assert dict(met.select("place", "place_other").iter_rows()) == _by_hand(mine, other, keys)
    assert met.drop("place_other").equals(_frame(mine)[met["place"].to_list()])


@given(mine=SIDE, other=SIDE)
@settings(max_examples=examples(66), deadline=None)
def test_rows_meet_where_their_values_stand_on_both_sides(mine: list[Any], other: list[Any]) -> None:
    ours, theirs = meeting(_frame(mine), _frame(other), ["day", "amount"])
    both = {one[1:] for one in mine} & {one[1:] for one in other}
    assert ours["place"].to_list() == [at for at, one in enumerate(mine) if one[1:] in both]
    assert theirs["place"].to_list() == [at for at, one in enumerate(other) if one[1:] in both]
    # One number for each value that stands on both sides.
    told = {one for side in (ours, theirs) for one in side.select("group", "day", "amount").iter_rows()}
    assert len({one[0] for one in told}) == len({one[1:] for one in told}) == len(told) == len(both)
