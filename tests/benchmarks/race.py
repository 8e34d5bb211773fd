"""The engines side by side: interleaved in one process for time, each in its own process for memory.

Run by ``python -m tests.benchmarks``; ``python -m tests.benchmarks.race`` prints one JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import time
import tracemalloc
from pathlib import Path
from typing import Any, Final

import numpy as np

from settlement.kernels import radix
from tests.benchmarks import ours
from tests.benchmarks.engines import ENGINES
from tests.benchmarks.ours import THREADS, Partner, Sides
from tests.benchmarks.sides import make_sides
from tests.benchmarks.triad import Triad

SELDOM: Final = 3
"""Turns of the slow engines."""


def prepare(rows: int, folder: Path) -> Sides:
    """Both sides, loaded."""
    left, right = make_sides(rows, folder)
    return Sides(left=left, right=right)


def race(rows: int, repeats: int, folder: Path) -> dict[str, Any]:
    """Seconds of each engine in turns after one warm-up, all results compared row by row, and the triad beside them.

    Raises RuntimeError where an engine that does the same work gives another partner to any row.
    """
    sides, triad = prepare(rows, folder), Triad(THREADS)
    reference = next(iter(ENGINES.values())).run(sides)
    seconds: dict[str, list[float]] = {name: [] for name in ENGINES}
    bandwidth: list[float] = []
    for turn in range(repeats + 1):
        for name, engine in ENGINES.items():
            if turn > SELDOM and not engine.often:
                continue
            elapsed, partner = _timed(lambda engine=engine: engine.run(sides))  # type: ignore[misc]
            if engine.same and not np.array_equal(partner, reference):
                different = int((partner != reference).sum())
                raise RuntimeError(f"{name} gives {different} rows another partner than settlement does.")
            if turn:
                seconds[name].append(elapsed)
        bandwidth.append(triad.bytes_a_second())
    checksum = hashlib.sha256(reference.tobytes()).hexdigest()[:16]
    return {
        "seconds": seconds,
        "bandwidth": bandwidth,
        "matched": int((reference >= 0).sum()),
        "exact": int((ours.exact_only(sides) >= 0).sum()),
        "checksum": checksum,
        "optimum": gain(sides, reference, ours.optimum(sides)),
    }


def gain(sides: Sides, best: Partner, optimal: Partner) -> dict[str, int]:
    """Where the optimum differs from best first: rows, matches and their cost, and what either leaves undecided."""
    amounts = [side["amount"].to_numpy() for side in sides.frames]
    days = [side["day"].to_numpy().astype(np.int64) for side in sides.frames]

    def cost(partner: Partner) -> int:
        met = np.flatnonzero(partner >= 0)
        gap, late = (np.abs(left[met] - right[partner[met]]).sum() for left, right in (amounts, days))
        return int(gap) * ours.GAP_WEIGHT + int(late)

    return {
        "differ": int((best != optimal).sum()),
        "more": int((optimal >= 0).sum()) - int((best >= 0).sum()),
        "best_minor": cost(best) // ours.GAP_WEIGHT,
        "optimal_minor": cost(optimal) // ours.GAP_WEIGHT,
    }


def scale(sizes: list[int], repeats: int, folder: Path) -> dict[str, Any]:
    """Seconds of our kernels at several sizes and bytes a second of the triad, in turns; and the bytes they take."""
    all_sides, triad = {size: prepare(size, folder) for size in sizes}, Triad(THREADS)
    seconds = {size: {name: list[float]() for name in ("exact", "best_first", "optimum")} for size in sizes}
    bandwidth: list[float] = []
    for turn in range(repeats + 1):
        for size, sides in all_sides.items():
            for name, times in seconds[size].items():
                elapsed, _ = _timed(lambda name=name, sides=sides: ENGINES[name].run(sides))  # type: ignore[misc]
                if turn:
                    times.append(elapsed)
        bandwidth.append(triad.bytes_a_second())
    taken = {}
    for size, sides in all_sides.items():
        fresh = Sides(left=sides.left, right=sides.right, reuse=False)
        tracemalloc.start()
        ours.optimum(fresh)
        taken[size] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    told = {size: radix.kernel_bytes(size, size, THREADS) for size in sizes}
    return {"seconds": seconds, "bandwidth": bandwidth, "kernel_bytes": told, "peak_bytes": taken}


def once(rows: int, name: str, folder: Path) -> dict[str, Any]:
    """Seconds and peak memory of a process that runs one engine once, and its peak before it did, in MiB."""
    sides = prepare(rows, folder)
    if name.startswith("duckdb"):
        sides.db  # noqa: B018 - its tables are given, as the others' columns are
    before = _peak_mib()
    elapsed, _ = _timed(lambda: ENGINES[name].run(sides))
    return {"seconds": elapsed, "before_mib": before, "peak_mib": _peak_mib()}


def _timed(work: Any) -> tuple[float, Any]:
    started = time.perf_counter()
    found = work()
    return time.perf_counter() - started, found


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the race, our cost a row, or one engine's first run, as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", required=True)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--once", choices=list(ENGINES))
    parser.add_argument("--scale", action="store_true")
    options = parser.parse_args()
    if options.once:
        print(json.dumps(once(options.rows[0], options.once, options.folder)))
    elif options.scale:
        print(json.dumps(scale(options.rows, options.repeats, options.folder)))
    else:
        print(json.dumps(race(options.rows[0], options.repeats, options.folder)))


if __name__ == "__main__":
    main()
