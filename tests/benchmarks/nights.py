"""A night of card transactions: each stage and the whole, in processes of their own."""

from __future__ import annotations

import os
import shutil
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

STAGES: Final = ("land", "parse", "check", "match", "rate", "post", "pay")
SEED: Final = 7

Call = Callable[..., dict[str, Any]]
Say = Callable[[str], None]


def nights_section(rows: int, folder: Path, call: Call, say: Say, environment: dict[str, str]) -> str:
    """The table of a night of ``rows`` card transactions, settled three times."""
    repeats = 3
    source = sample_of(rows, folder, say)
    night = next(path.name for path in sorted(source.iterdir()) if path.name[:2] == "20")
    stages: dict[str, list[dict[str, float]]] = {stage: [] for stage in STAGES}
    whole: list[dict[str, float]] = []
    counts: dict[str, int] = {}
    for turn in range(repeats):
        say(f"Settling the night, {turn + 1} of {repeats} ...")
        home = _fresh_home(source, folder, environment)
        for stage in STAGES:
            stages[stage].append(call("phase", "--home", home, "--business-date", night, "--stage", stage))
        counts = call("phase", "--home", home, "--business-date", night, "--count")
        home = _fresh_home(source, folder, environment)
        whole.append(call("phase", "--home", home, "--business-date", night))
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


def sample_of(rows: int, folder: Path, say: Say) -> Path:
    """A night of the sample with so many card transactions, made once."""
    from settlement.sample.generate import generate

    target = folder / f"sample-{rows}"
    if not target.is_dir():
        say(f"Making a sample night of {rows:,} card transactions (once; kept in {target}) ...")
        arriving = folder / f".sample-{rows}"
        shutil.rmtree(arriving, ignore_errors=True)
        generate(arriving, nights=1, rows=rows, seed=SEED)
        arriving.rename(target)
    return target


_KEYS = ("SETTLEMENT_CARD_KEY", "SETTLEMENT_CARD_KEY_ID", "SETTLEMENT_QUARANTINE_KEY")


def _fresh_home(source: Path, folder: Path, environment: dict[str, str]) -> Path:
    from settlement.home import create_home

    home = folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    os.environ.update({name: environment[name] for name in _KEYS})
    create_home(home, source)
    return home
