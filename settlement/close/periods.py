"""The periods of all contracts as finance operations see them: open, due, closed, blocked or certified."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import polars as pl

from settlement.close.scene import Scene
from settlement.errors import TerminalError
from settlement.model.contract import Contract, known_versions
from settlement.model.dates import Period, following, period_from
from settlement.rate.evaluate import in_force


class PeriodState(StrEnum):
    """Where a period stands; it stands in exactly one."""

    OPEN = "open"
    DUE = "due"
    BLOCKED = "blocked"
    CLOSED = "closed"
    CERTIFIED = "certified"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractPeriod:
    """One period of one contract.

    ``closed_on`` is the night that stated it and ``as_of`` the day as of which it did; both are empty before. ``due``
    says whether its last day has come among the delivered nights.
    """

    contract: str
    period: Period
    due: bool
    closed_on: date | None
    as_of: date | None

    @property
    def name(self) -> str:
        """Contract and period as sentences name them."""
        return f"{self.contract} {self.period.text}"


def periods(scene: Scene) -> list[ContractPeriod]:
    """All periods that a night has told of, and those that the delivered nights reach, by contract and first day."""
    found: dict[tuple[str, str], ContractPeriod] = {}
    last = max([scene.night, *scene.delivered])
    told = scene.statements.select("contract", "period").unique().rows()
    for contract, text in [*told, *_reached(scene, last)]:
        period = period_from(text)
        closed = scene.statement(contract, text).select("business_date", "as_of").unique().sort("business_date")
        # A period that was stated twice is told by the first: the checklist finds the second.
        night, as_of = closed.row(0) if closed.height else (None, None)
        found[contract, text] = ContractPeriod(
            contract=contract, period=period, due=period.last <= last, closed_on=night, as_of=as_of
        )
    return sorted(found.values(), key=lambda one: (one.contract, one.period.first))


def period_named(scene: Scene, contract: str, text: str) -> ContractPeriod:
    """One period; TerminalError that names those there are."""
    found = periods(scene)
    for one in found:
        if (one.contract, one.period.text) == (contract, text):
            return one
    own = ", ".join(one.period.text for one in found if one.contract == contract)
    if not own:
        contracts = ", ".join(sorted({one.contract for one in found}))
        raise TerminalError(f"There is no contract {contract} in these nights: name one of {contracts}.")
    raise TerminalError(f"{contract} has no period {text} in these nights: name one of {own}.")


def closed_by(scene: Scene, night: date) -> list[ContractPeriod]:
    """The periods that a night has closed."""
    return [one for one in periods(scene) if one.closed_on == night]


def contract_of(scene: Scene, one: ContractPeriod) -> Contract:
    """The contract as it settled the period, or settles it as known now."""
    day = one.as_of or scene.night
    return in_force(known_versions(scene.contracts[one.contract], day), one.period).contract


def _reached(scene: Scene, last: date) -> Iterator[tuple[str, str]]:
    """The periods after the last one told, up to the last delivered night."""
    for (contract,) in scene.statements.select("contract").unique().sort("contract").iter_rows():
        rows = scene.statements.filter(pl.col("contract") == contract)
        period = max((period_from(text) for text in rows["period"].unique()), key=lambda one: one.first)
        calendar = known_versions(scene.contracts[contract], scene.night)[-1].contract.calendar
        while period.last < last:
            period = following(period, calendar)
            yield contract, period.text
