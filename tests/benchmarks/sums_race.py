"""Sums without a key: the subset search by itself, and a night's open items beside its exact matching.

Run by ``python -m tests.benchmarks``; ``python -m tests.benchmarks.sums_race`` prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from settlement.kernels import radix
from settlement.kernels.sums import Searched, find_subsets
from tests.benchmarks import ours
from tests.benchmarks.ours import THREADS, Sides
from tests.benchmarks.race import prepare

SEED: Final = 24
MOST_MEMBERS: Final = 4
MOST_CANDIDATES: Final = 24
WINDOW: Final = 3

Numbers = NDArray[np.int64]


def search(candidates: int, targets: int, members: int, repeats: int) -> list[float]:
    """Seconds a target among so many random card amounts each, where some of them, or one cent less, make it up."""
    random = np.random.default_rng([SEED, candidates])
    amounts = np.maximum(random.lognormal(8.0, 1.1, (targets, candidates)).astype(np.int64), 1)
    chosen = random.random((targets, candidates)).argsort(axis=1) < random.integers(2, 7, targets)[:, None]
    wanted = (amounts * chosen).sum(axis=1) - np.arange(targets) % 2
    starts = np.arange(0, targets * candidates + 1, candidates, dtype=np.int32)
    found = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        find_subsets(starts, amounts.ravel(), wanted, np.zeros(targets, np.int64), most_members=members)
        found.append((time.perf_counter() - started) / targets)
    return found[1:]


def night(rows: int, repeats: int, folder: Path) -> dict[str, Any]:
    """Seconds of the exact pass, and of the search over what both passes of pairs left, in turns.

    Each open left row looks among the open right rows of its card and merchant, or of its merchant alone, within the
    window, for the two to four that make it up; where more than ``MOST_CANDIDATES`` are there, it is told and left.
    """
    sides = prepare(rows, folder)
    partner = ours.optimum(sides)
    left_open, right_open = radix.open_rows(partner, rows, threads=THREADS)
    exact_open = int((ours.exact_only(sides) < 0).sum())
    seconds: dict[str, list[float]] = {"exact": [], "pair": [], "merchant": []}
    told: dict[str, dict[str, int]] = {}
    for turn in range(repeats + 1):
        for name, times in seconds.items():
            started = time.perf_counter()
            if name == "exact":
                ours.exact_only(sides)
            else:
                told[name] = _sums(sides, left_open, right_open, name)
            if turn:
                times.append(time.perf_counter() - started)
    return {"seconds": seconds, "told": told, "open": len(left_open), "exact_open": exact_open}


def _sums(sides: Sides, left_open: NDArray[np.int32], right_open: NDArray[np.int32], key: str) -> dict[str, int]:
    # Key and day in one number, so that a window is one run of rows.
    place, wanted = (
        side[key].to_numpy()[rows] * 2**15 + side["day"].to_numpy()[rows]
        for side, rows in ((sides.right, right_open), (sides.left, left_open))
    )
    order, left_open = np.argsort(place), left_open[np.argsort(wanted)]
    place, wanted = place[order], np.sort(wanted)
    start, end = np.searchsorted(place, wanted - WINDOW), np.searchsorted(place, wanted + WINDOW + 1)
    asked = np.flatnonzero((end - start >= 2) & (end - start <= MOST_CANDIDATES))
    counts = (end - start)[asked]
    bounds = np.concatenate([[0], np.cumsum(counts)])
    at = np.arange(bounds[-1]) - np.repeat(bounds[:-1] - start[asked], counts)
    found = find_subsets(
        bounds.astype(np.int32),
        sides.right["amount"].to_numpy()[right_open[order[at]]],
        sides.left["amount"].to_numpy()[left_open[asked]],
        np.zeros(len(asked), np.int64),
        most_members=MOST_MEMBERS,
        threads=THREADS,
    )
    return {
        "targets": len(asked),
        "candidates": int(bounds[-1]),
        "too_many": int((end - start > MOST_CANDIDATES).sum()),
        "found": int((found.status == Searched.FOUND).sum()),
        "gave_up": int((found.status == Searched.GAVE_UP).sum()),
    }


def main() -> None:
    """Print the measurements as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    searches = [(count, members) for count in (12, 24) for members in (4, count)]
    single = [[*one, search(one[0], 1_000, one[1], options.repeats)] for one in searches]
    print(json.dumps({"single": single, **night(options.rows, options.repeats, options.folder)}))


if __name__ == "__main__":
    main()
