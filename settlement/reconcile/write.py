"""The outputs of a run: summary, matches and breaks, written whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from settlement.errors import TerminalError
from settlement.model.money import EXPONENTS
from settlement.reconcile.breaks import find_breaks
from settlement.reconcile.engine import Result, Taken
from settlement.reconcile.found import Searched
from settlement.reconcile.netting import Netted
from settlement.reconcile.sides import HELD, MATCHED, NETTED, OPEN, Rows

_Types = dict[str, type[pl.DataType]]

_PLACES: Final[_Types] = {"first_left": pl.Int64, "first_right": pl.Int64, "at": pl.Int64}
MATCHES: Final[_Types] = {
    "match_id": pl.String,
    "pass": pl.String,
    "cardinality": pl.String,
    "left_id": pl.String,
    "right_id": pl.String,
    "residual": pl.Int64,
    "note": pl.String,
}
BREAKS: Final[_Types] = {
    "side": pl.String,
    "id": pl.String,
    "reason": pl.String,
    "nearest": pl.String,
    "note": pl.String,
}
SUMMARY: Final = "summary.json"

_DIGITS: Final = 9


def write_outputs(result: Result, out: Path) -> dict[str, Any]:
    """Write ``summary.json``, ``matches`` and ``breaks`` (CSV and Parquet) to a folder, and return the summary.

    All files are written beside the folder first and moved in one step, so that what stands there is whole.

    Raises
    ------
    TerminalError
        Where the folder holds something else than an earlier run's outputs, or counts or sums do not come out.
    """
    _require_replaceable(out)
    matches, breaks = match_rows(result), break_rows(result)
    summary = summarise(result, breaks)
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        for name, rows in (("matches", matches), ("breaks", breaks)):
            rows.write_csv(partial / f"{name}.csv")
            rows.write_parquet(partial / f"{name}.parquet", compression="lz4")
        (partial / SUMMARY).write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        _move(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return summary


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


def match_rows(result: Result) -> pl.DataFrame:
    """A row a pair, by match: ``MATCHES``.

    Matches are numbered by their first left row, or their first right row where a netting has none. In a sum the
    one row stands beside each of the many; of two many sides the shorter one ends with its last row repeated.
    ``residual`` is left minus right in minor units of the currency compared, the same on every row of a match.
    """
    parts = [_pairs(result, step) for step in result.taken] + [_netting(one) for one in result.netted]
    columns = [*_PLACES, *(name for name in MATCHES if name != "match_id")]
    rows = pl.concat(
        [pl.DataFrame(schema=_PLACES | MATCHES).select(columns), *(part.select(columns) for part in parts)]
    )
    rows = rows.sort("first_left", "first_right", "at", nulls_last=True)
    number = (rows.select((pl.struct("first_left", "first_right").rle_id() + 1).alias("number")))["number"]
    ids = number.cast(pl.String).str.zfill(_DIGITS)
    return rows.with_columns(("M" + ids).alias("match_id")).select(list(MATCHES))


def _pairs(result: Result, step: Taken) -> pl.DataFrame:
    left, right = result.left, result.right
    count = len(step.residual)
    lefts = np.bincount(step.left_match, minlength=count)
    rights = np.bincount(step.right_match, minlength=count)
    lines = np.maximum(lefts, rights)
    match = np.repeat(np.arange(count), lines)
    at = np.arange(len(match)) - np.repeat(np.cumsum(lines) - lines, lines)
    ours = step.left[(np.cumsum(lefts) - lefts)[match] + np.minimum(at, lefts[match] - 1)]
    theirs = step.right[(np.cumsum(rights) - rights)[match] + np.minimum(at, rights[match] - 1)]
    first = step.left[np.cumsum(lefts) - lefts][match]
    first_right = step.right[np.cumsum(rights) - rights][match]
    many = np.where(lefts[match] > 1, 2, 0) + np.where(rights[match] > 1, 1, 0)
    # A converted amount is in the currency of the side that stays as it is.
    moved_right = step.rule.amount.rule == "converted" and step.rule.amount.convert == "right"
    currency = left.frame["currency"].gather(ours) if moved_right else right.frame["currency"].gather(theirs)
    refund = left.frame["amount"].gather(ours) < 0
    return pl.DataFrame(
        {
            "first_left": first.astype(np.int64),
            "first_right": first_right.astype(np.int64),
            "at": at.astype(np.int64),
            "left_id": left.ids.gather(ours),
            "right_id": right.ids.gather(theirs),
            "residual": step.residual[match],
            "unsure": step.unsure[match],
            "many": many,
            "currency": currency.cast(pl.String),
            "refund": refund,
        }
    ).with_columns(
        pl.lit(step.rule.name).alias("pass"),
        pl.col("many")
        .replace_strict({0: "1:1", 1: "1:N", 2: "N:1", 3: "N:M"}, return_dtype=pl.String)
        .alias("cardinality"),
        _note(step, left.name, right.name).alias("note"),
    )


def _note(step: Taken, left: str, right: str) -> pl.Expr:
    """What a residual is, and whether another choice was as good; null where there is nothing to say."""
    if not step.residual.any() and not step.unsure.any():
        return pl.lit(None, pl.String)
    residual = pl.col("residual")
    side = pl.when((residual > 0) != pl.col("refund")).then(pl.lit(left)).otherwise(pl.lit(right))
    rule = step.rule.amount
    amount = pl.concat_str(major_text(residual.abs(), pl.col("currency")), pl.lit(" "), pl.col("currency"))
    told = pl.concat_str(amount, pl.lit(" more on "), side)
    if rule.rule == "within":
        steps = [bound.step_minor for bound in rule.ways() if bound is not None and bound.step_minor is not None]
        if steps:
            count = residual.abs() // steps[0]
            told = pl.concat_str(told, pl.lit(": "), count.cast(pl.String), pl.lit(" of the allowed steps"))
        else:
            told = pl.concat_str(told, pl.lit(", within tolerance"))
    elif rule.rule == "converted":
        told = pl.concat_str(told, pl.lit(" after conversion"))
    elif rule.rule == "any":
        told = pl.concat_str(told, pl.lit("; the pass compares no amounts"))
    parts = [
        pl.when(residual != 0).then(told),
        pl.when(pl.col("unsure")).then(pl.lit("another choice was as good: taken by order")),
    ]
    text = pl.concat_str(parts, separator="; ", ignore_nulls=True)
    return pl.when(text != "").then(text)


def major_text(amount: pl.Expr, currency: pl.Expr) -> pl.Expr:
    """Whole minor units, not negative, as a text in major units of each row's currency."""
    places = currency.replace_strict(dict(EXPONENTS), return_dtype=pl.Int64)
    found = amount.cast(pl.String)
    for digits in sorted({*EXPONENTS.values()} - {0}):
        padded = amount.cast(pl.String).str.zfill(digits + 1)
        with_point = pl.concat_str(padded.str.head(-digits), pl.lit("."), padded.str.tail(digits))
        found = pl.when(places == digits).then(with_point).otherwise(found)
    return found


def _netting(one: Netted) -> pl.DataFrame:
    """Two rows a netting: the original, and the row that takes it back with the link to it."""
    ids = one.side.ids
    originals, reversals = ids.gather(one.original), ids.gather(one.reversal)
    unsure = np.zeros(len(one.original), dtype=np.bool_)
    unsure[one.unsure] = True
    doubt = pl.Series(unsure)
    mine, other = ("left", "right") if one.side.which == "left" else ("right", "left")
    parts = []
    for at, told, verb, link in ((0, originals, "taken back by", reversals), (1, reversals, "takes back", originals)):
        note = pl.select(
            pl.concat_str(
                pl.lit(f"{verb} {one.side.name} "),
                pl.lit(link),
                pl.when(doubt).then(pl.lit("; another original was as near: taken by order")).otherwise(pl.lit("")),
            )
        ).to_series()
        parts.append(
            pl.DataFrame(
                {
                    f"first_{mine}": one.original.astype(np.int64),
                    "at": np.full(len(told), at, dtype=np.int64),
                    f"{mine}_id": told,
                    "note": note,
                },
                schema_overrides={"note": pl.String},
            ).with_columns(
                pl.lit(None, pl.Int64).alias(f"first_{other}"),
                pl.lit(None, pl.String).alias(f"{other}_id"),
                pl.lit(0, pl.Int64).alias("residual"),
                pl.lit(one.rule.name).alias("pass"),
                pl.lit("net").alias("cardinality"),
            )
        )
    return pl.concat(parts)


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
            word: _counted(side, np.isin(side.state, states))
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
    picked = side.frame.select("currency", "amount")[rows] if len(rows) < side.frame.height else side.frame
    found = picked.group_by("currency").agg(pl.col("amount").cast(pl.Int128).sum())
    return {code: int(total) for code, total in sorted(found.select("currency", "amount").iter_rows())}


def _pass_summary(result: Result, number: int) -> dict[str, Any]:
    rule = result.rules.passes[number]
    steps = [step for step in result.taken if step.number == number]
    left = np.concatenate([step.left for step in steps]) if steps else np.zeros(0, dtype=np.int32)
    right = np.concatenate([step.right for step in steps]) if steps else np.zeros(0, dtype=np.int32)
    held = [cluster for cluster in result.held if cluster.rule == rule]
    told: dict[str, Any] = {
        "name": rule.name,
        "matches": sum(len(step.residual) for step in steps),
        "left_rows": len(left),
        "right_rows": len(right),
        "left_sums_minor": _sums(result.left, left),
        "right_sums_minor": _sums(result.right, right),
        "residuals": sum(int((step.residual != 0).sum()) for step in steps),
        "taken_by_order": sum(int(step.unsure.sum()) for step in steps),
        "held_clusters": len(held),
        "held_left_rows": sum(len(cluster.left) for cluster in held),
        "held_right_rows": sum(len(cluster.right) for cluster in held),
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
        rows = np.flatnonzero(np.isin(side.state, (OPEN, HELD)))
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
