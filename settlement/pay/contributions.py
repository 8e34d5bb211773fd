"""What a contract's terms count in a period, as known after each night, and the records that it comes from."""

from __future__ import annotations

import polars as pl

from settlement.model.dates import delivered_on
from settlement.model.stage import StageInput


def contributions(inputs: StageInput, contract: str, period: str) -> pl.LazyFrame:
    """Rows of table ``rated`` of all nights with the night that told them, in any order: each is a difference."""
    tonight = inputs.tonight("rated").with_columns(business_date=pl.lit(inputs.business_date, pl.Date))
    of_period = (pl.col("contract") == contract) & (pl.col("period") == period)
    return pl.concat([inputs.history["rated"], tonight], how="diagonal_relaxed").filter(of_period)


def records_of(inputs: StageInput, files: pl.Series, *columns: str) -> pl.DataFrame:
    """The clearing records of some files with ``file``, ``record`` and the columns asked for, and no others.

    A file's records are known on the night of its delivery folder: of other nights nothing is read.
    """
    wanted, names = ["file", "record", *columns], files.drop_nulls().unique().rename("file")
    nights = names.to_frame().select(delivered_on(pl.col("file")).unique()).to_series().drop_nulls()
    earlier = inputs.of_nights("clearing", nights.to_list())
    clearing = pl.concat([earlier.select(wanted), inputs.tonight("clearing").select(wanted)])
    return clearing.filter(pl.col("file").is_in(names.implode())).collect()
