"""Propose rules for two files: which columns tie their rows, how far amounts and dates differ, and what chance adds.

The order of thought: texts whose values occur on both sides; the two amount columns that agree on such rows more often
than by chance; the keys that this bears out; the days between the dates of the pairs so found; the differences of the
amounts that are left; sums of what shares a key. Each proposed pass is then run, and told with what it takes and how
many of its matches chance may have made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, product
from math import gcd
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import numpy as np
import polars as pl

from settlement.errors import TerminalError
from settlement.reconcile import draft, evidence
from settlement.reconcile.draft import Draft, Key, Proposal
from settlement.reconcile.engine import reconcile
from settlement.reconcile.evidence import Agreement, Tie, Window
from settlement.reconcile.language import Bound, Equal, Within
from settlement.reconcile.normalise import normalised
from settlement.reconcile.profile import NO_DAY, AmountForm, DateForm, Profile, TextForm, Whole, profile_file
from settlement.reconcile.rules import read_rules
from settlement.reconcile.sides import read_sides

_CHAINS: Final = (
    (),
    ("trim",),
    ("trim", "upper"),
    ("letters_and_digits", "upper"),
    ("letters_and_digits", "upper", "no_leading_zeros"),
    ("digits_only", "no_leading_zeros"),
    ("digits_only", "no_leading_zeros", "masked_card"),
    ("last4",),
)
"""From the simplest on: a later one must bring more."""

_MOST_VALUES: Final = 50_000
_LEAST_PAIRS: Final = 20
_MOST_KEYS: Final = 3
_LONG: Final = 12
_ROUNDING: Final = 5
_MOST_STEPS: Final = 20
_LEAST_STEP: Final = 50
_LIMIT: Final = 20
"""False matches in 1,000 above which a pass of fewer keys is not proposed."""
_RISKY: Final = 100
"""False matches in 1,000 above which no pass but the first is proposed: it is told and left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Amounts:
    """The two amount columns that belong together."""

    left: AmountForm
    right: AmountForm
    negate: bool
    agreement: Agreement

    @property
    def minor(self) -> tuple[Whole, Whole]:
        return self.left.minor, -self.right.minor if self.negate else self.right.minor

    @property
    def tie(self) -> Tie:
        return evidence.number_tie(*self.minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dates:
    """The two date columns that belong together, and the window between them."""

    left: DateForm
    right: DateForm
    window: Window

    @property
    def days(self) -> tuple[Whole, Whole]:
        return self.left.days, self.right.days


def suggest_rules(left: Path, right: Path) -> str:
    """A rules document for two files, to be reviewed: ordered passes, and comments with the evidence in numbers.

    Parameters
    ----------
    left, right : Path
        CSV, Parquet, Excel or Arrow IPC files.

    Returns
    -------
    str
        TOML that ``read_rules`` accepts. It does not depend on the order of the rows of either file.

    Raises
    ------
    TerminalError
        With one sentence, where a file cannot be read or nothing ties the two beyond chance.
    """
    ours, theirs = profile_file(left), profile_file(right)
    if (ours.currency_column is None) != (theirs.currency_column is None):
        told = ours.currency or theirs.currency
        ours = ours if ours.currency_column else profile_file(left, told)
        theirs = theirs if theirs.currency_column else profile_file(right, told)
    for one in (ours, theirs):
        if not one.amounts:
            raise TerminalError(
                f"{one.path.name} has no column whose every row is an amount: no rules can be suggested; fill the "
                "empty amounts, or write the rules by hand."
            )
    proposal = _proposal(ours, theirs)
    counted = _run(proposal, left, right)
    risky = tuple(one for one in counted[1:] if one.matches and one.rate(one.matches) > _RISKY)
    kept = [one for one in counted if one.matches and one not in risky]
    if not kept:
        raise TerminalError(_hopeless(ours, theirs))
    if len(kept) < len(counted):
        kept = _run(proposal.with_passes(kept), left, right)
    return draft.render(proposal.with_passes((one for one in kept if one.matches), risky))


def write_suggested(document: str, out: Path) -> None:
    """Write a suggested document; TerminalError where a file stands there, which a person may have reviewed."""
    try:
        with out.open("x", encoding="utf-8", newline="\n") as target:
            target.write(document)
    except FileExistsError:
        raise TerminalError(f"{out} exists: name a new file, so that reviewed rules are not lost.") from None
    except (FileNotFoundError, NotADirectoryError):
        raise TerminalError(f"{out.parent} is no folder: make it, or name a file in an existing one.") from None


def _hopeless(left: Profile, right: Profile) -> str:
    return (
        f"Nothing ties {left.path.name} to {right.path.name} beyond chance: no two columns hold the same values on "
        "rows of equal amount; name files of the same business, or write the rules by hand."
    )


def _proposal(left: Profile, right: Profile) -> Proposal:
    keys = list(_overlapping(left, right))
    days = [
        (mine, other, evidence.number_tie(mine.days, other.days, NO_DAY))
        for mine, other in product(left.dates, right.dates)
    ]
    amounts = _amount_pair(left, right, keys, [tie for _, _, tie in days])
    if amounts is None:
        return _by_sums(left, right, keys)
    known = _supported(keys, amounts)
    dates = _date_pair(days, known, amounts)
    known = [_judged(key, known, amounts, dates) for key in known]
    chosen = _chosen(known, amounts, dates)
    passes = list(_passes(chosen, known, keys, amounts, dates))
    if not passes:
        raise TerminalError(_hopeless(left, right))
    return _stated(left, right, amounts, dates, passes)


def _stated(
    left: Profile, right: Profile, amounts: _Amounts, dates: _Dates | None, passes: Sequence[Draft]
) -> Proposal:
    return Proposal(
        left=left,
        right=right,
        left_amount=amounts.left,
        right_amount=amounts.right,
        negate=amounts.negate,
        agreement=amounts.agreement,
        left_date=dates.left if dates else None,
        right_date=dates.right if dates else None,
        window=dates.window if dates else None,
        passes=tuple(passes),
    )


def _overlapping(left: Profile, right: Profile) -> Iterator[Key]:
    """Pairs of texts whose values occur on both sides, by every chain of steps that brings more than simpler ones."""
    read: dict[tuple[str, tuple[str, ...], tuple[str, ...]], tuple[pl.Series, frozenset[str]]] = {}

    def after(where: str, form: TextForm, steps: tuple[str, ...]) -> tuple[pl.Series, frozenset[str]]:
        place = (where, form.columns, steps)
        if place not in read:
            values = pl.DataFrame({"text": form.values}).select(normalised(pl.col("text"), steps, {})).to_series()
            read[place] = (values, frozenset(values.unique().drop_nulls().to_list()))
        return read[place]

    for mine, other in product(left.texts, right.texts):
        best = Fraction(0)
        for steps in _CHAINS:
            (ours, our_set), (theirs, their_set) = after("left", mine, steps), after("right", other, steps)
            common, smaller = _common(our_set, their_set)
            share = Fraction(common, max(smaller, 1))
            if common < min(3, smaller) or common < 2 or share < Fraction(1, 4) or share < best + Fraction(1, 50):  # noqa: PLR2004
                continue
            best = share
            yield Key(
                left=mine,
                right=other,
                steps=steps,
                tie=evidence.text_tie(ours, theirs),
                distinct=(len(our_set), len(their_set)),
                common=_common(our_set, their_set)[0],
            )


def _common(left: frozenset[str], right: frozenset[str]) -> tuple[int, int]:
    """Values on both sides and on the side that has fewer, of a fixed sample where they are too many."""
    part = max(len(left), len(right)) // _MOST_VALUES + 1
    if part > 1:
        left, right = (frozenset(one for one in side if crc32(one.encode()) % part == 0) for side in (left, right))
    return len(left & right), min(len(left), len(right))


def _amount_pair(left: Profile, right: Profile, keys: Sequence[Key], days: Sequence[Tie]) -> _Amounts | None:
    """The two amount columns that agree most often, beyond chance, on rows that agree in a key or a date."""
    for rank in (0, 1):
        best: tuple[int, _Amounts] | None = None
        for one in _readings(left, right, rank):
            tie = one.tie
            contexts = [key.tie for key in keys if not _same_column(key, one)] + list(days)
            for found in (evidence.agreement(context, tie) for context in contexts):
                if found.sure and (best is None or found.score > best[0]):
                    best = (
                        found.score,
                        _Amounts(left=one.left, right=one.right, negate=one.negate, agreement=found),
                    )
        if best is not None:
            return best[1]
    return None


def _readings(left: Profile, right: Profile, rank: int) -> Iterator[_Amounts]:
    none = Agreement(observed=0, expected=Fraction(0))
    for mine, other in product(left.amounts, right.amounts):
        if min(mine.rank, other.rank) != rank:
            continue
        signed = bool((mine.minor < 0).any() != (other.minor < 0).any())
        for negate in (False, True) if signed else (False,):
            yield _Amounts(left=mine, right=other, negate=negate, agreement=none)


def _same_column(key: Key, amounts: _Amounts) -> bool:
    return amounts.left.declared.column in key.left.columns or amounts.right.declared.column in key.right.columns


def _supported(keys: Iterable[Key], amounts: _Amounts) -> list[Key]:
    """The keys that agreeing amounts bear out, strongest first; each column is in one of them only."""
    tie = amounts.tie
    found = []
    for key in keys:
        agreement = evidence.agreement(key.tie, tie)
        if agreement.sure and not _same_column(key, amounts):
            found.append(key.with_agreement(agreement))
    # A more laborious spelling must bring more than 2 % to come before a simpler one.
    found.sort(key=lambda key: (-key.score * (100 - 2 * _CHAINS.index(key.steps)), key.left.columns, key.right.columns))
    kept: list[Key] = []
    for key in found:
        if not any(set(key.left.columns) & set(one.left.columns) for one in kept) and not any(
            set(key.right.columns) & set(one.right.columns) for one in kept
        ):
            kept.append(key)
    return kept


def _seeds(keys: Sequence[Key], amounts: _Amounts) -> tuple[Whole, Whole]:
    """Pairs of rows that agree with one another alone, on the amount and as many keys as find most of them."""
    ties = [amounts.tie]
    best = evidence.lone_pairs(ties[0])
    if keys:
        best = (best[0][:0], best[1][:0])
    for key in keys[:4]:
        ties.append(key.tie)
        found = evidence.lone_pairs(evidence.combined(ties))
        best = found if len(found[0]) > len(best[0]) else best
    return best


def _date_pair(days: Sequence[tuple[DateForm, DateForm, Tie]], keys: Sequence[Key], amounts: _Amounts) -> _Dates | None:
    """The two date columns that lie nearest to each other on pairs found by keys and amount."""
    seeds = _seeds(keys, amounts)
    found = []
    for mine, other, tie in days:
        window = evidence.day_window(mine.days, other.days, seeds)
        if window is None and len(seeds[0]) < _LEAST_PAIRS and keys:
            closer = evidence.lone_pairs(evidence.combined([tie, amounts.tie, keys[0].tie]))
            window = evidence.day_window(mine.days, other.days, closer)
        if window is not None:
            found.append(_Dates(left=mine, right=other, window=window))
    return max(
        found,
        key=lambda one: (one.window.inside * 50 // max(one.window.pairs, 1), -one.window.days, one.window.at_zero),
        default=None,
    )


def _judged(key: Key, keys: Sequence[Key], amounts: _Amounts, dates: _Dates | None) -> Key:
    """The key with how often it agrees on pairs that other evidence finds."""
    others = [one for one in keys if one is not key][:_MOST_KEYS]
    seeds = _seeds(others, amounts)
    if len(seeds[0]) < _LEAST_PAIRS or not others:
        seeds = _seeds([key], amounts)
    if dates is not None:
        inside = evidence.in_window(dates.window, *dates.days, seeds)
        seeds = (seeds[0][inside], seeds[1][inside])
    ours, theirs = key.tie.left[seeds[0]], key.tie.right[seeds[1]]
    told = (ours >= 0) & (theirs >= 0)
    return key.with_judgement(agreed=int((ours[told] == theirs[told]).sum()), asked=int(told.sum()))


def _chosen(keys: Sequence[Key], amounts: _Amounts, dates: _Dates | None) -> list[Key]:
    """The keys of the strongest pass: nearly always filled and agreeing, as many as it takes to rule out chance."""
    good = [key for key in keys if key.reliable and key.filled_mostly]
    if not good:
        good = [key for key in keys if key.reliable][:1] or list(keys[:1])
    once = _chance(Equal(), keys, amounts, dates)
    good.sort(key=lambda key: (key.long_text(_LONG), evidence.meetings(key.tie), key.left.columns))
    kept: list[Key] = []
    pairs = len(amounts.left.minor) * len(amounts.right.minor)
    matches = max(amounts.agreement.excess, 1)
    for key in good[:1] + sorted(good[1:], key=lambda key: (key.long_text(_LONG), evidence.meetings(key.tie))):
        if len(kept) == _MOST_KEYS or (kept and max(0, pairs - matches) * once * 1000 <= matches):
            break
        meetings = evidence.meetings(evidence.combined([one.tie for one in (*kept, key)]))
        if not kept or meetings * 5 <= pairs * 4:
            kept.append(key)
            pairs = meetings
    return kept


def _chance(rule: Any, keys: Sequence[Key], amounts: _Amounts, dates: _Dates | None) -> Fraction:
    days, window = (dates.days, dates.window) if dates else (None, None)
    found = evidence.chance(rule, amounts.minor, days, window, _together(keys, amounts))
    return Fraction(found.hits, found.trials)


def _together(keys: Sequence[Key], amounts: _Amounts) -> Tie:
    """The tie of pairs that surely belong together."""
    left, right = amounts.minor
    return evidence.tie_of_pairs(_seeds(keys, amounts), (len(left), len(right)))


def _passes(
    chosen: Sequence[Key], known: Sequence[Key], every: Sequence[Key], amounts: _Amounts, dates: _Dates | None
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
    name: str, keys: Sequence[Key], rule: Any, amounts: _Amounts, dates: _Dates | None, *, window: Window | None
) -> Draft:
    tie = evidence.combined([key.tie for key in keys]) if keys else _together([], amounts)
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


def _tie_of(keys: Sequence[Key], dates: _Dates | None) -> tuple[Tie, bool]:
    """The tie of the keys, and whether it holds the date too: where that must be equal or nothing else ties."""
    ties = [key.tie for key in keys]
    if dates is not None and (not ties or not dates.window.days):
        return evidence.combined([*ties, evidence.number_tie(*dates.days, NO_DAY)]), True
    return evidence.combined(ties), False


def _without_equals(tie: Tie, amounts: _Amounts, dates: _Dates | None) -> Tie:
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
    tie: Tie, amounts: _Amounts, dates: _Dates | None, *, dated: bool
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


def _sum_passes(keys: Sequence[Key], amounts: _Amounts, dates: _Dates | None, chosen: Sequence[Key]) -> Iterator[Draft]:
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


def _sums_of(key: Key, amounts: _Amounts, dates: _Dates | None, free: tuple[Any, Any]) -> Iterator[_Sums]:
    """Where one row of a side has the key and several of the other: how often their sum is its amount."""
    if _same_column(key, amounts):
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
            agreed < _LEAST_PAIRS // 5
            or agreed * 5 < len(groups)
            or not trials
            or agreed * trials < 10 * hits * len(groups)
        ):
            continue
        days = _spread(tie, dates, groups[agree]) if dates else _spread(tie, None, groups[agree])
        chance = evidence.Chance(hits=hits, trials=trials)
        yield _Sums(key=key, shape=shape, agreed=agreed, groups=len(groups), chance=chance, days=days)


def _totals(codes: Whole, minor: Whole, count: int) -> Whole:
    total = np.zeros(count, dtype=np.int64)
    np.add.at(total, codes[codes >= 0], minor[codes >= 0])
    return total


def _spread(tie: Tie, dates: _Dates | None, groups: Whole) -> int | None:
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
    return most if most <= 60 else None  # noqa: PLR2004 (two months: further apart the date is no evidence)


def _by_sums(left: Profile, right: Profile, keys: Sequence[Key]) -> Proposal:
    """What can be proposed where no single amounts agree: sums of a key, or amounts that differ by a share."""
    free = (np.ones(left.height, dtype=np.bool_), np.ones(right.height, dtype=np.bool_))
    best: tuple[int, _Amounts, Draft, _Dates | None] | None = None
    for rank in (0, 1):
        for amounts in _readings(left, right, rank):
            for key in keys:
                for dates in _near_dates(left, right, key):
                    found = list(_sums_of(key, amounts, dates, free))
                    for one in found:
                        if best is None or one.agreed > best[0]:
                            best = (one.agreed, amounts, _sum_draft(one, "sums_1"), dates)
                    share = None if found else _share(key, amounts, dates)
                    if share is not None and (best is None or share[0] > best[0]):
                        best = (share[0], amounts, share[1], dates)
        if best is not None:
            return _stated(left, right, best[1], best[3], [best[2]])
    raise TerminalError(_hopeless(left, right))


def _near_dates(left: Profile, right: Profile, key: Key) -> Iterator[_Dates | None]:
    """The dates that the key's own lone pairs bear out, otherwise no dates."""
    seeds = evidence.lone_pairs(key.tie)
    found = []
    for mine, other in product(left.dates, right.dates):
        window = evidence.day_window(mine.days, other.days, seeds)
        if window is not None:
            found.append(_Dates(left=mine, right=other, window=window))
    yield min(found, key=lambda one: (one.window.days, -one.window.inside), default=None)


def _share(key: Key, amounts: _Amounts, dates: _Dates | None) -> tuple[int, Draft] | None:
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


def _run(proposal: Proposal, left: Path, right: Path) -> list[Draft]:
    """The passes with what they take and hold when the document is run on the two files."""
    rules = read_rules(draft.render(proposal), "the suggested rules")
    sides = read_sides(rules, left, right)
    result = reconcile(rules, *sides)
    matches = [0] * len(rules.passes)
    used = [[0, 0] for _ in rules.passes]
    held = [0] * len(rules.passes)
    names = [one.name for one in rules.passes]
    for step in result.taken:
        matches[step.number] += len(step.residual)
        used[step.number][0] += len(step.left)
        used[step.number][1] += len(step.right)
    for cluster in result.held:
        number = names.index(cluster.rule.name)
        held[number] += len(cluster.left) + len(cluster.right)
        used[number][0] += len(cluster.left)
        used[number][1] += len(cluster.right)
    heights = (proposal.left.height, proposal.right.height)
    gone = [[0, 0]]
    for one in used:
        gone.append([gone[-1][0] + one[0], gone[-1][1] + one[1]])
    told = []
    for number, (before, _) in enumerate(pairwise(gone)):
        shares = (Fraction(heights[0] - before[0], heights[0]), Fraction(heights[1] - before[1], heights[1]))
        told.append(proposal.passes[number].counted(matches=matches[number], held=held[number], open=shares))
    return told
