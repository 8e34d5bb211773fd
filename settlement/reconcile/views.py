"""What a pass looks at: the rows of both sides that it may use, as groups, amounts and days."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.errors import TerminalError
from settlement.kernels.radix_twin import Checks, Hashes
from settlement.match.keys import digests, integers, number
from settlement.model.money import exponent, round_fraction
from settlement.reconcile.amounts import MOST_IN_ALL
from settlement.reconcile.language import Condition, Pass, Rate, Rules
from settlement.reconcile.sides import HELD, OPEN, TEXT, Rows

Positions = NDArray[np.int32]

_STATES: Final[Mapping[str, int]] = {"open": OPEN, "held": HELD}
_EPOCH: Final = date(1970, 1, 1).toordinal()
_SAFE: Final = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Rows of both sides by content: equal numbers from 0 below ``count`` are equal rows."""

    left: Positions
    right: Positions
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The rows of a pass, compared in one currency each.

    ``left`` and ``right`` are positions in the sides, ascending. All else stands beside them: ``keys`` are the key
    texts, none of them null, and the currency; ``amount`` is in minor units of the currency that is compared; ``day``
    counts the days, or business days, by which the pass compares, and is zero where it does not.
    """

    left: Positions
    right: Positions
    left_keys: pl.DataFrame
    right_keys: pl.DataFrame
    left_amount: NDArray[np.int64]
    right_amount: NDArray[np.int64]
    left_day: NDArray[np.int32]
    right_day: NDArray[np.int32]

    def of(self, left: Positions, right: Positions) -> View:
        """The view of some of the rows, by places in this one."""
        return View(
            left=self.left[left],
            right=self.right[right],
            left_keys=self.left_keys[left],
            right_keys=self.right_keys[right],
            left_amount=self.left_amount[left],
            right_amount=self.right_amount[right],
            left_day=self.left_day[left],
            right_day=self.right_day[right],
        )

    def groups(self, *, amount: bool = False, day: bool = False) -> Groups:
        """The groups of equal keys, and of equal amounts and days where asked."""
        ours, theirs = self._columns(amount=amount, day=day)
        left, right, count = number(pl.DataFrame(ours), pl.DataFrame(theirs))
        return Groups(left=left, right=right, count=count)

    def digests(self, *, amount: bool, day: bool) -> tuple[tuple[Hashes, Checks], tuple[Hashes, Checks]]:
        """Digests of what ``groups`` numbers, of the left and the right rows."""
        ours, theirs = (
            digests(pl.DataFrame([column for column in columns if _tells(column)]))
            for columns in self._columns(amount=amount, day=day)
        )
        return ours, theirs

    def _columns(self, *, amount: bool, day: bool) -> tuple[list[pl.Series], list[pl.Series]]:
        ours, theirs = self.left_keys.get_columns(), self.right_keys.get_columns()
        if amount:
            ours.append(pl.Series("amount", self.left_amount))
            theirs.append(pl.Series("amount", self.right_amount))
        if day:
            ours.append(pl.Series("day", self.left_day))
            theirs.append(pl.Series("day", self.right_day))
        return ours, theirs


def views(rules: Rules, rule: Pass, left: Rows, right: Rows) -> Iterator[View]:
    """The views of a pass, one after the other: each sees what the one before has left.

    Amounts that are compared as they are make one view. Conversion makes one for each currency that the side which is
    not converted has.
    """
    if rule.amount.rule != "converted":
        ours, theirs = _usable(rule, left), _usable(rule, right)
        yield _view(rule, (left, ours, _amounts(left, ours)), (right, theirs, _amounts(right, theirs)), convert=None)
        return
    moving, resting = (left, right) if rule.amount.convert == "left" else (right, left)
    for target in sorted(resting.frame["currency"].unique().to_list()):
        rest = _usable(rule, resting)
        rest = rest[(resting.frame["currency"].gather(rest) == target).to_numpy()]
        move, amounts = converted(rules.rate, moving, _usable(rule, moving), target)
        told = (resting, rest, _amounts(resting, rest))
        sides = ((moving, move, amounts), told) if rule.amount.convert == "left" else (told, (moving, move, amounts))
        yield _view(rule, *sides, convert=target)


def converted(rates: tuple[Rate, ...], side: Rows, rows: Positions, target: str) -> tuple[Positions, Any]:
    """Rows that a rate leads to the target currency, with their amounts in it, each rounded half away from zero.

    The rate is the latest declared on or before the row's date, and the latest of all for a row without a date. Rows
    in the target currency, and rows without a rate, are left out.
    """
    frame = side.frame[rows]
    days = (
        frame["day"]
        if "day" in frame.columns
        else pl.Series("day", [None], dtype=pl.Int32).new_from_index(0, frame.height)
    )
    told = pl.DataFrame({"at": np.arange(len(rows)), "currency": frame["currency"], "day": days})
    known = _rates_to(rates, target)
    kept: list[NDArray[np.int64]] = []
    amounts: list[NDArray[np.int64]] = []
    for (code, day), some in sorted(told.filter(pl.col("currency") != target).group_by("currency", "day"), key=str):
        rate = _rate(known.get(str(code), []), str(code), target, day)
        if rate is not None:
            at = np.sort(some["at"].to_numpy())
            kept.append(at)
            amounts.append(_times(integers(frame["amount"].gather(at), np.int64), rate))
    if not kept:
        return rows[:0], np.zeros(0, dtype=np.int64)
    where = np.concatenate(kept)
    order = np.argsort(where)
    return rows[where[order]], np.concatenate(amounts)[order]


def _rates_to(rates: tuple[Rate, ...], target: str) -> dict[str, list[tuple[int, Rate]]]:
    """By currency its rates to the target, each with the day from which it holds, earliest first."""
    known: dict[str, list[tuple[int, Rate]]] = {}
    for one in sorted((one for one in rates if one.to == target), key=lambda one: one.date):
        known.setdefault(one.from_, []).append((one.date.toordinal() - _EPOCH, one))
    return known


def _rate(known: list[tuple[int, Rate]], source: str, target: str, day: Any) -> Fraction | None:
    """Minor units of the target for one of the source."""
    number = len(known) if day is None else bisect_right(known, day, key=lambda one: one[0])
    if number == 0:
        return None
    return Fraction(known[number - 1][1].rate) * Fraction(10) ** (exponent(target) - exponent(source))


def _times(amounts: NDArray[np.int64], rate: Fraction) -> NDArray[np.int64]:
    largest = int(np.abs(amounts).max())
    in_all = largest * len(amounts) * rate < MOST_IN_ALL
    if in_all and 2 * largest * rate.numerator + rate.denominator < _SAFE and 2 * rate.denominator < _SAFE:
        rounded = (2 * np.abs(amounts) * rate.numerator + rate.denominator) // (2 * rate.denominator)
        signed: NDArray[np.int64] = np.sign(amounts) * rounded
        return signed
    exact = [round_fraction(amount * rate) for amount in amounts.tolist()]
    if sum(map(abs, exact)) > MOST_IN_ALL:
        raise TerminalError(
            f"Amounts converted at the rate {float(rate):g} come to more than {MOST_IN_ALL} minor units in all, and "
            "sums are exact up to there: correct the rate or the amounts."
        )
    return np.array(exact, dtype=np.int64)


def _usable(rule: Pass, side: Rows) -> Positions:
    """Positions of the rows that the pass may use: state, conditions, a whole key, and a date where it counts."""
    rows = side.positions(_STATES[name] for name in rule.consumes)
    if side.carried is not None:
        rows = side.carried.usable(rule, rows)
    conditions = [pl.col(TEXT + getattr(pair, side.which)).is_not_null() for pair in (*rule.pairs, *rule.text)]
    conditions += condition(rule.left_only if side.which == "left" else rule.right_only)
    if rule.window is not None:
        conditions.append(pl.col("day").is_not_null())
    if not conditions or not len(rows):
        return rows
    asked = list(dict.fromkeys(name for one in conditions for name in one.meta.root_names()))
    some = side.frame.select(asked)
    whole = some if len(rows) == side.frame.height else some[rows]
    kept = whole.lazy().select(pl.all_horizontal(conditions).fill_null(value=False)).collect().to_series()
    usable: Positions = rows if kept.all() else rows[kept.to_numpy()]
    return usable


def condition(told: Condition) -> list[pl.Expr]:
    """What rows must say to take part; the empty text asks for an empty column."""
    return [
        pl.col(TEXT + name).is_in([value for value in values if value])
        | (pl.col(TEXT + name).is_null() if "" in values else pl.lit(value=False))
        for name, values in told.items()
    ]


def _amounts(side: Rows, rows: Positions) -> NDArray[np.int64]:
    return integers(_gathered(side, "amount", rows), np.int64)


def _view(
    rule: Pass,
    left: tuple[Rows, Positions, NDArray[np.int64]],
    right: tuple[Rows, Positions, NDArray[np.int64]],
    *,
    convert: str | None,
) -> View:
    return View(
        left=left[1],
        right=right[1],
        left_keys=_keys(rule, left[0], left[1], convert=convert),
        right_keys=_keys(rule, right[0], right[1], convert=convert),
        left_amount=left[2],
        right_amount=right[2],
        left_day=_days(rule, left[0], left[1]),
        right_day=_days(rule, right[0], right[1]),
    )


def _keys(rule: Pass, side: Rows, rows: Positions, *, convert: str | None) -> pl.DataFrame:
    """Key texts and currency of some rows; converted amounts are all of one currency, which says nothing."""
    told = [
        _gathered(side, TEXT + getattr(pair, side.which), rows).alias(f"key_{at}") for at, pair in enumerate(rule.pairs)
    ]
    if convert is None:
        told.append(_gathered(side, "currency", rows))
    elif not told:
        told.append(pl.Series("currency", np.zeros(len(rows), dtype=np.int32)))
    return pl.DataFrame(told)


def _days(rule: Pass, side: Rows, rows: Positions) -> NDArray[np.int32]:
    if rule.window is None:
        return np.zeros(len(rows), dtype=np.int32)
    column = "day" if rule.days is not None else "business_day"
    return integers(_gathered(side, column, rows), np.int32)


def _tells(column: pl.Series) -> bool:
    """Whether rows can differ in a column: in the only currency of both sides they cannot."""
    return not isinstance(column.dtype, pl.Enum) or len(column.dtype.categories) > 1


def _gathered(side: Rows, column: str, rows: Positions) -> pl.Series:
    """A column at some rows; all of them are the column itself."""
    return side.frame[column] if len(rows) == side.frame.height else side.frame[column].gather(rows)
