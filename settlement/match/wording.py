"""Words that both matchers say of rows: lists, amounts, and what a difference of two amounts usually is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.model.money import EXPONENTS

ROUND_MINOR: Final = 1000
_MOST_CASH_BACK: Final = 50 * ROUND_MINOR
_ROUNDING: Final = 2
_DIGITS: Final = 18


def joined(words: Sequence[str]) -> str:
    """``store``, ``store and date``, ``store, till and date``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def major_text(amount: pl.Expr, currency: pl.Expr) -> pl.Expr:
    """Whole minor units, not negative, as a text in major units of each row's currency."""
    places = currency.replace_strict(dict(EXPONENTS), return_dtype=pl.Int64)
    found = amount.cast(pl.String)
    for digits in sorted({*EXPONENTS.values()} - {0}):
        padded = amount.cast(pl.String).str.zfill(digits + 1)
        with_point = pl.concat_str(padded.str.head(-digits), pl.lit("."), padded.str.tail(digits))
        found = pl.when(places == digits).then(with_point).otherwise(found)
    return found


def money_text(amount: pl.Expr, currency: pl.Expr) -> pl.Expr:
    """Amounts for a person: ``-20.00 USD``."""
    sign = pl.when(amount < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    return pl.concat_str(sign, major_text(amount.abs(), currency), pl.lit(" "), currency)


def ends_alike(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether amounts in minor units differ by what is paid out as cash-back, and by chance seldom do.

    ``looks_like`` says so of these pairs, and of round amounts, which differ by round amounts whatever they are.
    """
    more, less = np.maximum(np.abs(left), np.abs(right)), np.minimum(np.abs(left), np.abs(right))
    over = more - less
    paid: NDArray[np.bool_] = (over > 0) & (over % ROUND_MINOR == 0) & (over <= _MOST_CASH_BACK)
    paid &= ((left < 0) == (right < 0)) & (less % ROUND_MINOR != 0)
    return paid


def looks_like(left: NDArray[np.int64], right: NDArray[np.int64], exponents: NDArray[np.int64]) -> pl.Series:
    """What a difference of two amounts in minor units of one currency usually is, or an empty text."""
    more, less = np.maximum(np.abs(left), np.abs(right)), np.minimum(np.abs(left), np.abs(right))
    over = more - less
    unit = 10**exponents
    signs = (
        (left == -right, "the sign is turned"),
        (((left < 0) != (right < 0)) | (less == 0), ""),
        (over <= _ROUNDING, "looks like rounding"),
        ((exponents > 0) & (more % unit == 0) & (more // unit == less), "looks like another unit"),
        ((over % ROUND_MINOR == 0) & (over <= _MOST_CASH_BACK), "looks like cash-back"),
        (_digits(more) == _digits(less), "digits look swapped"),
        # Three tenths, without leaving 64 bits.
        (over <= less // 10 * 3 + less % 10 * 3 // 10, "looks like a tip or a fee"),
    )
    which = np.select([holds for holds, _ in signs], list(range(len(signs))), default=len(signs))
    return pl.Series([*(words for _, words in signs), ""]).gather(which)


def _digits(amounts: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each digit occurs in a number, as one number."""
    found = np.zeros(len(amounts), dtype=np.int64)
    rest = amounts.copy()
    for _ in range(_DIGITS):
        found += np.where(rest > 0, np.int64(1) << 5 * (rest % 10), 0)
        rest //= 10
    return found
