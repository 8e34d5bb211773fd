"""Transactions told for bank entries, linked to the entry they explain.

A bank tells what an entry is made of inside the statement or in a notification of its own, on the same night, before
it or after it. The entry is cash, the transactions never are: here they only find their entry. What has not found
one is looked at again on every later night; a row appears again only when its result has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from settlement.model.clearing import DetailState
from settlement.model.tables import TABLES

_GROUP: Final = ["file", "entry"]
_PLACE: Final = ["statement_file", "statement_entry"]
_SAME: Final = "SAME_ENTRY"
_WAYS: Final = (
    ("BANK_REF", "bank_ref", False),
    ("ENTRY_REF", "entry_ref", True),
    ("PAYMENT_ID", "payment_id", False),
    ("MESSAGE_ID", "message_id", True),
    ("END_TO_END_ID", "end_to_end_id", True),
)
"""How an entry may be found, the surest way first: its name, the column on both sides, and whether money and booking
day must agree. A reference the bank gives once names the entry; one that is counted or that a payer gives does not."""

_OPEN: Final = (DetailState.ENTRY_PENDING, DetailState.AMBIGUOUS)


def detail_ties(tables: Mapping[str, pl.DataFrame], history: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    """Judge the transactions told tonight, and those of earlier nights that have not found their entry.

    The transactions of one entry of one file are judged together. Their sum is compared with the statement's entry,
    with and without the charges told. An entry that several files explain is explained by the first of them.
    """
    groups = pl.concat([_groups(tables["bank_detail"]), _groups(_pending(history))])
    judged = _before(history).select(*_GROUP, pl.col("status").alias("judged"), *_PLACE)
    groups = groups.join(judged.select(*_GROUP, "judged"), on=_GROUP, how="left")
    entries = _entries(tables["statement_entry"], history["statement_entry"], groups)
    linked = _linked(groups, entries)
    explained = judged.filter(pl.col("judged").is_in([DetailState.LINKED, DetailState.DIFFERS])).select(_PLACE)
    told = _judged(linked, explained)
    changed = told.filter(pl.col("judged").is_null() | (pl.col("judged") != pl.col("status")))
    return changed.select(TABLES["detail_tie"].schema.names()).sort(_GROUP)


def _before(history: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    """The latest result of every group of earlier nights."""
    names = TABLES["detail_tie"].schema.names()
    ties = history["detail_tie"].sort("business_date", *_GROUP)
    return ties.group_by(_GROUP).agg(pl.col(name).last() for name in names if name not in _GROUP).collect()


def _pending(history: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    """The transactions of earlier nights that are still without an entry."""
    waiting = _before(history).filter(pl.col("status").is_in(_OPEN)).select(_GROUP)
    columns = TABLES["bank_detail"].schema.names()
    return history["bank_detail"].join(waiting.lazy(), on=_GROUP, how="semi").select(columns).collect()


def _groups(details: pl.DataFrame) -> pl.DataFrame:
    """One row for the transactions of one entry of one file."""
    ours = pl.col("currency") == pl.col("entry_currency")
    signed = pl.col("direction") * pl.col("amount_minor")
    one = [pl.col(name).unique().drop_nulls() for name in ("message_id", "payment_id", "end_to_end_id")]
    first = ("told_by", "account", "bank_ref", "entry_ref", "entry_currency", "charges_minor", "booked_on")
    return details.group_by(_GROUP).agg(
        *(pl.col(name).first() for name in first),
        (pl.col("entry_direction") * pl.col("entry_minor")).first().alias("notified_minor"),
        pl.len().cast(pl.Int64).alias("details"),
        pl.when((ours & pl.col("amount_minor").is_not_null()).fill_null(value=False).all())
        .then(signed.sum())
        .alias("details_minor"),
        *(pl.when(ids.len() == 1).then(ids.first()).alias(ids.meta.output_name()) for ids in one),
    )


def _entries(tonight: pl.DataFrame, earlier: pl.LazyFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """Entries of statements, on the accounts that are asked for."""
    accounts = groups["account"].unique()
    columns = tonight.columns
    every = pl.concat([tonight.lazy(), earlier.select(columns)]).filter(pl.col("account").is_in(accounts.implode()))
    return every.select(
        pl.col("file").alias("statement_file"),
        pl.col("record").alias("statement_entry"),
        "account",
        pl.col("currency").alias("entry_currency"),
        (pl.col("direction") * pl.col("amount_minor")).alias("entry_minor"),
        pl.col("booked_on").alias("entry_booked_on"),
        pl.col("details").alias("entry_details"),
        *(column for _, column, _ in _WAYS),
    ).collect()


def _linked(groups: pl.DataFrame, entries: pl.DataFrame) -> pl.DataFrame:
    """Each group with the entry it belongs to, how that was found, and whether several would have fitted."""
    inside = groups.filter(pl.col("told_by") == "statement").join(
        entries.select(*_PLACE, "entry_minor", "entry_details"),
        left_on=_GROUP,
        right_on=_PLACE,
        how="left",
        coalesce=False,
    )
    parts = [inside.with_columns(linked_by=pl.lit(_SAME), several=pl.lit(value=False))]
    columns = parts[0].columns
    left = groups.filter(pl.col("told_by") != "statement")
    for way, column, same_money in _WAYS:
        found = left.drop_nulls(column).join(
            entries.select(
                *_PLACE, "account", "entry_currency", "entry_minor", "entry_booked_on", "entry_details", column
            ),
            on=["account", "entry_currency", column],
            how="inner",
        )
        if same_money:
            same_day = (pl.col("entry_booked_on") == pl.col("booked_on")).fill_null(value=True)
            found = found.filter((pl.col("entry_minor") == pl.col("notified_minor")) & same_day)
        chosen = _chosen(found).with_columns(linked_by=pl.lit(way))
        parts.append(chosen.select(columns))
        left = left.join(chosen, on=_GROUP, how="anti")
    nothing = left.with_columns(
        pl.lit(None, pl.String).alias("statement_file"),
        pl.lit(None, pl.Int64).alias("statement_entry"),
        pl.lit(None, pl.Int64).alias("entry_minor"),
        pl.lit(None, pl.Int64).alias("entry_details"),
        linked_by=pl.lit(None, pl.String),
        several=pl.lit(value=False),
    )
    return pl.concat([*parts, nothing.select(columns)])


def _chosen(found: pl.DataFrame) -> pl.DataFrame:
    """Of the entries found for a group those of the same money and day, where there are any; then one is certain."""
    money = pl.col("entry_minor") == pl.col("notified_minor")
    day = (pl.col("entry_booked_on") == pl.col("booked_on")).fill_null(value=False)
    close = money.cast(pl.Int8) * 2 + day.cast(pl.Int8)
    best = found.with_columns(close.alias("close")).filter(pl.col("close") == pl.col("close").max().over(_GROUP))
    return (
        best.sort(*_GROUP, *_PLACE)
        .group_by(_GROUP, maintain_order=True)
        .agg(pl.all().exclude([*_GROUP, "close"]).first(), (pl.len() > 1).alias("several"))
    )


def _judged(linked: pl.DataFrame, explained: pl.DataFrame) -> pl.DataFrame:
    """The status of each group, and the difference of its sum from the entry."""
    certain = pl.col("statement_file").is_not_null() & ~pl.col("several")
    entry = pl.coalesce(pl.when(certain).then(pl.col("entry_minor")), pl.col("notified_minor"))
    # Charges may be in the transactions and not in the entry: then the entry is the sum less the charges.
    plain = pl.col("details_minor") - pl.col("entry_minor")
    without = plain - pl.col("charges_minor")
    difference = pl.when(without == 0).then(without).otherwise(plain)
    placed = linked.with_columns(
        entry_minor=entry,
        linked_by=pl.when(certain).then(pl.col("linked_by")),
        currency=pl.col("entry_currency"),
        **{name: pl.when(certain).then(pl.col(name)) for name in _PLACE},
    ).with_columns(difference_minor=difference)
    # What stands in the statement itself comes first, then files in their order.
    turn = placed.sort(pl.col("told_by") != "statement", *_GROUP)
    earlier = turn.join(explained.with_columns(was=pl.lit(value=True)), on=_PLACE, how="left")
    partial = (pl.col("details") < pl.col("entry_details")).fill_null(value=False)
    again = pl.col("was").fill_null(value=False) | ((~partial).cum_sum().over(_PLACE) > 1)
    return earlier.with_columns(
        pl.when(pl.col("several"))
        .then(pl.lit(DetailState.AMBIGUOUS))
        .when(pl.col("statement_file").is_null())
        .then(pl.lit(DetailState.ENTRY_PENDING))
        .when(partial)
        .then(pl.lit(DetailState.PARTIAL))
        .when(again)
        .then(pl.lit(DetailState.REPEATED))
        .when((pl.col("difference_minor").fill_null(0) != 0) | (pl.col("entry_minor") != pl.col("notified_minor")))
        .then(pl.lit(DetailState.DIFFERS))
        .otherwise(pl.lit(DetailState.LINKED))
        .alias("status")
    )
