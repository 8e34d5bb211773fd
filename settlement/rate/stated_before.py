"""Of all rows of statements before those that a statement of now can still ask for, so that few are read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

import polars as pl

from settlement.model.clearing import StatementState
from settlement.model.statement_lines import CARRY_OUT, KIND, RECOUPED, RELEASES, VALUE_ADDED_TAX, WITHHOLDING_TAX
from settlement.model.tables import TABLES
from settlement.rate.stated import PayoutRow, Stated, read_stated

_CLOSED: Final = pl.col("state") == StatementState.CLOSED.value
_RELEASE_ON: Final = r"(?:^|;)release_on=(\d{4}-\d{2}-\d{2})"


def stating(rows: pl.LazyFrame) -> pl.LazyFrame:
    """The rows of statements that may have stated something, and of previews those that tell that there were any."""
    return rows.filter((pl.col("state") != StatementState.PREVIEW.value) | (pl.col("term") == CARRY_OUT))


def stated_of(rows: pl.DataFrame, periods: Collection[str] | None) -> Stated:
    """What is stated for one contract: the terms of some periods, None for all, and all that beneficiaries carry.

    Parameters
    ----------
    rows:
        Table ``payout`` of all nights before, as ``stating`` leaves it, of the contract.
    periods:
        Periods by their texts. With them nothing is told of conversions: those are asked for where fixings are.
    """
    closings = rows.filter(_CLOSED & (pl.col("term") == CARRY_OUT))["as_of"]
    last = closings.max()
    # What was restated in a preview holds until the next statement, and is stated if that one closes.
    since = pl.lit(value=True) if last is None else pl.col("as_of") > last
    restated = (pl.col("state") == StatementState.RESTATED.value) & (since | pl.col("as_of").is_in(closings.implode()))
    told = rows.filter(_CLOSED | restated)
    stated = read_stated(payout_rows(told if periods is None else _still_asked_for(told, periods)))
    return replace(stated, days=rows["as_of"].unique().sort().to_list())


def payout_rows(rows: pl.DataFrame) -> list[PayoutRow]:
    """Rows of table ``payout`` as records."""
    return [PayoutRow(**row) for row in rows.select(TABLES["payout"].schema.names()).iter_rows(named=True)]


def _still_asked_for(rows: pl.DataFrame, periods: Collection[str]) -> pl.DataFrame:
    """The terms of some periods with the closings that stated them, and what is carried, recouped, taxed and held."""
    of_terms = pl.col("beneficiary").is_null() & pl.col("adjusts").is_null() & pl.col("period").is_in(list(periods))
    terms = rows.filter(of_terms)
    closings = rows.filter(_CLOSED & (pl.col("term") == CARRY_OUT))
    if closings.is_empty():
        return terms
    last = closings["as_of"].max()
    stating_them = pl.col("as_of").is_in(terms["as_of"].implode()) | (pl.col("as_of") == last)
    own = rows.filter(_CLOSED & pl.col("beneficiary").is_not_null())
    taxed = own.filter(KIND.is_in([WITHHOLDING_TAX, VALUE_ADDED_TAX]))
    due = pl.col("quantities").str.extract(_RELEASE_ON).str.to_date("%Y-%m-%d")
    return pl.concat(
        [
            terms,
            closings.filter(stating_them),
            own.filter(pl.col("term") == RECOUPED),
            taxed.filter(pl.col("as_of") == pl.col("as_of").max().over("beneficiary", "term")),
            own.filter(KIND.is_in(list(RELEASES)) & (due > last)),
        ]
    )
