"""The pairs of a pass are the optimum of their group: most matches, least cost, first by file and record."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from match_frames import FIRST_NIGHT, bank, merchant, met, opened, settle

from settlement.match import optimum

SEEDED = settings(derandomize=True, deadline=None)
CODE = {"authorisation_code": "A1B2C3"}
JPY = {"transaction_amount_minor": 1500, "transaction_currency": "JPY"}
ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4), st.integers(0, 4)), max_size=4)


def on(day: int) -> dict[str, object]:
    return CODE | {"transaction_date": FIRST_NIGHT + timedelta(days=day)}


def by_order(output) -> list[bool]:
    return output.tables["match"]["by_order"].to_list()


def test_the_same_day_first_would_leave_two_records_open() -> None:
    """Of one code and amount: the sale of day 5 has a capture on its day, and is the only one within five days of
    the other capture."""
    (output,) = settle(
        [bank(1, 500, **on(5)), bank(2, 500, **on(10)), merchant(1, 500, **on(0)), merchant(2, 500, **on(5))]
    )
    assert met(output) == {(1,): (1,), (2,): (2,)}
    assert opened(output) == {}
    assert by_order(output) == [False, False]


def test_the_nearest_amount_first_would_leave_two_records_open() -> None:
    sides = [
        bank(1, 1000, **CODE, **JPY),
        bank(2, 1003, **CODE, **JPY),
        merchant(1, 1001, **CODE),
        merchant(2, 998, **CODE),
    ]
    (output,) = settle(sides)
    assert met(output) == {(1,): (2,), (2,): (1,)}
    assert opened(output) == {}


def test_a_minor_unit_weighs_more_than_all_days() -> None:
    sides = [bank(1, 1000, **JPY, **on(0)), merchant(1, 1002, **on(0)), merchant(2, 999, **on(5))]
    (output,) = settle(sides)
    assert met(output) == {(1,): (2,)}


def test_a_choice_by_order_alone_is_told() -> None:
    """Two captures of one day and amount, one sale: the first has it, and the match says that the other fits too."""
    rows = [
        bank(1, 500, **CODE),
        merchant(7, 500, **CODE),
        merchant(3, 500, **CODE),
        bank(2, 70, **CODE),
        merchant(4, 70, **CODE),
    ]
    (output,) = settle(rows)
    assert met(output) == {(1,): (3,), (2,): (4,)}
    assert by_order(output) == [True, False]


def test_a_choice_by_order_among_days_is_told() -> None:
    (output,) = settle([bank(1, 500, **on(3)), merchant(1, 500, **on(5)), merchant(2, 500, **on(1))])
    assert met(output) == {(1,): (1,)}
    assert by_order(output) == [True]


def frame(rows: list[tuple[int, int, int]]) -> pl.DataFrame:
    """Rows are (group, amount, day)."""
    told = pl.DataFrame(rows, schema={"group": pl.Int64, "amount": pl.Int64, "day": pl.Int32}, orient="row")
    return told.with_row_index("row").with_columns(pl.col("row").cast(pl.Int32))


def best(ours, theirs, tolerance: int, window: int) -> tuple[list[tuple[int, int]], set[int]]:
    """By exhaustion: the pairs that are chosen, and our paired rows that another choice as good pairs otherwise."""
    ways = []
    for choice in product([None, *range(len(theirs))], repeat=len(ours)):
        taken = [at for at in choice if at is not None]
        fits = [
            ours[i][0] == theirs[j][0]
            and abs(ours[i][1] - theirs[j][1]) <= tolerance
            and abs(ours[i][2] - theirs[j][2]) <= window
            for i, j in enumerate(choice)
            if j is not None
        ]
        if len(set(taken)) == len(taken) and all(fits):
            pairs = [(i, j) for i, j in enumerate(choice) if j is not None]
            gap = sum(abs(ours[i][1] - theirs[j][1]) for i, j in pairs)
            days = sum(abs(ours[i][2] - theirs[j][2]) for i, j in pairs)
            order = [len(theirs) if j is None else j for j in choice]
            ways.append((-len(pairs), gap, days, order, pairs))
    chosen = min(ways)
    as_good = [way[4] for way in ways if way[:3] == chosen[:3]]
    return chosen[4], {i for i, j in chosen[4] if any((i, j) not in pairs for pairs in as_good)}


@SEEDED
@given(ours=ROWS, theirs=ROWS, tolerance=st.integers(0, 3), window=st.integers(0, 3))
def test_pairs_within_a_tolerance_beside_exhaustion(ours, theirs, tolerance, window) -> None:
    found = optimum.near_pairs(frame(ours), frame(theirs), ["group"], tolerance=tolerance, window=window)
    pairs, unsure = best(ours, theirs, tolerance, window)
    assert list(zip(found.ours.tolist(), found.theirs.tolist(), strict=True)) == pairs
    assert set(found.ours[found.unsure].tolist()) == unsure


@SEEDED
@given(ours=ROWS, theirs=ROWS, window=st.integers(0, 3))
def test_equal_pairs_beside_exhaustion(ours, theirs, window) -> None:
    """The number and the cost of the pairs, and which are unsure; rows of one day that are many meet in order."""
    found = optimum.equal_pairs(frame(ours), frame(theirs), ["group", "amount"], window)
    pairs, unsure = best(ours, theirs, 0, window)
    met = list(zip(found.ours.tolist(), found.theirs.tolist(), strict=True))
    assert len(met) == len(pairs) == len({j for _, j in met})
    assert sum(abs(ours[i][2] - theirs[j][2]) for i, j in met) == sum(abs(ours[i][2] - theirs[j][2]) for i, j in pairs)
    assert met == pairs
    assert set(found.ours[found.unsure].tolist()) == unsure


def test_what_too_many_rows_fit_is_given_up_but_for_its_pairs_of_one_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimum, "MOST_EDGES", 3)
    ours, theirs = frame([(0, 5, 1), (0, 5, 3), (1, 5, 1)]), frame([(0, 5, 1), (0, 5, 2), (1, 5, 2)])
    found = optimum.equal_pairs(ours, theirs, ["group", "amount"], 5)
    assert (found.ours.tolist(), found.theirs.tolist()) == ([0, 2], [0, 2])
    assert [rows.tolist() for rows in found.given_up] == [[1], [1]]
    assert found.ours.dtype == found.theirs.dtype == np.int32
