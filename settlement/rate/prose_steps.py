"""In plain words: the steps of a settlement from the terms to what is paid and carried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from settlement.model.contract import Contract, Step
from settlement.model.contract_steps import Interest, Owing, Tax, TaxKind
from settlement.rate.contract_words import written
from settlement.rate.prose_calendar import conversion_spoken, kind_spoken
from settlement.rate.wording import MODES, all_spoken, counted, listing, percent


def _add_terms(contract: Contract) -> str:
    paid = all_spoken([term.id for term in contract.terms if term.paid])
    return f"All terms of the {kind_spoken(contract)} are added up: {paid}."


def _adjust(contract: Contract) -> str:
    interest = contract.settlement.adjustments.interest
    return of_adjustments(contract) if interest is None else f"{of_adjustments(contract)} {of_interest(interest)}"


def of_adjustments(contract: Contract) -> str:
    """What a closed period that differs adds, without the interest on it."""
    rule = contract.settlement.adjustments
    booked = " The books put it in the closed period itself." if rule.booked_in == "original_period" else ""
    late = ""
    if rule.reopens is not None:
        within = counted(rule.reopens.within, rule.reopens.counted_in)
        late = (
            f" What becomes known of a period later than {within} after its last day is parked: it is told with its "
            "reason, and not paid."
        )
    return (
        "Where a closed period, recomputed as known now with all terms together, has another total than was stated, "
        f"the difference is added here. A closed statement is not issued again.{booked}{late}"
    )


def of_interest(rule: Interest) -> str:
    """Interest on the difference of a closed period."""
    return (
        f"The difference bears interest at {percent(rule.rate_a_year)} a year ({rule.day_count.replace('_', '/')}) "
        f"from {rule.due_days} days after the period's last day to the day of the statement, rounded once, "
        f"{MODES[rule.rounding]}."
    )


def _split(contract: Contract) -> str:
    own = any(term.shares for term in contract.terms)
    total = "What no term gives to somebody by itself" if own else "The total"
    weighed = [one for one in contract.beneficiaries if one.weight]
    if not weighed:
        return "Nothing is left to split: every term says whose it is."
    weights = " : ".join(str(one.weight) for one in weighed)
    return (
        f"{total} is split {weights} between {listing([one.name for one in weighed])}. Each share is "
        "cut to whole minor units; those left over go one each to the largest fractions cut off, equal ones to the "
        "id that sorts first."
    )


def _carry(contract: Contract) -> str:
    return f"What was carried from the {kind_spoken(contract)} before is added; that may be below zero."


def _recoup(contract: Contract) -> str:
    rule, told = contract.settlement.advance, "A balance above zero first recoups what is open of the advance."
    if rule is None or (rule.recoups == "own" and not rule.paid):
        return told
    paid = [f"{written(one.amount)} {contract.paid_in} to {one.to} on {one.on}" for one in rule.paid]
    dated = f" Paid in advance: {listing(paid)}." if paid else ""
    pool = " All beneficiaries recoup together, in proportion to their balances above zero." * (rule.recoups == "pool")
    return f"{told}{dated}{pool}"


def _tax(contract: Contract) -> str:
    return " ".join(of_tax(tax) for tax in contract.settlement.taxes)


def of_tax(tax: Tax) -> str:
    """One tax: who bears it, on what, and who owes it to whom."""
    rate, names = percent(tax.rate), listing(list(tax.beneficiaries))
    how = {
        TaxKind.WITHHOLDING: f"{rate} is withheld from what is left to {names}",
        TaxKind.GROSS_UP: f"{rate} of the gross amount is borne by the payer, so that {names} keeps what is left",
        TaxKind.VALUE_ADDED: f"{rate} value added tax is added to what is left to {names}",
    }[tax.kind]
    back = ", and taken off again" if tax.kind is TaxKind.VALUE_ADDED and tax.owed_by is Owing.PAYER else ""
    return (
        f"{how}{back}; the {tax.owed_by} owes it to {tax.owed_to}. Bases are added up to date, {MODES[tax.rounding]}."
    )


def _hold(contract: Contract) -> str:
    rule = contract.settlement.hold
    if rule is None:
        return "Nothing is held back."
    after = counted(rule.released_after, rule.counted_in)
    return (
        f"{percent(rule.share)} of what the statement adds to a balance, as far as it covers that, is held back and "
        f"released by the first statement {after} after its close or later; rounded once, {MODES[rule.rounding]}."
    )


def _threshold(contract: Contract) -> str:
    threshold = f"{written(contract.settlement.threshold)} {contract.paid_in}"
    return (
        f"A balance of {threshold} or more is paid in full; any other, one below zero too, is carried to the next "
        f"{kind_spoken(contract)}."
    )


STEPS: Final[Mapping[Step, Callable[[Contract], str]]] = {
    Step.TERMS: _add_terms,
    Step.ADJUSTMENTS: _adjust,
    Step.SPLIT: _split,
    Step.CONVERT: conversion_spoken,
    Step.CARRY: _carry,
    Step.RECOUP: _recoup,
    Step.TAX: _tax,
    Step.HOLD: _hold,
    Step.THRESHOLD: _threshold,
}
"""The sentence of each step."""
