"""The outputs of a run: summary, matches and breaks, written whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import polars as pl

from settlement.errors import TerminalError
from settlement.reconcile.breaks import find_breaks
from settlement.reconcile.engine import Result
from settlement.reconcile.matched import match_rows
from settlement.reconcile.summary import break_summary, require_law, summarise

BREAKS: Final[dict[str, type[pl.DataType]]] = {
    "side": pl.String,
    "id": pl.String,
    "reason": pl.String,
    "nearest": pl.String,
    "note": pl.String,
}
SUMMARY: Final = "summary.json"


def write_outputs(result: Result, out: Path) -> dict[str, Any]:
    """Write ``summary.json``, ``matches`` and ``breaks`` (CSV and Parquet) to a folder, and return the summary.

    All files are written beside the folder first and moved in one step, so that what stands there is whole.

    Raises
    ------
    TerminalError
        Where the folder holds something else than an earlier run's outputs, or counts or sums do not come out.
    """
    with partial_outputs(out) as partial:
        with ThreadPoolExecutor(max_workers=1) as beside:
            # The matches are written while the breaks are found: neither needs the other.
            matches = beside.submit(lambda: _write(match_rows(result), partial, "matches"))
            breaks = break_rows(result)
            summary = summarise(result) | {"breaks": break_summary(breaks)}
            _write(breaks.select(list(BREAKS)), partial, "breaks")
            matches.result()
        write_summary(summary, partial)
    return summary


@contextmanager
def partial_outputs(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` to write to; it takes the place of ``out`` in one step, or vanishes where that fails."""
    _require_replaceable(out)
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        _move(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_summary(summary: dict[str, Any], folder: Path) -> None:
    """Write the summary; TerminalError where it does not come out."""
    require_law(summary)
    (folder / SUMMARY).write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _write(rows: pl.DataFrame, folder: Path, name: str) -> None:
    rows.write_csv(folder / f"{name}.csv")
    rows.write_parquet(folder / f"{name}.parquet", compression="lz4")


def _require_replaceable(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise TerminalError(f"{out} is a file: name a folder for the outputs.")
    if out.is_dir() and any(out.iterdir()) and not (out / SUMMARY).is_file():
        raise TerminalError(f"{out} holds other files than the outputs of an earlier run: name another folder.")


def _move(partial: Path, out: Path) -> None:
    if not out.exists():
        partial.rename(out)
        return
    earlier = out.with_name(f".{out.name}.{os.getpid()}.earlier")
    out.rename(earlier)
    partial.rename(out)
    shutil.rmtree(earlier)


def break_rows(result: Result) -> pl.DataFrame:
    """A row for each row that no match holds, left first, each side in its order: ``BREAKS``, amount and currency."""
    found = find_breaks(result)
    parts = []
    for side in (result.left, result.right):
        rows = found.filter(pl.col("side") == side.which)
        at = rows["position"]
        told = side.frame.select("amount", "currency")[at]
        parts.append(rows.with_columns(side.ids.gather(at).alias("id"), *told.get_columns()))
    return pl.concat(parts)
