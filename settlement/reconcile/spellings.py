"""Names that differ between two files: values of a key that stand on one side only, and what they are on the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Final

import numpy as np
import polars as pl

from settlement.reconcile import evidence
from settlement.reconcile.columns import AmountPair, DatePair
from settlement.reconcile.draft import Key, Spelling
from settlement.reconcile.evidence import Agreement, Window
from settlement.reconcile.language import ALIAS
from settlement.reconcile.normalise import normalised
from settlement.reconcile.profile import Whole

_MOST_NAMES: Final = 10_000
"""A key of more values on a side names rows rather than shops."""
_NUMBERS: Final = frozenset({"digits_only", "masked_card", "last4"})
_LONG_NUMBER: Final = r"\d(?:[ -]?\d){12}"
_WEAK: Final = 5
"""A tie counts where it has at least a fifth of the rows of the surest tie of one of its two names."""


def with_spellings(key: Key, amounts: AmountPair, dates: DatePair | None, table: str) -> Key:
    """The key with the names that its two sides spell differently, where rows of equal amount and near dates tell them.

    A name that one side alone has is looked for among all of the other side. A pair counts where its rows agree in the
    date more often than rows of these two names and equal amount would by chance: shops that sell one thing at one
    price all day are not taken for one. ``table`` is the name of the alias table in the document.
    """
    ours, theirs = (_after(form.values, key.steps) for form in (key.left, key.right))
    if dates is None or _NUMBERS.intersection(key.steps) or not _names(ours, theirs):
        return key
    found = _found(ours, theirs, amounts, dates)
    known = {one.written: one.meant for one in found}
    told = tuple(_replaced(side, known) for side in (ours, theirs))
    lone = tuple(_only_on(one, other) for one, other in (told, told[::-1]))
    if not found:
        return replace(key, lone=(lone[0], lone[1]))
    steps = (*key.steps, f"{ALIAS}{table}")
    return replace(key, steps=steps, tie=evidence.text_tie(*told), spellings=found, lone=(lone[0], lone[1]))


def _after(values: pl.Series, steps: tuple[str, ...]) -> pl.Series:
    return pl.DataFrame({"text": values}).select(normalised(pl.col("text"), steps, {})).to_series()


def _names(left: pl.Series, right: pl.Series) -> bool:
    """Whether the values can be names: not too many, and none of them as long as a card number."""
    return all(side.n_unique() <= _MOST_NAMES and not side.str.contains(_LONG_NUMBER).any() for side in (left, right))


def _replaced(values: pl.Series, known: Mapping[str, str]) -> pl.Series:
    return values.replace(list(known), list(known.values()))


def _only_on(one: pl.Series, other: pl.Series) -> tuple[str, ...]:
    """The values that the other side does not have, most rows first."""
    rest = pl.DataFrame({"text": one.filter(~one.is_in(other.unique().drop_nulls().implode()))}).drop_nulls()
    counted = rest.group_by("text").len().sort(["len", "text"], descending=[True, False])
    return tuple(counted["text"].to_list())


def _found(left: pl.Series, right: pl.Series, amounts: AmountPair, dates: DatePair) -> tuple[Spelling, ...]:
    """What each name that is replaced means, by name.

    Names that hang together by sure ties are one, the surest first; two names that both sides have are never made one.
    """
    ties = sorted(_sure(left, right, amounts, dates), key=lambda one: (-one.agreement.observed, one.written, one.meant))
    ours, theirs = (frozenset(side.drop_nulls().unique().to_list()) for side in (left, right))
    surest: dict[str, Agreement] = {}
    for tie in ties:
        surest.setdefault(tie.written, tie.agreement)
        surest.setdefault(tie.meant, tie.agreement)
    groups = {name: frozenset([name]) for name in surest}
    for tie in ties:
        group = groups[tie.written] | groups[tie.meant]
        least = min(surest[tie.written].observed, surest[tie.meant].observed)
        if len(group & ours & theirs) <= 1 and tie.agreement.observed * _WEAK >= least:
            groups |= dict.fromkeys(group, group)
    found = []
    for name, group in sorted(groups.items()):
        ends = group & ours & theirs or group & theirs
        meant = min(ends, key=lambda one: (-surest[one].observed, one), default=name)
        if name != meant:
            found.append(Spelling(written=name, meant=meant, agreement=surest[name]))
    return tuple(found)


def _sure(left: pl.Series, right: pl.Series, amounts: AmountPair, dates: DatePair) -> Iterator[Spelling]:
    """Pairs of a left and a right name, one of which stands on one side only, whose rows agree beyond chance."""
    pairs = evidence.all_pairs(amounts.tie)
    inside = evidence.in_window(dates.window, *dates.days, pairs)
    ours, theirs = left.gather(pairs[0]).alias("left"), right.gather(pairs[1]).alias("right")
    alone = ~ours.is_in(right.unique().drop_nulls().implode()) | ~theirs.is_in(left.unique().drop_nulls().implode())
    met = pl.DataFrame([ours, theirs, pl.Series("inside", inside)]).filter(alone).drop_nulls()
    counted = met.group_by("left", "right").agg(pl.len().alias("equal"), pl.col("inside").sum()).sort("left", "right")
    for mine, other, equal, agreed in counted.filter(pl.col("inside") > 0).rows():
        days = (
            dates.days[0][(left == mine).fill_null(value=False)],
            dates.days[1][(right == other).fill_null(value=False)],
        )
        expected = Fraction(equal * _within(dates.window, *days), len(days[0]) * len(days[1]))
        agreement = Agreement(observed=agreed, expected=expected)
        if agreement.sure:
            yield Spelling(written=mine, meant=other, agreement=agreement)


def _within(window: Window, left: Whole, right: Whole) -> int:
    """Pairs of days that lie in the window."""
    before = 0 if window.order == "left_first" else window.days
    after = 0 if window.order == "right_first" else window.days
    days = np.sort(right)
    last, first = np.searchsorted(days, left + after, side="right"), np.searchsorted(days, left - before, side="left")
    return int((last - first).sum())
