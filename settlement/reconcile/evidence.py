"""How far two files agree beyond chance: counts of agreeing rows against the counts that independence would give.

Everything here is counted in whole numbers. What chance gives is found by meeting rows that do not belong together: the
other side is turned by fixed strides, so that two runs count the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import gcd, isqrt
from typing import Final

import numpy as np
import polars as pl

from settlement.reconcile.profile import NO_DAY, Whole
from settlement.reconcile.tolerance import Flags, Rule, excess, fits

_LEAST: Final = 5
"""So many agreements above chance are the least that count as evidence."""
_SURE: Final = 36
"""An excess counts from six standard deviations of what chance gives, squared."""
_TURNS: Final = 8
_TRIALS: Final = 1_000_000
_MOST_PAIRS: Final = 4_000_000
_FURTHEST_DAY: Final = 45
_PER_MILLE: Final = 1000
_LEFT_OUT: Final = 5
"""Of 1,000 pairs so many may lie outside a proposed window or tolerance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """Something on which rows of two sides may agree: equal codes where they do, -1 where a row says nothing."""

    left: Whole
    right: Whole
    codes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """So many pairs of rows agree, and so many would by chance."""

    observed: int
    expected: Fraction

    @property
    def excess(self) -> int:
        """Pairs above chance, rounded down; never below 0."""
        return max(0, int(self.observed - self.expected))

    @property
    def sure(self) -> bool:
        """Whether chance can be ruled out."""
        return self.excess >= _LEAST and self.excess**2 >= _SURE * max(self.expected, Fraction(1))

    @property
    def score(self) -> int:
        """Pairs above chance, weighted by their share of all that agree: many and pure is best."""
        return self.excess * self.excess // max(self.observed, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Days from the left date to the right one: least and greatest, and the pairs that it rests on."""

    first: int
    last: int
    at_zero: int
    inside: int
    pairs: int

    @property
    def days(self) -> int:
        """The window as the rules tell it, alike both ways."""
        return max(abs(self.first), abs(self.last))

    @property
    def order(self) -> str:
        """``left_first`` or ``right_first`` where dates differ one way only, otherwise ``any``."""
        if self.first >= 0 and self.last > 0:
            return "left_first"
        return "right_first" if self.last <= 0 and self.first < 0 else "any"


def text_tie(left: pl.Series, right: pl.Series) -> Tie:
    """A tie of two texts; null says nothing."""
    codes = pl.concat([left.alias("text"), right.alias("text")]).rank("dense").cast(pl.Int64)
    return _tie(codes.fill_null(0).to_numpy() - 1, len(left))


def number_tie(left: Whole, right: Whole, nothing: int | None = None) -> Tie:
    """A tie of two columns of whole numbers; ``nothing`` is the number that says nothing."""
    both = np.concatenate([left, right])
    _, codes = np.unique(both, return_inverse=True)
    codes = codes.astype(np.int64)
    if nothing is not None:
        codes[both == nothing] = -1
    return _tie(codes, len(left))


def combined(ties: Sequence[Tie]) -> Tie:
    """The tie of rows that agree in all; a row that says nothing in one says nothing."""
    return reduce(_both, ties)


def _both(one: Tie, other: Tie) -> Tie:
    parts = []
    for mine, theirs in ((one.left, other.left), (one.right, other.right)):
        parts.append(np.where((mine < 0) | (theirs < 0), -1, mine * other.codes + theirs))
    _, codes = np.unique(np.concatenate([np.array([-1]), *parts]), return_inverse=True)
    return _tie(codes[1:].astype(np.int64) - 1, len(one.left))


def _tie(codes: Whole, height: int) -> Tie:
    return Tie(left=codes[:height], right=codes[height:], codes=int(codes.max(initial=-1)) + 1)


def sizes(tie: Tie) -> tuple[Whole, Whole]:
    """Rows of each code, left and right."""
    left, right = (np.bincount(codes[codes >= 0], minlength=tie.codes) for codes in (tie.left, tie.right))
    return left.astype(np.int64), right.astype(np.int64)


def meetings(tie: Tie) -> int:
    """Pairs of rows that agree."""
    left, right = sizes(tie)
    return int((left * right).sum())


def agreement(context: Tie, other: Tie) -> Agreement:
    """Pairs that agree in both, and how many would if the two were independent."""
    pairs = len(context.left) * len(context.right)
    return Agreement(
        observed=meetings(combined([context, other])),
        expected=Fraction(meetings(context) * meetings(other), pairs),
    )


def lone_pairs(tie: Tie) -> tuple[Whole, Whole]:
    """Rows that agree with exactly one row of the other side, which agrees with no other: places, left and right."""
    ours, theirs = sizes(tie)
    lone = (ours == 1) & (theirs == 1)
    places = []
    for codes in (tie.left, tie.right):
        said = np.flatnonzero(codes >= 0)
        said = said[lone[codes[said]]]
        places.append(said[np.argsort(codes[said], kind="stable")])
    return places[0], places[1]


def tie_of_pairs(pairs: tuple[Whole, Whole], heights: tuple[int, int]) -> Tie:
    """A tie that holds between the rows of each pair and no others."""
    left, right = (np.full(height, -1, dtype=np.int64) for height in heights)
    left[pairs[0]] = right[pairs[1]] = np.arange(len(pairs[0]))
    return Tie(left=left, right=right, codes=len(pairs[0]))


def all_pairs(tie: Tie) -> tuple[Whole, Whole]:
    """All pairs that agree, or those of every so many-th left row where they are too many: places, left and right."""
    order = np.argsort(tie.right, kind="stable")
    ranked = tie.right[order]
    at = np.flatnonzero(tie.left >= 0)
    step = meetings(tie) // _MOST_PAIRS + 1
    at = at[::step]
    start = np.searchsorted(ranked, tie.left[at], side="left")
    counts = np.searchsorted(ranked, tie.left[at], side="right") - start
    lefts = np.repeat(at, counts)
    steps = np.arange(len(lefts)) - np.repeat(np.cumsum(counts) - counts, counts)
    return lefts, order[np.repeat(start, counts) + steps]


def turned(tie: Tie, turn: int) -> Tie:
    """The tie with the right side's codes turned: rows meet that do not agree."""
    by = (turn * max(tie.codes, 1)) // (_TURNS + 1) + 1
    right = np.where(tie.right < 0, -1, (tie.right + by) % max(tie.codes, 1))
    return Tie(left=tie.left, right=right, codes=tie.codes)


def day_window(left: Whole, right: Whole, pairs: tuple[Whole, Whole]) -> Window | None:
    """The days between the dates of pairs that belong together by other evidence; None where dates say nothing.

    A difference in days counts where it is more frequent than between the same rows turned, of which only as many are
    expected as there are pairs that belong to no such difference; the window leaves out at most 5 of 1,000 of what
    counts.
    """
    ours, theirs = left[pairs[0]], right[pairs[1]]
    told = (ours != NO_DAY) & (theirs != NO_DAY)
    ours, theirs = ours[told], theirs[told]
    if len(ours) < _LEAST:
        return None
    counts = _day_counts(theirs - ours)
    shifts = sorted({turn * len(ours) // (_TURNS + 1) for turn in range(1, _TURNS + 1)})
    chance = sum((_day_counts(np.roll(theirs, shift) - ours) for shift in shifts), np.zeros_like(counts))
    weight = _beyond(counts.tolist(), chance.tolist(), len(ours), len(shifts))
    if not weight or sum(weight.values()) * 2 < len(ours) * len(shifts):
        return None
    first, last = _core(weight)
    inside = counts[first + _FURTHEST_DAY : last + _FURTHEST_DAY + 1].sum()
    return Window(first=first, last=last, at_zero=int(counts[_FURTHEST_DAY]), inside=int(inside), pairs=len(ours))


def _beyond(counts: list[int], chance: list[int], pairs: int, turns: int) -> dict[int, int]:
    """By difference in days the pairs beyond chance, times ``turns``, where there are any; ``chance`` is of all turns.

    Where most pairs have one difference, few are left that chance has brought together, and the next difference need
    not come more often than among strangers.
    """
    strangers, told = Fraction(1), -1
    weight: dict[int, int] = {}
    while len(weight) > told:
        told = len(weight)
        weight = {}
        for place, (seen, random) in enumerate(zip(counts, chance, strict=True)):
            expected = int(random * strangers)
            above = seen * turns - expected
            if seen > 1 and above > 3 * isqrt(expected * turns) + 2 * turns:
                weight[place - _FURTHEST_DAY] = above
        inside = [place + _FURTHEST_DAY for place in weight]
        rest = pairs * turns - sum(chance[place] for place in inside)
        strangers = min(strangers, Fraction((pairs - sum(counts[place] for place in inside)) * turns, max(rest, 1)))
    return weight


def _day_counts(differences: Whole) -> Whole:
    near = differences[np.abs(differences) <= _FURTHEST_DAY]
    return np.bincount(near + _FURTHEST_DAY, minlength=2 * _FURTHEST_DAY + 1).astype(np.int64)


def _core(weight: dict[int, int]) -> tuple[int, int]:
    """First and last of the places that hold all but 5 of 1,000 of the weight: the lighter end goes first."""
    spare = sum(weight.values()) * _LEFT_OUT // _PER_MILLE
    places = sorted(weight)
    while len(places) > 1:
        end = min((0, -1), key=lambda one: weight[places[one]])
        if weight[places[end]] > spare:
            break
        spare -= weight[places.pop(end)]
    return places[0], places[-1]


def in_window(window: Window | None, left: Whole | None, right: Whole | None, pairs: tuple[Whole, Whole]) -> Flags:
    """Whether the dates of each pair lie in the window, as a pass with its ``days`` and ``date_order`` judges."""
    inside = np.ones(len(pairs[0]), dtype=np.bool_)
    if window is None or left is None or right is None:
        return inside
    ours, theirs = left[pairs[0]], right[pairs[1]]
    inside &= (ours != NO_DAY) & (theirs != NO_DAY) & (np.abs(theirs - ours) <= window.days)
    if window.order == "left_first":
        inside &= theirs >= ours
    elif window.order == "right_first":
        inside &= theirs <= ours
    return inside


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """Of so many pairs of rows that do not belong together, so many fit amount and dates of a pass."""

    hits: int
    trials: int


def chance(
    rule: Rule,
    amounts: tuple[Whole, Whole],
    days: tuple[Whole, Whole] | None,
    window: Window | None,
    apart: Tie,
) -> Chance:
    """How often amount and dates of a pass fit between rows that meet by a fixed stride.

    Rows that agree in the tie ``apart`` may belong together and do not count.
    """
    left, right = amounts
    places = np.arange(max(len(left), len(right)), dtype=np.int64)
    stride = next(one for one in range(len(right) * 618 // 1000 + 1, 2 * len(right) + 2) if gcd(one, len(right)) == 1)
    hits = trials = 0
    turns = min(max(_TURNS, _TRIALS // len(places)), len(right))
    for turn in range(turns):
        pairs = (places % len(left), (places * stride + (2 * turn + 1) * len(right) // (2 * turns)) % len(right))
        fitting = fits(rule, left[pairs[0]], right[pairs[1]])
        if days is not None:
            fitting = fitting & in_window(window, *days, pairs)
        strange = (apart.left[pairs[0]] < 0) | (apart.left[pairs[0]] != apart.right[pairs[1]])
        hits += int((fitting & strange).sum())
        trials += int(strange.sum())
    return Chance(hits=hits, trials=trials)


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """By how much amounts differ between rows that agree in all else, and between rows that chance brought together.

    ``over`` is by how much the left amount exceeds the right one (negative: the right exceeds), in minor units;
    ``exceeded`` is the magnitude of the amount that is exceeded. ``met`` and ``met_by_chance`` count all pairs of each.
    """

    over: Whole
    exceeded: Whole
    over_by_chance: Whole
    exceeded_by_chance: Whole
    met: int
    met_by_chance: int


def differences(
    tie: Tie, amounts: tuple[Whole, Whole], days: tuple[Whole, Whole] | None, window: Window | None
) -> Differences:
    """Differences of amounts between rows of a tie, and between rows of the tie turned."""
    over, exceeded = _differences(tie, amounts, days, window)
    turns = [_differences(turned(tie, turn), amounts, days, window) for turn in range(1, _TURNS + 1)]
    by_chance = [np.concatenate(parts) for parts in zip(*turns, strict=True)]
    return Differences(
        over=over,
        exceeded=exceeded,
        over_by_chance=by_chance[0],
        exceeded_by_chance=by_chance[1],
        met=len(over),
        met_by_chance=len(by_chance[0]),
    )


def _differences(
    tie: Tie, amounts: tuple[Whole, Whole], days: tuple[Whole, Whole] | None, window: Window | None
) -> tuple[Whole, Whole]:
    pairs = all_pairs(tie)
    if days is not None:
        inside = in_window(window, *days, pairs)
        pairs = (pairs[0][inside], pairs[1][inside])
    ours, theirs = amounts[0][pairs[0]], amounts[1][pairs[1]]
    over = excess(ours, theirs)
    return over, np.abs(np.where(over >= 0, theirs, ours))


def peaks(found: Differences) -> dict[int, int]:
    """The differences that come again and again beyond chance, each with how many pairs it has above chance."""
    values, counts = np.unique(found.over, return_counts=True)
    chance_values, chance_counts = np.unique(found.over_by_chance, return_counts=True)
    random = dict(zip(chance_values.tolist(), chance_counts.tolist(), strict=True))
    kept = {}
    for value, seen in zip(values.tolist(), counts.tolist(), strict=True):
        expected = Fraction(random.get(value, 0) * found.met, max(found.met_by_chance, 1))
        above = seen - expected
        if value and above >= _LEAST and above**2 >= _SURE * max(expected, Fraction(1)):
            kept[value] = int(above)
    # Among very many differences a few come again by chance: they are small beside those that are meant.
    return {value: count for value, count in kept.items() if count * 10 >= max(kept.values())}


def ratios(found: Differences, direction: int) -> tuple[int, int] | None:
    """Within how many basis points of the exceeded amount the excess of one direction lies, and how many pairs show it.

    ``direction`` is 1 where the left exceeds, -1 where the right does. None where chance explains what is seen.
    """
    width, bins = 50, 80
    seen, random = (
        np.bincount(_basis_points(over, exceeded, direction) // width, minlength=bins)[:bins].astype(np.int64)
        for over, exceeded in (
            (found.over, found.exceeded),
            (found.over_by_chance, found.exceeded_by_chance),
        )
    )
    scale = Fraction(found.met, max(found.met_by_chance, 1))
    above = [Fraction(int(one)) - int(other) * scale for one, other in zip(seen, random, strict=True)]
    total, expected = sum(above, Fraction(0)), int(random.sum()) * scale
    # What lies far out is chance: the bins count up to where the running sum is greatest.
    running, best, last = Fraction(0), Fraction(0), 0
    for place, one in enumerate(above):
        running += one
        if running > best:
            best, last = running, place
    if best < 2 * _LEAST or best**2 < _SURE * max(expected, Fraction(1)) or total <= 0:
        return None
    running = Fraction(0)
    for place, one in enumerate(above[: last + 1]):
        running += one
        if running * 100 >= best * 98:
            return (place + 1) * width, int(best)
    return None


def _basis_points(over: Whole, exceeded: Whole, direction: int) -> Whole:
    ours = over * direction
    near = (ours > 0) & (exceeded > 0) & (ours <= exceeded // 2) & (exceeded < 10**14)
    # Rounded up, so that the bound a pass rounds down still holds the pair.
    points: Whole = -(-ours[near] * 10_000 // exceeded[near]) - 1
    return points
