"""What takes no part and what is left: exact repeats, foreign cards, open items and how they carry forward."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Final

import polars as pl

from settlement.match.rules import Leg
from settlement.model.clearing import BreakReason, Side
from settlement.model.tables import TABLES

LOCATOR: Final = ["file", "record"]
UNMATCHED: Final = [*LOCATOR, "side", "amount_minor", "currency"]
HELD: Final = (BreakReason.DUPLICATE_RECORD, BreakReason.FOREIGN_BIN)
"""Reasons that no partner can mend: such a record stays open and takes no part in any pass."""

_WHEN_AND_WHERE: Final = {"file", "record", "delivered_on", "posting_date"}
_CONTENT: Final = [name for name in TABLES["clearing"].schema.names() if name not in _WHEN_AND_WHERE]
# Records that are equal in every content column are equal in these: few columns find the few that may repeat.
_TELLING: Final = [
    "side",
    "card_masked",
    "total_minor",
    "transaction_date",
    "arn",
    "authorisation_code",
    "order_ref",
    "part_ref",
]
_NAMING: Final = ("arn", "authorisation_code", "order_ref")
_ORDER: Final = ["delivered_on", "posting_date", "file", "record"]


def carried_items(history: Mapping[str, pl.LazyFrame], leg: Leg) -> pl.DataFrame:
    """The open items of the leg at the close of the night before, which is the last one that registered files.

    A night that closed without any open item leaves no row: the last night with rows is not always the night before.
    """
    night_before = history["file"].select(pl.col("business_date").max()).collect().item()
    return (
        history["open_item"]
        .filter((pl.col("business_date") == pl.lit(night_before, pl.Date)) & (pl.col("leg") == leg.name))
        .collect()
    )


def carried_records(history: Mapping[str, pl.LazyFrame], items: pl.DataFrame) -> pl.DataFrame:
    """The clearing records behind open items of earlier nights."""
    if items.is_empty():
        return TABLES["clearing"].empty()
    return (
        history["clearing"]
        .filter(pl.col("business_date") >= items["opened_on"].min())
        .join(items.lazy().select(LOCATOR), on=LOCATOR, how="semi")
        .select(TABLES["clearing"].schema.names())
        .collect()
    )


def repeats(tonight: pl.DataFrame, earlier: pl.LazyFrame) -> pl.DataFrame:
    """Locators of tonight's records that repeat another one in every content column.

    Only a record that names its sale, by ARN, approval code or order, can be known to be told twice: two purchases of
    one amount on one day are no repeats where neither is named. The first of its kind is the original: what was known
    on an earlier night, then by business date of the file and locator. ``earlier`` is the clearing of the nights that
    are looked back on.
    """
    mark = pl.struct(_TELLING).hash(seed=1).alias("mark")
    marks = tonight.select(mark)
    known = earlier.with_columns(mark).join(marks.lazy(), on="mark", how="semi").collect()
    seen = known.select(pl.col("mark").unique())["mark"]
    named = pl.any_horizontal(pl.col(name).is_not_null() for name in _NAMING)
    suspects = tonight.filter((marks["mark"].is_duplicated() | marks["mark"].is_in(seen.implode())) & named)
    rows = pl.concat([frame.select(*_CONTENT, *_ORDER) for frame in (known, suspects)]).sort(_ORDER)
    nth = pl.int_range(pl.len()).over(_CONTENT)
    return rows.filter(nth > 0).select(LOCATOR).join(tonight.select(LOCATOR), on=LOCATOR, how="semi")


def foreign(records: pl.DataFrame, bins: Collection[str]) -> pl.DataFrame:
    """Locators of merchant records whose card is of no programme."""
    first_six = pl.col("card_masked").str.slice(0, 6)
    return records.filter((pl.col("side") == Side.MERCHANT) & ~first_six.is_in(sorted(bins))).select(LOCATOR)


def held_items(tonight: pl.DataFrame, repeated: pl.DataFrame, bins: Collection[str]) -> pl.DataFrame:
    """Tonight's records that take no part, with their reason; a repeat of a foreign card is a repeat."""
    strange = foreign(tonight, bins).join(repeated, on=LOCATOR, how="anti")
    return pl.concat(
        [
            repeated.with_columns(pl.lit(str(BreakReason.DUPLICATE_RECORD)).alias("reason")),
            strange.with_columns(pl.lit(str(BreakReason.FOREIGN_BIN)).alias("reason")),
        ]
    )


def open_items(
    leg: Leg, unmatched: pl.DataFrame, held: pl.DataFrame, carried: pl.DataFrame, night: date
) -> pl.DataFrame:
    """The open items of a leg at the night's close.

    Parameters
    ----------
    unmatched : DataFrame
        ``file``, ``record``, ``side``, ``amount_minor`` and ``currency`` of the records that no match holds.
    held : DataFrame
        Locators of those among them that no partner can mend, with the reason.
    carried : DataFrame
        Open items of the night before: an item keeps the day on which it was first open.
    """
    missing = pl.when(pl.col("side") == Side.BANK).then(pl.lit(leg.bank_open)).otherwise(pl.lit(leg.merchant_open))
    return (
        unmatched.join(held, on=LOCATOR, how="left")
        .join(carried.select(*LOCATOR, "opened_on"), on=LOCATOR, how="left")
        .with_columns(
            pl.lit(leg.name).alias("leg"),
            pl.coalesce("reason", missing).alias("reason"),
            pl.col("opened_on").fill_null(night),
        )
        .with_columns((pl.lit(night) - pl.col("opened_on")).dt.total_days().alias("age_days"))
        .select(TABLES["open_item"].schema.names())
        .sort(LOCATOR)
    )
