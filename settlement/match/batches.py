"""An acquirer's batch tied at both ends: its transactions add up to it, and its payout or its carried balance is it.

With the bank's entry (``cash_tie``) that makes three grains, each with its own residual: entry to payout, payout to
batch, batch to transactions. A balance that is carried over has its way through the batches (``batch_carry``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from settlement.match.rules import Rules
from settlement.model.clearing import BatchEnd, BatchState
from settlement.model.layout import read_layouts
from settlement.model.stage import StageInput
from settlement.model.tables import TABLES

BATCH: Final = ["file", "batch", "currency"]
"""What names a batch of a file."""
_PARTS: Final = {"ACQ_FEE": "fee", BatchEnd.BALANCE.value: "balance", BatchEnd.PAYOUT.value: "payout"}
_LINE: Final = {
    "file": pl.String,
    "batch": pl.String,
    "currency": pl.String,
    "record": pl.Int64,
    "part": pl.String,
    "net": pl.Int64,
    "count": pl.Int64,
}


def batch_ties(rules: Rules, inputs: StageInput) -> pl.DataFrame:
    """Re-add the batches of tonight's accepted files from what stands in the tables.

    Each record, rejected row, fee and balance of a batch counts at its net amount, + to the merchant. What closes the
    batch is its payout, or else a balance on its last line, which the next batch takes over; a batch without either
    is not closed. A record that comes in again after a repair takes its rejected row out. All amounts are in the
    batch's currency.
    """
    lines = _lines(inputs)
    paid = pl.when(pl.col("part") == "payout").then(pl.lit(BatchEnd.PAYOUT.value))
    last = (pl.col("part") == "balance") & (pl.col("record") == pl.col("record").max().over("file", "batch"))
    unpaid = ~(pl.col("part") == "payout").any().over("file", "batch")
    lines = lines.with_columns(paid.when(last & unpaid).then(pl.lit(BatchEnd.BALANCE.value)).alias("closed_by"))
    closing, inside = pl.col("closed_by").is_not_null(), pl.col("closed_by").is_null()
    summed = lines.group_by(BATCH).agg(
        *(
            column
            for part, name in (("transaction", "transactions"), ("rejected", "rejected"))
            for column in (
                pl.col("count").filter(pl.col("part") == part).sum().alias(name),
                _sum(pl.col("part") == part).alias(f"{name}_minor"),
            )
        ),
        _sum(pl.col("part") == "fee").alias("fees_minor"),
        _sum((pl.col("part") == "balance") & inside).alias("balance_minor"),
        _sum(inside).alias("batch_minor"),
        _sum(pl.col("part") != "payout").alias("readded"),
        pl.col("record").filter(closing).min().alias("closing_record"),
        pl.col("closed_by").drop_nulls().max(),
        pl.when(closing.any()).then(-_sum(closing)).alias("closing_minor"),
    )
    told = summed.join(_told(rules, inputs.tables, summed), on="file", how="left")
    return _judged(told.join(_feeds(inputs, summed), on=["file", "batch"], how="left"))


def _sum(which: pl.Expr) -> pl.Expr:
    return pl.col("net").filter(which).sum()


def _lines(inputs: StageInput) -> pl.DataFrame:
    """Every line of a batch with its part and its net amount; an amount that could not be read is nothing.

    Transactions are many, and stand as one line with their ``count`` and the last of their records.
    """
    tables = inputs.tables
    control = tables["control_record"].with_columns(pl.col("class").replace(_PARTS).alias("part"))
    sources = (
        (inputs.tonight("clearing"), pl.lit("transaction"), "net_minor", "net_currency"),
        (tables["reject"].lazy(), pl.lit("rejected"), "net_minor", "net_currency"),
        (
            control.filter(pl.col("part").is_in(list(_PARTS.values()))).lazy(),
            pl.col("part"),
            "amount_minor",
            "currency",
        ),
    )
    lines = [
        rows.filter(pl.col("batch").is_not_null()).select(
            "file",
            "batch",
            pl.col(currency).alias("currency"),
            "record",
            part.alias("part"),
            pl.col(net).fill_null(0).alias("net"),
            pl.lit(1).alias("count"),
        )
        for rows, part, net, currency in sources
    ]
    lines[0] = lines[0].group_by(*BATCH, "part").agg(pl.col("record").max(), pl.col("net", "count").sum())
    lines.append(_come_again(inputs))
    whole = pl.concat(
        [part.select(pl.col(name).cast(kind) for name, kind in _LINE.items()) for part in lines]
    ).collect()
    # A rejected row may not tell its currency: it is counted with the batch it stands in.
    told = pl.col("currency").min().over("file", "batch")
    return whole.with_columns(pl.col("currency").fill_null(told)).drop_nulls("currency")


def _come_again(inputs: StageInput) -> pl.LazyFrame:
    """The rejected rows that tonight's replays bring in again, taken out of their batches."""
    replays = inputs.tables["replay"].lazy().select("file", "record", rejected_in="original_file")
    if inputs.tables["replay"].is_empty():
        return pl.LazyFrame(schema=_LINE)
    rejects = inputs.history["reject"].filter(pl.col("batch").is_not_null())
    return replays.join(rejects, left_on=["rejected_in", "record"], right_on=["file", "record"]).select(
        "file",
        "batch",
        pl.col("net_currency").alias("currency"),
        "record",
        pl.lit("rejected").alias("part"),
        -pl.col("net_minor").fill_null(0).alias("net"),
        pl.lit(-1).alias("count"),
    )


def announcing(inputs: StageInput) -> frozenset[str]:
    """Feeds whose layout has the bank show a line's payout: their batches have accounts in the books."""
    layouts = read_layouts(inputs.documents)
    return frozenset(one.feed for one in layouts if (one.spec.get("settlement") or {}).get("line"))


def _feeds(inputs: StageInput, summed: pl.DataFrame) -> pl.DataFrame:
    """The feed of each batch that has an account in the books, by file and batch.

    What a file announces must be one payout of one batch, or nothing. A replay belongs to the batch that its records
    were rejected in, if that has an account.
    """
    paid = (pl.col("closed_by") == BatchEnd.PAYOUT).fill_null(value=False)
    announced = pl.col("net_settlement_minor").is_not_null().cast(pl.UInt32)
    batches = summed.group_by("file", "batch").agg(paid.any().alias("paid"))
    own = (
        batches.with_columns(pl.col("paid").sum().over("file").alias("payouts"))
        .join(inputs.tables["file"].filter(pl.col("feed").is_in(sorted(announcing(inputs)))), on="file")
        .filter(pl.col("payouts") == announced)
        .select("file", "batch", "feed")
    )
    replays = inputs.tables["replay"].select("file", "original_file").unique()
    if replays.is_empty():
        return own
    known = inputs.history["batch_tie"].select("file", "batch", "feed").drop_nulls("feed").unique()
    of_replays = replays.lazy().join(known, left_on="original_file", right_on="file").collect()
    return pl.concat([own.join(replays, on="file", how="anti"), of_replays.select("file", "batch", "feed").unique()])


def _told(rules: Rules, tables: Mapping[str, pl.DataFrame], summed: pl.DataFrame) -> pl.DataFrame:
    """What the reader summed over a file's lines, before any row was judged, where the file is one batch."""
    name = None if rules.batch is None else rules.batch.lines_control
    alone = summed.group_by("file").len().filter(pl.col("len") == 1)
    return (
        tables["control_total"]
        .filter(pl.col("control") == pl.lit(name, pl.String))
        .join(alone, on="file", how="semi")
        .select("file", pl.col("computed").alias("lines_minor"))
    )


def _judged(summed: pl.DataFrame) -> pl.DataFrame:
    residual, lines = pl.col("residual_minor"), pl.col("lines_residual_minor").fill_null(0)
    agrees = (residual == 0) & (lines == 0) & pl.col("closing_minor").is_not_null()
    return (
        summed.with_columns(
            (pl.col("closing_minor").fill_null(0) - pl.col("batch_minor")).alias("residual_minor"),
            (pl.col("lines_minor") - pl.col("readded")).alias("lines_residual_minor"),
        )
        .with_columns(
            pl.when(~agrees)
            .then(pl.lit(BatchState.DIFFERS))
            .when(pl.col("closed_by") == BatchEnd.PAYOUT)
            .then(pl.lit(BatchState.TIED))
            .otherwise(pl.lit(BatchState.CARRIED_OVER))
            .alias("state")
        )
        .select(TABLES["batch_tie"].schema.names())
        .sort(BATCH)
    )
