"""The passes: which bank rows meet which merchant rows, in the order of the rules.

A pass looks at the rows that are still free, takes what its key, amount, date and conditions allow, and leaves the
rest to the next. Rows stand in their declared order (file, record), so that every choice among equals is the same
whatever order the rows came in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.kernels import match as kernels
from settlement.match.added import added_lines
from settlement.match.keys import absent, among, integers, number, present
from settlement.match.optimum import Pairs, equal_pairs, near_pairs
from settlement.match.rules import Pass
from settlement.match.sides import MONEY, SETTLEMENT, TRANSACTION, Side, twice_told

Rows = NDArray[np.int32]

_PPM: Final = 1_000_000
_NONE: Final = np.zeros(0, dtype=np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Matches of one pass compared in one currency: equal ``match`` numbers belong together.

    ``bank`` and ``merchant`` are row positions; ``bank_match`` and ``merchant_match`` number their matches from 0.
    ``unsure`` says by match whether another choice was as good. ``given_up`` are row positions of both sides of
    which too many fit one another for the pass to decide.
    """

    rule: Pass
    currency: str
    bank: Rows
    bank_match: Rows
    merchant: Rows
    merchant_match: Rows
    unsure: NDArray[np.bool_]
    given_up: tuple[Rows, Rows] = (_NONE, _NONE)


def run(rules: Iterable[Pass], bank: Side, merchant: Side) -> list[Taken]:
    """Run the passes in order; what one takes is no longer free. Returns what each took, in order."""
    found: list[Taken] = []
    for rule in rules:
        if rule.amount == "added":
            steps = [_added(rule, bank, merchant, currency) for currency in rule.currencies]
        elif not rule.one_to_one:
            steps = [_sums(rule, bank, merchant, currency) for currency in rule.currencies]
        elif rule.amount == "exact":
            steps = [_exact(rule, bank, merchant, currency) for currency in rule.currencies]
        elif rule.amount == "fx_rounding":
            steps = [_rounding(rule, bank, merchant)]
        else:
            steps = [_excess(rule, bank, merchant)]
        found += steps
    return found


def _exact(rule: Pass, bank: Side, merchant: Side, currency: str) -> Taken:
    """Pairs of equal key, kind and money, at most the declared days apart."""
    ours, theirs = _bank_rows(rule, bank, currency), _merchant_rows(rule, merchant)
    columns = [*_keys(rule), "kinds", "amount", "currency"]
    return _take(rule, currency, bank, merchant, equal_pairs(ours, theirs, columns, rule.days))


def _rounding(rule: Pass, bank: Side, merchant: Side) -> Taken:
    """Pairs whose settlement amounts differ by rounding alone, where the bank converted the transaction."""
    ours = _bank_rows(rule, bank, SETTLEMENT).filter(pl.col("currency") != pl.col("transaction_currency"))
    theirs = _merchant_rows(rule, merchant)
    columns = [*_keys(rule), "kinds", "currency"]
    pairs = near_pairs(ours, theirs, columns, tolerance=rule.tolerance_minor or 0, window=rule.days)
    return _take(rule, SETTLEMENT, bank, merchant, pairs)


def _excess(rule: Pass, bank: Side, merchant: Side) -> Taken:
    """Pairs in which the card pays more than the till tells, where the key group is one row on each side.

    The group counts every row of tonight's work, matched or not: a sale of several rows explains its own excess. So
    each group has one candidate pair at most, which is its optimum.
    """
    key = [*_keys(rule), "kinds"]
    theirs = _merchant_rows(rule, merchant)
    ours = among(_bank_rows(rule, bank, SETTLEMENT).lazy(), theirs, key)
    theirs = _single(rule, merchant, among(theirs.lazy(), ours, key))
    ours = _alone(ours, bank.rows.lazy().select(*_named(rule.keys, rule), "kinds"), key)
    theirs = _alone(theirs, merchant.rows.lazy().select(*_named(rule.merchant_keys or rule.keys, rule), "kinds"), key)
    pairs = ours.join(theirs, on=[*key, "currency"], suffix="_told", maintain_order="left").with_columns(
        excess=pl.col("amount") - pl.col("amount_told")
    )
    cash_back = pl.col("cashback_minor").fill_null(0)
    untold = pl.col("cashback_minor_told").fill_null(0) == 0
    # A product of minor units and ppm may leave 64 bits; the exact bound is a quotient rounded down.
    most = (pl.col("amount_told").cast(pl.Int128) * (rule.most_excess_ppm or 0) // _PPM).cast(pl.Int64)
    pairs = pairs.filter(
        (pl.col("excess") > 0)
        & ((pl.col("day") - pl.col("day_told")).abs() <= rule.days)
        & pl.when(cash_back > 0).then(untold & (pl.col("excess") == cash_back)).otherwise(pl.col("excess") <= most)
    )
    ours_taken, theirs_taken = (integers(pairs[name], np.int32) for name in ("row", "row_told"))
    sure = np.zeros(len(ours_taken), dtype=np.bool_)
    return _take(rule, SETTLEMENT, bank, merchant, Pairs(ours_taken, theirs_taken, sure, (_NONE, _NONE)))


def _sums(rule: Pass, bank: Side, merchant: Side, currency: str) -> Taken:
    """Whole groups of one key with one row on one side, whose sums are equal in one currency."""
    ours, theirs = _bank_rows(rule, bank, currency), _merchant_rows(rule, merchant)
    columns = [*_keys(rule), "kinds"]
    left, right, count = number(ours.select(columns), theirs.select(columns))
    bank_rows, bank_total, bank_currency = _group(ours, left, count)
    merchant_rows, merchant_total, merchant_currency = _group(theirs, right, count)
    one_to_many = (bank_rows == 1) & (merchant_rows > 1) & ("1:N" in rule.cardinality)
    many_to_one = (bank_rows > 1) & (merchant_rows == 1) & ("N:1" in rule.cardinality)
    # A side of one row has one currency, so equal currencies are one currency on both sides.
    whole = (one_to_many | many_to_one) & (bank_total == merchant_total) & (bank_currency == merchant_currency)
    first, last = np.full(count, np.iinfo(np.int32).max), np.full(count, np.iinfo(np.int32).min)
    for rows, ids in ((ours, left), (theirs, right)):
        inside = whole[ids]
        np.minimum.at(first, ids[inside], integers(rows["day"], np.int32)[inside])
        np.maximum.at(last, ids[inside], integers(rows["day"], np.int32)[inside])
    whole &= last - first <= rule.days
    numbers = np.cumsum(whole, dtype=np.int32) - 1
    mine, other = whole[left], whole[right]
    taken = Taken(
        rule=rule,
        currency=currency,
        bank=integers(ours["row"], np.int32)[mine],
        bank_match=numbers[left[mine]].astype(np.int32),
        merchant=integers(theirs["row"], np.int32)[other],
        merchant_match=numbers[right[other]].astype(np.int32),
        unsure=np.zeros(int(whole.sum()), dtype=np.bool_),
    )
    bank.free[taken.bank] = False
    merchant.free[taken.merchant] = False
    return taken


def _added(rule: Pass, bank: Side, merchant: Side, currency: str) -> Taken:
    """Lines that say how many sales they add up, with the parts of these sales."""
    ours, theirs = _bank_rows(rule, bank, currency), _merchant_rows(rule, merchant)
    found = added_lines(ours, theirs, [*_keys(rule), "kinds", "currency", "day"], rule.bank_whole or ())
    bank.free[found.bank] = False
    merchant.free[found.merchant] = False
    return Taken(
        rule=rule,
        currency=currency,
        bank=found.bank,
        bank_match=found.bank_match,
        merchant=found.merchant,
        merchant_match=np.arange(len(found.merchant), dtype=np.int32),
        unsure=found.unsure,
    )


def _keys(rule: Pass) -> list[str]:
    return [f"key_{index}" for index in range(len(rule.keys))]


def _named(columns: tuple[str, ...], rule: Pass) -> list[pl.Expr]:
    return [pl.col(column).alias(name) for column, name in zip(columns, _keys(rule), strict=True)]


def _bank_rows(rule: Pass, bank: Side, currency: str) -> pl.DataFrame:
    """Free bank rows with a whole key, their money in one of the currencies they tell."""
    amount_column, currency_column = MONEY[currency]
    rows = bank.left().filter(present(rule.keys), *_young(rule))
    if rule.bank_empty:
        rows = rows.filter(absent(rule.bank_empty))
    if currency == SETTLEMENT and TRANSACTION in rule.currencies:
        rows = rows.filter(twice_told().not_())
    return rows.select(
        "row",
        "kinds",
        "day",
        "cashback_minor",
        "transaction_currency",
        *(rule.bank_whole or ()),
        *_named(rule.keys, rule),
        pl.col(amount_column).alias("amount"),
        pl.col(currency_column).alias("currency"),
    ).collect()


def _merchant_rows(rule: Pass, merchant: Side) -> pl.DataFrame:
    """Free merchant rows with a whole key that meet the conditions of the rule."""
    keys = rule.merchant_keys or rule.keys
    rows = merchant.left().filter(present(keys), *_young(rule))
    if rule.amount != "added":
        rows = rows.filter(pl.col("purchases").fill_null(1) <= 1)
    if rule.merchant_empty:
        rows = rows.filter(absent(rule.merchant_empty))
    if rule.merchant_filled:
        rows = rows.filter(present(rule.merchant_filled))
    for column, values in rule.merchant_values.items():
        rows = rows.filter(pl.col(column).is_null() | pl.col(column).is_in(values))
    return rows.select(
        "row",
        "kinds",
        "day",
        "cashback_minor",
        "purchases",
        *_named(keys, rule),
        pl.col("total_minor").alias("amount"),
        "currency",
    ).collect()


def _young(rule: Pass) -> list[pl.Expr]:
    """What an open item of earlier nights must be to take part in the pass."""
    return [] if rule.carry_days is None else [pl.col("age_days") <= rule.carry_days]


def _single(rule: Pass, merchant: Side, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows whose ``merchant_single`` columns no other merchant row of their kinds shares."""
    for column in rule.merchant_single or ():
        same = [column, "kinds"]
        told = merchant.rows.lazy().select("row", *same).filter(present((column,)))
        mine = among(told, rows, ["row"])
        shared = among(told, mine, same).group_by(same).len().filter(pl.col("len") > 1)
        rows = rows.join(mine.join(shared, on=same, how="semi"), on="row", how="anti", maintain_order="left")
    return rows


def _alone(rows: pl.DataFrame, everything: pl.LazyFrame, key: list[str]) -> pl.DataFrame:
    """The rows whose key occurs once among all rows of their side."""
    counts = among(everything, rows, key).group_by(key).len().filter(pl.col("len") == 1)
    return rows.join(counts, on=key, how="semi", maintain_order="left")


def _group(rows: pl.DataFrame, ids: Rows, count: int) -> Any:
    codes = integers(rows["currency"].to_physical(), np.int32)
    return kernels.group_sums(ids, integers(rows["amount"], np.int64), codes, count)


def _take(rule: Pass, currency: str, bank: Side, merchant: Side, pairs: Pairs) -> Taken:
    """Mark pairs as taken and number them."""
    bank.free[pairs.ours] = False
    merchant.free[pairs.theirs] = False
    numbers = np.arange(len(pairs.ours), dtype=np.int32)
    return Taken(
        rule=rule,
        currency=currency,
        bank=pairs.ours,
        bank_match=numbers,
        merchant=pairs.theirs,
        merchant_match=numbers,
        unsure=pairs.unsure,
        given_up=pairs.given_up,
    )
