"""Numbers for key tuples: equal exactly where all columns are equal, even where hashes are not to be trusted."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.match import keys

SEEDED = settings(derandomize=True, deadline=None)
ROWS = st.lists(st.tuples(st.sampled_from(["a", "b", "", None]), st.sampled_from([0, 1, None])), max_size=20)


def frame(rows):
    return pl.DataFrame(rows, schema={"text": pl.String, "number": pl.Int64}, orient="row")


@pytest.fixture(params=["hashed", "colliding"])
def hashing(request, monkeypatch):
    """Once with real hashes, once with every row under the same hash."""
    if request.param == "colliding":
        monkeypatch.setattr(keys, "_hashes", lambda rows: np.zeros(rows.height, dtype=np.int64))


@pytest.mark.usefixtures("hashing")
@SEEDED
@given(left=ROWS, right=ROWS)
def test_ids_are_equal_exactly_where_rows_are(left, right) -> None:
    left_ids, right_ids, count = keys.number(frame(left), frame(right))
    both, ids = [*left, *right], [*left_ids.tolist(), *right_ids.tolist()]
    assert sorted(set(ids)) == list(range(count))
    for i, row in enumerate(both):
        for j, other in enumerate(both):
            assert (ids[i] == ids[j]) == (row == other)


@SEEDED
@given(left=ROWS, right=ROWS)
def test_digests_are_equal_exactly_where_rows_are_and_whole(left, right) -> None:
    rows = [*left, *right]
    hashes, checks = (
        np.concatenate(both).tolist()
        for both in zip(keys.digests(frame(left)), keys.digests(frame(right)), strict=True)
    )
    for row, mark, check in zip(rows, hashes, checks, strict=True):
        assert (mark == 0) == (None in row)
        if mark:
            assert [(mark, check) == other for other in zip(hashes, checks, strict=True)] == [
                row == one for one in rows
            ]


def test_presence_needs_every_column() -> None:
    rows = pl.DataFrame({"a": ["x", "", None, "x"], "b": ["y", "y", "y", None]})
    assert rows.select(keys.present(("a", "b"))).to_series().to_list() == [True, False, False, False]
    assert rows.select(keys.absent(("a",))).to_series().to_list() == [False, True, True, False]


def test_a_whole_column_is_handed_over_without_a_copy() -> None:
    column = pl.Series([1, 2, 3], dtype=pl.Int64)
    handed = keys.integers(column, np.int64)
    assert np.shares_memory(handed, column.to_numpy())
