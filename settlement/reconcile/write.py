"""The outputs of a run: summary, matches and breaks, written whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from settlement.errors import TerminalError
from settlement.reconcile.breaks import find_breaks
from settlement.reconcile.engine import Result
from settlement.reconcile.found import Searched
from settlement.reconcile.matched import match_rows
from settlement.reconcile.netting import Netted
from settlement.reconcile.sides import HELD, MATCHED, NETTED, OPEN, Rows

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
    _require_replaceable(out)
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        with ThreadPoolExecutor(max_workers=1) as beside:
            # The matches are written while the breaks are found: neither needs the other.
            matches = beside.submit(lambda: _write(match_rows(result), partial, "matches"))
            breaks = break_rows(result)
            summary = summarise(result, breaks)
            _write(breaks, partial, "breaks")
            matches.result()
        (partial / SUMMARY).write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        _move(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return summary


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
    """A row for each row that no match holds, left first, each side in its order: ``BREAKS``."""
    found = find_breaks(result)
    ids = [
        side.ids.gather(found.filter(pl.col("side") == side.which)["position"]) for side in (result.left, result.right)
    ]
    return found.with_columns(pl.concat(ids).alias("id")).select(list(BREAKS))


def summarise(result: Result, breaks: pl.DataFrame) -> dict[str, Any]:
    """Counts and sums by pass and reason; TerminalError where they do not come out at the inputs' own."""
    sides = {}
    for side in (result.left, result.right):
        parts = {
            word: _counted(side, side.among(*states))
            for word, states in (
                ("read", (OPEN, HELD, MATCHED, NETTED)),
                ("matched", (MATCHED,)),
                ("netted", (NETTED,)),
                ("open", (OPEN, HELD)),
            )
        }
        sides[side.which] = {"name": side.name, "file": side.file} | parts
    summary = {
        **sides,
        "netting": [_netting_summary(one) for one in result.netted],
        "passes": [_pass_summary(result, number) for number in range(len(result.rules.passes))],
        "breaks": _break_summary(result, breaks),
    }
    _require_law(summary)
    return summary


def _counted(side: Rows, which: Any) -> dict[str, Any]:
    return {"rows": int(which.sum()), "sums_minor": _sums(side, np.flatnonzero(which))}


def _sums(side: Rows, rows: Any) -> dict[str, int]:
    """Sums by currency; they may leave 64 bits where single amounts do not."""
    whole = len(rows) == side.frame.height
    amounts, codes = (side.frame[name] if whole else side.frame[name].gather(rows) for name in ("amount", "currency"))
    if not len(amounts):
        return {}
    known = codes.dtype.categories.to_list() if isinstance(codes.dtype, pl.Enum) else []
    if len(known) == 1:
        # High and low halves apart: neither sum leaves 64 bits.
        minor = amounts.to_numpy()
        return {known[0]: (int((minor >> 32).sum()) << 32) + int((minor & 0xFFFFFFFF).sum())}
    table = pl.DataFrame([codes, amounts]).group_by("currency").agg(pl.col("amount").cast(pl.Int128).sum())
    return {code: int(total) for code, total in sorted(table.select("currency", "amount").iter_rows())}


def _pass_summary(result: Result, number: int) -> dict[str, Any]:
    rule = result.rules.passes[number]
    steps = [step for step in result.taken if step.number == number]
    left = np.concatenate([step.left for step in steps]) if steps else np.zeros(0, dtype=np.int32)
    right = np.concatenate([step.right for step in steps]) if steps else np.zeros(0, dtype=np.int32)
    held = [step for step in result.held if step.number == number]
    told: dict[str, Any] = {
        "name": rule.name,
        "matches": sum(len(step.residual) for step in steps),
        "left_rows": len(left),
        "right_rows": len(right),
        "left_sums_minor": _sums(result.left, left),
        "right_sums_minor": _sums(result.right, right),
        "residuals": sum(int((step.residual != 0).sum()) for step in steps),
        "taken_by_order": sum(int(step.unsure.sum()) for step in steps),
        "held_clusters": sum(len(np.union1d(step.left_cluster, step.right_cluster)) for step in held),
        "held_left_rows": sum(len(step.left) for step in held),
        "held_right_rows": sum(len(step.right) for step in held),
        "given_up_left_rows": sum(len(rows) for one, rows in result.given_up if one == rule),
    }
    if rule.search is not None:
        outcomes = [one.outcome.status for one in result.told if one.rule == rule]
        told["search"] = {str(status): outcomes.count(status) for status in Searched} | {
            "most_members": rule.search.most_members,
            "most_candidates": rule.search.most_candidates,
            "most_steps": rule.search.most_steps,
        }
    return told


def _netting_summary(one: Netted) -> dict[str, Any]:
    return {
        "side": one.side.which,
        "name": one.rule.name,
        "nettings": len(one.original),
        "sums_minor": _sums(one.side, np.concatenate([one.original, one.reversal])),
        "taken_by_order": len(one.unsure),
    }


def _break_summary(result: Result, breaks: pl.DataFrame) -> list[dict[str, Any]]:
    told = []
    for side in (result.left, result.right):
        rows = np.flatnonzero(side.among(OPEN, HELD))
        reasons = breaks.filter(pl.col("side") == side.which)["reason"]
        for reason in sorted(reasons.unique().to_list()):
            some = rows[(reasons == reason).to_numpy()]
            told.append({"side": side.which, "reason": reason, "rows": len(some), "sums_minor": _sums(side, some)})
    return told


def _require_law(summary: dict[str, Any]) -> None:
    """Every row is in one place, and every minor unit with it."""
    for which in ("left", "right"):
        side = summary[which]
        by_pass = sum(one[f"{which}_rows"] for one in summary["passes"])
        by_reason = sum(one["rows"] for one in summary["breaks"] if one["side"] == which)
        parts: Sequence[dict[str, Any]] = (side["matched"], side["netted"], side["open"])
        sums = {code: sum(part["sums_minor"].get(code, 0) for part in parts) for code in side["read"]["sums_minor"]}
        counts = sum(part["rows"] for part in parts)
        if (
            counts != side["read"]["rows"]
            or by_pass != side["matched"]["rows"]
            or by_reason != side["open"]["rows"]
            or sums != side["read"]["sums_minor"]
        ):
            raise TerminalError(
                f"Matched and open rows of {side['name']} do not come out at what was read: nothing was written; "
                "report this with the rules file."
            )
