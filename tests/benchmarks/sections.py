"""The sections of the page: what is measured, and how it is told."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.benchmarks import whole as processes
from tests.benchmarks.engines import ENGINES
from tests.benchmarks.sums_race import MOST_CANDIDATES, MOST_MEMBERS, WINDOW
from tests.benchmarks.triad import BYTES_A_ROW

Call = Callable[..., dict[str, Any]]

TITLES: Final = {
    "match": "The match alone",
    "scale": "Cost a row",
    "sums": "Sums without a key",
    "whole": "settle match as a whole",
    "feeds": "The readers of feeds",
    "rating": "Contracts rated on",
    "night": "A night of",
}
MEMORY: Final = "384MB"
_AGAIN: Final = "Polars, no match: reads both files and writes them again"
_LIKE: Final = "Polars, no match: reads both files and writes tables of the outputs' shape"
_MIB: Final = 2**20
_MILLION: Final = 1_000_000


def match(rows: int, repeats: int, folder: Path, call: Call) -> str:
    """Our kernels beside other engines, interleaved in one process; then each once in a fresh process."""
    found = call("race", "--rows", rows, "--repeats", repeats, "--folder", folder)
    seconds = {name: statistics.median(times) for name, times in found["seconds"].items()}
    bound = BYTES_A_ROW * rows / statistics.median(found["bandwidth"])
    gained = found["optimum"]
    told = (
        f"{found['exact']:,} exact pairs and {found['matched'] - found['exact']:,} within the tolerance, the same from "
        f"every engine row by row (checksum {found['checksum']}) except the optimum and those that do less work. "
        f"Medians of {repeats} turns (3 of the slow ones), engines in turns in one process, warm-up dropped; times the "
        "first of the same task. Fresh is the first run of a process with both sides loaded, memory that process's "
        "peak, and in brackets what the run added."
    )
    head = ["| engine | seconds | fastest | times | rows a side/s | fresh | peak MiB (added) |"]
    lines = [f"## {TITLES['match']}: {rows:,} rows a side", "", told, "", *head, "|---|--:|--:|--:|--:|--:|--:|"]
    for name, engine in ENGINES.items():
        memory = call("race", "--rows", rows, "--folder", folder, "--once", name)
        lines.append(
            f"| {engine.text} | {seconds[name]:.3f} | {min(found['seconds'][name]):.3f} "
            f"| {seconds[name] / seconds[engine.beside]:.1f} | {rows / seconds[name]:,.0f} | {memory['seconds']:.3f} "
            f"| {memory['peak_mib']:,.0f} ({memory['peak_mib'] - memory['before_mib']:,.0f}) |"
        )
    best = seconds["best_first"]
    lines += [
        "",
        (
            f"A triad in the same turns moved {statistics.median(found['bandwidth']) / 1e9:.1f} GB/s. {BYTES_A_ROW} "
            f"bytes a row at that rate take {bound:.3f} s: {bound / seconds['exact']:.2f} of the exact pass, "
            f"{bound / best:.2f} of both passes."
        ),
        "",
        (
            f"The optimum gives {gained['differ']:,} rows another partner than best first: {gained['more']:,} matches "
            f"more, with gaps of {gained['optimal_minor']:,} minor units together instead of {gained['best_minor']:,}."
        ),
    ]
    return "\n".join(lines)


def scale(rows: int, repeats: int, folder: Path, call: Call) -> str:
    """Our cost a row at three sizes, with what the kernels take of memory."""
    sizes = sorted({min(_MILLION, rows), rows, 2 * rows})
    told = (
        f"Medians of {repeats} turns, all sizes in turns in one process, warm-up dropped; nanoseconds for one row of "
        f"both sides, and in brackets the fastest. The bound is {BYTES_A_ROW} bytes a row at the rate of a triad in "
        "the same turns. Kernel bytes are what `kernel_bytes` promises, and what both passes with the optimum took in "
        "all, result included, for one row of both sides."
    )
    head = "| rows a side | exact | best first | optimum | bound / exact | bound / best first | kernel bytes | taken |"
    lines = [f"## {TITLES['scale']}", "", told, "", head, "|--:|--:|--:|--:|--:|--:|--:|--:|"]
    found = call("race", "--rows", *sizes, "--repeats", repeats, "--folder", folder, "--scale")
    bound = BYTES_A_ROW / statistics.median(found["bandwidth"]) * 1e9
    median: dict[int, dict[str, float]] = {}
    fastest: dict[int, dict[str, float]] = {}
    for size in sizes:
        times = found["seconds"][str(size)]
        median[size] = {name: statistics.median(some) / size * 1e9 for name, some in times.items()}
        fastest[size] = {name: min(some) / size * 1e9 for name, some in times.items()}
        nanos = " | ".join(f"{median[size][name]:.1f} ({fastest[size][name]:.1f})" for name in times)
        lines.append(
            f"| {size:,} | {nanos} | {bound / median[size]['exact']:.2f} | {bound / median[size]['best_first']:.2f} "
            f"| {found['kernel_bytes'][str(size)] / size:.1f} | {found['peak_bytes'][str(size)] / size:.1f} |"
        )
    ratios = ", ".join(
        f"{cost[sizes[-1]]['exact'] / cost[sizes[0]]['exact']:.2f} (exact) and "
        f"{cost[sizes[-1]]['best_first'] / cost[sizes[0]]['best_first']:.2f} (best first) by {text}"
        for cost, text in ((median, "medians"), (fastest, "the fastest"))
    )
    lines += ["", f"Cost a row at {sizes[-1]:,} rows over that at {sizes[0]:,}: {ratios}; the bound is {bound:.1f} ns."]
    return "\n".join(lines)


def sums(rows: int, repeats: int, folder: Path, call: Call) -> str:
    """The subset search by itself, and over a night's open items beside the exact pass."""
    found = call("sums_race", "--rows", rows, "--repeats", repeats, "--folder", folder)
    seconds = {name: statistics.median(times) for name, times in found["seconds"].items()}
    lines = [f"## {TITLES['sums']}", "", "| candidates | rows in a sum | microseconds a target | fastest |"]
    lines.append("|--:|--:|--:|--:|")
    for candidates, members, times in found["single"]:
        lines.append(
            f"| {candidates} | up to {members} | {statistics.median(times) * 1e6:.1f} | {min(times) * 1e6:.1f} |"
        )
    lines += [
        "",
        (
            f"A night of {rows:,} rows a side leaves {found['exact_open']:,} left rows to tolerances and "
            f"{found['open']:,} to sums. Each looks for {MOST_MEMBERS} rows at most, within {WINDOW} days, among at "
            f"most {MOST_CANDIDATES}."
        ),
        "",
        "| work | seconds | of the exact pass | targets | candidates | too many | found |",
        "|---|--:|--:|--:|--:|--:|--:|",
        f"| exact pass | {seconds['exact']:.3f} | 1.00 | | | | |",
    ]
    for name, text in (("pair", "sums by card and merchant"), ("merchant", "sums by merchant alone")):
        told = found["told"][name]
        lines.append(
            f"| {text} | {seconds[name]:.3f} | {seconds[name] / seconds['exact']:.2f} | {told['targets']:,} "
            f"| {told['candidates']:,} | {told['too_many']:,} | {told['found']:,} |"
        )
    return "\n".join(lines)


def whole(rows: int, folder: Path, environment: dict[str, str], say: Callable[[str], None]) -> str:
    """``settle match`` beside a Polars process; then with its memory bounded, where it can be."""
    told = (
        "Parquet in; matches, breaks and a summary out. Whole processes in turns, from start to exit, medians of 3; "
        "both read text references, and the Polars process trusts a 64-bit hash and tells no reasons or nearest rows."
    )
    lines = [f"## {TITLES['whole']}", "", told, ""]
    lines += [
        "| rows a side | process | matches | seconds | fastest | times | peak MiB |",
        "|--:|---|--:|--:|--:|--:|--:|",
    ]
    for size in sorted({min(_MILLION, rows), rows}):
        ran: dict[str, list[processes.Ran]] = {"settle match": [], "Polars": [], _AGAIN: [], _LIKE: []}
        for path in processes.files(size, folder):
            path.read_bytes()  # so that no process reads from the disk
        for turn in range(3):
            say(f"{size:,} rows, turn {turn + 1} of 3 ...")
            ran["settle match"].append(processes.settle(size, folder, environment))
            ran["Polars"].append(processes.polars(size, folder, environment))
            ran[_AGAIN].append(processes.bare(size, folder, environment, outputs=False))
            ran[_LIKE].append(processes.bare(size, folder, environment, outputs=True))
        base = statistics.median(one.seconds for one in ran["settle match"])
        for name, runs in ran.items():
            places = {"settle match": "out", "Polars": "out-polars"}
            matches = f"{processes.matched(folder / places[name]):,}" if name in places else ""
            lines.append(f"| {size:,} | {name} | {matches} | {_told(runs, base)} |")
    lines.append("")
    if not processes.has_memory():
        lines.append("This `settle match` has no `--memory`: its bound was not measured.")
        return "\n".join(lines)
    lines += [f"With `--memory {MEMORY}`:", "", "| rows a side | seconds | peak MiB |", "|--:|--:|--:|"]
    for size in (_MILLION, 5 * _MILLION, 10 * _MILLION):
        if size <= max(rows, _MILLION):
            say(f"{size:,} rows in {MEMORY} ...")
            one = processes.settle(size, folder, environment, memory=MEMORY)
            took = f"stopped with {one.failed}" if one.failed else f"{one.seconds:.2f}"
            lines.append(f"| {size:,} | {took} | {one.peak_mib:,.0f} |")
    return "\n".join(lines)


def _told(runs: list[processes.Ran], base: float) -> str:
    """Seconds, fastest, times and memory of some runs of one process."""
    if failed := [one.failed for one in runs if one.failed]:
        return f"stopped with {failed[0]} | | | {max(one.peak_mib for one in runs):,.0f}"
    seconds = [one.seconds for one in runs]
    median = statistics.median(seconds)
    return f"{median:.2f} | {min(seconds):.2f} | {median / base:.1f} | {max(one.peak_mib for one in runs):,.0f}"


def feeds(sample: Path, folder: Path, call: Call) -> str:
    """Each reader beside ``cat`` and a bare scan; card numbers beside a loop over ``hmac.new``."""
    found = call("feeds", "--sample", sample, "--folder", folder)
    told = (
        "One file each, from the page cache to candidate tables, card numbers turned into references; the fastest of "
        "five turns in one process, in turns with `cat` on the file and, for what is delimited, with a bare `scan_csv` "
        "of all its columns as text."
    )
    lines = [
        f"## {TITLES['feeds']}",
        "",
        told,
        "",
        "| feed | MiB | records | seconds | records/s | MiB/s | of `cat` | times `scan_csv` |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, one in found["feeds"].items():
        best = {what: min(seconds) for what, seconds in one["seconds"].items()}
        scan = f"{best['ours'] / best['scan_csv']:.1f}" if "scan_csv" in best else ""
        mib = one["bytes"] / _MIB
        lines.append(
            f"| {name} | {mib:,.0f} | {one['records']:,} | {best['ours']:.2f} | {one['records'] / best['ours']:,.0f} "
            f"| {mib / best['ours']:,.0f} | {best['cat'] / best['ours']:.3f} | {scan} |"
        )
    ipm = found["feeds"]["Mastercard IPM"]
    rate, theirs, cards = ipm["records"] / min(ipm["seconds"]["ours"]), found["cardutil"], found["tokens"]
    lines += [
        "",
        (
            f"cardutil reads {theirs:,.0f} messages/s of the same IPM file: ours {rate / theirs:,.0f} times as many. "
            f"Card references: {cards['one'] / _MILLION:.1f} million/s on one thread and "
            f"{cards['all'] / _MILLION:.1f} on all, a loop over `hmac.new` {cards['loop'] / _MILLION:.2f}: "
            f"{cards['all'] / cards['loop']:.0f} times."
        ),
    ]
    return "\n".join(lines)
