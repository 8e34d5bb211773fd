"""The race is fair: every engine that does the same work gives every row the same partner. Nothing here is timed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks import race, sums_race
from tests.benchmarks.engines import ENGINES
from tests.benchmarks.ours import Partner, Sides
from tests.benchmarks.sides import EXACT_KEY, NEAR_KEY, TOLERANCE_MINOR, WINDOW_DAYS, make_sides

ROWS = 4_000


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Sides:
    return race.prepare(ROWS, tmp_path_factory.mktemp("sides"))


@pytest.fixture(scope="module")
def expected(sides: Sides) -> Partner:
    """The definition of the match, word for word, in plain Python."""
    left, right = (side.to_dicts() for side in sides.frames)
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


@pytest.mark.parametrize("name", [name for name, engine in ENGINES.items() if engine.same])
def test_every_engine_gives_the_same_partners(name: str, sides: Sides, expected: Partner) -> None:
    # Twice, for an engine may keep what it made the first time.
    for _ in range(2):
        assert np.array_equal(ENGINES[name].run(sides), expected)


def test_the_sides_hold_what_makes_the_match_hard(sides: Sides, expected: Partner) -> None:
    left, right = sides.frames
    assert left.height == right.height == ROWS
    assert left.select(EXACT_KEY).is_duplicated().any()
    exact = ENGINES["exact"].run(sides)
    assert 0.95 * ROWS < (exact >= 0).sum() < 0.98 * ROWS
    near = (expected >= 0) & (exact < 0)
    assert near.any()
    assert (left["day"].to_numpy()[near] != right["day"].to_numpy()[expected[near]]).any()
    assert (expected < 0).sum() > 0.01 * ROWS


def test_the_optimum_gains_and_the_splits_are_found(tmp_path: Path) -> None:
    sides = race.prepare(40_000, tmp_path)
    best, optimal = (ENGINES[name].run(sides) for name in ("best_first", "optimum"))
    told = race.gain(sides, best, optimal)
    assert told["more"] > 0
    assert told["differ"] >= told["more"]
    night = sums_race.night(40_000, 1, tmp_path)
    assert night["told"]["pair"]["found"] > 40


def test_the_same_rows_always_give_the_same_sides(sides: Sides, tmp_path: Path) -> None:
    again = make_sides(ROWS, tmp_path)
    assert all(a.equals(b) for a, b in zip(sides.frames, again, strict=True))
