"""One stage, or a whole night up to the partners' files, measured in a process of its own.

Run by ``python -m tests.benchmarks``; ``python -m tests.benchmarks.phase`` prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from datetime import date
from pathlib import Path

from settlement import runner, store
from settlement.store import Home


def measure(home: Home, night: date, stage: str | None) -> dict[str, float]:
    """Seconds and peak memory of one stage, or of the whole night up to ``pay`` where ``stage`` is None."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    if stage is None:
        runner.run_night(home, night, until="pay")
    else:
        runner.run_stage(home, night, stage)
    elapsed = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": elapsed, "before_mib": before / 1024, "peak_mib": peak / 1024}


def rows_of(home: Home, night: date) -> dict[str, int]:
    """What a settled night went through: bytes landed, records parsed, clearing rows of each side."""
    clearing = store.read_table(home, "clearing", night)
    return {
        "bytes": int(store.read_table(home, "delivery", night)["size_bytes"].sum()),
        "records": int(store.read_table(home, "parsed_file", night)["records"].sum()),
        "bank": clearing.filter(side="bank").height,
        "merchant": clearing.filter(side="merchant").height,
        "matches": store.read_table(home, "match", night).height,
    }


def main() -> None:
    """Print one measurement, or the night's row counts, as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--business-date", type=date.fromisoformat, required=True)
    parser.add_argument("--stage")
    parser.add_argument("--count", action="store_true")
    options = parser.parse_args()
    home = store.open_home(options.home)
    if options.count:
        print(json.dumps(rows_of(home, options.business_date)))
    else:
        print(json.dumps(measure(home, options.business_date, options.stage)))


if __name__ == "__main__":
    main()
