"""How a term comes from its quantities: the periods of a window, blocks, brackets, ratios, bounds, gates and days.

A line tells a quantity as one number. What a reader needs to add it up again, and to see which part of the contract's
rule applied, follows from the contract and from the contributions that the nights have kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from settlement.explain.recomputed import window_scene
from settlement.explain.scene import Scene
from settlement.model.contract import Contract
from settlement.model.contract_amounts import (
    Bracket,
    DatedAmountsTerm,
    Driver,
    InstalmentsTerm,
    MinimumPurchaseTerm,
    TiersTerm,
)
from settlement.model.contract_frame import Counted, Window
from settlement.model.contract_limits import GateTerm, SumTerm
from settlement.model.contract_measures import things_of
from settlement.model.contract_terms import MarginalTierTerm, Term, looks_at
from settlement.model.dates import Period, closes_year, month_after, period_from
from settlement.model.money import decimal_of, exponent, minor, split_largest_remainder
from settlement.rate.amounts import (
    BASE,
    BEFORE,
    BOUGHT,
    DRIVER,
    DRIVER_PER,
    DUE,
    block_of,
    bracket_of,
    counted_base,
    driven,
    falling_due,
    instalment,
    parts_of,
    value_of,
)
from settlement.rate.contract_words import written, written_minor
from settlement.rate.forms import quantity_names
from settlement.rate.limits import opened
from settlement.rate.windows import Lines, periods_in, quantity
from settlement.rate.wording import all_spoken, bounds, spoken

_MOST_PERIODS: Final = 24


def reckoned(scene: Scene, now: Mapping[Period, Lines]) -> tuple[str, ...]:
    """What leads from a term's quantities to its amount, a sentence each; nothing where the quantities say it all.

    Nothing either where the line tells other quantities than the contract's file asks for now.

    Parameters
    ----------
    now:
        The terms of every period as recomputed on the line's day.
    """
    term = scene.term
    if term is None or scene.version is None:
        return ()
    told = _Told(scene=scene, now=now, contract=scene.version.contract, term=term, given=_given(scene))
    if not told.given.keys() >= set(quantity_names(term)):
        return told.parts
    match term:
        case TiersTerm():
            notes = [*told.windows_of(_quantities(term)), *told.tiers(term)]
        case MarginalTierTerm():
            notes = [*told.marginal(term)]
        case SumTerm():
            notes = [*told.windows_of([(looks_at(term), Window(term.window))]), *told.sum(term)]
        case GateTerm():
            notes = [*told.windows_of(_of_driver(term.driver)), *told.ratio(term.driver), *told.gate(term)]
        case MinimumPurchaseTerm():
            window = Window.YEAR_TO_DATE if term.window == "year" else Window.PERIOD
            notes = [*told.windows_of([(term.of, window)]), *told.minimum_purchase(term)]
        case DatedAmountsTerm() | InstalmentsTerm():
            notes = [*told.days(term)]
        case _:
            notes = []
    return (*notes, *told.parts)


def residue_told(weights: Mapping[str, int], amount: int, money: Callable[[int], str]) -> str:
    """What each gets of an amount that is split by weights, and why who gets the minor units that are left over."""
    shares, whole = split_largest_remainder(amount, weights), sum(weights.values())
    cut = {name: Fraction(abs(amount) * weight, whole) % 1 for name, weight in weights.items()}
    ranked = sorted(weights, key=lambda name: (-cut[name], name))
    got = ", ".join(f"{name} {money(shares[name])}" for name in sorted(weights))
    if not any(cut.values()):
        return f"{got}; every share is a whole number of minor units"
    more = [name for name in ranked if abs(shares[name]) > Fraction(abs(amount) * weights[name], whole)]
    told = "; ".join(f"{name} is cut by {cut[name]} of a minor unit" for name in ranked)
    units = "the minor unit left over goes to" if len(more) == 1 else f"the {len(more)} minor units left over go to"
    return f"{got}; {told}; {units} {', '.join(more)}: the largest cut first, of equal ones the name that sorts first"


def _given(scene: Scene) -> dict[str, int]:
    """The line's quantities that are whole numbers."""
    pairs = (part.partition("=") for part in scene.row["quantities"].split(";"))
    return {name: int(value) for name, _, value in pairs if value.lstrip("-").isdigit()}


def _quantities(term: TiersTerm) -> list[tuple[tuple[str, ...], Window]]:
    base = [] if term.base is None else [(term.base.of, term.base.window)]
    return list(dict.fromkeys([*base, *_of_driver(term.driver)]))


def _of_driver(driver: Driver | None) -> list[tuple[tuple[str, ...], Window]]:
    if driver is None:
        return []
    return [(names, driver.window) for names in (driver.of, driver.per) if names]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """A line with its contract and term, the terms of all periods, and what the line tells as whole numbers."""

    scene: Scene
    now: Mapping[Period, Lines]
    contract: Contract
    term: Term
    given: Mapping[str, int]

    @property
    def parts(self) -> tuple[str, ...]:
        """How the term is cut into the parts that it names."""
        if not self.term.parts:
            return ()
        split = residue_told(self.term.shares, self.scene.row["amount_minor"], self.money)
        return (f"split among its parts: {split}",)

    def money(self, amount: Fraction | int) -> str:
        """Minor units in major ones: 1,234.50, with more decimals where there are."""
        whole = Fraction(amount)
        if whole.denominator == 1:
            return written_minor(int(whole), self.contract.currency)
        decimal = decimal_of(whole / 10 ** exponent(self.contract.currency))
        return f"{whole} of a minor unit" if decimal is None else f"{decimal:,f}"

    def shown(self, names: Sequence[str], amount: int) -> str:
        """What some names come to: money, or a number of things."""
        measures = [self.contract.measures[name] for name in names if name in self.contract.measures]
        counts = measures and things_of(measures[0]) is not None
        return f"{amount:,}" if counts else self.money(amount)

    def windows_of(self, asked: Sequence[tuple[tuple[str, ...], Window]]) -> Iterator[str]:
        """Of each quantity over other periods than the line's own: what every period of its window gives."""
        wide = [(names, window) for names, window in asked if window is not Window.PERIOD and names]
        rated = window_scene(self.scene, self.now) if wide else None
        if rated is None:
            return
        for names, window in wide:
            seen = [(one, replace(rated, period=one, lines=self.now[one])) for one in periods_in(rated, window)]
            amounts = [(one.text, sum(quantity(at, name, Window.PERIOD) for name in names)) for one, at in seen]
            some = [one for one in amounts if one[1]]
            listed = [f"{text} {self.shown(names, amount)}" for text, amount in some[-_MOST_PERIODS:]]
            before = [amount for _, amount in some[:-_MOST_PERIODS]]
            if before:
                listed.insert(0, f"{len(before):,} periods before these {self.shown(names, sum(before))}")
            total = self.shown(names, sum(amount for _, amount in amounts))
            yield f"{all_spoken(names)}, {spoken(window)}: {'; '.join(listed) or 'none'}; together {total}"

    def ratio(self, driver: Driver | None) -> Iterator[str]:
        """A ratio and what it is cut to."""
        if driver is not None and driver.counts is Counted.RATIO:
            of, per = self.given[DRIVER], self.given[DRIVER_PER]
            found = self.driver_shown(driver)
            parts = f"{self.shown(driver.of, of)} / {self.shown(driver.per, per)}"
            yield f"{parts} is {found}, cut to {driver.decimals} decimals" if per else f"{parts} counts as {found}"

    def driver_shown(self, driver: Driver) -> str:
        """What picks the bracket, as bounds are written."""
        if driver.counts is Counted.RATIO:
            value = driven(driver, self.contract.currency, self.given)
            return f"{decimal_of(value):.{driver.decimals or 0}f}"
        return self.shown(driver.of, self.given[DRIVER])

    def tiers(self, term: TiersTerm) -> Iterator[str]:
        """Which brackets apply, and to what."""
        currency = self.contract.currency
        yield from self.ratio(term.driver)
        if term.base is not None and term.base.block is not None:
            blocks = counted_base(term.base, currency, self.given[BASE])
            left = self.given[BASE] - blocks * block_of(term.base, currency)
            of, rest = self.shown(term.base.of, self.given[BASE]), self.shown(term.base.of, int(left))
            yield f"{of} is {int(blocks):,} whole blocks of {written(term.base.block)}, and {rest} that counts nothing"
        if term.method == "marginal" and term.base is not None:
            base = counted_base(term.base, currency, self.given[BASE])
            for bracket, part in parts_of(term.tiers, term.below_zero, currency, base):
                if part:
                    gives = self.money(part * value_of(bracket, currency))
                    yield f"{bounds(bracket)}: {self._part(bracket, part)} at {written(bracket.value)} gives {gives}"
            return
        if term.driver is not None:
            found = bracket_of(term, driven(term.driver, currency, self.given))
            driver = self.driver_shown(term.driver)
            lies = "lies in no tier" if found is None else f"lies in the tier {bounds(found)}: {written(found.value)}"
            yield f"the driver, {driver}, {lies}"

    def _part(self, bracket: Bracket, part: Fraction) -> str:
        """A part of the base in what its bracket counts."""
        return self.money(part) if bracket.rate is not None else f"{int(part):,}"

    def marginal(self, term: MarginalTierTerm) -> Iterator[str]:
        """What of a volume lies in each tier."""
        volume = Fraction(self.given[term.measure])
        for tier, part in parts_of(term.tiers, term.below_zero, self.contract.currency, volume):
            if part:
                where = "below zero" if part < 0 else bounds(tier)
                gives = self.money(part * Fraction(tier.rate))
                yield f"{where}: {self.money(part)} at {written(tier.rate)} gives {gives}"

    def sum(self, term: SumTerm) -> Iterator[str]:
        """What a sum comes to above its hurdle, and whether a bound holds in its place."""
        if term.hurdle is None and term.least is None and term.most is None:
            return
        adds, takes = (sum(self.given[name] for name in names) for names in (term.adds, term.takes))
        hurdle = 0 if term.hurdle is None else minor(term.hurdle, self.contract.currency)
        found = Fraction(term.rate) * (adds - takes - hurdle)
        less = f" less the hurdle of {self.money(hurdle)}" if hurdle else ""
        yield f"{written(term.rate)} of {self.money(adds - takes)}{less} is {self.money(found)}"
        if term.least is not None and found < minor(term.least, self.contract.currency):
            yield f"{written(term.least)} is the least that it gives"
        if term.most is not None and found > minor(term.most, self.contract.currency):
            yield f"{written(term.most)} is the most that it gives"

    def gate(self, term: GateTerm) -> Iterator[str]:
        """Whether the driver has come up to the bound."""
        told = "has come up to" if opened(term, self.contract.currency, self.given) else "gives nothing below"
        yield f"the driver, {self.driver_shown(term.driver)}, {told} {written(term.least)}"

    def minimum_purchase(self, term: MinimumPurchaseTerm) -> Iterator[str]:
        """What lacks, or that the year has not closed."""
        here = period_from(self.scene.address.period)
        lacks = max(0, term.least - self.given[BOUGHT])
        told = f"{lacks:,} of {term.least:,} are lacking"
        if term.window == "year" and not closes_year(here, self.contract.calendar):
            yield f"{told} so far; what lacks is due when the year's last period closes"
        else:
            yield f"{told}, at {written(term.price)}"

    def days(self, term: DatedAmountsTerm | InstalmentsTerm) -> Iterator[str]:
        """Which days of their own lie in the period, with the amount of each."""
        due = range(self.given[BEFORE], self.given[DUE])
        if isinstance(term, DatedAmountsTerm):
            yield from (f"{one.on}: {written(one.amount)}" for one in falling_due(term, self.given))
        else:
            least, over = instalment(term, self.contract.currency)
            larger = f", the first {over:,} are larger by a minor unit" if over else ""
            for number in due:
                amount = self.money(least + (number < over))
                yield f"{month_after(term.first, number)}: part {number + 1:,} of {term.number:,}, {amount}{larger}"
        if not due:
            yield "none of its days lies in the period"
