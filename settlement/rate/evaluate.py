"""The terms of every period of one contract, from the sums of contributions and the opening positions.

``f(facts known at K, contract versions known at K, period)``: nothing else goes in. Periods are evaluated in ascending
order, because a yearly term gives less what it gave, as recomputed now, for the earlier periods of its year.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from settlement.model.contract import ContractVersion
from settlement.model.contract_frame import Window
from settlement.model.contract_limits import CapTerm, GateTerm, PickTerm, PoolShareTerm, SumTerm
from settlement.model.contract_measures import UnitMeasure, openings
from settlement.model.contract_terms import (
    OF_ONE_MEASURE,
    BountyTerm,
    DatedAmountsTerm,
    InstalmentsTerm,
    MinimumPurchaseTerm,
    MinimumTerm,
    RateByTerm,
    RecordRateTerm,
    ShareOverHurdleTerm,
    Term,
    TiersTerm,
    UnitPriceTerm,
    WholeTierTerm,
    holds_on,
)
from settlement.model.dates import Period, closes_year, following, period_of, year_of
from settlement.rate.amounts import DRIVER
from settlement.rate.facts import Facts
from settlement.rate.forms import (
    ACCOUNTS,
    EARNED,
    EARNED_YEAR,
    GIVEN,
    PAID_TO_DATE,
    UNCAPPED,
    Line,
    calculate,
)
from settlement.rate.per_record import LIMIT, NEGATIVES, PURCHASES
from settlement.rate.quantities import OverNames, OverTime, of_days, of_names
from settlement.rate.sums import Sums
from settlement.rate.windows import Lines, Scene, given_before, given_over, quantity

_OF_OWN_PERIOD: Final = (*OF_ONE_MEASURE, DatedAmountsTerm, InstalmentsTerm, PickTerm, PoolShareTerm)
"""Forms that look at no other period than their own; of those with windows, the window tells it."""


def first_period(versions: Sequence[ContractVersion], facts: Facts) -> Period:
    """The first period that is settled here."""
    return period_of(max(facts.first_night, versions[0].effective), versions[0].contract.calendar)


def periods_known(versions: Sequence[ContractVersion], facts: Facts, since: date | None = None) -> tuple[Period, ...]:
    """The contract's periods from the first that is settled here to the one that contains the facts' day.

    With ``since`` those before the period that contains this day are left out.
    """
    calendar = versions[0].contract.calendar
    period = first_period(versions, facts)
    if since is not None:
        period = max(period, period_of(since, calendar))
    found = []
    while period.first <= facts.day:
        found.append(period)
        period = following(period, calendar)
    return tuple(found)


def in_force(versions: Sequence[ContractVersion], period: Period) -> ContractVersion:
    """The version that settles a period: the latest that is effective on its first day."""
    return [v for v in versions if v.effective <= period.first or v is versions[0]][-1]


def looks_back(version: ContractVersion) -> bool:
    """Whether a term of a version looks at other periods than its own."""
    return not all(_own_period_alone(term) for term in version.contract.terms)


def _own_period_alone(term: Term) -> bool:
    match term:
        case CapTerm() | MinimumTerm() | MinimumPurchaseTerm() | SumTerm():
            return term.window == "period"
        case GateTerm():
            return term.driver.window == Window.PERIOD
        case TiersTerm():
            return all(one is None or one.window == Window.PERIOD for one in (term.base, term.driver))
    return isinstance(term, _OF_OWN_PERIOD)


def evaluate(
    versions: Sequence[ContractVersion], facts: Facts, sums: Sums, periods: Sequence[Period] | None = None
) -> Mapping[Period, Lines]:
    """The terms of each period asked for, periods in ascending order.

    Parameters
    ----------
    versions:
        The versions of one contract in ascending order of their effective dates.
    facts:
        What is known; its day is the moment of knowledge.
    sums:
        The contributions that follow from ``facts``, added up.
    periods:
        The periods that are asked for, in ascending order, of versions that do not look back; None for all.
    """
    done: dict[Period, Lines] = {}
    for period in periods_known(versions, facts) if periods is None else periods:
        contract = in_force(versions, period).contract
        lines: dict[str, Line] = {}
        for term in contract.terms:
            scene = Scene(
                contract=contract, facts=facts, sums=sums, period=period, earlier=done, lines=lines, term=term
            )
            lines[term.id] = _line(term, scene)
        done[period] = lines
    return done


def _line(term: Term, scene: Scene) -> Line:
    line = calculate(term, scene.contract.currency, _quantities(term, scene))
    if isinstance(term, MinimumTerm | MinimumPurchaseTerm):
        # A minimum is looked at when its window closes; before that day nobody lacks anything.
        closes = term.window == "period" or closes_year(scene.period, scene.contract.calendar)
        if not closes or scene.facts.day < scene.period.last:
            return Line(amount_minor=0, quantities=line.quantities)
    return line


def _quantities(term: Term, scene: Scene) -> dict[str, int]:
    """The quantities of a term, as ``forms.calculate`` takes them."""
    if isinstance(term, OverNames):
        return of_names(term, scene)
    if isinstance(term, OverTime):
        return of_days(term, scene.period)
    period = scene.period.text
    match term:
        case WholeTierTerm():
            found = _year_to_date(term, scene)
        case RateByTerm():
            found = _by_rate(term, scene)
        case ShareOverHurdleTerm():
            found = dict(scene.sums.of(term.id, period))
        case BountyTerm():
            found = {ACCOUNTS: scene.sums.total(term.id, period)}
        case UnitPriceTerm():
            found = _units(term, scene)
        case RecordRateTerm():
            counts = {name: scene.sums.rows(term.id, period, name) for name in (PURCHASES, NEGATIVES)}
            found = {GIVEN: scene.sums.total(term.id, period), **counts}
        case MinimumTerm():
            found = _earned(term, scene)
        case _:
            found = {term.measure: scene.sums.total(term.id, period) + _opening_total(term.measure, scene)}
    return found


def _by_rate(term: RateByTerm, scene: Scene) -> dict[str, int]:
    found, opening = scene.sums.of(term.id, scene.period.text), _opening_by_rate(term, scene)
    return {rate.selector: found.get(rate.selector, 0) + opening.get(rate.selector, 0) for rate in term.rates}


def _opening_total(measure: str, scene: Scene) -> int:
    if scene.facts.first_night not in scene.period:
        return 0
    return sum(scene.opening(opening.item) for opening in openings(scene.contract.measures[measure]))


def _opening_by_rate(term: RateByTerm, scene: Scene) -> dict[str, int]:
    """Opening volumes by selector, each at the rate of its class in force on the first night."""
    night = scene.facts.first_night
    found: dict[str, int] = {}
    if night not in scene.period:
        return found
    for opening in openings(scene.contract.measures[term.measure]):
        for rate in term.rates:
            if rate.account_class == opening.account_class and holds_on(rate, night):
                found[rate.selector] = found.get(rate.selector, 0) + scene.opening(opening.item)
    return found


def _units(term: UnitPriceTerm, scene: Scene) -> dict[str, int]:
    """Units by price, opening positions at the price of the first night; of a limited measure what the limit took."""
    found = scene.sums.of(term.id, scene.period.text)
    measure = scene.contract.measures[term.measure]
    if isinstance(measure, UnitMeasure) and measure.account_limit is not None:
        (name,) = term.selectors
        uncapped = sum(count for selector, count in found.items() if selector != LIMIT)
        accounts = scene.sums.accounts(term.id, scene.period.text)
        return {name: uncapped + found.get(LIMIT, 0), ACCOUNTS: accounts, UNCAPPED: uncapped}
    opening = _opening_total(term.measure, scene)
    return {
        name: found.get(name, 0) + (opening if holds_on(price, scene.facts.first_night) else 0)
        for name, price in term.selectors.items()
    }


def _earned(term: MinimumTerm, scene: Scene) -> dict[str, int]:
    if term.window == "period":
        return {EARNED: given_over(scene, term.of, Window.PERIOD)}
    before = scene.opening(term.opening_earned) if scene.facts.first_night in _year(scene) else 0
    return {EARNED_YEAR: given_over(scene, term.of, Window.YEAR_TO_DATE) + before}


def _year(scene: Scene) -> Period:
    return year_of(scene.period.last, scene.contract.calendar)


def _year_to_date(term: WholeTierTerm, scene: Scene) -> dict[str, int]:
    """The year's volume up to the end of the period, and what the term gives for the earlier periods of the year."""
    volumes = {name: quantity(scene, name, Window.YEAR_TO_DATE) for name in {*term.base, *term.driver}}
    paid = given_before(scene, Window.YEAR_TO_DATE)
    before = 0
    if scene.facts.first_night in _year(scene):
        before = scene.opening(term.opening_volume)
        paid += scene.opening(term.opening_paid)
    found = {term.quantity: before + sum(volumes[name] for name in term.base)}
    if term.driver != term.base:
        found[DRIVER] = before + sum(volumes[name] for name in term.driver)
    return {**found, PAID_TO_DATE: paid}
