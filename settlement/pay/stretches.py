"""The contributions of a period, and the records behind them, a stretch at a time: they may be more than memory holds.

Tables are looked through once, in slices of so many rows, for which places each slice holds; a place is a file and a
record. A stretch is of neighbouring places, and only slices that hold any of them are read for it. How rows lie in
their tables decides how much is read, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from settlement.model.stage import StageInput
from settlement.pay.contributions import nights_of_files, nights_telling, of_night

AT_ONCE: Final = 2**16
"""Contributions of a stretch, and rows of a slice."""
_BLOCKS: Final = 8
"""How many blocks of records, each of which is in one stretch, make up a stretch of records that count once."""
_PLACES: Final = ("file", "block")
_SLICES: Final = ("night", "slice")
_INDEX: Final = pl.Schema(
    {"slice": pl.Int64(), "file": pl.String(), "block": pl.Int64(), "count": pl.Int64(), "night": pl.Date()}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Neighbouring places, and how many contributions of them there are at most.

    ``blocks`` has a row for each file and block of record numbers. What has no place is a block by itself, the first
    one; where its contributions are many, each stretch has the accounts of one share.
    """

    blocks: pl.DataFrame
    share: int = 0
    shares: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """The contributions of one contract to a period as known after a night, and where they and their records lie.

    ``rated`` and ``clearing`` have a row for each night, slice, file and block.
    """

    inputs: StageInput
    of_period: pl.Expr
    height: int
    rated: pl.DataFrame
    clearing: pl.DataFrame

    def stretches(self) -> Iterator[Stretch]:
        """All places, in order; where there are none, one stretch of nothing."""
        counts = self.rated.group_by(_PLACES).agg(pl.col("count").sum()).sort(_PLACES)
        if counts["count"].sum() <= self.height:
            yield Stretch(blocks=counts)
            return
        nowhere = counts.filter(pl.col("block") < 0)
        for row in range(nowhere.height):
            shares = -(-nowhere["count"][row] // self.height)
            for share in range(shares):
                yield Stretch(blocks=nowhere[row : row + 1], share=share, shares=shares)
        before = pl.col("count").cum_sum() - pl.col("count")
        for _, blocks in counts.filter(pl.col("block") >= 0).group_by(before // self.height, maintain_order=True):
            yield Stretch(blocks=blocks)

    def of(self, stretch: Stretch) -> pl.DataFrame:
        """Rows of ``rated`` of a stretch, in any order: each is a difference."""
        columns = ("clause", "term", "selector", "unit", "file", "record", "account_id", "quantity")
        rows = self._slices("rated", self.rated, stretch, self.of_period, columns)
        if stretch.shares > 1:
            rows = rows.filter(pl.col("account_id").hash(0) % stretch.shares == stretch.share)
        return rows

    def records(self, stretch: Stretch, places: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
        """The clearing records at some places of a stretch: ``file``, ``record``, and the columns asked for."""
        rows = self._slices("clearing", self.clearing, stretch, pl.lit(value=True), ("file", "record", *columns))
        return rows.join(places, on=["file", "record"], how="semi")

    def _slices(
        self, table: str, index: pl.DataFrame, stretch: Stretch, wanted: pl.Expr, columns: Sequence[str]
    ) -> pl.DataFrame:
        """Wanted rows of a table that are of a block of the stretch."""
        holding = index.join(stretch.blocks, on=_PLACES, how="semi", nulls_equal=True).select(_SLICES).unique()
        # Slices beside one another are read together.
        apart = (pl.col("slice").diff() != 1) | (pl.col("night") != pl.col("night").shift())
        run = apart.fill_null(value=True).cum_sum().alias("run")
        runs = holding.sort(_SLICES).group_by(run, maintain_order=True)
        told = runs.agg(pl.col("night").first(), pl.col("slice").first(), count=pl.len())
        none = of_night(self.inputs, table, self.inputs.business_date).select(columns)
        found = [none.clear().collect()]
        for _, night, first, count in told.iter_rows():
            rows = of_night(self.inputs, table, night).slice(first * self.height, count * self.height)
            placed = _placed(rows.filter(wanted).select(columns), self.height)
            held = placed.join(stretch.blocks.lazy(), on=_PLACES, how="semi", nulls_equal=True)
            found.append(held.select(columns).collect(engine="streaming"))
        return pl.concat(found)


def gathered(inputs: StageInput, contract: str, period: str, as_of: date, height: int = AT_ONCE) -> Contributions:
    """Look through what nights up to a day have told of a period.

    Parameters
    ----------
    inputs:
        ``rated`` and ``clearing`` of all nights, and ``rated_basis`` and ``rated_total`` of earlier ones.
    height:
        Contributions that are read at once.
    """
    of_period = (pl.col("contract") == contract) & (pl.col("period") == period)
    nights = [night for night in nights_telling(inputs, contract, period) if night <= as_of]
    rated = _index(inputs, "rated", nights, of_period, height)
    files = rated["file"].unique()
    of_files = pl.col("file").is_in(files.drop_nulls().implode())
    clearing = _index(inputs, "clearing", nights_of_files(files), of_files, height)
    return Contributions(inputs=inputs, of_period=of_period, height=height, rated=rated, clearing=clearing)


def _index(inputs: StageInput, table: str, nights: Sequence[date], wanted: pl.Expr, height: int) -> pl.DataFrame:
    """How many wanted rows of each block of a file each slice of each night has."""
    found = [
        _placed(of_night(inputs, table, night).with_row_index("row?").filter(wanted), height)
        .group_by((pl.col("row?") // height).cast(pl.Int64).alias("slice"), *_PLACES)
        .agg(count=pl.len().cast(pl.Int64))
        .with_columns(night=pl.lit(night, pl.Date))
        for night in nights
    ]
    return pl.concat([pl.LazyFrame(schema=_INDEX), *found]).collect(engine="streaming")


def _placed(rows: pl.LazyFrame, height: int) -> pl.LazyFrame:
    """The rows with their ``block``: that of what has no record is below zero."""
    return rows.with_columns(block=pl.col("record").fill_null(-1) // max(1, height // _BLOCKS))
