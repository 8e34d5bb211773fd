"""The quantities of terms over names and over time, as ``forms.calculate`` takes them."""

from __future__ import annotations

from collections.abc import Sequence
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
    SumTerm,
    TiersTerm,
)
from settlement.model.dates import Period, month_after
from settlement.rate.amounts import BASE, BEFORE, BOUGHT, DRIVER, DRIVER_PER, DUE
from settlement.rate.forms import EARNED, PAID_TO_DATE
from settlement.rate.windows import Scene, given_before, quantity

OverNames = TiersTerm | SumTerm | PickTerm | GateTerm | CapTerm | MinimumPurchaseTerm
OverTime = DatedAmountsTerm | InstalmentsTerm


def of_names(term: OverNames, scene: Scene) -> dict[str, int]:
    """What the measures and earlier terms that a term names come to over their windows."""
    match term:
        case TiersTerm():
            return _of_brackets(term, scene)
        case SumTerm():
            return {name: quantity(scene, name, term.window) for name in (*term.adds, *term.takes)}
        case GateTerm():
            return {**_driven(term.driver, scene), **{name: quantity(scene, name, Window.PERIOD) for name in term.of}}
        case PickTerm():
            return {name: quantity(scene, name, Window.PERIOD) for name in term.of}
        case CapTerm():
            window = Window(term.window)
            found = {EARNED: added(term.of, window, scene)}
            return found if window is Window.PERIOD else {**found, PAID_TO_DATE: given_before(scene, window)}
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
    if term.less == "given_for_earlier_periods":
        found[PAID_TO_DATE] = given_before(scene, term.window)
    return found


def _driven(driver: Driver, scene: Scene) -> dict[str, int]:
    found = {DRIVER: added(driver.of, driver.window, scene)}
    return {**found, DRIVER_PER: added(driver.per, driver.window, scene)} if driver.per else found
