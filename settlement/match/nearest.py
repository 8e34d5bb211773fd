"""Nearest misses: for each open record the record that came closest, and the one condition it failed.

Only open records look. A look is what the passes of one key ask: equal keys, kinds and currency, an amount, a day.
Each record is held against open records of the other side with one of these conditions left out at a time, then
against records that are matched already. No pair is listed: in each measure only the nearest row is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from settlement.match.closest import closest
from settlement.match.keys import absent, among, number
from settlement.match.looks import REFERENCES, Look, looks
from settlement.match.notes import written
from settlement.match.passes import Taken
from settlement.match.rules import Pass
from settlement.match.sides import MONEY, SETTLEMENT, TRANSACTION, Side, twice_told
from settlement.model import clearing
from settlement.model.clearing import Nearest

MISS: Final = {
    "side": pl.String,
    "row": pl.Int32,
    "other": pl.Int32,
    "condition": pl.String,
    "score": pl.Int64,
    "look": pl.Int32,
    "key": pl.Int32,
    "gap": pl.Int64,
    "days": pl.Int64,
    "amount": pl.Int64,
    "amount_told": pl.Int64,
    "currency": pl.String,
    "currency_told": pl.String,
    "rows": pl.Int64,
    "rows_told": pl.Int64,
}
"""A miss: ``row`` of ``side`` and ``other`` of the other side. ``gap`` is bank minus merchant in minor units, ``days``
merchant minus bank; ``amount``, ``currency`` and ``rows`` are the bank's, those that are told the merchant's; ``key``
is the number of the key that differs, or -1. The least ``score`` is nearest; it says nothing else."""

_STILL_NEAR_DAYS: Final = 30
_STILL_NEAR_PARTS: Final = 2
"""Without a common reference, an amount that differs by more than half of the greater one is not near."""
_RELATIVE: Final = 400
_FAR: Final = 5_000
_MATCHED: Final = 10_000
_ROW: Final = (pl.col("row").alias("place"), "kinds", "age_days", pl.col("day").cast(pl.Int64))


def nearest_misses(rules: Sequence[Pass], taken: Sequence[Taken], bank: Side, merchant: Side) -> pl.DataFrame:
    """The nearest miss of each row that no match holds.

    Returns
    -------
    DataFrame
        ``file`` and ``record`` of the row, ``nearest_file``, ``nearest_record`` and ``nearest_condition`` (a word of
        ``Nearest``), all three empty where nothing comes near, and a sentence ``note``.
    """
    asked = looks(rules)
    found = [pl.DataFrame(schema=MISS), *_given_up(taken)]
    for look in asked:
        for view in look.currencies:
            ours = _bank_rows(look, view, bank, pl.Series(bank.free)).collect()
            theirs = _merchant_rows(look, merchant, pl.Series(merchant.free)).collect()
            found += _of_open(look, ours, theirs)
            matched = (
                _bank_rows(look, view, bank, ~pl.Series(bank.free)),
                _merchant_rows(look, merchant, ~pl.Series(merchant.free)),
            )
            found += _of_matched(look, (ours, theirs), matched)
    typed = [part.select(pl.col(name).cast(kind) for name, kind in MISS.items()) for part in found]
    misses = (
        pl.concat(typed)
        .sort("side", "row", "score", "look", "key", "other", "condition", "currency", "amount", "amount_told", "days")
        .unique(["side", "row"], keep="first", maintain_order=True)
    )
    return written(misses, asked, bank, merchant)


def _given_up(taken: Sequence[Taken]) -> Iterator[pl.DataFrame]:
    for step in taken:
        for side, rows, others in (
            (clearing.Side.BANK, step.given_up[0], step.given_up[1]),
            (clearing.Side.MERCHANT, step.given_up[1], step.given_up[0]),
        ):
            if len(rows):
                yield pl.DataFrame({"row": rows}).select(
                    pl.lit(str(side)).alias("side"),
                    "row",
                    pl.lit(others[0] if len(others) else None).alias("other"),
                    pl.lit(Nearest.TOO_MANY_CANDIDATES).alias("condition"),
                    *(pl.lit(0).alias(name) for name in ("score", "look", "gap", "days", "amount", "amount_told")),
                    pl.lit(-1).alias("key"),
                    *(pl.lit(None, pl.String).alias(name) for name in ("currency", "currency_told")),
                    *(pl.lit(1).alias(name) for name in ("rows", "rows_told")),
                )


def _key(columns: tuple[str, ...]) -> list[pl.Expr]:
    """The key's texts; an empty one is null."""
    return [pl.when(pl.col(name) != "").then(pl.col(name)).alias(f"key_{i}") for i, name in enumerate(columns)]


def _bank_rows(look: Look, view: str, bank: Side, only: pl.Series) -> pl.LazyFrame:
    """The bank's rows that a flag names, their money in one of the currencies they tell."""
    amount, currency = MONEY[view]
    rows = bank.rows.lazy().filter(only)
    if look.bank_empty:
        rows = rows.filter(absent(look.bank_empty))
    if view == SETTLEMENT and TRANSACTION in look.currencies:
        rows = rows.filter(twice_told().not_())
    return rows.select(*_ROW, *_key(look.keys), pl.col(amount).alias("amount"), pl.col(currency).alias("currency"))


def _merchant_rows(look: Look, merchant: Side, only: pl.Series) -> pl.LazyFrame:
    # A line that adds up several sales is near none of them.
    rows = merchant.rows.lazy().filter(only, pl.col("purchases").fill_null(1) <= 1)
    if look.merchant_empty:
        rows = rows.filter(absent(look.merchant_empty))
    return rows.select(*_ROW, *_key(look.merchant_keys), pl.col("total_minor").alias("amount"), "currency")


def _of_open(look: Look, ours: pl.DataFrame, theirs: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Misses among open rows, one condition left out at a time."""
    if ours.is_empty() or theirs.is_empty():
        return
    keys = [f"key_{index}" for index in range(len(look.keys))]
    whole = [rows.drop_nulls(keys) for rows in (ours, theirs)]
    same = [*keys, "kinds", "currency"]
    for on, by in (("amount", [*same, "day"]), ("amount", same), ("day", [*same, "amount"])):
        yield from _judged(look, _met(whole, on, by))
    if look.sums:
        yield from _sums(look, whole, same)
    if look.referenced:
        for left_out, condition, score in (
            ("currency", Nearest.CURRENCY_DIFFERS, 100),
            ("kinds", Nearest.KIND_DIFFERS, 300),
        ):
            by = [*keys, *({"kinds", "currency"} - {left_out}), "amount"]
            for side, met in _met(whole, "day", by):
                differs = _day_fits(look) & (pl.col(left_out) != pl.col(f"{left_out}_other"))
                yield _told(look, side, met.filter(differs), condition, pl.lit(score))
    for missing in range(len(look.keys)):
        yield from _key_differs(look, (ours, theirs), missing)


def _key_differs(look: Look, sides: tuple[pl.DataFrame, pl.DataFrame], missing: int) -> Iterator[pl.DataFrame]:
    """Rows that agree in all but one key."""
    kept = [index for index in range(len(look.keys)) if index != missing]
    if not kept:
        return
    by = [*(f"key_{index}" for index in kept), "kinds", "currency", "amount"]
    strong = not REFERENCES.isdisjoint(look.keys[index] for index in kept)
    mine, told = pl.col(f"key_{missing}"), pl.col(f"key_{missing}_other")
    empty = mine.is_null() | told.is_null()
    score = pl.when(empty).then(50).otherwise(0) + (500 if strong else 600)
    rows = [side.drop_nulls(by) for side in sides]
    for side, met in _met(rows, "day", by):
        differs = met.filter(_day_fits(look) & mine.ne_missing(told))
        yield _told(look, side, differs, Nearest.KEY_DIFFERS, score, key=missing)


def _met(sides: Sequence[pl.DataFrame], on: str, by: list[str]) -> Iterator[tuple[str, pl.DataFrame]]:
    """Each side's rows with their nearest of the other side, both in full: the other's columns end in ``_other``."""
    ours, theirs = sides
    left, right, count = number(ours.select(by), theirs.select(by))
    if not (np.bincount(left, minlength=count) * np.bincount(right, minlength=count)).any():
        return
    numbered = (ours.with_columns(pl.Series("group", left)), theirs.with_columns(pl.Series("group", right)))
    for side, mine, other in ((clearing.Side.BANK, *numbered), (clearing.Side.MERCHANT, *numbered[::-1])):
        pairs = closest(mine.select("place", "group", on), other.select("place", "group", on), on, ["group"])
        yield (
            str(side),
            pairs.select("place", "place_other")
            .join(mine, on="place", how="left")
            .join(other.rename({name: f"{name}_other" for name in other.columns}), on="place_other", how="left"),
        )


def _judged(look: Look, found: Iterator[tuple[str, pl.DataFrame]]) -> Iterator[pl.DataFrame]:
    """Which one condition each pair of equal keys fails; pairs that fail two are far."""
    gap = (pl.col("amount") - pl.col("amount_other")).abs()
    over = (pl.col("day") - pl.col("day_other")).abs() - look.window
    relative = _relative(gap)
    day_fails = over > 0
    # Rounding is allowed to what was converted alone; beside a day that fails it is not what matters.
    amount_fails = gap > pl.when(day_fails).then(look.tolerance).otherwise(0)
    for side, met in found:
        pairs = met.filter(amount_fails | day_fails)
        if look.carry_days is not None:
            old = pl.max_horizontal("age_days", "age_days_other") > look.carry_days
            yield _told(look, side, met.filter(~amount_fails & ~day_fails & old), Nearest.TOO_OLD, pl.lit(10))
        if look.referenced:
            far_days = pl.min_horizontal(over * 10, pl.lit(_RELATIVE))
            yield _told(look, side, pairs.filter(~day_fails), Nearest.AMOUNT_DIFFERS, 100 + relative)
            yield _told(look, side, pairs.filter(~amount_fails), Nearest.DATE_OUTSIDE_WINDOW, 100 + far_days)
            both = pairs.filter(amount_fails & day_fails)
            yield _told(look, side, both, Nearest.TOO_FAR, _FAR + relative + far_days)
        else:
            near = pl.max_horizontal("amount", "amount_other") // _STILL_NEAR_PARTS >= gap
            yield _told(look, side, pairs.filter(~day_fails & near), Nearest.AMOUNT_DIFFERS, 700 + relative)
            late = pairs.filter(~amount_fails & (over <= _STILL_NEAR_DAYS))
            yield _told(look, side, late, Nearest.DATE_OUTSIDE_WINDOW, 650 + over)


def _relative(gap: pl.Expr) -> pl.Expr:
    """Four hundredths of the greater amount, whole: 0 where amounts are equal, some 400 where one is nothing."""
    larger = pl.max_horizontal(pl.col("amount").abs(), pl.col("amount_other").abs())
    # A product may leave 64 bits: the amount is divided first.
    return pl.min_horizontal(gap // (larger // _RELATIVE + 1), pl.lit(_RELATIVE))


def _sums(look: Look, sides: Sequence[pl.DataFrame], same: list[str]) -> Iterator[pl.DataFrame]:
    """Groups with several rows on a side, whose sums differ or which no rule of whole groups may take."""
    totals = [
        rows.group_by(same).agg(pl.len().alias("rows"), pl.col("amount").sum().alias("total"), pl.col("place").min())
        for rows in sides
    ]
    both = totals[0].join(totals[1], on=same, suffix="_other").filter(pl.col("rows") + pl.col("rows_other") > 2)  # noqa: PLR2004
    many = (pl.col("rows") > 1) & (pl.col("rows_other") > 1)
    for side, rows, first in (
        (clearing.Side.BANK, sides[0], "place_other"),
        (clearing.Side.MERCHANT, sides[1], "place_total"),
    ):
        met = rows.join(both, on=same, suffix="_total").with_columns(
            pl.col(first).alias("place_other"),
            amount=pl.col("total"),
            amount_other=pl.col("total_other"),
            day_other=pl.col("day"),
            currency_other=pl.col("currency"),
            rows_told=pl.col("rows_other"),
        )
        sums_differ = pl.col("total") != pl.col("total_other")
        for condition, which in (
            (Nearest.SUM_DIFFERS, sums_differ),
            (Nearest.SEVERAL_ON_BOTH_SIDES, ~sums_differ & many),
        ):
            yield _told(look, "sums", met.filter(which), condition, pl.lit(50)).with_columns(
                pl.lit(str(side)).alias("side")
            )


def _of_matched(
    look: Look, still: tuple[pl.DataFrame, pl.DataFrame], matched: tuple[pl.LazyFrame, pl.LazyFrame]
) -> Iterator[pl.DataFrame]:
    """The nearest amount among matched rows: what is closest where nothing open is."""
    keys = [f"key_{index}" for index in range(len(look.keys))]
    same = [*keys, "kinds", "currency", *([] if look.referenced else ["amount"])]
    score = _MATCHED + _relative((pl.col("amount") - pl.col("amount_other")).abs())
    ours, theirs = (rows.drop_nulls(keys) for rows in still)
    for side, mine, others in ((clearing.Side.BANK, ours, matched[1]), (clearing.Side.MERCHANT, theirs, matched[0])):
        taken = among(others, mine, same)
        pair = (mine, taken) if side == clearing.Side.BANK else (taken, mine)
        for which, met in _met(pair, "amount" if look.referenced else "day", same):
            if which == side:
                near = met if look.referenced else met.filter(_day_fits(look))
                yield _told(look, which, near, Nearest.ALREADY_MATCHED, score)


def _day_fits(look: Look) -> pl.Expr:
    return (pl.col("day") - pl.col("day_other")).abs() <= look.window


def _told(look: Look, side: str, met: pl.DataFrame, condition: Nearest, score: Any, *, key: int = -1) -> pl.DataFrame:
    """Pairs as misses. Of sums the bank's side comes first already."""
    turned = side == clearing.Side.MERCHANT
    ours, theirs = ("_other", "") if turned else ("", "_other")
    return met.select(
        pl.lit(side).alias("side"),
        pl.col("place").alias("row"),
        pl.col("place_other").alias("other"),
        pl.lit(str(condition)).alias("condition"),
        pl.lit(score).alias("score") if isinstance(score, int) else score.alias("score"),
        pl.lit(look.number).alias("look"),
        pl.lit(key).alias("key"),
        (pl.col(f"amount{ours}") - pl.col(f"amount{theirs}")).alias("gap"),
        (pl.col(f"day{theirs}") - pl.col(f"day{ours}")).alias("days"),
        pl.col(f"amount{ours}").alias("amount"),
        pl.col(f"amount{theirs}").alias("amount_told"),
        pl.col(f"currency{ours}").cast(pl.String).alias("currency"),
        pl.col(f"currency{theirs}").cast(pl.String).alias("currency_told"),
        *(pl.col(name) if name in met.columns else pl.lit(1).alias(name) for name in ("rows", "rows_told")),
    )
