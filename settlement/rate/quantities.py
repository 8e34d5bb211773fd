"""The quantities of terms over names and over time, as ``forms.calculate`` takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from settlement.model.contract_amounts import Driver
from settlement.model.contract_frame import Window
from settlement.model.contract_terms import (
    CapTerm,
    DatedAmountsTerm,
    GateTerm,
    InstalmentsTerm,
    MinimumPurchaseTerm,
    PickTerm,
    PointsTerm,
    PoolShareTerm,
    PrepaidTerm,
    SumTerm,
    TiersTerm,
    looks_at,
)
from settlement.model.dates import Period, month_after
from settlement.rate.amounts import BASE, BEFORE, BOUGHT, DRIVER, DRIVER_PER, DUE
from settlement.rate.forms import EARNED, PAID_TO_DATE
from settlement.rate.ledgers import Flow, names_of_points, points, prepaid
from settlement.rate.windows import Scene, given_before, given_in, given_over, quantity

OverLedgers = PointsTerm | PrepaidTerm
OverNames = TiersTerm | SumTerm | PoolShareTerm | PickTerm | GateTerm | CapTerm | MinimumPurchaseTerm | OverLedgers
OverTime = DatedAmountsTerm | InstalmentsTerm


def of_names(term: OverNames, scene: Scene) -> dict[str, int]:
    """What the measures and earlier terms that a term names come to over their windows."""
    match term:
        case TiersTerm():
            return _of_brackets(term, scene)
        case SumTerm() | PoolShareTerm():
            return {name: quantity(scene, name, Window(term.window)) for name in looks_at(term)}
        case GateTerm() | PickTerm():
            driven = _driven(term.driver, scene) if isinstance(term, GateTerm) else {}
            return {**driven, **{name: given_in(scene, name, scene.period) for name in term.of}}
        case CapTerm():
            window = Window(term.window)
            found = {EARNED: given_over(scene, term.of, window)}
            return found if window is Window.PERIOD else {**found, PAID_TO_DATE: given_before(scene, window)}
        case PointsTerm() | PrepaidTerm():
            return _of_ledgers(term, scene)
        case MinimumPurchaseTerm():
            return {BOUGHT: added(term.of, Window.PERIOD if term.window == "period" else Window.YEAR_TO_DATE, scene)}


def of_days(term: OverTime, period: Period) -> dict[str, int]:
    """How many of a term's days had come before the period, and have come when it ends."""
    days = (
        [one.on for one in term.amounts]
        if isinstance(term, DatedAmountsTerm)
        else [month_after(term.first, number) for number in range(term.number)]
    )
    return {BEFORE: _come(days, before=period.first), DUE: _come(days, before=period.last + timedelta(days=1))}


def _of_ledgers(term: OverLedgers, scene: Scene) -> dict[str, int]:
    """The entries of a ledger of things in the period, worked out from all periods up to it."""
    entries = ledger_to_date(term, scene)[-1]
    if isinstance(term, PrepaidTerm):
        return entries
    found = {name: entries[name] for name in names_of_points(term)}
    if term.entry == "reserve":
        found[PAID_TO_DATE] = given_before(scene, Window.CONTRACT_TO_DATE)
    return found


def ledger_to_date(term: OverLedgers, scene: Scene) -> list[dict[str, int]]:
    """The entries of a ledger of things in each period up to that of the scene, in ascending order."""
    seen = [replace(scene, period=period) for period in (*scene.earlier, scene.period)]
    if isinstance(term, PrepaidTerm):
        return prepaid([_used(term, one) for one in seen])
    flows = [
        Flow(
            period=one.period,
            comes=added(term.issued, Window.PERIOD, one),
            goes=added(term.redeemed, Window.PERIOD, one),
        )
        for one in seen
    ]
    return points(flows, term.expires_after, scene.facts.day)


def _used(term: PrepaidTerm, scene: Scene) -> Flow:
    """What is bought and used in a period; what was bought before the first night is told by the opening position."""
    first, facts = max(scene.period.first, scene.facts.first_night), scene.facts
    bought = sum(one.quantity for one in term.bought if first <= one.on <= min(scene.period.last, facts.day))
    if facts.first_night in scene.period:
        bought += scene.opening(term.opening_inventory)
    return Flow(period=scene.period, comes=bought, goes=added(term.of, Window.PERIOD, scene))


def _come(days: Sequence[date], *, before: date) -> int:
    return sum(day < before for day in days)


def added(names: Sequence[str], window: Window, scene: Scene) -> int:
    """What several names come to together."""
    return sum(quantity(scene, name, window) for name in names)


def _of_brackets(term: TiersTerm, scene: Scene) -> dict[str, int]:
    """Base and driver over their windows, and what the term gave in the earlier periods of its window."""
    found = {} if term.base is None else {BASE: added(term.base.of, term.base.window, scene)}
    if term.driver is not None:
        found |= _driven(term.driver, scene)
    if term.less != "nothing":
        found[PAID_TO_DATE] = given_before(scene, term.window)
    return found


def _driven(driver: Driver, scene: Scene) -> dict[str, int]:
    found = {DRIVER: added(driver.of, driver.window, scene)}
    return {**found, DRIVER_PER: added(driver.per, driver.window, scene)} if driver.per else found
