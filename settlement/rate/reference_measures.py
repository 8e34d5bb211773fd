"""Measures of reference data, which no record makes: accounts, month-end balances, profits of months."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import polars as pl

from settlement.errors import TerminalError
from settlement.model.contract import Contract
from settlement.model.contract_measures import (
    AccountMeasure,
    AccountsWithin,
    BalanceMeasure,
    FirstPurchase,
    Measure,
    ProfitMeasure,
)
from settlement.rate.facts import Facts

_TO_CONDITION_DAY: Final = FirstPurchase.TO_CONDITION_DAY


def days_reached(contracts: Iterable[Contract], opened: pl.Expr) -> list[pl.Expr]:
    """The days on which an account may begin to count for contracts, or count no more, by the day of its opening."""
    measures = (measure for contract in contracts for measure in contract.measures.values())
    said = sorted({_from_opening(measure) for measure in measures if isinstance(measure, AccountMeasure)})
    return [opened, *(opened.dt.offset_by(time) for time in said)]


def _from_opening(measure: AccountMeasure) -> str:
    """How long after the opening the condition day is, as Polars writes a length of time."""
    if measure.months_from_opening is not None:
        return f"{measure.months_from_opening}mo"
    return f"{measure.days_from_opening}d"


def accounts_of(contract: Contract, measure: AccountMeasure | AccountsWithin, facts: Facts) -> pl.DataFrame:
    """Accounts of a measure with ``day``, their condition day, and a quantity of 1."""
    found = _meeting(contract, measure, facts)
    return found.select(
        pl.lit(None, pl.String()).alias("file"),
        pl.lit(None, pl.Int64()).alias("record"),
        pl.lit("").alias("selector"),
        pl.lit(1, pl.Int64()).alias("quantity"),
        "account_id",
        "day",
    )


def _meeting(contract: Contract, measure: Measure, facts: Facts) -> pl.DataFrame:
    """Rows of ``facts.accounts`` that are in the measure, with ``day``."""
    if isinstance(measure, AccountsWithin):
        wanted = pl.col("channel").is_in(measure.channels)
        if measure.first_purchase is not FirstPurchase.ANY:
            closed: Literal["both", "left"] = "both" if measure.first_purchase is _TO_CONDITION_DAY else "left"
            wanted &= pl.col("first_purchase_on").is_between(pl.col("opened_on"), pl.col("day"), closed=closed)
        return _meeting(contract, contract.measures[measure.of], facts).filter(wanted)
    if not isinstance(measure, AccountMeasure):
        raise TypeError("accounts are counted within accounts")
    day = pl.col("opened_on").dt.offset_by(_from_opening(measure))
    wanted = (pl.col("programme") == contract.programme) & (pl.col("day") <= facts.day)
    wanted &= (pl.col("closed_on") > pl.col("day")).fill_null(value=True)
    for exclusion in measure.exclude:
        excluded = (pl.col("account_class") == exclusion.account_class) & (pl.col("day") >= exclusion.first)
        wanted &= ~excluded.fill_null(value=False)
    return facts.accounts.with_columns(day.alias("day")).filter(wanted)


def balances_of(contract: Contract, measure: BalanceMeasure, facts: Facts) -> pl.DataFrame:
    """Statement balances with ``day``, their month-end; where the measure says so for each day of its month."""
    times = pl.lit(1) if measure.times == "once" else pl.col("effective_on").dt.month_end().dt.day().cast(pl.Int64)
    return facts.balances.filter(pl.col("programme") == contract.programme).select(
        *("file", "record", "account_id"),
        day="effective_on",
        selector=pl.col("effective_on").dt.to_string("iso"),
        quantity=pl.col("statement_balance_minor") * times,
    )


def profits_of(contract: Contract, measure: ProfitMeasure, facts: Facts) -> pl.DataFrame:
    """Profit-and-loss lines with ``day``, the first of their month, and the amount signed by income or cost."""
    lines = facts.profits.filter(pl.col("programme") == contract.programme)
    wanted = {*measure.income, *measure.costs}
    for month, told, currencies in (
        lines.group_by("month").agg(pl.col("line").unique().sort(), pl.col("currency").unique().sort()).sort("month")
    ).iter_rows():
        missing = sorted(wanted.difference(told))
        if missing or currencies != [contract.currency]:
            problem = f"has no line {missing[0]}" if missing else f"is in {', '.join(currencies)}"
            raise TerminalError(
                f"The profit and loss of {contract.programme} for {month} {problem}; contract {contract.id} needs "
                f"{', '.join(sorted(wanted))} in {contract.currency}: ask its sender for a new version."
            )
    sign = pl.when(pl.col("line").is_in(measure.income)).then(1).otherwise(-1)
    return lines.filter(pl.col("line").is_in(sorted(wanted))).select(
        *("file", "record"),
        pl.lit(None, pl.String()).alias("account_id"),
        day=pl.concat_str([pl.col("month"), pl.lit("-01")]).str.to_date("%Y-%m-%d"),
        selector=pl.concat_str([pl.col("month"), pl.lit(".v"), pl.col("version").cast(pl.String())]),
        quantity=sign * pl.col("amount_minor"),
    )
