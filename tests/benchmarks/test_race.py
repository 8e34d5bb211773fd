"""The race is fair: every engine that does the same work gives every row the same partner. Nothing here is timed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.benchmarks.engines import ENGINES, LESS_WORK, Partner
from tests.benchmarks.sides import EXACT_KEY, NEAR_KEY, TOLERANCE_MINOR, WINDOW_DAYS, make_sides

ROWS = 3_000


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> tuple[pl.DataFrame, pl.DataFrame]:
    return make_sides(ROWS, tmp_path_factory.mktemp("sides"))


@pytest.fixture(scope="module")
def expected(sides: tuple[pl.DataFrame, pl.DataFrame]) -> Partner:
    """The definition of the match, word for word, in plain Python."""
    left, right = (side.to_dicts() for side in sides)
    partner = np.full(ROWS, -1, dtype=np.int32)
    waiting: dict[tuple[object, ...], list[int]] = {}
    for row, values in enumerate(right):
        waiting.setdefault(tuple(values[name] for name in EXACT_KEY), []).append(row)
    for row, values in enumerate(left):
        rows = waiting.get(tuple(values[name] for name in EXACT_KEY))
        if rows:
            partner[row] = rows.pop(0)
    taken = set(partner.tolist())
    candidates = sorted(
        (abs(a["amount"] - b["amount"]), abs(a["day"] - b["day"]), i, j)
        for i, a in enumerate(left)
        if partner[i] < 0
        for j, b in enumerate(right)
        if j not in taken and all(a[name] == b[name] for name in NEAR_KEY)
    )
    for gap, days, i, j in candidates:
        if gap <= TOLERANCE_MINOR and days <= WINDOW_DAYS and partner[i] < 0 and j not in taken:
            partner[i] = j
            taken.add(j)
    return partner


@pytest.mark.parametrize("name", [name for name in ENGINES if name not in LESS_WORK])
def test_every_engine_gives_the_same_partners(
    name: str, sides: tuple[pl.DataFrame, pl.DataFrame], expected: Partner
) -> None:
    assert np.array_equal(ENGINES[name][1](*sides), expected)


def test_the_sides_hold_what_makes_the_match_hard(sides: tuple[pl.DataFrame, pl.DataFrame], expected: Partner) -> None:
    left, right = sides
    assert left.height == right.height == ROWS
    assert left.select(EXACT_KEY).is_duplicated().any()
    near = expected[left["arn"].is_in(right["arn"].implode()).not_().to_numpy()]
    assert (near >= 0).any()
    assert (near < 0).any()


def test_the_same_rows_always_give_the_same_sides(sides: tuple[pl.DataFrame, pl.DataFrame], tmp_path: Path) -> None:
    again = make_sides(ROWS, tmp_path)
    assert all(a.equals(b) for a, b in zip(sides, again, strict=True))
