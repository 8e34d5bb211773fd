"""From rows that met to the tables ``match`` and ``match_member``: kinds, residuals, ids."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.match.passes import Taken
from settlement.match.rules import Leg
from settlement.match.sides import GOODS, MONEY, SETTLEMENT, Side
from settlement.model.tables import TABLES

_DIGITS: Final = 9
_PLACE_BITS: Final = 32
_RECORD_BITS: Final = 40
_MEMBER: Final = ("file", "record", "amount", "currency")
_MEASURES: Final = (
    *("rows", "amount", "cashback_minor", "first_row"),
    *("first_day", "last_day", "first_posting", "last_posting"),
)


def tables(
    leg: Leg, taken: Sequence[Taken], bank: Side, merchant: Side, *, night: date, before: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of ``match`` and ``match_member`` of one leg.

    Matches are numbered in the order of their first bank record, on from ``before``, so that an id depends on what
    was matched and on nothing else. A residual is the merchant side's goods minus the bank's amount, in the
    currency compared.
    """
    taken = [step for step in taken if len(step.bank)]
    if not taken:
        return TABLES["match"].empty(), TABLES["match_member"].empty()
    ours = [_bank_members(step, bank) for step in taken]
    theirs = [_merchant_members(step, merchant) for step in taken]
    steps = [_summed(*both) for both in zip(taken, ours, theirs, strict=True)]
    summed = pl.concat(steps)
    told = [rows.select(_MEMBER) for rows in (*ours, *theirs)]
    bank_members = sum(rows.height for rows in ours)
    order = np.argsort(summed["first_row"].to_numpy())
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(len(order))
    starts = np.cumsum([0, *(step.height for step in steps)])
    numbered = [ranks[start : start + step.height] for start, step in zip(starts, steps, strict=False)]
    ids = match_ids(len(order), night, before)
    of_leg = (pl.lit(leg.name).alias("leg"), pl.lit(None, pl.Int64).alias("residual_miles"))
    del steps, ours, theirs
    matches = _judged(summed).with_columns(of_leg)[order].with_columns(ids)
    del summed
    of_matches = [
        *(number[step.bank_match] for step, number in zip(taken, numbered, strict=True)),
        *(number[step.merchant_match] for step, number in zip(taken, numbered, strict=True)),
    ]
    members = _members(pl.concat(told, rechunk=True), bank_members, np.concatenate(of_matches), ids)
    return matches.select(TABLES["match"].schema.names()), members


def match_ids(count: int, night: date, before: int) -> pl.Series:
    """``M20101229000000001`` for the first match of that night; a night has fewer than 10**9."""
    first = int(f"{night:%Y%m%d}") * 10**_DIGITS + before + 1
    numbers = pl.int_range(first, first + count, eager=True).cast(pl.String)
    return pl.select(match_id=pl.lit("M") + numbers)["match_id"]


def _bank_members(step: Taken, bank: Side) -> pl.DataFrame:
    # What was compared without the cash-back is told with it: that is the residual.
    amount, currency = MONEY[SETTLEMENT if step.currency == GOODS else step.currency]
    return _told(bank, step.bank, amount, currency)


def _merchant_members(step: Taken, merchant: Side) -> pl.DataFrame:
    return _told(merchant, step.merchant, "amount_minor", "currency")


def _told(side: Side, rows: NDArray[np.int32], amount: str, currency: str) -> pl.DataFrame:
    """What the members of matches say, in the currency in which they were compared."""
    columns = ("row", "file", "record", "kind", "day", "posting_date", "cashback_minor")
    money = (pl.col(amount).alias("amount"), pl.col(currency).alias("currency"))
    return side.rows.select(*columns, *money)[rows]


def _members(members: pl.DataFrame, bank_members: int, numbers: NDArray[np.int64], ids: pl.Series) -> pl.DataFrame:
    """The members by match, file and record; those of the bank come first in ``members``."""
    # A place in the order of all members is one number with the match: sorting sorts whole numbers.
    places = np.empty(members.height, dtype=np.int64)
    order = np.argsort(_locators(members))
    places[order] = np.arange(members.height)
    ranked = np.sort(numbers << _PLACE_BITS | places)
    rows: NDArray[np.int64] = order[ranked & (1 << _PLACE_BITS) - 1]
    sides = pl.Series(["bank", "merchant"])
    return members[rows].select(
        ids.gather(ranked >> _PLACE_BITS).alias("match_id"),
        sides.gather((rows >= bank_members).astype(np.uint32)).alias("side"),
        pl.col("file").cast(pl.String),
        "record",
        pl.col("amount").alias("amount_minor"),
        pl.col("currency").cast(pl.String),
    )


def _locators(members: pl.DataFrame) -> NDArray[np.int64]:
    """File and record as one number each, in their order; a file has fewer than 2**40 records."""
    file: NDArray[np.int64] = members["file"].to_physical().to_numpy().astype(np.int64)
    found: NDArray[np.int64] = file << _RECORD_BITS | members["record"].to_numpy()
    return found


def _summed(step: Taken, ours: pl.DataFrame, theirs: pl.DataFrame) -> pl.DataFrame:
    """One row for each match of a step, in the order of its numbers, with what both sides come to."""
    left = _side_sums(step, ours, step.bank_match, named=True)
    right = _side_sums(step, theirs, step.merchant_match, named=False)
    both = pl.concat([left, right.rename({name: f"{name}_told" for name in _MEASURES})], how="horizontal")
    rule = step.rule
    said = {"pass": rule.name, "amount_rule": rule.amount, "evidence": rule.kind}
    return both.with_columns(
        pl.Series("by_order", step.unsure), *(pl.lit(value).alias(name) for name, value in said.items())
    )


def _side_sums(step: Taken, rows: pl.DataFrame, matches: NDArray[np.int32], *, named: bool) -> pl.DataFrame:
    columns: list[Any] = [*_MEASURES, "kind", "currency"] if named else [*_MEASURES]
    if step.rule.one_to_one:
        # A pair's sums are its rows; both sides stand in the order of the pairs.
        return rows.with_columns(
            pl.lit(1, pl.Int64).alias("rows"),
            pl.col("row").alias("first_row"),
            pl.col("day").alias("first_day"),
            pl.col("day").alias("last_day"),
            pl.col("posting_date").alias("first_posting"),
            pl.col("posting_date").alias("last_posting"),
        ).select(columns)
    # Kinds of a group are of one list; the first record's is the group's. Currencies are equal within a group.
    return (
        rows.with_columns(pl.Series("match", matches))
        .group_by("match")
        .agg(
            pl.len().cast(pl.Int64).alias("rows"),
            pl.col("amount").sum(),
            pl.col("cashback_minor").sum(),
            pl.col("row").min().alias("first_row"),
            pl.col("day").min().alias("first_day"),
            pl.col("day").max().alias("last_day"),
            pl.col("posting_date").min().alias("first_posting"),
            pl.col("posting_date").max().alias("last_posting"),
            pl.col("kind").sort_by("row").first(),
            pl.col("currency").first(),
        )
        .sort("match")
        .select(columns)
    )


def _judged(matches: pl.DataFrame) -> pl.DataFrame:
    """Cardinality, residual with its reason, and the kind of each match."""
    cash_back = pl.max_horizontal("cashback_minor", "cashback_minor_told").fill_null(0)
    residual = pl.col("amount_told") - pl.col("amount")
    same_day = (pl.col("first_day") == pl.col("first_day_told")) & (pl.col("last_day") == pl.col("last_day_told"))
    same_night = (pl.col("first_posting") == pl.col("first_posting_told")) & (
        pl.col("last_posting") == pl.col("last_posting_told")
    )
    cardinality = (
        pl.when(pl.col("rows") > 1).then(pl.lit("N:1")).when(pl.col("rows_told") > 1).then(pl.lit("1:N"))
    ).otherwise(pl.lit("1:1"))
    # What is over the cash-back told is tip; the larger of the two names the residual.
    reason = (
        pl.when(residual == 0)
        .then(None)
        .when(pl.col("amount_rule") == "fx_rounding")
        .then(pl.lit("FX_ROUNDING"))
        .when(2 * cash_back > -residual)
        .then(pl.lit("CASHBACK"))
        .otherwise(pl.lit("TIP"))
    )
    kind = (
        pl.when(pl.col("rows") > 1)
        .then(pl.lit("MANY_TO_ONE"))
        .when(pl.col("rows_told") > 1)
        .then(pl.lit("ONE_TO_MANY"))
        .when(pl.col("kind") != "purchase")
        .then(pl.col("kind").cast(pl.String).str.to_uppercase())
        .when(residual != 0)
        .then(pl.lit("AMOUNT_DIFF"))
        .when(pl.col("evidence") != "EXACT")
        .then(pl.col("evidence"))
        .when(~same_day)
        .then(pl.lit("DATE_SHIFT"))
        .when(~same_night)
        .then(pl.lit("LATE"))
        .otherwise(pl.lit("EXACT"))
    )
    return matches.select(
        "pass",
        cardinality.alias("cardinality"),
        kind.alias("kind"),
        residual.alias("residual_minor"),
        reason.alias("residual_reason"),
        pl.col("currency").cast(pl.String),
        "by_order",
    )
