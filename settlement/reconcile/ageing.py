"""How old what is open has become: the notes of carried rows, sums by age and reason, and rules that take nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.match.wording import joined
from settlement.reconcile.carry import Run, idle, texts_not_kept
from settlement.reconcile.engine import Result
from settlement.reconcile.language import Ageing, Pass, Rules
from settlement.reconcile.sides import HELD, OPEN, Rows


def matches_with_ages(matches: pl.DataFrame, result: Result) -> pl.DataFrame:
    """Matches whose notes tell since when a carried row stood open."""
    for side in (result.left, result.right):
        known = side.carried
        if known is None or not known.count:
            continue
        since = pl.Series("since", known.opened_on).cast(pl.Date).cast(pl.String)
        told = pl.DataFrame([side.ids[: known.count].alias(f"{side.which}_id"), since]).with_columns(
            carried=pl.concat_str(pl.lit(f"{side.name} "), f"{side.which}_id", pl.lit(" is carried from "), "since")
        )
        both = pl.concat_str("note", "carried", separator="; ", ignore_nulls=True)
        matches = matches.join(told, on=f"{side.which}_id", how="left", maintain_order="left").select(
            *(name for name in matches.columns if name != "note"), pl.when(both != "").then(both).alias("note")
        )
    return matches


def breaks_with_ages(breaks: pl.DataFrame, result: Result) -> pl.DataFrame:
    """Breaks whose notes tell since when a carried row stands open, and whether it takes part any more.

    ``breaks`` has ``side``, ``position`` and ``note``, among others.
    """
    parts = []
    for side in (result.left, result.right):
        known, mine = side.carried, breaks.filter(pl.col("side") == side.which)
        parts.append(mine)
        if known is None or not known.count:
            continue
        carried = mine.filter(pl.col("position") < known.count)
        notes = [
            f"{note}; {_standing(result, side, at)}" for at, note in carried.select("position", "note").iter_rows()
        ]
        told = carried.with_columns(pl.Series("note", notes, dtype=pl.String))
        # By position carried rows stand first.
        parts[-1:] = [told, mine.filter(pl.col("position") >= known.count)]
    return pl.concat(parts)


def _standing(result: Result, side: Rows, at: int) -> str:
    known = side.carried
    if known is None:
        return ""
    runs, age = int(known.runs[at]) + 1, int(known.age_days[at])
    since = pl.Series([int(known.opened_on[at])], dtype=pl.Int32).cast(pl.Date)[0]
    told = f"open since {since}, in {runs} runs"
    if known.expires_after_days is not None and age > known.expires_after_days:
        return f"{told}; expired: {_days(age)} old, more than {known.expires_after_days}, and not carried on"
    if age > max(known.most(rule) for rule in result.rules.passes):
        return f"{told}; {_days(age)} old: no pass takes carried rows so old"
    return told


def barred(told: pl.DataFrame, rules: Rules, left: Rows, right: Rows) -> pl.DataFrame:
    """Near misses of rows that fit: where a pass does not take one of them for its age, that is their reason.

    ``told`` has the columns of ``settlement.reconcile.near.NEAR`` and ``note``.
    """
    if not any(side.carried is not None and side.carried.count for side in (left, right)):
        return told
    rows = told.with_row_index("row")
    why = {
        one["row"]: said
        for one in rows.filter(pl.col("reason") == "fits").iter_rows(named=True)
        if (said := _barred(rules.passes[one["number"]], left, right, one)) is not None
    }
    reasons = pl.DataFrame({"row": list(why), "why": list(why.values())}, schema={"row": pl.UInt32, "why": pl.String})
    return rows.join(reasons, on="row", how="left", maintain_order="left").select(
        *(name for name in told.columns if name not in {"reason", "note"}),
        pl.when(pl.col("why").is_not_null()).then(pl.lit("too_old")).otherwise("reason").alias("reason"),
        pl.coalesce("why", "note").alias("note"),
    )


def _barred(rule: Pass, left: Rows, right: Rows, miss: Mapping[str, Any]) -> str | None:
    ours, theirs = (miss["position"], miss["other"]) if miss["side"] == "left" else (miss["other"], miss["position"])
    for side, at in ((left, ours), (right, theirs)):
        known = side.carried
        if known is None or at >= known.count or known.age_days[at] <= known.most(rule):
            continue
        keys = joined([*(pair.left for pair in rule.pairs), "amount"])
        takes = "takes no carried rows" if not rule.carry else f"takes carried rows up to {_days(known.most(rule))}"
        age = "" if not rule.carry else f" and {_days(int(known.age_days[at]))} old"
        return f"same {keys}, but {side.name} {side.ids[at]} is carried{age}: pass {rule.name} {takes}"
    return None


def came_in(rules: Rules, side: Rows) -> list[tuple[str, NDArray[np.bool_]]]:
    """By word of the summary, the rows that were read tonight, and, where rows are carried, those and the expired."""
    rows, known = np.arange(side.frame.height), side.carried
    if known is None or rules.carry is None:
        return [("read", np.ones(len(rows), dtype=np.bool_))]
    expired = np.isin(rows, known.expired) & side.among(OPEN, HELD)
    return [("read", rows >= known.count), ("carried", rows < known.count), ("expired", expired)]


def ages_of(result: Result, breaks: pl.DataFrame, run: Run | None) -> dict[str, Any]:
    """What the summary of a run with a date says beside the rest.

    ``breaks`` are those that are written: left first, each side in its order.
    """
    if run is None:
        return {}
    told: dict[str, Any] = {"as_of": str(run.as_of), "ageing": _by_age(result, breaks)}
    if result.rules.carry is not None:
        told["carried_from"] = None if run.earlier is None else str(run.earlier.as_of)
        told["texts_not_carried"] = texts_not_kept(result.rules, run)
        limit = result.rules.carry.stale_after_runs
        told["stale"] = [
            {"name": name, "runs": one.runs} for name, one in idle(result, run).items() if one.runs >= limit
        ]
    return told


def _by_age(result: Result, breaks: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows and sums of open rows by side, reason and age; ``to_days`` is null above the last bucket."""
    ends = (result.rules.ageing or Ageing()).buckets
    told: list[dict[str, Any]] = []
    for side in (result.left, result.right):
        if side.carried is None:
            continue
        rows = side.positions([OPEN, HELD])
        found = (
            side.frame.select("currency", "amount")[rows]
            .with_columns(
                pl.col("currency").cast(pl.String),
                breaks.filter(pl.col("side") == side.which)["reason"],
                pl.Series("bucket", np.searchsorted(ends, side.carried.age_days[rows], side="left")),
            )
            .group_by("reason", "bucket", "currency")
            .agg(pl.len().alias("rows"), pl.col("amount").cast(pl.Int128).sum())
            .sort("reason", "bucket", "currency")
        )
        for (reason, bucket), some in found.group_by("reason", "bucket", maintain_order=True):
            at = int(str(bucket))
            told.append(
                {
                    "side": side.which,
                    "reason": reason,
                    "from_days": ends[at - 1] + 1 if at else 0,
                    "to_days": ends[at] if at < len(ends) else None,
                    "rows": int(some["rows"].sum()),
                    "sums_minor": {code: int(total) for code, total in some.select("currency", "amount").iter_rows()},
                }
            )
    return told


def _days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}"
