"""Which columns of two files belong together: keys, amounts and dates, each borne out by the others beyond chance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Final
from zlib import crc32

import polars as pl

from settlement.reconcile import evidence
from settlement.reconcile.draft import Key
from settlement.reconcile.evidence import Agreement, Tie, Window
from settlement.reconcile.language import Equal
from settlement.reconcile.normalise import normalised
from settlement.reconcile.profile import AmountForm, DateForm, Profile, TextForm, Whole
from settlement.reconcile.tolerance import Rule

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


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountPair:
    """The two amount columns that belong together."""

    left: AmountForm
    right: AmountForm
    negate: bool
    agreement: Agreement

    @property
    def minor(self) -> tuple[Whole, Whole]:
        """Minor units of the left and the right rows, the right ones with the sign in which they are compared."""
        return self.left.minor, -self.right.minor if self.negate else self.right.minor

    @property
    def tie(self) -> Tie:
        """The tie of rows of equal amount."""
        return evidence.number_tie(*self.minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatePair:
    """The two date columns that belong together, and the window between them."""

    left: DateForm
    right: DateForm
    window: Window

    @property
    def days(self) -> tuple[Whole, Whole]:
        """Day numbers of the left and the right rows."""
        return self.left.days, self.right.days


def overlapping_keys(left: Profile, right: Profile) -> Iterator[Key]:
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


def amount_pair(left: Profile, right: Profile, keys: Sequence[Key], days: Sequence[Tie]) -> AmountPair | None:
    """The two amount columns that agree most often, beyond chance, on rows that agree in a key or a date."""
    for rank in (0, 1):
        best: tuple[int, AmountPair] | None = None
        for one in readings(left, right, rank):
            tie = one.tie
            contexts = [key.tie for key in keys if not same_column(key, one)] + list(days)
            for found in (evidence.agreement(context, tie) for context in contexts):
                if found.sure and (best is None or found.score > best[0]):
                    best = (
                        found.score,
                        AmountPair(left=one.left, right=one.right, negate=one.negate, agreement=found),
                    )
        if best is not None:
            return best[1]
    return None


def readings(left: Profile, right: Profile, rank: int) -> Iterator[AmountPair]:
    """All pairs of amount columns of a rank, with the right side's sign turned where the signs may call for it."""
    none = Agreement(observed=0, expected=Fraction(0))
    for mine, other in product(left.amounts, right.amounts):
        if min(mine.rank, other.rank) != rank:
            continue
        signed = bool((mine.minor < 0).any() != (other.minor < 0).any())
        for negate in (False, True) if signed else (False,):
            yield AmountPair(left=mine, right=other, negate=negate, agreement=none)


def same_column(key: Key, amounts: AmountPair) -> bool:
    """Whether a key is one of the amount columns: it is no evidence for itself."""
    return amounts.left.declared.column in key.left.columns or amounts.right.declared.column in key.right.columns


def supported_keys(keys: Iterable[Key], amounts: AmountPair) -> list[Key]:
    """The keys that agreeing amounts bear out, strongest first; each column is in one of them only."""
    tie = amounts.tie
    found = []
    for key in keys:
        agreement = evidence.agreement(key.tie, tie)
        if agreement.sure and not same_column(key, amounts):
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


def lone_matches(keys: Sequence[Key], amounts: AmountPair) -> tuple[Whole, Whole]:
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


def date_pair(
    days: Sequence[tuple[DateForm, DateForm, Tie]], keys: Sequence[Key], amounts: AmountPair
) -> DatePair | None:
    """The two date columns that lie nearest to each other on pairs found by keys and amount."""
    seeds = lone_matches(keys, amounts)
    found = []
    for mine, other, tie in days:
        window = evidence.day_window(mine.days, other.days, seeds)
        if window is None and len(seeds[0]) < _LEAST_PAIRS and keys:
            closer = evidence.lone_pairs(evidence.combined([tie, amounts.tie, keys[0].tie]))
            window = evidence.day_window(mine.days, other.days, closer)
        if window is not None:
            found.append(DatePair(left=mine, right=other, window=window))
    return max(
        found,
        key=lambda one: (one.window.inside * 50 // max(one.window.pairs, 1), -one.window.days, one.window.at_zero),
        default=None,
    )


def judged(key: Key, keys: Sequence[Key], amounts: AmountPair, dates: DatePair | None) -> Key:
    """The key with how often it agrees on pairs that other evidence finds."""
    others = [one for one in keys if one is not key][:_MOST_KEYS]
    seeds = lone_matches(others, amounts)
    if len(seeds[0]) < _LEAST_PAIRS or not others:
        seeds = lone_matches([key], amounts)
    if dates is not None:
        inside = evidence.in_window(dates.window, *dates.days, seeds)
        seeds = (seeds[0][inside], seeds[1][inside])
    ours, theirs = key.tie.left[seeds[0]], key.tie.right[seeds[1]]
    told = (ours >= 0) & (theirs >= 0)
    return key.with_judgement(agreed=int((ours[told] == theirs[told]).sum()), asked=int(told.sum()))


def chosen_keys(keys: Sequence[Key], amounts: AmountPair, dates: DatePair | None) -> list[Key]:
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


def _chance(rule: Rule, keys: Sequence[Key], amounts: AmountPair, dates: DatePair | None) -> Fraction:
    days, window = (dates.days, dates.window) if dates else (None, None)
    found = evidence.chance(rule, amounts.minor, days, window, belonging(keys, amounts))
    return Fraction(found.hits, found.trials)


def belonging(keys: Sequence[Key], amounts: AmountPair) -> Tie:
    """The tie of pairs that surely belong together."""
    left, right = amounts.minor
    return evidence.tie_of_pairs(lone_matches(keys, amounts), (len(left), len(right)))
