"""What takes no part and what is left: exact repeats, foreign cards, open items and how they carry forward."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from settlement.match.keys import among
from settlement.match.rules import Leg
from settlement.model.ageing import Ageing
from settlement.model.clearing import BreakReason, ItemState, Nearest, Side
from settlement.model.dates import delivered_on
from settlement.model.tables import TABLES

LOCATOR: Final = ["file", "record"]
UNMATCHED: Final = [*LOCATOR, "side", "amount_minor", "currency"]
NEAREST: Final = ["nearest_file", "nearest_record", "nearest_condition", "note"]
HELD: Final = (BreakReason.DUPLICATE_RECORD, BreakReason.FOREIGN_BIN)
"""Reasons that no partner can mend: such a record stays open and takes no part in any pass."""

_WHEN_AND_WHERE: Final = {"file", "record", "delivered_on", "posting_date", "batch", "net_minor", "net_currency"}
"""When and where a record was told, and how it was settled: a record that comes again comes in another batch."""
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
NEEDED: Final = (*LOCATOR, *_TELLING)
"""What is asked of every record to find those that take no part."""
_NUMBER_FIRST: Final = ("record", "file")
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


def age_on(night: date) -> pl.Expr:
    """Days from the night on which an item was first open."""
    return (pl.lit(night) - pl.col("opened_on")).dt.total_days()


def takes_no_part(leg: Leg, night: date) -> pl.Expr:
    """Whether a carried item is one that no partner can mend, or older than the leg carries."""
    held = pl.col("reason").is_in(HELD)
    return held if leg.expires_after_days is None else held | (age_on(night) > leg.expires_after_days)


def carried_records(
    history: Mapping[str, pl.LazyFrame], items: pl.DataFrame, night: date, columns: Sequence[str]
) -> pl.DataFrame:
    """The columns of the clearing records behind open items of earlier nights, with their age in ``age_days``."""
    if items.is_empty():
        return TABLES["clearing"].empty().select(*columns, pl.lit(0, pl.Int64).alias("age_days"))
    return (
        history["clearing"]
        # A record may come to its leg, and be open there, after the night it was delivered.
        .filter(pl.col("business_date") >= items.select(delivered_on(pl.col("file")).min()).item())
        .join(items.lazy().select(*LOCATOR, age_on(night).alias("age_days")), on=LOCATOR, how="inner")
        .select(*columns, "age_days")
        .collect()
    )


def repeats(tonight: pl.DataFrame, told: pl.LazyFrame, earlier: pl.LazyFrame) -> pl.DataFrame:
    """Locators of tonight's records that repeat another one in every content column, each with its original's.

    Only a record that names its sale, by ARN, approval code or order, can be known to be told twice: two purchases of
    one amount on one day are no repeats where neither is named. The first of its kind is the original, ``nearest_file``
    and ``nearest_record``: what was known on an earlier night, then by business date of the file and locator.

    Parameters
    ----------
    tonight : DataFrame
        The records, at least with the columns ``NEEDED``.
    told, earlier : LazyFrame
        Clearing that tonight's records are of, and that of the nights that are looked back on, with every column. Only
        what may be a repeat is read of it.
    """
    if tonight.is_empty():
        return TABLES["clearing"].empty().select(*LOCATOR, *(pl.col(name).alias(f"nearest_{name}") for name in LOCATOR))
    marks = tonight.select(_mark())["mark"]
    of_tonight = marks.to_frame().lazy()
    known = earlier.select(*LOCATOR, _mark()).join(of_tonight, on="mark", how="semi").collect(engine="streaming")
    ascending = np.sort(marks.to_numpy())
    twice = pl.Series(ascending[1:][ascending[1:] == ascending[:-1]], dtype=pl.UInt64)
    named = pl.any_horizontal(pl.col(name).is_not_null() for name in _NAMING)
    suspects = tonight.lazy().filter(marks.is_in(pl.concat([twice, known["mark"]]).implode()) & named)
    parts = ((earlier, known, False), (told, suspects.select(LOCATOR).collect(), True))
    contents = [_content(rows, which).with_columns(new=pl.lit(value=new)) for rows, which, new in parts]
    rows = pl.concat(contents).sort(_ORDER)
    nth = pl.int_range(pl.len()).over(_CONTENT)
    originals = [pl.col(name).first().over(_CONTENT).alias(f"nearest_{name}") for name in LOCATOR]
    return rows.with_columns(*originals).filter((nth > 0) & pl.col("new")).select(*LOCATOR, *NEAREST[:2])


def _mark() -> pl.Expr:
    """A number that is equal for records that are equal in what tells the most."""
    mark = pl.col(_TELLING[0]).hash(seed=0)
    for seed, name in enumerate(_TELLING[1:], start=1):
        # Sums wrap around.
        mark += pl.col(name).hash(seed=seed)
    return mark.alias("mark")


def _content(clearing: pl.LazyFrame, which: pl.DataFrame) -> pl.DataFrame:
    """All that is told of a few records."""
    if which.is_empty():
        return TABLES["clearing"].empty().select(*_CONTENT, *_ORDER)
    # The numbers of the records can be looked for while the table is read, and leave few of it.
    return among(clearing.select(*_CONTENT, *_ORDER), which, _NUMBER_FIRST)


def stand_in(records: pl.DataFrame, few: pl.DataFrame) -> pl.Series:
    """Whether the locator of each record is among a few."""
    found = np.zeros(records.height, dtype=np.bool_)
    found[among(records.lazy().select(LOCATOR).with_row_index(), few, _NUMBER_FIRST)["index"].to_numpy()] = True
    return pl.Series(found)


def foreign(records: pl.DataFrame, bins: Collection[str]) -> pl.DataFrame:
    """Locators of merchant records whose card is of no programme."""
    first_six = pl.col("card_masked").str.slice(0, 6)
    return records.filter((pl.col("side") == Side.MERCHANT) & ~first_six.is_in(sorted(bins))).select(LOCATOR)


def held_items(tonight: pl.DataFrame, repeated: pl.DataFrame, bins: Collection[str]) -> pl.DataFrame:
    """Tonight's records that take no part, with their reason; a repeat of a foreign card is a repeat.

    Columns: locator, ``reason``, and those of ``NEAREST``.
    """
    strange = foreign(tonight, bins).join(repeated, on=LOCATOR, how="anti")
    why = pl.format("says {} record {} again in every field", "nearest_file", "nearest_record")
    parts = [
        repeated.with_columns(
            reason=pl.lit(BreakReason.DUPLICATE_RECORD), nearest_condition=pl.lit(Nearest.REPEATED), note=why
        ),
        strange.with_columns(
            pl.lit(None, pl.String).alias("nearest_file"),
            pl.lit(None, pl.Int64).alias("nearest_record"),
            pl.lit(None, pl.String).alias("nearest_condition"),
            reason=pl.lit(BreakReason.FOREIGN_BIN),
            note=pl.lit("the card is of no programme"),
        ),
    ]
    return pl.concat([part.select(*LOCATOR, "reason", *NEAREST) for part in parts])


def open_items(
    leg: Leg, unmatched: pl.DataFrame, told: pl.DataFrame, carried: pl.DataFrame, *, night: date, ageing: Ageing
) -> pl.DataFrame:
    """The open items of a leg at the night's close.

    Parameters
    ----------
    unmatched : DataFrame
        ``file``, ``record``, ``side``, ``amount_minor`` and ``currency`` of the records that no match holds.
    told : DataFrame
        Their locators with ``reason``, empty but for those that take no part, and the columns of ``NEAREST``.
    carried : DataFrame
        Open items of the night before: an item keeps the day on which it was first open.
    """
    missing = pl.when(pl.col("side") == Side.BANK).then(pl.lit(leg.bank_open)).otherwise(pl.lit(leg.merchant_open))
    return (
        unmatched.join(told, on=LOCATOR, how="left")
        .join(carried.select(*LOCATOR, "opened_on"), on=LOCATOR, how="left")
        .with_columns(
            pl.lit(leg.name).alias("leg"),
            pl.coalesce("reason", missing).alias("reason"),
            pl.col("opened_on").fill_null(night),
        )
        .with_columns(age_on(night).alias("age_days"))
        .with_columns(
            ageing.of(pl.col("age_days")).alias("age_bucket"),
            pl.when(pl.col("age_days") > pl.lit(leg.expires_after_days, pl.Int64))
            .then(pl.lit(ItemState.EXPIRED))
            .otherwise(pl.lit(ItemState.OPEN))
            .alias("state"),
        )
        .select(TABLES["open_item"].schema.names())
        .sort(LOCATOR)
    )
