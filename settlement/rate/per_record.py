"""What each record gives by itself: whole units of its amount, or a rate on it, rounded and capped record by record.

Amounts are whole minor units. Products are taken in 128 bits, so that no amount of 64 bits and no rate leaves them.
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import Final

import polars as pl

from settlement.model.contract_measures import AccountLimit, UnitMeasure
from settlement.model.contract_terms import RecordRateTerm
from settlement.model.money import Rounding, exponent, minor
from settlement.rate.disputes import BEFORE, RESTORING

LIMIT: Final = "limit"
"""The selector of what a limit adds to, or takes from, the units of one account, where units have a price."""
PURCHASES: Final = "purchases"
NEGATIVES: Final = "negatives"
OF_RECORDS: Final = ("kind", "posting_date", "origin_file", "origin_record")
"""What ``commissions`` asks of a record beside what a contribution tells."""
_ORIGIN: Final = ["origin_file", "origin_record"]


def units(rows: pl.DataFrame, measure: UnitMeasure, currency: str) -> pl.DataFrame:
    """Records of a volume, their ``quantity`` turned from minor units into the units that each counts for.

    A message of a dispute counts for the units of what is open after it, less those of what is open before it.
    """

    def counted(amount: pl.Expr) -> pl.Expr:
        whole = amount.abs() // minor(measure.per, currency)
        return amount.sign() * whole.clip(upper_bound=measure.most_a_record)

    return rows.with_columns(quantity=counted(pl.col("quantity") + pl.col(BEFORE)) - counted(pl.col(BEFORE)))


def limited(accounts: pl.DataFrame, limit: AccountLimit) -> pl.DataFrame:
    """What brings the ``units`` of each account and period to the limit, as ``quantity``, where that is not nothing."""
    rest = pl.col("units").clip(limit.least, limit.most) - pl.col("units")
    return (
        accounts.with_columns(quantity=rest, file=pl.lit(None, pl.String()), record=pl.lit(None, pl.Int64()))
        .filter(pl.col("quantity") != 0)
        .drop("units")
    )


def commissions(rows: pl.DataFrame, purchases: pl.DataFrame, term: RecordRateTerm, currency: str) -> pl.DataFrame:
    """Records of a volume with what the term gives for each as ``quantity``, and ``selector``: purchases or negatives.

    Parameters
    ----------
    rows:
        The records of the term's measure with ``OF_RECORDS``; their ``quantity`` is the net amount.
    purchases:
        All purchases that count: ``file``, ``record`` and ``net_minor``. A negative event takes back what is left of
        its purchase gives, less what is left after it gives, and what gives back the other way round; those before it
        are earlier by posting date, file and record, what gives back last on its day.
    """
    negative = pl.col("kind") != "purchase"
    own = pl.col("quantity")
    opened = pl.col(BEFORE)
    by_itself = _of_either_sign(own + opened, term, currency) - _of_either_sign(opened, term, currency)
    bought = rows.filter(~negative).with_columns(quantity=by_itself, selector=pl.lit(PURCHASES))
    taken_back = rows.filter(negative)
    some = taken_back["origin_record"].drop_nulls().unique().implode()
    amounts = (
        purchases.filter(pl.col("record").is_in(some))
        .select(origin_file=pl.col("file").cast(rows.schema["origin_file"]), origin_record="record", bought="net_minor")
        .join(taken_back, on=_ORIGIN, how="semi")
    )
    # In 128 bits, so that what has no place in 64 is refused, not wrapped.
    wide = own.cast(pl.Int128())
    after = pl.col("bought") + wide.cum_sum().over(_ORIGIN)
    less = _given(pl.col("after"), term, currency) - _given(pl.col("left"), term, currency)
    taken_back = (
        taken_back.sort("posting_date", pl.col("kind").is_in(RESTORING), "file", "record")
        .join(amounts, on=_ORIGIN, how="left", maintain_order="left")
        .with_columns(left=(after - wide).cast(pl.Int64()), after=after.cast(pl.Int64()))
        .with_columns(
            quantity=pl.when(pl.col("left").is_not_null()).then(less).otherwise(by_itself), selector=pl.lit(NEGATIVES)
        )
    )
    return pl.concat([bought, taken_back.select(bought.columns)])


def _of_either_sign(amount: pl.Expr, term: RecordRateTerm, currency: str) -> pl.Expr:
    return amount.sign() * _given(amount.abs(), term, currency)


def _given(amount: pl.Expr, term: RecordRateTerm, currency: str) -> pl.Expr:
    """What the term gives for an amount."""
    rate = Fraction(term.rate)
    if term.flat is None and term.least is None:
        given = times(amount, rate, term.rounding.mode)
        return given if term.most is None else given.clip(upper_bound=minor(term.most, currency))
    flat = Fraction(term.flat or 0) * 10 ** exponent(currency)
    least, most = (None if bound is None else minor(bound, currency) for bound in (term.least, term.most))
    return amount.sign() * times(amount.abs(), rate, term.rounding.mode, flat).clip(least, most)


def times(amount: pl.Expr, rate: Fraction, mode: Rounding, plus: Fraction = Fraction(0)) -> pl.Expr:
    """Whole amounts at an exact rate ``plus`` a part, each rounded to a whole number by the mode: Int64, exact."""
    scale = lcm(rate.denominator, plus.denominator)
    divisor = pl.lit(scale, pl.Int128)
    product = amount.cast(pl.Int128) * pl.lit(int(rate * scale), pl.Int128) + pl.lit(int(plus * scale), pl.Int128)
    return quotient(product, divisor, mode)


def quotient(product: pl.Expr, divisor: pl.Expr, mode: Rounding) -> pl.Expr:
    """A whole number by another above zero, both of 128 bits, rounded to a whole number by the mode: Int64, exact."""
    whole = product // divisor
    twice = 2 * (product - whole * divisor)
    match mode:
        case Rounding.HALF_AWAY:
            up = (twice > divisor) | ((twice == divisor) & (product > 0))
        case Rounding.HALF_EVEN:
            up = (twice > divisor) | ((twice == divisor) & (whole % 2 != 0))
        case Rounding.DOWN:
            up = (product < 0) & (twice > 0)
        case Rounding.FLOOR:
            up = pl.lit(value=False)
    return (whole + up.cast(pl.Int128)).cast(pl.Int64)
