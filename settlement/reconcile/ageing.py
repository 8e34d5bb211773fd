"""How old what is open has become: the notes of carried rows, sums by age and reason, and rules that take nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.match.wording import joined
from settlement.reconcile.carried import AGES, most_age
from settlement.reconcile.carry import Run, texts_not_kept
from settlement.reconcile.engine import Result
from settlement.reconcile.language import Ageing, Carry, Pass, Rules
from settlement.reconcile.leave import idle
from settlement.reconcile.sides import HELD, OPEN, Rows

_EPOCH: Final = date(1970, 1, 1)


def matches_with_ages(matches: pl.DataFrame, result: Result) -> pl.DataFrame:
    """Matches whose notes tell since when a carried row stood open."""
    for side in (result.left, result.right):
        known = side.carried
        if known is None or not known.count:
            continue
        since = pl.Series("since", known.opened_on[: known.count]).cast(pl.Date).cast(pl.String)
        told = pl.DataFrame([side.ids[: known.count].alias(f"{side.which}_id"), since]).with_columns(
            carried=pl.concat_str(pl.lit(f"{side.name} "), f"{side.which}_id", pl.lit(" is carried from "), "since")
        )
        both = pl.concat_str("note", "carried", separator="; ", ignore_nulls=True)
        matches = matches.join(told, on=f"{side.which}_id", how="left", maintain_order="left").select(
            *(name for name in matches.columns if name != "note"), pl.when(both != "").then(both).alias("note")
        )
    return matches


def breaks_with_ages(breaks: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Breaks whose notes tell since when a carried row stands open, and whether it takes part any more.

    ``breaks`` has ``note`` and ``AGES``, among others.
    """
    carried = breaks.with_row_index("row").filter(pl.col("runs") > 0).select("row", "note", *AGES)
    if not carried.height:
        return breaks
    notes = [f"{one['note']}; {_standing(rules, one)}" for one in carried.iter_rows(named=True)]
    told = pl.DataFrame({"row": carried["row"], "told": notes})
    return (
        breaks.with_row_index("row")
        .join(told, on="row", how="left", maintain_order="left")
        .with_columns(pl.coalesce("told", "note").alias("note"))
        .drop("row", "told")
    )


def _standing(rules: Rules, row: Mapping[str, Any]) -> str:
    limits, runs, age = rules.carry or Carry(), row["runs"] + 1, row["age_days"]
    told = f"open since {_EPOCH + timedelta(days=row['opened_on'])}, in {runs} runs"
    if limits.expires_after_days is not None and age > limits.expires_after_days:
        return f"{told}; expired: {_days(age)} old, more than {limits.expires_after_days}, and not carried on"
    if age > max(most_age(limits, rule) for rule in rules.passes):
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
        if known is None or at >= known.count or known.age_days[at] <= most_age(known.limits, rule):
            continue
        keys = joined([*(pair.left for pair in rule.pairs), "amount"])
        takes = (
            "takes no carried rows"
            if not rule.carry
            else f"takes carried rows up to {_days(most_age(known.limits, rule))}"
        )
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


def ages_of(rules: Rules, run: Run, summary: Mapping[str, Any], totals: Sequence[pl.DataFrame]) -> dict[str, Any]:
    """What the summary of a run with a date says beside the rest; ``totals`` are those of ``age_totals``, by part."""
    told: dict[str, Any] = {
        "as_of": str(run.as_of),
        "ageing": list(_by_age(rules, pl.concat(totals))) if totals else [],
    }
    if rules.carry is not None:
        told["carried_from"] = None if run.earlier is None else str(run.earlier.as_of)
        told["texts_not_carried"] = texts_not_kept(rules, run)
        limit = rules.carry.stale_after_runs
        told["stale"] = [
            {"name": name, "runs": one.runs} for name, one in idle(rules, run, summary).items() if one.runs >= limit
        ]
    return told


def age_totals(rules: Rules, breaks: pl.DataFrame) -> pl.DataFrame:
    """Rows and sums of breaks, which have ``AGES``, by side, reason, age and currency; ``bucket`` numbers the ages."""
    bucket = np.searchsorted(_ends(rules), breaks["age_days"].to_numpy(), side="left")
    by = ("side", "reason", "bucket", pl.col("currency").cast(pl.String))
    return (
        breaks.with_columns(pl.Series("bucket", bucket, dtype=pl.Int64))
        .group_by(by)
        .agg(pl.len().cast(pl.Int64).alias("rows"), pl.col("amount").cast(pl.Int128).sum())
    )


def _ends(rules: Rules) -> tuple[int, ...]:
    return (rules.ageing or Ageing()).buckets


def _by_age(rules: Rules, totals: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Rows and sums of open rows by side, reason and age; ``to_days`` is null above the last bucket."""
    ends = _ends(rules)
    by = ["side", "reason", "bucket", "currency"]
    summed = totals.group_by(by).agg(pl.col("rows", "amount").sum()).sort(by)
    for (which, reason, bucket), some in summed.group_by("side", "reason", "bucket", maintain_order=True):
        at = int(str(bucket))
        yield {
            "side": which,
            "reason": reason,
            "from_days": ends[at - 1] + 1 if at else 0,
            "to_days": ends[at] if at < len(ends) else None,
            "rows": int(some["rows"].sum()),
            "sums_minor": {code: int(total) for code, total in some.select("currency", "amount").iter_rows()},
        }


def _days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}"
