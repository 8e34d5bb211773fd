"""Quantities over windows: what a measure, or a term that stands before, comes to, seen from one period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from settlement.model.contract import Contract
from settlement.model.contract_frame import Window
from settlement.model.contract_measures import openings
from settlement.model.contract_terms import Term
from settlement.model.dates import Period, PeriodKind, month_after, year_of
from settlement.rate.facts import Facts
from settlement.rate.forms import Line
from settlement.rate.sums import Sums

Lines = Mapping[str, Line]
"""Terms of one period: term id to what it gives, in the order of the contract."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a term may look at while it is evaluated."""

    contract: Contract
    facts: Facts
    sums: Sums
    period: Period
    earlier: Mapping[Period, Lines]
    lines: Mapping[str, Line]
    term: Term

    def opening(self, item: str | None) -> int:
        """An opening position; it belongs to the period, and the year, that contain the first night."""
        return self.facts.opening.get((self.contract.id, item), 0) if item is not None else 0


def periods_in(scene: Scene, window: Window) -> tuple[Period, ...]:
    """The periods of a window, in ascending order; those before the first that is settled here are in none."""
    earlier = tuple(scene.earlier)
    match window:
        case Window.PERIOD:
            return (scene.period,)
        case Window.PREVIOUS_PERIOD:
            return earlier[-1:]
        case Window.YEAR_TO_DATE:
            year = year_of(scene.period.last, scene.contract.calendar)
            return (*(period for period in earlier if period.last in year), scene.period)
        case Window.LAST_12_FULL_MONTHS:
            end = scene.period.first
            if scene.contract.calendar.kind is PeriodKind.CYCLE:
                end = end.replace(day=1)
            return tuple(period for period in earlier if month_after(end, -12) <= period.first < end)
        case Window.CONTRACT_TO_DATE:
            return (*earlier, scene.period)


def quantity(scene: Scene, name: str, window: Window) -> int:
    """What a measure or an earlier term comes to over a window: minor units where it is money, a number otherwise."""
    periods = periods_in(scene, window)
    if name in scene.contract.measures:
        found = sum(scene.sums.of(scene.term.id, period.text).get(name, 0) for period in periods)
        if any(scene.facts.first_night in period for period in periods):
            found += sum(scene.opening(one.item) for one in openings(scene.contract.measures[name]))
        return found
    return given_over(scene, (name,), window)


def given_over(scene: Scene, terms: Sequence[str], window: Window) -> int:
    """What terms that stand before give together over a window, as recomputed now."""
    return sum(given_in(scene, term, period) for period in periods_in(scene, window) for term in terms)


def given_in(scene: Scene, term: str, period: Period) -> int:
    """What a term gives in this period, if it stands before, or gave in an earlier one, as recomputed now."""
    lines = scene.lines if period == scene.period else scene.earlier[period]
    return lines[term].amount_minor if term in lines else 0


def given_before(scene: Scene, window: Window) -> int:
    """What the term itself gave in the earlier periods of a window, as recomputed now."""
    return sum(given_in(scene, scene.term.id, period) for period in periods_in(scene, window) if period != scene.period)
