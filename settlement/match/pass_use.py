"""What each pass is still good for: a rule that has taken nothing for many nights hides a feed that has changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from settlement.match.rules import Rules
from settlement.model.tables import TABLES


def pass_use(rules: Rules, match: pl.DataFrame, history: Mapping[str, pl.LazyFrame], night: date) -> pl.DataFrame:
    """One row for each pass of the rules: its matches tonight, its last night with one, and the nights since.

    A pass that is new, or bears a new name, starts tonight. It is stale once it has been idle for
    ``stale_after_nights`` nights in a row, where the rules declare that number.
    """
    passes = pl.DataFrame(
        [(one.leg, one.name) for one in rules.passes], schema={"leg": pl.String, "pass": pl.String}, orient="row"
    )
    found = match.group_by("leg", "pass").agg(pl.len().cast(pl.Int64).alias("matches"))
    before = (
        history["pass_use"]
        .filter(pl.col("business_date") == pl.col("business_date").max())
        .select("leg", "pass", pl.col("last_on").alias("before_on"), pl.col("idle_nights").alias("idle_before"))
        .collect()
    )
    taken = pl.col("matches") > 0
    idle = pl.when(taken).then(0).otherwise(pl.col("idle_before").fill_null(0) + 1).cast(pl.Int64)
    return (
        passes.join(found, on=["leg", "pass"], how="left")
        .join(before, on=["leg", "pass"], how="left")
        .with_columns(pl.col("matches").fill_null(0))
        .with_columns(
            pl.when(taken).then(pl.lit(night)).otherwise("before_on").alias("last_on"), idle.alias("idle_nights")
        )
        .with_columns(
            (pl.col("idle_nights") >= pl.lit(rules.ageing.stale_after_nights, pl.Int64))
            .fill_null(value=False)
            .alias("stale")
        )
        .select(TABLES["pass_use"].schema.names())
        .sort("leg", "pass")
    )
