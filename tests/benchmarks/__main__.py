"""``make bench``: the match beside other engines, its cost a row, sums, ``settle match`` as a whole, rating, a night.

    python -m tests.benchmarks                            prints all sections: some 20 minutes
    python -m tests.benchmarks --only scale --only sums   prints two of them
    python -m tests.benchmarks --rows 1000000             with fewer rows a side
    python -m tests.benchmarks --write                    and writes them into docs/BENCHMARKS.md

Everything generated is kept under ``.local/bench`` and used again. Each measurement has a process of its own, engines
that are compared take turns, Polars, DuckDB and our kernels use two threads, and figures are medians.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from tests.benchmarks import sections
from tests.benchmarks.nights import nights_section, sample_of
from tests.benchmarks.rating import rating_section
from tests.benchmarks.whole import THIN

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "BENCHMARKS.md"
SECTIONS: Final = ("match", "scale", "sums", "whole", "feeds", "rating", "night")

ENVIRONMENT: Final = {
    **os.environ,
    "POLARS_MAX_THREADS": "2",
    "OMP_NUM_THREADS": "2",
    "SETTLEMENT_CARD_KEY": bytes(range(32)).hex(),
    "SETTLEMENT_CARD_KEY_ID": "bench",
    "SETTLEMENT_QUARANTINE_KEY": bytes(range(32, 64)).hex(),
    "SETTLEMENT_KERNELS": "compiled",
}


def main() -> None:
    """Measure, print, and write the page where that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows a side")
    parser.add_argument("--events", type=int, default=10_000_000, help="events that contracts are rated on")
    parser.add_argument("--night-rows", type=int, default=1_000_000, help="card transactions of the night")
    parser.add_argument("--repeats", type=int, default=5, help="turns; at least 3")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="a section; may be given again")
    parser.add_argument("--folder", type=Path, default=ROOT / ".local" / "bench")
    parser.add_argument("--write", action="store_true", help="write docs/BENCHMARKS.md; sections left out stay")
    options = parser.parse_args()
    if options.repeats < 3:
        parser.error("a median takes at least 3 measurements")
    options.folder.mkdir(parents=True, exist_ok=True)
    measured = {}
    for name in SECTIONS:
        if options.only and name not in options.only:
            continue
        _say(f"Measuring {name} ...")
        measured[name] = _section(name, options)
        print(measured[name], flush=True, end="\n\n")
    if options.write:
        _write(measured)


def _section(name: str, options: argparse.Namespace) -> str:
    rows, repeats, folder = options.rows, options.repeats, options.folder
    measured: dict[str, Callable[[], str]] = {
        "match": lambda: sections.match(rows, repeats, folder, _call),
        "scale": lambda: sections.scale(rows, repeats, folder, _call),
        "sums": lambda: sections.sums(rows, repeats, folder, _call),
        "whole": lambda: sections.whole(rows, folder, ENVIRONMENT, _say),
        "feeds": lambda: sections.feeds(sample_of(options.night_rows, folder, _say), folder, _call),
        "rating": lambda: rating_section(options.events, repeats, folder, _call),
        "night": lambda: nights_section(options.night_rows, folder, _call, _say, ENVIRONMENT),
    }
    return measured[name]()


def _write(measured: dict[str, str]) -> None:
    """Put the sections into the page: those that were not measured now, and those of others, stay as they are."""
    kept, others = {}, list[str]()
    if PAGE.is_file():
        for part in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
            told = f"## {part}".strip()
            name = next((name for name in SECTIONS if part.startswith(sections.TITLES[name])), None)
            if name is None:
                others.append(told)
            else:
                kept[name] = told
    parts = [*((kept | measured)[name] for name in SECTIONS if name in kept | measured), *others]
    PAGE.write_text("\n\n".join([_HEAD, _machine(), *parts]) + "\n", encoding="utf-8")
    _say(f"Written to {PAGE.relative_to(ROOT)}.")


def _call(module: str, *arguments: object) -> dict[str, Any]:
    command = [
        sys.executable,
        "-S",
        str(THIN),
        sys.executable,
        "-m",
        f"tests.benchmarks.{module}",
        *map(str, arguments),
    ]
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
    versions = ", ".join(f"{name} {version(name)}" for name in ("polars", "duckdb", "numpy", "pandas"))
    return (
        f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB; {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {versions}; every engine on at most 2 threads."
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


_HEAD: Final = """# Benchmarks

Written by `python -m tests.benchmarks --write`; `make bench` prints the same without writing. Figures are of one
machine on one day: read them as proportions, and compare engines only within one run. Nothing in the tests depends
on time."""

if __name__ == "__main__":
    main()
