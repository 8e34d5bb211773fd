"""Miles of a leg on which the merchant side accrues them: what it told against what its purchases earn.

A purchase is what was cleared under one approval code: its parts are added up before parts of a mile are dropped.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from settlement.match.rules import Miles

REASON: Final = "MILES"
_LOCATOR: Final = ["file", "record"]
_AMOUNTS_AGREE: Final = ("EXACT", "MASKED_ONLY", "DATE_SHIFT", "LATE")


_TOLD: Final = ("amount_minor", "cashback_minor", "authorisation_code", "mcc", "base_miles", "bonus_miles")


def needed(miles: Miles | None) -> tuple[str, ...]:
    """The columns of clearing that miles are judged by."""
    return _TOLD if miles is not None else ()


def judged(match: pl.DataFrame, members: pl.DataFrame, records: pl.DataFrame, miles: Miles) -> pl.DataFrame:
    """The matches with ``residual_miles``; one that differs in miles alone becomes MILES_DIFF.

    Parameters
    ----------
    match, members : DataFrame
        Tables ``match`` and ``match_member`` of the leg.
    records : DataFrame
        Clearing records of the members.
    miles : Miles
        What a purchase earns.
    """
    rows = members.select("match_id", "side", *_LOCATOR).join(records.select(*_LOCATOR, *_TOLD), on=_LOCATOR)
    earned = _earned(rows.filter(pl.col("side") == "bank"), miles)
    accrued = (
        rows.filter(pl.col("side") == "merchant")
        .group_by("match_id")
        .agg(accrued=pl.col("base_miles").sum() + pl.col("bonus_miles").sum())
    )
    both = match.drop("residual_miles").join(earned, on="match_id", how="left").join(accrued, on="match_id", how="left")
    residual = pl.col("accrued") - pl.col("earned")
    differs = pl.col("kind").is_in(_AMOUNTS_AGREE) & (residual != 0)
    return both.with_columns(
        residual.alias("residual_miles"),
        pl.when(differs).then(pl.lit("MILES_DIFF")).otherwise("kind").alias("kind"),
        pl.when(differs).then(pl.lit(REASON)).otherwise("residual_reason").alias("residual_reason"),
    ).select(match.columns)


def _earned(rows: pl.DataFrame, miles: Miles) -> pl.DataFrame:
    """``match_id`` and the miles that its purchases earn, base and bonus."""
    goods = pl.col("amount_minor") - pl.col("cashback_minor").fill_null(0)
    # Without a code a record is a purchase of its own.
    own = pl.when(pl.col("authorisation_code").is_null()).then(pl.struct(_LOCATOR))
    bonus = pl.any_horizontal(
        pl.lit(value=False),
        *(pl.col("mcc").is_between(pl.lit(one.first), pl.lit(one.last)) for one in miles.bonus_categories),
    )
    base = pl.col("goods") // miles.minor_a_mile
    extra = pl.when("bonus").then(pl.min_horizontal(base, pl.lit(miles.most_bonus))).otherwise(0)
    return (
        rows.with_columns(goods=goods, own=own, bonus=bonus.fill_null(value=False))
        .group_by("match_id", "authorisation_code", "own", "bonus")
        .agg(pl.col("goods").sum())
        .group_by("match_id")
        .agg(earned=(base + extra).sum())
    )
