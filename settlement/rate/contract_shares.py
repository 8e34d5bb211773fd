"""Whose a term is: terms that are not paid, terms to one beneficiary, and terms in parts that sum to them."""

from __future__ import annotations

from collections import Counter

from settlement.errors import TerminalError
from settlement.model.contract import Contract, ContractVersion, Step
from settlement.model.contract_terms import Term, named
from settlement.rate.contract_words import nearest, refuse, term_place


def check_shares(contract: Contract) -> None:
    """Refuse terms that are told and paid to nobody, and parts that are not those of the contract's beneficiaries."""
    used = {name for term in contract.terms for name in named(term)}
    for term in contract.terms:
        where = term_place(term)
        if not term.paid and term.shares:
            raise refuse(where, "a term with `paid = false` goes to nobody; drop `to` and `parts`, or `paid = false`.")
        if not term.paid and term.id not in used:
            raise refuse(where, "it is not paid and no later term names it; let one name it, or drop `paid = false`.")
        if term.to is not None and term.parts:
            raise refuse(where, "`to` and `parts` both say whose it is; drop one of them.")
        if term.shares and Step.SPLIT not in contract.settlement.order:
            raise refuse(where, "a term with `to` or `parts` needs shares; write `split` in the order of [settlement].")
        _check_parts(contract, term)


def _check_parts(contract: Contract, term: Term) -> None:
    where, known = term_place(term), [beneficiary.id for beneficiary in contract.beneficiaries]
    for name, count in Counter([part.to for part in term.parts] if term.parts else list(term.shares)).items():
        if name not in known:
            raise refuse(where, f"`{name}` is no beneficiary; {nearest(name, known)}")
        if count > 1:
            raise refuse(where, f"`{name}` has {count} parts; add their weights up in one.")
    if any(part.weight <= 0 for part in term.parts):
        raise refuse(where, "a part without a weight is none; write weights above 0.")
    if len(term.parts) == 1:
        raise refuse(where, f'one part is the whole; write `to = "{term.parts[0].to}"` instead.')


def check_payees(earlier: ContractVersion, later: ContractVersion) -> None:
    """Refuse a version that late changes of an earlier one could not be booked in: who they go to must be there."""
    known = {beneficiary.id for beneficiary in later.contract.beneficiaries}
    gone = sorted({name for term in earlier.contract.terms for name in term.shares} - known)
    if gone:
        raise TerminalError(
            f"{later.source}: beneficiary {gone[0]} has terms of its own in {earlier.source}, and late changes of them "
            "would go to nobody; keep it among the beneficiaries."
        )
    rest = any(term.paid and not term.shares for term in earlier.contract.terms)
    splits = Step.SPLIT in later.contract.settlement.order
    if rest and splits and not any(beneficiary.weight for beneficiary in later.contract.beneficiaries):
        raise TerminalError(
            f"{later.source}: {earlier.source} splits terms by weight, and late changes of them are split here, "
            "where nobody has a weight; give the beneficiaries their weights."
        )
