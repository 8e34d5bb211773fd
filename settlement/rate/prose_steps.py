"""In plain words: the steps of a settlement from the terms to what is paid and carried."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from settlement.model.contract import Contract, Step
from settlement.model.contract_steps import Hold, HoldKind, Interest, Owing, Tax, TaxBase, TaxKind
from settlement.rate.contract_words import written
from settlement.rate.prose_calendar import conversion_spoken, kind_spoken, open_days_spoken
from settlement.rate.wording import MODES, all_spoken, counted, listing, percent, spoken


def _add_terms(contract: Contract) -> str:
    paid = all_spoken([term.id for term in contract.terms if term.paid])
    return f"All terms of the {kind_spoken(contract)} are added up: {paid}."


def _adjust(contract: Contract) -> str:
    interest, told = contract.settlement.adjustments.interest, of_adjustments(contract)
    if interest is None:
        return told
    told = f"{told} {of_interest(interest)}"
    return f"{told} {of_banking_days(contract)}" if interest.due_counted_in == "banking_days" else told


def of_banking_days(contract: Contract) -> str:
    """Which days are banking days, where holds or interest count them."""
    rule = contract.settlement.banking_days
    return "" if rule is None else f"Banking days are {open_days_spoken(rule)}."


def of_adjustments(contract: Contract) -> str:
    """What a closed period that differs adds, without the interest on it."""
    rule = contract.settlement.adjustments
    booked = " The books put it in the closed period itself." if rule.booked_in == "original_period" else ""
    late = " However late something becomes known of a period, the period changes by it."
    if rule.reopens.within is not None:
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
    days = spoken(counted(rule.due_days, rule.due_counted_in))
    return (
        f"The difference bears interest at {percent(rule.rate_a_year)} a year ({rule.day_count.replace('_', '/')}) "
        f"from {days} after the period's last day to the day of the statement, rounded once, "
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
    return _in_turn([of_tax(tax) for tax in contract.settlement.taxes])


def _in_turn(sentences: Sequence[str]) -> str:
    """The sentences of one step; several are taken in the order in which they stand."""
    return sentences[0] if len(sentences) == 1 else f"In this order. {' '.join(sentences)}"


def of_tax(tax: Tax) -> str:
    """One tax: who bears it, on what, and who owes it to whom."""
    rate, names, base = percent(tax.rate), listing(list(tax.beneficiaries)), of_base(tax)
    how = {
        TaxKind.WITHHOLDING: f"{rate} of {base} is withheld from {names}",
        TaxKind.GROSS_UP: f"{rate} of the gross amount is borne by the payer, so that {names} keeps {base}",
        TaxKind.VALUE_ADDED: f"{rate} value added tax on {base} is added for {names}",
    }[tax.kind]
    back = ", and taken off again" if tax.kind is TaxKind.VALUE_ADDED and tax.owed_by is Owing.PAYER else ""
    return (
        f"{_named(tax)}{how}{back}; the {tax.owed_by} owes it to {tax.owed_to}. Bases are added up to date, "
        f"{MODES[tax.rounding]}."
    )


def of_base(tax: Tax) -> str:
    """What a tax is on."""
    base = "what is earned" if not tax.of else f"what {all_spoken(tax.of)} give{'s' * (len(tax.of) == 1)}"
    if tax.on is TaxBase.NOT_RECOUPED and not tax.of:
        base = "what is earned and not recouped"
    return f"{base} after the tax of {all_spoken(tax.after)}" if tax.after else base


def _named(one: Tax | Hold) -> str:
    """The name of a tax or a hold before what is told of it."""
    return f"{spoken(one.id).capitalize()}: " if one.id is not None else ""


def _hold(contract: Contract) -> str:
    rule = contract.settlement
    told = _in_turn([of_hold(hold) for hold in rule.all_holds])
    counts = any(hold.counted_in == "banking_days" for hold in rule.all_holds)
    return f"{told} {of_banking_days(contract)}" if counts else told


_KEPT: Final = {
    HoldKind.HOLDBACK: "held back",
    HoldKind.RESERVE: "put in reserve against what may still be taken back",
}


def of_hold(hold: Hold) -> str:
    """One hold: how much of what it keeps back, of whom, and until when."""
    after = spoken(counted(hold.released_after, hold.counted_in))
    whose = f"the balance{'s' * (len(hold.beneficiaries) > 1)} of {listing(list(hold.beneficiaries))}"
    less = f", less what {all_spoken(hold.after)} hold{'s' * (len(hold.after) == 1)}" if hold.after else ""
    return (
        f"{_named(hold)}{percent(hold.share)} of what the statement adds to {whose}{less}, as far as it covers that, "
        f"is {_KEPT[hold.kind]} and released by the first statement {after} after its close or later; rounded once, "
        f"{MODES[hold.rounding]}."
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
