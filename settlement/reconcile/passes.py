"""Passes that the evidence bears out: equal amounts, ways in which amounts differ, and sums of a key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import gcd
from typing import Any, Final

import numpy as np

from settlement.reconcile import draft, evidence
from settlement.reconcile.columns import AmountPair, DatePair, belonging, readings, same_column
from settlement.reconcile.draft import Draft, Key
from settlement.reconcile.evidence import Tie, Window
from settlement.reconcile.language import Bound, Equal, Within
from settlement.reconcile.profile import NO_DAY, Profile, Whole

_LEAST_GROUPS: Final = 4
_ROUNDING: Final = 5
_MOST_STEPS: Final = 20
_LEAST_STEP: Final = 50
_LIMIT: Final = 20
"""False matches in 1,000 above which a pass of fewer keys is not proposed."""
_FAR: Final = 60
"""Days from which on dates of the rows of a sum are no evidence."""


def all_passes(
    chosen: Sequence[Key], known: Sequence[Key], every: Sequence[Key], amounts: AmountPair, dates: DatePair | None
) -> Iterator[Draft]:
    """All passes worth proposing, the surest first; each with what chance gives for it."""
    if not chosen and dates is None:
        return
    window = dates.window if dates else None
    whole = _draft("exact", chosen, Equal(), amounts, dates, window=window)
    if window is not None and window.days and window.at_zero * 2 >= window.inside:
        same = Window(first=0, last=0, at_zero=window.at_zero, inside=window.at_zero, pairs=window.pairs)
        yield _draft("exact", chosen, Equal(), amounts, dates, window=same)
        whole = _draft("exact_within_days", chosen, Equal(), amounts, dates, window=window)
    yield whole
    tie, dated = _tie_of(chosen, dates)
    for name, rule, note, ambiguity in _tolerances(tie, amounts, dates, dated=dated):
        found = _draft(name, chosen, rule, amounts, dates, window=window)
        yield found.told(note=note, ambiguity=ambiguity)
    weaker = [[one for one in chosen if one is not key] for key in chosen if not key.certain and len(chosen) > 1]
    weaker += [[key] for key in known if key not in chosen and key.reliable and not key.filled_mostly]
    for number, keys in enumerate(weaker, 1):
        found = _draft(f"fewer_keys_{number}", keys, Equal(), amounts, dates, window=window)
        if found.rate(max(amounts.agreement.excess, 1)) <= _LIMIT:
            yield found
    yield from _sum_passes(every, amounts, dates, chosen)


def _draft(
    name: str, keys: Sequence[Key], rule: Any, amounts: AmountPair, dates: DatePair | None, *, window: Window | None
) -> Draft:
    tie = evidence.combined([key.tie for key in keys]) if keys else belonging([], amounts)
    found = evidence.chance(rule, amounts.minor, dates.days if dates else None, window, tie)
    pairs = len(amounts.left.minor) * len(amounts.right.minor)
    return Draft(
        name=name,
        keys=tuple(keys),
        rule=rule,
        window=window,
        ambiguity="hold",
        cardinality=(),
        meetings=evidence.meetings(tie) if keys else pairs,
        chance=found,
        note="",
        matches=0,
        held=0,
        open=(Fraction(1), Fraction(1)),
    )


def _tie_of(keys: Sequence[Key], dates: DatePair | None) -> tuple[Tie, bool]:
    """The tie of the keys, and whether it holds the date too: where that must be equal or nothing else ties."""
    ties = [key.tie for key in keys]
    if dates is not None and (not ties or not dates.window.days):
        return evidence.combined([*ties, evidence.number_tie(*dates.days, NO_DAY)]), True
    return evidence.combined(ties), False


def _without_equals(tie: Tie, amounts: AmountPair, dates: DatePair | None) -> Tie:
    """The tie without rows that have a partner of equal amount."""
    pairs = evidence.all_pairs(evidence.combined([tie, amounts.tie]))
    if dates is not None:
        inside = evidence.in_window(dates.window, *dates.days, pairs)
        pairs = (pairs[0][inside], pairs[1][inside])
    left, right = tie.left.copy(), tie.right.copy()
    left[pairs[0]] = -1
    right[pairs[1]] = -1
    return Tie(left=left, right=right, codes=tie.codes)


def _tolerances(
    tie: Tie, amounts: AmountPair, dates: DatePair | None, *, dated: bool
) -> Iterator[tuple[str, Within, str, str]]:
    """The ways in which amounts of rows that agree in all else differ beyond chance; ``dated`` ties hold the date."""
    rest = _without_equals(tie, amounts, dates)
    apart = dates if dates is not None and not dated else None
    found = evidence.differences(rest, amounts.minor, apart.days if apart else None, apart.window if apart else None)
    seen = evidence.peaks(found)
    near = {value: count for value, count in seen.items() if abs(value) <= _ROUNDING}
    if near:
        most = max(abs(value) for value in near)
        note = f"{draft.number(sum(near.values()))} pairs beyond chance differ by at most {most} minor units."
        yield "rounding", Within(rule="within", minor=most), note, "hold"
    for direction, word in ((1, "left"), (-1, "right")):
        steps = {value * direction: count for value, count in seen.items() if value * direction >= _LEAST_STEP}
        ratio = evidence.ratios(found, direction)
        step = _step(steps)
        if step is not None and sum(steps.values()) * 2 >= (ratio[1] if ratio else 0):
            size, most = step
            told = ", ".join(f"{value} ({draft.number(count)} pairs)" for value, count in sorted(steps.items()))
            note = f"Beyond chance, the {word} amount is greater by these minor units: {told}."
            bound = Bound(step_minor=size, most_steps=most)
            yield f"steps_{word}", _one_way(word, bound), note, "hold_unless_only"
        elif ratio is not None:
            note = (
                f"On {draft.number(ratio[1])} pairs beyond chance the {word} amount is greater, on 98 of 100 of them "
                f"by at most {ratio[0]} basis points of the other."
            )
            yield f"share_{word}", _one_way(word, Bound(bps=ratio[0])), note, "hold_unless_only"


def _one_way(word: str, bound: Bound) -> Within:
    if word == "left":
        return Within(rule="within", left_may_exceed=bound)
    return Within(rule="within", right_may_exceed=bound)


def _step(values: dict[int, int]) -> tuple[int, int] | None:
    """The step of which nearly all frequent differences are few whole multiples, and the most steps seen."""

    def covered(size: int) -> int:
        return sum(count for value, count in values.items() if value % size == 0 and value <= size * _MOST_STEPS)

    sizes = [size for size in (*values, gcd(*values)) if size >= _LEAST_STEP]
    size = max(sizes, key=lambda one: (covered(one), one), default=0)
    if not size or covered(size) * 5 < sum(values.values()) * 4:
        return None
    return size, max(value for value in values if value % size == 0 and value <= size * _MOST_STEPS) // size


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """Groups of a key whose sums agree, of all groups of one shape, and what chance gives."""

    key: Key
    shape: str
    agreed: int
    groups: int
    chance: evidence.Chance
    days: int | None


def _sum_passes(
    keys: Sequence[Key], amounts: AmountPair, dates: DatePair | None, chosen: Sequence[Key]
) -> Iterator[Draft]:
    """One pass for the key whose groups' sums agree most often."""
    taken = _without_equals(_tie_of(chosen, dates)[0], amounts, dates)
    free = (taken.left >= 0, taken.right >= 0)
    found = [one for key in keys for one in _sums_of(key, amounts, dates, free)]
    for number, shape in enumerate(("1:N", "N:1"), 1):
        of_shape = [one for one in found if one.shape == shape]
        if of_shape:
            best = max(of_shape, key=lambda one: (one.agreed, -one.groups))
            yield _sum_draft(best, f"sums_{number}")


def _sum_draft(found: _Sums, name: str) -> Draft:
    days = found.days
    window = (
        None if days is None else Window(first=-days, last=days, at_zero=0, inside=found.agreed, pairs=found.agreed)
    )
    return Draft(
        name=name,
        keys=(found.key,),
        rule=Equal(),
        window=window,
        ambiguity="hold",
        cardinality=(found.shape,),
        meetings=found.groups,
        chance=found.chance,
        note=f"The sums of {draft.number(found.agreed)} of {draft.number(found.groups)} groups of this shape agree.",
        matches=0,
        held=0,
        open=(Fraction(1), Fraction(1)),
    )


def _sums_of(key: Key, amounts: AmountPair, dates: DatePair | None, free: tuple[Any, Any]) -> Iterator[_Sums]:
    """Where one row of a side has the key and several of the other: how often their sum is its amount."""
    if same_column(key, amounts):
        return
    tie = Tie(left=np.where(free[0], key.tie.left, -1), right=np.where(free[1], key.tie.right, -1), codes=key.tie.codes)
    counts = evidence.sizes(tie)
    left, right = (
        _totals(codes, minor, tie.codes) for codes, minor in zip((tie.left, tie.right), amounts.minor, strict=True)
    )
    for shape, one, many in (("1:N", counts[0], counts[1]), ("N:1", counts[1], counts[0])):
        groups = np.flatnonzero((one == 1) & (many > 1))
        agree = left[groups] == right[groups]
        hits = trials = 0
        for turn in range(1, min(len(groups), 200)):
            hits += int((left[groups] == np.roll(right[groups], turn)).sum())
            trials += len(groups)
        agreed = int(agree.sum())
        if (
            agreed < _LEAST_GROUPS
            or agreed * 5 < len(groups)
            or not trials
            or agreed * trials < 10 * hits * len(groups)
        ):
            continue
        days = _spread(tie, dates, groups[agree])
        chance = evidence.Chance(hits=hits, trials=trials)
        yield _Sums(key=key, shape=shape, agreed=agreed, groups=len(groups), chance=chance, days=days)


def _totals(codes: Whole, minor: Whole, count: int) -> Whole:
    total = np.zeros(count, dtype=np.int64)
    np.add.at(total, codes[codes >= 0], minor[codes >= 0])
    return total


def _spread(tie: Tie, dates: DatePair | None, groups: Whole) -> int | None:
    """The most days between two rows of both sides in the groups; None where dates are empty or far apart."""
    if dates is None:
        return None
    most = 0
    ends = []
    for codes, days in zip((tie.left, tie.right), dates.days, strict=True):
        told = codes >= 0
        if (days[np.isin(codes, groups)] == NO_DAY).any():
            return None
        low = np.full(tie.codes, np.iinfo(np.int64).max)
        high = np.full(tie.codes, np.iinfo(np.int64).min)
        np.minimum.at(low, codes[told], days[told])
        np.maximum.at(high, codes[told], days[told])
        ends.append((low[groups], high[groups]))
    (low, high), (other_low, other_high) = ends
    most = int(max((high - other_low).max(initial=0), (other_high - low).max(initial=0)))
    return most if most <= _FAR else None


def pass_without_equals(
    left: Profile, right: Profile, keys: Sequence[Key]
) -> tuple[AmountPair, DatePair | None, Draft] | None:
    """What can be proposed where no single amounts agree: sums of a key, or amounts that differ by a share."""
    free = (np.ones(left.height, dtype=np.bool_), np.ones(right.height, dtype=np.bool_))
    for rank in (0, 1):
        found: list[tuple[tuple[int, int], AmountPair, Draft, DatePair | None]] = []
        for amounts, key in product(readings(left, right, rank), keys):
            near = _near_dates(left, right, key)
            sums = [(one, dates) for dates in near for one in _sums_of(key, amounts, dates, free)]
            for one, dates in sums:
                # Of equally good dates those count that lie nearest to each other.
                worth = (one.agreed, -_FAR if one.days is None else -one.days)
                found.append((worth, amounts, _sum_draft(one, "sums_1"), dates if one.days is not None else None))
            dates = near[0] if near[0] is not None and near[0].window.pairs else None
            share = None if sums else _share(key, amounts, dates)
            if share is not None:
                found.append(((share[0], 0), amounts, share[1], dates))
        if found:
            _, amounts, best, dates = max(found, key=lambda one: one[0])
            return amounts, dates, best
    return None


def _near_dates(left: Profile, right: Profile, key: Key) -> list[DatePair | None]:
    """The dates that the key's own lone pairs bear out; where there are none, all that sums may bear out, and none."""
    seeds = evidence.lone_pairs(key.tie)
    found, unknown = [], Window(first=0, last=0, at_zero=0, inside=0, pairs=0)
    for mine, other in product(left.dates, right.dates):
        window = evidence.day_window(mine.days, other.days, seeds)
        if window is not None:
            found.append(DatePair(left=mine, right=other, window=window))
    if found:
        return [min(found, key=lambda one: (one.window.days, -one.window.inside))]
    return [
        *(DatePair(left=mine, right=other, window=unknown) for mine, other in product(left.dates, right.dates)),
        None,
    ]


def _share(key: Key, amounts: AmountPair, dates: DatePair | None) -> tuple[int, Draft] | None:
    """A pass for rows of a lone key whose amounts always differ by a share, such as a tip or a fee."""
    if len(evidence.lone_pairs(key.tie)[0]) * 2 < min(key.distinct):
        return None
    window = dates.window if dates else None
    found = evidence.differences(key.tie, amounts.minor, dates.days if dates else None, window)
    ways = [
        (ratio, word)
        for direction, word in ((1, "left"), (-1, "right"))
        if (ratio := evidence.ratios(found, direction))
    ]
    if not ways:
        return None
    (points, count), word = max(ways, key=lambda one: one[0][1])
    note = (
        f"The {word} amount is greater on {draft.number(count)} pairs beyond chance, on 98 of 100 of them by at most "
        f"{points} basis points of the other."
    )
    one = _draft(f"share_{word}", [key], _one_way(word, Bound(bps=points)), amounts, dates, window=window)
    return count, one.told(note=note, ambiguity="hold_unless_only")
