"""What a pass looks at: the rows of both sides that it may use, as groups, amounts and days."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.match.keys import integers, number
from settlement.model.money import exponent, round_fraction
from settlement.reconcile.language import Condition, Pass, Rate, Rules
from settlement.reconcile.sides import HELD, OPEN, TEXT, Rows

Positions = NDArray[np.int32]

_STATES: Final[Mapping[str, int]] = {"open": OPEN, "held": HELD}
_EPOCH: Final = date(1970, 1, 1).toordinal()
_SAFE: Final = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The rows of a pass, compared in one currency each.

    ``left`` and ``right`` are positions in the sides, ascending. All other arrays stand beside them: ``group`` numbers
    the tuples of key texts and currency from 0 below ``groups``; ``amount`` is in minor units of the currency that is
    compared; ``day`` counts the days, or business days, by which the pass compares, and is zero where it does not.
    """

    left: Positions
    right: Positions
    left_group: Positions
    right_group: Positions
    groups: int
    left_amount: NDArray[np.int64]
    right_amount: NDArray[np.int64]
    left_day: NDArray[np.int32]
    right_day: NDArray[np.int32]

    def narrowed(self, *, amount: bool, day: bool) -> tuple[Positions, Positions, int]:
        """Groups in which amounts, days or both are equal as well."""
        if not amount and not day:
            return self.left_group, self.right_group, self.groups
        frames = []
        for group, amounts, days in (
            (self.left_group, self.left_amount, self.left_day),
            (self.right_group, self.right_amount, self.right_day),
        ):
            columns = {"group": group} | ({"amount": amounts} if amount else {}) | ({"day": days} if day else {})
            frames.append(pl.DataFrame(columns))
        return number(frames[0], frames[1])


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
    kept: list[NDArray[np.int64]] = []
    amounts: list[NDArray[np.int64]] = []
    for (code, day), some in sorted(told.filter(pl.col("currency") != target).group_by("currency", "day"), key=str):
        rate = _rate(rates, str(code), target, day)
        if rate is not None:
            at = np.sort(some["at"].to_numpy())
            kept.append(at)
            amounts.append(_times(integers(frame["amount"].gather(at), np.int64), rate))
    if not kept:
        return rows[:0], np.zeros(0, dtype=np.int64)
    where = np.concatenate(kept)
    order = np.argsort(where)
    return rows[where[order]], np.concatenate(amounts)[order]


def _rate(rates: tuple[Rate, ...], source: str, target: str, day: Any) -> Fraction | None:
    """Minor units of the target for one of the source."""
    known = [one for one in rates if (one.from_, one.to) == (source, target)]
    if day is not None:
        known = [one for one in known if one.date.toordinal() - _EPOCH <= day]
    if not known:
        return None
    latest = max(known, key=lambda one: one.date)
    return Fraction(latest.rate) * Fraction(10) ** (exponent(target) - exponent(source))


def _times(amounts: NDArray[np.int64], rate: Fraction) -> NDArray[np.int64]:
    largest = int(np.abs(amounts).max())
    if 2 * largest * rate.numerator + rate.denominator < _SAFE and 2 * rate.denominator < _SAFE:
        rounded = (2 * np.abs(amounts) * rate.numerator + rate.denominator) // (2 * rate.denominator)
        signed: NDArray[np.int64] = np.sign(amounts) * rounded
        return signed
    return np.array([round_fraction(amount * rate) for amount in amounts.tolist()], dtype=np.int64)


def _usable(rule: Pass, side: Rows) -> Positions:
    """Positions of the rows that the pass may use: state, conditions, a whole key, and a date where it counts."""
    rows = side.positions(_STATES[name] for name in rule.consumes)
    conditions = [pl.col(TEXT + getattr(pair, side.which)).is_not_null() for pair in (*rule.pairs, *rule.text)]
    conditions += condition(rule.left_only if side.which == "left" else rule.right_only)
    if rule.window is not None:
        conditions.append(pl.col("day").is_not_null())
    if not conditions or not len(rows):
        return rows
    whole = side.frame if len(rows) == side.frame.height else side.frame[rows]
    kept = whole.lazy().select(pl.all_horizontal(conditions).fill_null(value=False)).collect().to_series()
    usable: Positions = rows[kept.to_numpy()]
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
    frames = []
    for side, rows, _ in (left, right):
        columns = [pl.col(TEXT + getattr(pair, side.which)).alias(f"key_{i}") for i, pair in enumerate(rule.pairs)]
        money = pl.col("currency") if convert is None else pl.lit(convert).alias("currency")
        told = side.frame.lazy().with_columns(money).select(*columns, "currency")
        frames.append((told if len(rows) == side.frame.height else told.select(pl.all().gather(rows))).collect())
    left_group, right_group, groups = number(frames[0], frames[1])
    return View(
        left=left[1],
        right=right[1],
        left_group=left_group,
        right_group=right_group,
        groups=groups,
        left_amount=left[2],
        right_amount=right[2],
        left_day=_days(rule, left[0], left[1]),
        right_day=_days(rule, right[0], right[1]),
    )


def _days(rule: Pass, side: Rows, rows: Positions) -> NDArray[np.int32]:
    if rule.window is None:
        return np.zeros(len(rows), dtype=np.int32)
    column = "day" if rule.days is not None else "business_day"
    return integers(_gathered(side, column, rows), np.int32)


def _gathered(side: Rows, column: str, rows: Positions) -> pl.Series:
    """A column at some rows; all of them are the column itself."""
    return side.frame[column] if len(rows) == side.frame.height else side.frame[column].gather(rows)
