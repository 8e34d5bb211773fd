"""What must hold of the steps between what is earned and what is paid: advances, taxes, holds, late facts, interest."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from settlement.model.contract import Contract, Step
from settlement.model.contract_steps import Owing, Tax, TaxKind
from settlement.model.money import exponent, to_minor
from settlement.rate.contract_words import nearest, refuse, written


def check_steps(contract: Contract) -> None:
    """Refuse advances, taxes, holds, windows and interest that nobody could settle by."""
    _check_advances(contract)
    _check_taxes(contract)
    _check_hold(contract)
    _check_late(contract)


def clauses_of_steps(contract: Contract) -> Iterator[tuple[str, str]]:
    """The steps' places in the file with the clauses that they quote, adjustments first."""
    rule = contract.settlement
    yield "[settlement.adjustments]", rule.adjustments.clause
    if rule.adjustments.interest is not None:
        yield "[settlement.adjustments.interest]", rule.adjustments.interest.clause
    for table, step in (("convert", rule.convert), ("advance", rule.advance), ("hold", rule.hold)):
        if step is not None:
            yield f"[settlement.{table}]", step.clause
    yield from ((f"[settlement], taxes {number}", tax.clause) for number, tax in enumerate(rule.taxes, start=1))


def _check_advances(contract: Contract) -> None:
    rule = contract.settlement.advance
    known = [beneficiary.id for beneficiary in contract.beneficiaries]
    for number, one in enumerate(rule.paid if rule is not None else (), start=1):
        where = f"[settlement.advance], paid {number}"
        if one.to not in known:
            raise refuse(where, f"`{one.to}` is no beneficiary; {nearest(one.to, known)}")
        if one.amount <= 0 or to_minor(str(one.amount), contract.paid_in) is None:
            raise refuse(
                where,
                f"{written(one.amount)} {contract.paid_in} is no amount to pay in advance; write one above zero with "
                f"at most {exponent(contract.paid_in)} decimals.",
            )


def _check_taxes(contract: Contract) -> None:
    known = [beneficiary.id for beneficiary in contract.beneficiaries]
    seen: set[tuple[bool, str]] = set()
    for number, tax in enumerate(contract.settlement.taxes, start=1):
        where = f"[settlement], taxes {number}"
        _check_tax(where, tax)
        for name in tax.beneficiaries:
            if name not in known:
                raise refuse(where, f"`{name}` is no beneficiary; {nearest(name, known)}")
            key = (tax.kind is TaxKind.VALUE_ADDED, name)
            if key in seen:
                what = "value added tax" if key[0] else "tax withheld"
                raise refuse(where, f"{name} has {what} already; write one tax with the sum of the rates.")
            seen.add(key)


def _check_tax(where: str, tax: Tax) -> None:
    if not tax.beneficiaries:
        raise refuse(where, "it taxes nobody; name the beneficiaries whose payouts it is on.")
    if not 0 < tax.rate < 1:
        raise refuse(where, f"a rate of {written(tax.rate)} is none of a tax; write one such as 0.10 for 10 %.")
    if any(mark in tax.owed_to for mark in ";=:\n") or not tax.owed_to.strip():
        raise refuse(where, "`owed_to` is told in statements; write a name without `;`, `=` and `:`.")
    if tax.kind is not TaxKind.VALUE_ADDED and tax.owed_by is not Owing.PAYER:
        raise refuse(where, f'`{tax.kind}` is handed over by the payer; write `owed_by = "payer"`.')


def _check_hold(contract: Contract) -> None:
    rule = contract.settlement.hold
    if rule is None:
        return
    if not Decimal(0) < rule.share <= 1:
        raise refuse("[settlement.hold]", f"a share of {written(rule.share)} cannot be held; write 1, or such as 0.15.")
    if rule.released_after <= 0:
        sentence = f"after {rule.released_after} {rule.counted_in} nothing is held; write 1 or more."
        raise refuse("[settlement.hold]", sentence)


def _check_late(contract: Contract) -> None:
    rule = contract.settlement.adjustments
    if rule.reopens is not None and rule.reopens.within <= 0:
        raise refuse(
            "[settlement.adjustments], reopens",
            f"within {rule.reopens.within} {rule.reopens.counted_in} nothing could come; write 1 or more.",
        )
    if rule.interest is not None and rule.interest.rate_a_year <= 0:
        raise refuse("[settlement.adjustments.interest]", "a rate of zero or less is no interest; drop the table.")
    if rule.interest is not None and rule.interest.due_days < 0:
        sentence = "`due_days` counts from the period's last day; write 0 or more."
        raise refuse("[settlement.adjustments.interest]", sentence)


STEPS_WITH_TABLES = {Step.CONVERT: "convert", Step.RECOUP: "advance", Step.TAX: "taxes", Step.HOLD: "hold"}
"""The steps that a table says more of, and its name below [settlement]."""
