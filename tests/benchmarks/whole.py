"""``settle match`` as a whole process, Parquet to Parquet, beside a Polars process that reads and writes the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from tests.benchmarks.ours import GAP_WEIGHT
from tests.benchmarks.sides import TOLERANCE_MINOR, WINDOW_DAYS, make_sides

ROOT: Final = Path(__file__).resolve().parents[2]
THIN: Final = Path(__file__).with_name("thin.py")

SIDE: Final = """[{side}]
[{side}.amount]
column = "amount"
unit = "minor"
currency = "USD"
[{side}.date]
column = "date"
"""
RULES: Final = (
    SIDE.format(side="left")
    + SIDE.format(side="right")
    + f"""[[pass]]
name = "reference"
keys = ["arn", "auth_code", "card"]

[[pass]]
name = "card_and_merchant"
keys = ["card", "merchant"]
amount = {{ rule = "within", minor = {TOLERANCE_MINOR} }}
days = {WINDOW_DAYS}
weights = {{ amount = {GAP_WEIGHT}, date = 1 }}
"""
)
"""Two passes: equal references, card and amount; then card and merchant within the tolerance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a process took; ``failed`` is its exit code where that is not 0."""

    seconds: float
    peak_mib: float
    failed: int


def files(rows: int, folder: Path) -> tuple[Path, Path, Path]:
    """Both sides as Parquet with text references, and the rules; made once."""
    paths = folder / f"left-{rows}-text.parquet", folder / f"right-{rows}-text.parquet"
    if not all(path.exists() for path in paths):
        for path, side in zip(paths, make_sides(rows, folder), strict=True):
            columns = [
                pl.format("74{}", pl.col("arn").cast(pl.String).str.zfill(21)).alias("arn"),
                pl.col("auth_code").cast(pl.String).str.zfill(6),
                pl.format("k1:{}", pl.col("card").cast(pl.String).str.zfill(16)).alias("card"),
                pl.format("M{}", pl.col("merchant").cast(pl.String).str.zfill(14)).alias("merchant"),
                "amount",
                pl.col("day").cast(pl.Date).alias("date"),
            ]
            side.lazy().select(columns).sink_parquet(path, compression="lz4")
    rules = folder / "rules.toml"
    rules.write_text(RULES, encoding="utf-8")
    return *paths, rules


def settle(rows: int, folder: Path, environment: dict[str, str], memory: str | None = None) -> Ran:
    """One run of ``settle match``; its output stays in ``out``."""
    left, right, rules = files(rows, folder)
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    bound = [] if memory is None else ["--memory", memory]
    command = ["settlement", "match", str(left), str(right), "--rules", str(rules), "--out", str(out), *bound]
    return _run(command, environment)


def polars(rows: int, folder: Path, environment: dict[str, str]) -> Ran:
    """One run of the Polars process; it writes the kinds of files that ``settle match`` has written to ``out``."""
    left, right, _ = files(rows, folder)
    kinds = sorted({path.suffix for path in (folder / "out").glob("matches.*")}) or [".parquet"]
    out = folder / "out-polars"
    shutil.rmtree(out, ignore_errors=True)
    return _run(["tests.benchmarks.polars_whole", str(left), str(right), str(out), *kinds], environment)


def bare(rows: int, folder: Path, environment: dict[str, str], *, outputs: bool) -> Ran:
    """One run of a Polars process that only reads and writes: the files again, or tables like those in ``out``."""
    left, right, _ = files(rows, folder)
    out = folder / "out-bare"
    shutil.rmtree(out, ignore_errors=True)
    like = [str(folder / "out")] if outputs else []
    return _run(["tests.benchmarks.polars_bare", str(left), str(right), str(out), *like], environment)


def has_memory() -> bool:
    """Whether this ``settle match`` can be told how much memory to take."""
    told = subprocess.run(
        [sys.executable, "-m", "settlement", "match", "--help"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return "--memory" in told.stdout


def matched(out: Path) -> int:
    """Rows of the matches that a process has written; 0 where it stopped before."""
    if not (out / "matches.parquet").is_file():
        return 0
    return int(pl.scan_parquet(out / "matches.parquet").select(pl.len()).collect().item())


def _run(module: list[str], environment: dict[str, str]) -> Ran:
    command = [sys.executable, "-S", str(THIN), "--measured", sys.executable, "-m", *module]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    ran = Ran(**json.loads(done.stdout))
    if ran.failed:
        sys.stderr.buffer.write(done.stderr[-2_000:])
    return ran
