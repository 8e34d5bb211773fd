"""Amounts of records in other currencies than their contract's, each at the exchange rate of its own date.

Every amount is rounded to a minor unit of the contract's currency by itself, so that what a volume comes to is the sum
of what its records show, and no unit is left over.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model.contract import Contract
from settlement.model.contract_measures import EventConversion
from settlement.model.money import exponent
from settlement.rate.dating import EXCHANGE_DAY
from settlement.rate.disputes import BEFORE
from settlement.rate.facts import Facts
from settlement.rate.per_record import quotient

TAKEN_DAY: Final = "taken_day"
"""The day whose exchange rate is taken for that which a record asks for."""
_BY: Final = ["currency", EXCHANGE_DAY]


def in_own_currency(rows: pl.DataFrame, contract: Contract, rule: EventConversion, facts: Facts) -> pl.DataFrame:
    """Records with ``quantity`` and ``BEFORE`` in minor units of the contract's currency, without ``EXCHANGE_DAY``.

    Parameters
    ----------
    rows:
        Records with ``file``, ``record``, ``currency``, ``quantity`` and ``BEFORE`` in minor units of it, and
        ``EXCHANGE_DAY``.

    Raises
    ------
    TerminalError
        Where a record's rate has not come.
    """
    own = rows.filter(pl.col("currency") == contract.currency)
    told = rates_taken(rows, contract, rule, facts)
    _refuse_missing(told, contract)
    before = _converted(pl.col(BEFORE), rule)
    after = _converted(pl.col("quantity") + pl.col(BEFORE), rule)
    converted = told.with_columns(before.alias(BEFORE), quantity=after - before)
    return pl.concat([own, converted.select(rows.columns)]).drop(EXCHANGE_DAY)


def rates_taken(rows: pl.DataFrame, contract: Contract, rule: EventConversion, facts: Facts) -> pl.DataFrame:
    """The records in other currencies with the rate that converts each, empty where it has not come.

    ``TAKEN_DAY`` is its day in the feed; ``over`` by ``under``, whole, is what a minor unit comes to in the contract's
    currency.
    """
    known = _rates(facts, contract)
    foreign = rows.filter(pl.col("currency") != contract.currency).sort(EXCHANGE_DAY)
    if rule.missing == "previous_day":
        return foreign.join_asof(known, on=EXCHANGE_DAY, by="currency", check_sortedness=False)
    return foreign.join(known, on=_BY, how="left")


def _converted(amount: pl.Expr, rule: EventConversion) -> pl.Expr:
    return quotient(amount.cast(pl.Int128) * pl.col("over"), pl.col("under"), rule.rounding)


def _rates(facts: Facts, contract: Contract) -> pl.DataFrame:
    """The rates into the contract's currency, by currency and day."""
    found = facts.rates.filter(pl.col("to_currency") == contract.currency)
    exact = [
        Fraction(rate) * Fraction(10) ** (exponent(contract.currency) - exponent(currency))
        for currency, rate in found.select("from_currency", "rate").iter_rows()
    ]
    return pl.DataFrame(
        {
            "currency": found["from_currency"],
            EXCHANGE_DAY: found["rate_date"],
            TAKEN_DAY: found["rate_date"],
            "over": [one.numerator for one in exact],
            "under": [one.denominator for one in exact],
        },
        schema={
            "currency": pl.String(),
            EXCHANGE_DAY: pl.Date(),
            TAKEN_DAY: pl.Date(),
            "over": pl.Int128(),
            "under": pl.Int128(),
        },
    ).sort(EXCHANGE_DAY)


def _refuse_missing(told: pl.DataFrame, contract: Contract) -> None:
    without = told.filter(pl.col("over").is_null()).sort("file", "record")
    for file, record, currency, day in without.select("file", "record", *_BY).head(1).iter_rows():
        if day is None:
            raise TerminalError(
                f"Record {record} of {file} has no date that picks its exchange rate for contract {contract.id}: "
                "correct its file."
            )
        raise TerminalError(
            f"Record {record} of {file} is in {currency}, and contract {contract.id} asks for the exchange rate from "
            f"{currency} to {contract.currency} of {day}, which has not come: deliver it."
        )
