"""What of a statement is an entry of a ledger of its own: guarantees, breakage, reserves, and things to date."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from settlement.model.clearing import StatementState
from settlement.model.contract import Contract, ContractVersion
from settlement.model.contract_ledgers import PointsTerm, PrepaidTerm
from settlement.model.contract_limits import MinimumTerm
from settlement.model.contract_terms import MinimumPurchaseTerm, Term
from settlement.model.dates import Period, period_from
from settlement.model.ledger_entries import OF_THINGS, LedgerEntry, LedgerRow
from settlement.model.statement_lines import ADJUSTMENT
from settlement.rate import ledgers
from settlement.rate.evaluate import in_force
from settlement.rate.facts import Facts
from settlement.rate.measures import measured_in
from settlement.rate.quantities import OverLedgers, ledger_to_date
from settlement.rate.stated import PayoutRow, Stated
from settlement.rate.sums import Sums
from settlement.rate.windows import Lines, Scene


def ledger_entries(
    versions: Sequence[ContractVersion],
    facts: Facts,
    sums: Sums,
    lines: Mapping[Period, Lines],
    *,
    rows: Sequence[PayoutRow],
    stated: Stated,
) -> list[LedgerRow]:
    """What of one statement are entries of ledgers of their own, and what the ledgers of things have come to by it."""
    things = _things_to_date(in_force(versions, max(lines)).contract, facts, sums, lines)
    return [*_parts_of_lines(versions, rows, stated), *things]


def _parts_of_lines(
    versions: Sequence[ContractVersion], rows: Sequence[PayoutRow], stated: Stated
) -> Iterator[LedgerRow]:
    """The guarantees, breakage and reserves in the lines of one statement, each once; those of nothing are left out.

    The adjustment of a closed period has the difference of its breakage and reserves. What it changes of a guarantee is
    owed with the statement that carries it, and is no part.

    Parameters
    ----------
    versions:
        The versions known, which settled the periods.
    rows:
        The rows of the statement.
    stated:
        What was stated before it.
    """
    adjusted: Counter[tuple[str, LedgerEntry]] = Counter()
    own = [row for row in rows if row.beneficiary is None and row.adjusts is None]
    for row in own:
        entry = _entries(versions, row.period).get(row.term)
        if entry is None:
            continue
        if row.state != StatementState.RESTATED:
            if row.amount_minor:
                yield _part(row, entry, row.amount_minor)
        elif entry is not LedgerEntry.GUARANTEE:
            adjusted[row.period, entry] += row.amount_minor - stated.terms[row.period].get(row.term, 0)
    for row in rows:
        if row.term == ADJUSTMENT and row.adjusts is not None:
            for (closed, entry), amount in sorted(adjusted.items()):
                if closed == row.adjusts and amount:
                    yield _part(row, entry, amount)


def _part(row: PayoutRow, entry: LedgerEntry, amount: int) -> LedgerRow:
    return LedgerRow(
        contract=row.contract,
        period=row.period,
        term=row.term,
        adjusts=row.adjusts,
        entry=entry,
        unit=row.currency,
        amount=amount,
    )


def _entries(versions: Sequence[ContractVersion], period: str) -> dict[str, LedgerEntry]:
    """By term of the version that settles a period: the ledger that its amount is an entry of."""
    terms = in_force(versions, period_from(period)).contract.terms
    return {term.id: entry for term in terms if (entry := _entry(term)) is not None}


def _entry(term: Term) -> LedgerEntry | None:
    match term:
        case MinimumTerm() | MinimumPurchaseTerm():
            return LedgerEntry.GUARANTEE
        case PointsTerm(entry="expired"):
            return LedgerEntry.BREAKAGE
        case PointsTerm(entry="reserve"):
            return LedgerEntry.RESERVE
    return None


def _things_to_date(contract: Contract, facts: Facts, sums: Sums, lines: Mapping[Period, Lines]) -> Iterator[LedgerRow]:
    """What each ledger of things has come to up to the last of the periods, as known now.

    Terms over the same points are over one ledger, and so are those over the same inventory.
    """
    period = max(lines)
    earlier = {one: told for one, told in lines.items() if one < period}
    for term in _ledgers(contract):
        scene = Scene(
            contract=contract,
            facts=facts,
            sums=sums,
            period=period,
            earlier=earlier,
            lines=lines[period],
            term=term,
        )
        told = ledger_to_date(term, scene)
        for entry, name in _THINGS[type(term)].items():
            yield LedgerRow(
                contract=contract.id,
                period=OF_THINGS,
                term=term.id,
                adjusts=None,
                entry=entry,
                unit=_unit(contract, term),
                amount=sum(one[name] for one in told),
            )


_THINGS: Final[Mapping[type[OverLedgers], Mapping[LedgerEntry, str]]] = {
    PointsTerm: {
        LedgerEntry.ISSUED: ledgers.ISSUED,
        LedgerEntry.REDEEMED: ledgers.REDEEMED,
        LedgerEntry.EXPIRED: ledgers.EXPIRED,
    },
    PrepaidTerm: {LedgerEntry.BOUGHT: ledgers.BOUGHT_BEFORE, LedgerEntry.DRAWN: ledgers.DRAWN},
}
"""The entries of each kind of ledger, with the names under which a period tells them."""


def _ledgers(contract: Contract) -> list[OverLedgers]:
    """The first term of each ledger of things, in the order of the contract."""
    found: dict[object, OverLedgers] = {}
    for term in contract.terms:
        match term:
            case PointsTerm():
                found.setdefault((term.issued, term.redeemed, term.expires_after), term)
            case PrepaidTerm():
                found.setdefault((term.of, term.bought, term.opening_inventory), term)
    return list(found.values())


def _unit(contract: Contract, term: OverLedgers) -> str:
    return measured_in(contract, term.of[0] if isinstance(term, PrepaidTerm) else term.issued[0])
