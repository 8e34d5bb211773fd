"""The engines side by side: interleaved in one process for time, each in its own process for memory.

Run by ``python -m tests.benchmarks``; ``python -m tests.benchmarks.race`` prints one JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import time
from pathlib import Path

import numpy as np

from tests.benchmarks.engines import ENGINES, LESS_WORK
from tests.benchmarks.sides import make_sides


def race(rows: int, repeats: int, folder: Path) -> dict[str, object]:
    """Seconds of each engine, ``repeats`` times in turns after one warm-up, all results compared row by row.

    Raises RuntimeError where an engine that does the same work gives another partner to any row.
    """
    left, right = make_sides(rows, folder)
    reference = next(engine for _, engine in ENGINES.values())(left, right)
    seconds: dict[str, list[float]] = {name: [] for name in ENGINES}
    for turn in range(repeats + 1):
        for name, (_, engine) in ENGINES.items():
            started = time.perf_counter()
            partner = engine(left, right)
            elapsed = time.perf_counter() - started
            if name not in LESS_WORK and not np.array_equal(partner, reference):
                different = int((partner != reference).sum())
                raise RuntimeError(f"{name} gives {different} rows another partner than settlement does.")
            if turn:
                seconds[name].append(elapsed)
    checksum = hashlib.sha256(reference.tobytes()).hexdigest()[:16]
    return {"seconds": seconds, "matched": int((reference >= 0).sum()), "checksum": checksum}


def peak(rows: int, name: str, folder: Path) -> dict[str, object]:
    """Peak memory of a process that runs one engine once, and of the same process before it did, in MiB."""
    left, right = make_sides(rows, folder)
    before = _peak_mib()
    ENGINES[name][1](left, right)
    return {"before_mib": before, "peak_mib": _peak_mib()}


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the race, or one engine's memory, as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--memory-of", choices=list(ENGINES))
    options = parser.parse_args()
    if options.memory_of:
        print(json.dumps(peak(options.rows, options.memory_of, options.folder)))
    else:
        print(json.dumps(race(options.rows, options.repeats, options.folder)))


if __name__ == "__main__":
    main()
