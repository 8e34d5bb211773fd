"""What a contract's terms count in a period, as known after each night, and the records that it comes from."""

from __future__ import annotations

from datetime import date

import polars as pl

from settlement.model.dates import delivered_on
from settlement.model.stage import StageInput


def contributions(inputs: StageInput, contract: str, period: str) -> pl.LazyFrame:
    """Rows of table ``rated`` of all nights with the night that told them, in any order: each is a difference."""
    told = [of_night(inputs, "rated", night) for night in nights_telling(inputs, contract, period)]
    return pl.concat(told).filter((pl.col("contract") == contract) & (pl.col("period") == period))


def of_night(inputs: StageInput, table: str, night: date) -> pl.LazyFrame:
    """Rows of a table of this night or of an earlier one, with ``business_date``."""
    if night == inputs.business_date:
        return inputs.tonight(table).with_columns(business_date=pl.lit(night, pl.Date))
    return inputs.of_nights(table, [night])


def nights_telling(inputs: StageInput, contract: str, period: str) -> list[date]:
    """The nights that may have told of a period, this one last.

    After a night whose totals have nothing of a period, all that was told of it up to there has been taken back. Such a
    night is looked for where it stands among nights whose totals have something, in as many looks as the number of
    nights doubles. A night that tells no basis of the contract may be of a home that had no totals yet.
    """
    before = inputs.nights_before("rated")
    last_without, first_with = -1, len(before)
    while first_with - last_without > 1:
        middle = (last_without + first_with) // 2
        if _has_nothing(inputs, before[middle], contract, period):
            last_without = middle
        else:
            first_with = middle
    return [*before[first_with:], inputs.business_date]


def _has_nothing(inputs: StageInput, night: date, contract: str, period: str) -> bool:
    of_contract = pl.col("contract") == contract
    basis, totals = (inputs.of_nights(name, [night]).filter(of_contract) for name in ("rated_basis", "rated_total"))
    if basis.collect().is_empty():
        return False
    return totals.filter(pl.col("period") == period).select("period").collect().is_empty()


def records_of(inputs: StageInput, places: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """The clearing records at some places with ``file``, ``record`` and the columns asked for, and no others.

    A file's records are known on the night of its delivery folder: of other nights nothing is read.

    Parameters
    ----------
    places:
        ``file`` and ``record``, also several times and empty.
    """
    wanted = ["file", "record", *columns]
    distinct = places.select("file", "record").drop_nulls().unique()
    nights = nights_of_files(distinct["file"])
    told = [of_night(inputs, "clearing", night).select(wanted) for night in nights]
    every = pl.concat(told) if told else inputs.tonight("clearing").select(wanted).clear()
    files = distinct["file"].unique()
    return (
        every.filter(pl.col("file").is_in(files.implode())).join(distinct.lazy(), on=wanted[:2], how="semi").collect()
    )


def nights_of_files(files: pl.Series) -> list[date]:
    """The nights on which files came, in order."""
    return (
        files.to_frame("file").select(delivered_on(pl.col("file")).unique().sort()).to_series().drop_nulls().to_list()
    )
