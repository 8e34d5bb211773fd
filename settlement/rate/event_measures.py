"""Measures over events of any kind: which events count, on which day, and for how much."""

from __future__ import annotations

from decimal import Decimal
from difflib import get_close_matches
from fractions import Fraction
from typing import Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model.contract import Contract
from settlement.model.contract_measures import EventAccounts, EventAmounts, EventUnits
from settlement.model.events import RECORDS, EventKind
from settlement.rate.dating import ACCOUNT_DAY, dated
from settlement.rate.disputes import DISPUTED, RESTORING, with_disputes
from settlement.rate.facts import Facts
from settlement.rate.links import ORIGIN

EventMeasure = EventAmounts | EventUnits | EventAccounts
_OF_ACCOUNTS: Final = {
    "opened_on": EventKind.ACCOUNT_OPENED,
    "closed_on": EventKind.ACCOUNT_CLOSED,
    "first_purchase_on": EventKind.ACCOUNT_FIRST_USED,
}
_OF_NIGHTS: Final = (*RECORDS, *_OF_ACCOUNTS.values(), EventKind.BALANCE, EventKind.PROFIT_LINE)
"""The kinds that the facts of a night tell."""


def events_counted(contract: Contract, measure: EventMeasure, facts: Facts, *more: pl.Expr) -> pl.DataFrame:
    """Events of a measure with ``day`` (which places them in a period), signed ``quantity``, and what is asked more.

    Expressions see the columns of ``Facts.records``; what adds is of kind ``purchase``.

    Raises
    ------
    TerminalError
        Where an event cannot be counted as the measure says, or an attribute or a kind is not known.
    """
    rows = _selected(contract, measure, facts)
    match measure:
        case EventAmounts():
            rows = _in_money(contract, measure, rows)
        case EventUnits():
            rows = _in_units(contract, measure, rows)
        case EventAccounts():
            _refuse(contract, measure, rows, pl.col("account_id").is_null(), "names no account: write its account_id")
            rows = rows.with_columns(net_minor=pl.col("sign"))
    told = ("file", "record", "account_id", "account_class", "currency", pl.col("net_minor").alias("quantity"))
    if not (isinstance(measure, EventAmounts) and EventKind.CHARGEBACK in measure.takes_back):
        # Only amounts that a chargeback takes can be given back; in any other measure each event stands by itself.
        rows = rows.with_columns(pl.lit(None).alias(name) for name in DISPUTED)
    return with_disputes(rows.lazy(), [*told, dated(contract.period.place).alias("day"), *more])


def added(contract: Contract, measure: EventAmounts, facts: Facts) -> pl.DataFrame:
    """The events of a measure with ``kind``, which is ``purchase`` for what adds, and ``net_minor``."""
    return _in_money(contract, measure, _selected(contract, measure, facts))


def accounts_counted(rows: pl.DataFrame) -> pl.DataFrame:
    """One contribution of 1 for each account and period in which more events add than take back."""
    counted = rows.sort("file", "record").group_by("account_id", "period", "period_first", maintain_order=True)
    first = counted.agg(pl.col("selector", "file", "record").first(), pl.col("quantity").sum())
    return first.filter(pl.col("quantity") > 0).with_columns(quantity=pl.lit(1, pl.Int64)).select(rows.columns)


def _selected(contract: Contract, measure: EventMeasure, facts: Facts) -> pl.DataFrame:
    """The events that count, with ``sign``: 1 for what adds, -1 for what takes back, 1 for what takes that back."""
    events = _of_nights(contract, measure, facts) if facts.events is None else facts.events
    adds, takes = list(measure.adds), list(measure.takes_back)
    rows = events.lazy().filter(pl.col("programme") == contract.programme, pl.col("kind").is_in([*adds, *takes]))
    for attributes, wanted in ((measure.where, True), (measure.where_not, False)):
        for name, words in attributes.items():
            if name not in events.columns:
                close = get_close_matches(name, events.columns, n=1)
                remedy = f"did you mean `{close[0]}`?" if close else "correct the name, or add the column."
                raise TerminalError(f"{_place(contract, measure)}: the events have no attribute `{name}`; {remedy}")
            has = pl.col(name).is_in(words).fill_null(value=False)
            rows = rows.filter(has if wanted else ~has)
    gives_back = pl.col("original_kind").is_in(takes).fill_null(value=False)
    # What takes back an event that the measure does not count takes nothing back here.
    of_another = pl.col("kind").is_in(takes) & ~pl.col("original_kind").is_in([*adds, *takes])
    rows = rows.filter(~of_another.fill_null(value=False))
    takes_back = pl.col("kind").is_in(takes) & ~gives_back
    of_origin = pl.col("origin_kind").is_in(adds)
    return rows.with_columns(
        *(pl.when(of_origin).then(name).alias(name) for name in ORIGIN),
        *(pl.when(pl.col("kind").is_in(takes)).then(name).alias(name) for name in DISPUTED),
        sign=pl.when(takes_back).then(-1).otherwise(1).cast(pl.Int64),
        kind=pl.when(pl.col("kind").is_in(adds)).then(pl.lit("purchase")).otherwise("kind"),
    ).collect()


def _in_money(contract: Contract, measure: EventMeasure, rows: pl.DataFrame) -> pl.DataFrame:
    _refuse(contract, measure, rows, pl.col("amount_minor").is_null(), "has no amount: write one")
    foreign = pl.col("currency") != contract.currency
    sentence = f"is not in {contract.currency}, in which the contract is settled: write its amount in that"
    _refuse(contract, measure, rows, foreign, sentence)
    return rows.with_columns(net_minor=pl.col("sign") * pl.col("amount_minor"))


def _in_units(contract: Contract, measure: EventUnits, rows: pl.DataFrame) -> pl.DataFrame:
    texts = rows["quantity"].unique().to_list()
    counted = [Fraction(Decimal(text)) / Fraction(measure.per) for text in texts]
    whole = [int(units) if units.denominator == 1 else None for units in counted]
    units = pl.DataFrame({"quantity": texts, "units": whole}, schema={"quantity": pl.String, "units": pl.Int64})
    rows = rows.join(units, on="quantity", how="left", maintain_order="left")
    sentence = f"has a quantity that is no whole number of {measure.per}: write a smaller `per` in the measure"
    _refuse(contract, measure, rows, pl.col("units").is_null(), sentence)
    return rows.with_columns(net_minor=pl.col("sign") * pl.col("units"))


def _place(contract: Contract, measure: EventMeasure) -> str:
    return f"Contract {contract.id}, clause {measure.clause}"


def _refuse(contract: Contract, measure: EventMeasure, rows: pl.DataFrame, wrong: pl.Expr, sentence: str) -> None:
    for file, record in rows.filter(wrong).sort("file", "record").select("file", "record").head(1).iter_rows():
        raise TerminalError(f"{_place(contract, measure)}: record {record} of {file} {sentence}.")


def _of_nights(contract: Contract, measure: EventMeasure, facts: Facts) -> pl.DataFrame:
    """The events that the facts of a night tell, as an events table would."""
    for kind in (*measure.adds, *measure.takes_back):
        if kind not in _OF_NIGHTS:
            known = ", ".join(_OF_NIGHTS)
            raise TerminalError(
                f"{_place(contract, measure)}: no feed of a night tells of `{kind}`; they tell of {known}. "
                "`settle rate` works out a contract over events of any kind."
            )
    negative = pl.col("kind") != EventKind.PURCHASE
    records = facts.records.with_columns(
        amount_minor=pl.col("net_minor").abs(),
        original_kind=pl.when(pl.col("kind").is_in(RESTORING))
        .then(pl.lit(str(EventKind.CHARGEBACK)))
        .when(negative & (pl.col("net_minor") > 0))
        .then(pl.lit(str(EventKind.REFUND)))
        .when(pl.col("origin_file").is_not_null())
        .then(pl.lit(str(EventKind.PURCHASE))),
        origin_kind=pl.when(pl.col("origin_file").is_not_null()).then(pl.lit(str(EventKind.PURCHASE))),
        own_store=pl.when("own_store").then(pl.lit("true")).otherwise(pl.lit("false")),
    )
    accounts = [
        facts.accounts.filter(pl.col(column) <= facts.day).select(
            *("account_id", "programme", "account_class", "channel"),
            kind=pl.lit(str(kind)),
            posting_date=column,
            transaction_date=column,
            **{ACCOUNT_DAY: "opened_on"},
        )
        for column, kind in _OF_ACCOUNTS.items()
    ]
    opened = facts.accounts.select("account_id", pl.col("opened_on").alias(ACCOUNT_DAY))
    balances = facts.balances.join(opened, on="account_id", how="left").select(
        *("file", "record", "account_id", "programme", ACCOUNT_DAY),
        kind=pl.lit(str(EventKind.BALANCE)),
        posting_date="effective_on",
        transaction_date="effective_on",
        amount_minor="statement_balance_minor",
        currency=pl.lit(contract.currency),
    )
    month = pl.concat_str([pl.col("month"), pl.lit("-01")]).str.to_date("%Y-%m-%d")
    profits = facts.profits.select(
        *("file", "record", "programme", "amount_minor", "currency"),
        kind=pl.lit(str(EventKind.PROFIT_LINE)),
        posting_date=month,
        transaction_date=month,
        item="line",
    )
    told = pl.concat([records, *accounts, balances, profits], how="diagonal")
    return told.with_columns(quantity=pl.lit("1"))
