"""What must hold of terms over ledgers of things: what they count, that it is of one unit, and that it can be said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from settlement.errors import TerminalError
from settlement.model.contract import Contract, ContractVersion
from settlement.model.contract_frame import Counted
from settlement.model.contract_terms import PointsTerm, PrepaidTerm, Term
from settlement.model.money import is_currency
from settlement.rate.contract_names import check_names
from settlement.rate.contract_words import refuse, term_place
from settlement.rate.measures import measured_in

_LONGEST_UNIT: Final = 10
"""Signs that the books have for a currency or the unit of things."""


def check_ledgers(contract: Contract) -> None:
    """Refuse points and inventories that count no things, or several units, or nothing."""
    for number, term in enumerate(contract.terms):
        before = [one.id for one in contract.terms[:number]]
        match term:
            case PointsTerm():
                _check_points(contract, term, before)
            case PrepaidTerm():
                check_names(contract, term, term.of, before, Counted.COUNT)
                _check_unit(contract, term, term.of)
                if any(one.quantity <= 0 for one in term.bought):
                    raise refuse(term_place(term), "what is bought is a number above 0; write how many there are.")
                if not term.bought and term.opening_inventory is None:
                    raise refuse(term_place(term), "nothing was bought before; write `bought`, or use `unit_price`.")


def check_same_inventory(earlier: ContractVersion, later: ContractVersion) -> None:
    """Refuse a version that leaves out what was bought before it: its ledger is worked out from the first period on."""
    told = {term.id: term for term in later.contract.terms if isinstance(term, PrepaidTerm)}
    for term in earlier.contract.terms:
        if not isinstance(term, PrepaidTerm) or term.id not in told or earlier.effective == later.effective:
            continue
        for one in term.bought:
            if one.on < later.effective and one not in told[term.id].bought:
                raise TerminalError(
                    f"{later.source}, {term_place(told[term.id])}: {one.quantity:,} that were bought on {one.on} are "
                    f"left out, and what is left of them would be lost; list them as {earlier.source} does."
                )


def _check_points(contract: Contract, term: PointsTerm, before: Sequence[str]) -> None:
    where = term_place(term)
    for names in (term.issued, term.redeemed):
        check_names(contract, term, names, before, Counted.COUNT)
    _check_unit(contract, term, (*term.issued, *term.redeemed))
    if term.expires_after <= 0:
        raise refuse(where, "points that expire at once are none; write after how many months.")
    if (term.breakage is not None) != (term.entry == "reserve"):
        does = "needs" if term.breakage is None else "has no"
        sentence = f"the entry `{term.entry}` {does} `breakage`; {'say' if term.breakage is None else 'drop'} it."
        raise refuse(where, sentence)
    if term.breakage is not None and not 0 <= term.breakage < 1:
        raise refuse(where, f"a breakage of {term.breakage} is no share; write one such as 0.28.")


def _check_unit(contract: Contract, term: Term, names: Sequence[str]) -> None:
    """A ledger is of one unit, as an account is of one currency."""
    units = sorted({measured_in(contract, name) for name in names})
    if len(units) > 1:
        raise refuse(term_place(term), f"it counts {' and '.join(units)} together; a ledger is of one unit.")
    for unit in units:
        if is_currency(unit) or len(unit) > _LONGEST_UNIT:
            sentence = f"the books keep its things apart from money by the unit `{unit}`; write one that is no currency"
            raise refuse(term_place(term), f"{sentence}, of at most {_LONGEST_UNIT} signs, such as `POINTS`.")
