"""``make bench``: rows a second and peak memory of parse, match and the whole night, and the match beside others.

    python -m tests.benchmarks --rows 1000000             prints the tables
    python -m tests.benchmarks --rows 1000000 --write     and writes them into docs/BENCHMARKS.md

Everything generated is kept under ``.local/bench`` and used again. Each measurement has a process of its own,
Polars and DuckDB may use as many threads as the machine has, at most two, and figures are medians.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "BENCHMARKS.md"
STAGES: Final = ("land", "parse", "check", "match", "rate", "post", "pay")
CARD_KEY: Final = bytes(range(32)).hex()
SEED: Final = 7

ENVIRONMENT: Final = {
    **os.environ,
    "POLARS_MAX_THREADS": "2",
    "OMP_NUM_THREADS": "2",
    "SETTLEMENT_CARD_KEY": CARD_KEY,
    "SETTLEMENT_CARD_KEY_ID": "bench",
    "SETTLEMENT_KERNELS": "compiled",
}


def main() -> None:
    """Measure, print, and write the page where that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows a side")
    parser.add_argument("--repeats", type=int, default=5, help="turns of the race; at least 3")
    parser.add_argument("--nights", type=int, default=3, help="how often a night is settled; 0 leaves it out")
    parser.add_argument("--folder", type=Path, default=ROOT / ".local" / "bench")
    parser.add_argument("--write", action="store_true", help="write docs/BENCHMARKS.md")
    options = parser.parse_args()
    if options.repeats < 3 or options.nights in {1, 2}:
        parser.error("a median takes at least 3 measurements")
    options.folder.mkdir(parents=True, exist_ok=True)
    parts = [_machine(), _race(options.rows, options.repeats, options.folder)]
    if options.nights:
        parts.append(_nights(options.rows, options.nights, options.folder))
    print("\n\n".join(parts))
    if options.write:
        PAGE.write_text("\n\n".join([_HEAD, *parts]) + "\n", encoding="utf-8")
        print(f"\nWritten to {PAGE.relative_to(ROOT)}.")


def _call(module: str, *arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"The measurement stopped: {' '.join(command)}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _machine() -> str:
    cpu = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "name" in line),
        platform.processor(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in ("polars", "duckdb", "numpy"))
    return (
        f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB; {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {versions}; Polars and DuckDB on at most 2 threads."
    )


def _race(rows: int, repeats: int, folder: Path) -> str:
    from tests.benchmarks.engines import ENGINES

    _say(f"Racing {len(ENGINES)} engines over {rows:,} rows a side ...")
    found = _call("race", "--rows", rows, "--repeats", repeats, "--folder", folder)
    seconds = {name: statistics.median(times) for name, times in found["seconds"].items()}
    told = (
        f"{found['matched']:,} pairs, the same from every engine row by row (checksum {found['checksum']}) except the "
        f"two that do less work. Medians of {repeats} turns, engines in turns in one process, warm-up dropped; times "
        "the first of the same task. Memory is that of a process with both sides loaded that runs it once, and in "
        "brackets what the run added."
    )
    head = ["| engine | seconds | fastest | times | rows a side/s | peak MiB (added) |", "|---|--:|--:|--:|--:|--:|"]
    lines = [f"## The match alone: {rows:,} rows a side", "", told, "", *head]
    base = seconds["settlement_key"]
    for name, (text, _) in ENGINES.items():
        base = seconds[name] if name.startswith("settlement") else base
        memory = _call("race", "--rows", rows, "--folder", folder, "--memory-of", name)
        added = memory["peak_mib"] - memory["before_mib"]
        ratio = seconds[name] / (seconds["settlement_key"] if name.endswith("_join") else base)
        lines.append(
            f"| {text} | {seconds[name]:.3f} | {min(found['seconds'][name]):.3f} | {ratio:.1f} | "
            f"{rows / seconds[name]:,.0f} | {memory['peak_mib']:,.0f} ({added:,.0f}) |"
        )
    return "\n".join(lines)


def _nights(rows: int, repeats: int, folder: Path) -> str:
    source = _sample(rows, folder)
    night = next(path.name for path in sorted(source.iterdir()) if path.name[:2] == "20")
    stages: dict[str, list[dict[str, float]]] = {stage: [] for stage in STAGES}
    whole: list[dict[str, float]] = []
    counts: dict[str, int] = {}
    for turn in range(repeats):
        _say(f"Settling the night, {turn + 1} of {repeats} ...")
        home = _fresh_home(source, folder)
        for stage in STAGES:
            stages[stage].append(_call("phase", "--home", home, "--business-date", night, "--stage", stage))
        counts = _call("phase", "--home", home, "--business-date", night, "--count")
        home = _fresh_home(source, folder)
        whole.append(_call("phase", "--home", home, "--business-date", night))
    shutil.rmtree(folder / "home", ignore_errors=True)
    return _night_table(rows, repeats, counts, {**stages, "whole night": whole})


def _night_table(rows: int, repeats: int, counts: dict[str, int], found: dict[str, list[dict[str, float]]]) -> str:
    both = counts["bank"] + counts["merchant"]
    worked = {"land": counts["records"], "parse": counts["records"], "check": counts["records"]}
    told = (
        f"{counts['bytes'] / 2**20:,.0f} MiB in real formats, {counts['records']:,} records; {counts['bank']:,} "
        f"clearing rows of the bank side and {counts['merchant']:,} of the merchant side, {counts['matches']:,} "
        f"matches. Medians of {repeats} nights; each stage, and the whole night from landing to the partners' files, "
        "in a process of its own. Rows are records up to check and clearing rows of both sides from match on."
    )
    head = ["| stage | seconds | fastest | rows/s | peak MiB |", "|---|--:|--:|--:|--:|"]
    lines = [f"## A night of {rows:,} card transactions", "", told, "", *head]
    for name, measured in found.items():
        seconds = [one["seconds"] for one in measured]
        median = statistics.median(seconds)
        peak = max(one["peak_mib"] for one in measured)
        title = f"**{name}**" if name in {"parse", "match", "whole night"} else name
        lines.append(
            f"| {title} | {median:.2f} | {min(seconds):.2f} | {worked.get(name, both) / median:,.0f} | {peak:,.0f} |"
        )
    return "\n".join(lines)


def _sample(rows: int, folder: Path) -> Path:
    from settlement.sample.generate import generate

    target = folder / f"sample-{rows}"
    if not target.is_dir():
        _say(f"Making a sample night of {rows:,} card transactions (once; kept in {target}) ...")
        arriving = folder / f".sample-{rows}"
        shutil.rmtree(arriving, ignore_errors=True)
        generate(arriving, nights=1, rows=rows, seed=SEED)
        arriving.rename(target)
    return target


def _fresh_home(source: Path, folder: Path) -> Path:
    from settlement.home import create_home

    home = folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    os.environ.update({name: ENVIRONMENT[name] for name in ("SETTLEMENT_CARD_KEY", "SETTLEMENT_CARD_KEY_ID")})
    create_home(home, source)
    return home


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


_HEAD: Final = """# Benchmarks

Written by `python -m tests.benchmarks --write`; `make bench` prints the same without writing. Figures are of one
machine on one day: read them as proportions, and compare engines only within one run. Nothing in the tests depends
on time."""

if __name__ == "__main__":
    main()
