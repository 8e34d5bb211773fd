"""Exceptions of a contract that collide, and selections that choose nothing: two clauses for one case, or none."""

from __future__ import annotations

from itertools import combinations

from settlement.model.contract import Contract
from settlement.model.contract_measures import AccountMeasure, AccountsWithin, VolumeMeasure
from settlement.model.contract_terms import BountyTerm, RateByTerm
from settlement.rate.contract_words import listed, refuse, term_place


def check_exceptions(contract: Contract) -> None:
    """Refuse two exceptions that hold for one case, and a measure that can count nothing."""
    for name, measure in contract.measures.items():
        where = f"[measures.{name}]"
        match measure:
            case AccountMeasure():
                _check_exclusions(where, measure)
            case AccountsWithin():
                if not measure.channels:
                    raise refuse(
                        where, '`channels` names none, so no account can count; write them: `channels = ["..."]`.'
                    )
            case VolumeMeasure():
                _check_selection(contract, where, measure)
    _check_bounties(contract)
    for term in contract.terms:
        if isinstance(term, RateByTerm):
            _check_classes(contract, term)


def _check_exclusions(where: str, measure: AccountMeasure) -> None:
    for one, other in combinations(measure.exclude, 2):
        if one.account_class == other.account_class:
            raise refuse(
                f"{where}, exclude",
                f"clause {one.clause} excludes class `{one.account_class}` from {one.first} and clause {other.clause} "
                f"from {other.first}; keep the one that holds.",
                below=(measure.exclude.index(other),),
            )


def _check_selection(contract: Contract, where: str, measure: VolumeMeasure) -> None:
    classes = measure.account_classes
    if not classes:
        raise refuse(where, '`account_classes` names none, so nothing can count; write the classes, or `["any"]`.')
    if "any" in classes and len(classes) > 1:
        raise refuse(where, "account_classes = `any` stands beside other classes; write `any` alone, or leave it out.")
    chosen = set(contract.mcc_lists.get(measure.mcc_in, ()))
    if chosen and chosen <= set(contract.mcc_lists.get(measure.mcc_not_in, ())):
        raise refuse(
            where,
            f"mcc_in = `{measure.mcc_in}` chooses what mcc_not_in = `{measure.mcc_not_in}` takes out, so nothing can "
            "count; correct one of them.",
        )


def _check_bounties(contract: Contract) -> None:
    """An account that two bounties take out of a third would be paid by both."""
    replacing = [term for term in contract.terms if isinstance(term, BountyTerm) and term.replaces is not None]
    for one, other in combinations(replacing, 2):
        if one.replaces == other.id and other.replaces == one.id:
            raise refuse(
                term_place(other),
                f"it replaces `{one.id}` of clause {one.clause}, which replaces it in turn, so that neither pays; "
                "leave `replaces` out of the general one.",
            )
        shared = _shared_channels(contract, one, other)
        if one.replaces == other.replaces and shared != []:
            accounts = "the same accounts" if shared is None else f"accounts of channel {listed(shared)}"
            raise refuse(
                term_place(other),
                f"clause {one.clause} ({one.id}) replaces `{one.replaces}` for {accounts} as well, which would be paid "
                "twice; give each channel to one of the two clauses.",
            )


def _shared_channels(contract: Contract, one: BountyTerm, other: BountyTerm) -> list[str] | None:
    """The channels that two bounties have in common; None where one of them takes every channel."""
    measures = (contract.measures[one.measure], contract.measures[other.measure])
    first, second = (set(m.channels) if isinstance(m, AccountsWithin) else None for m in measures)
    return None if first is None or second is None else sorted(first & second)


def _check_classes(contract: Contract, term: RateByTerm) -> None:
    """Every class that the measure counts has a rate; with ``any`` the classes are those of the accounts delivered."""
    measure = contract.measures[term.measure]
    if isinstance(measure, VolumeMeasure) and "any" not in measure.account_classes:
        rated = {rate.account_class for rate in term.rates}
        for class_ in measure.account_classes:
            if class_ not in rated:
                raise refuse(
                    term_place(term),
                    f"[measures.{term.measure}] counts class `{class_}`, which has no rate here; add "
                    f'`{{ account_class = "{class_}", rate = ... }}`.',
                )
