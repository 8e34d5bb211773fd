"""What must hold of the steps between what is earned and what is paid: advances, taxes, holds, late facts, interest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from settlement.errors import TerminalError
from settlement.model.contract import Contract, ContractVersion, Step
from settlement.model.contract_steps import Hold, Owing, Reopening, Tax, TaxBase, TaxKind
from settlement.model.money import exponent, to_minor
from settlement.model.statement_lines import HELD, RESERVE_KEPT, VALUE_ADDED_TAX, WITHHOLDING_TAX
from settlement.rate.contract_fixing import check_weekend
from settlement.rate.contract_words import nearest, refuse, written


def check_steps(contract: Contract) -> None:
    """Refuse advances, taxes, holds, windows and interest that nobody could settle by."""
    _check_advances(contract)
    _check_taxes(contract)
    _check_holds(contract)
    _check_late(contract)
    _check_banking_days(contract)


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
    yield from ((f"[settlement], holds {number}", hold.clause) for number, hold in enumerate(rule.holds, start=1))


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
    for number, tax in enumerate(contract.settlement.taxes, start=1):
        where = f"[settlement], taxes {number}"
        _check_tax(where, tax)
        _check_base(where, tax, contract)
        _check_named(where, tax, contract.settlement.taxes[: number - 1], contract)


def _check_base(where: str, tax: Tax, contract: Contract) -> None:
    """A tax on some terms is on paid ones, in the currency of payment; what is recouped is taken of no term."""
    paid = [term.id for term in contract.terms if term.paid]
    for name, count in Counter(tax.of).items():
        if name not in paid:
            raise refuse(where, f"of = `{name}` is no term that is paid; {nearest(name, paid)}")
        if count > 1:
            raise refuse(where, f"of names `{name}` {count} times; name it once.")
    if not tax.of:
        return
    if contract.settlement.convert is not None:
        sentence = (
            "of names terms of the contract's currency, and the tax is in that of payment; write it as a term, a "
        )
        raise refuse(
            where, f"{sentence}`sum` of them at the tax's rate, below zero where it is taken off, or drop `of`."
        )
    if contract.settlement.advance is not None and tax.on is not TaxBase.EARNED:
        sentence = 'nobody could say of which terms an advance is recouped; write `on = "earned"` beside `of`.'
        raise refuse(where, sentence)


def _check_named(where: str, one: Tax | Hold, before: Sequence[Tax | Hold], contract: Contract) -> None:
    """Refuse a tax or a hold of a stranger, and two whose lines nobody could tell apart."""
    known = [beneficiary.id for beneficiary in contract.beneficiaries]
    if not one.beneficiaries:
        does = "taxes" if isinstance(one, Tax) else "holds back from"
        raise refuse(where, f"it {does} nobody; name the beneficiaries whose payouts it is on.")
    for name in one.beneficiaries:
        if name not in known:
            raise refuse(where, f"`{name}` is no beneficiary; {nearest(name, known)}")
    if one.id is not None and not _ID.fullmatch(one.id):
        raise refuse(where, f"the id `{one.id}` names lines of statements; write small letters, digits, `_` and `-`.")
    ids = [other.id for other in before if other.id is not None]
    if one.id in ids:
        raise refuse(where, f"the id `{one.id}` is used twice; give each its own.")
    for name in one.beneficiaries:
        for other in before:
            if name in other.beneficiaries and other.line == one.line:
                sentence = f"{name} has {_WORDS[one.line]} already; give this one an `id`, or write one of both."
                raise refuse(where, sentence)
    _check_after(where, one, before)


def check_same_taxes(earlier: ContractVersion, later: ContractVersion) -> None:
    """Refuse an ``id`` for a tax that had none: what a tax was on is looked up by its line, which the id names."""
    before, after = earlier.contract.settlement, later.contract.settlement
    ids = {tax.id for tax in before.taxes}
    for number, tax in enumerate(after.taxes, start=1):
        unnamed = replace(tax, id=None).line
        for name in tax.beneficiaries if tax.id not in ids else ():
            was, still = (unnamed in [one.line for one in rule.taxes_of(name)] for rule in (before, after))
            if was and not still:
                raise TerminalError(
                    f"{later.source}, [settlement], taxes {number}: {name} has {_WORDS[unnamed]} in {earlier.source} "
                    "without an `id`, and a tax goes on by its line; leave its `id` out, and give one to others alone."
                )


def _check_after(where: str, one: Tax | Hold, before: Sequence[Tax | Hold]) -> None:
    """Refuse ``after`` of what does not come before, or is of other beneficiaries."""
    ids = [other.id for other in before if other.id is not None]
    for name, count in Counter(one.after).items():
        if name not in ids:
            how = nearest(name, ids) if ids else "put it behind what it comes after, and give that an `id`."
            raise refuse(where, f"after = `{name}` is none before this one; {how}")
        if count > 1:
            raise refuse(where, f"after names `{name}` {count} times; name it once.")
        other = next(other for other in before if other.id == name)
        if isinstance(other, Tax) and other.adds_up_to_nothing:
            sentence = f"after = `{name}` changes nothing: its two lines add up to zero; leave it out of `after`."
            raise refuse(where, sentence)
        left = [who for who in one.beneficiaries if who not in other.beneficiaries]
        if left:
            raise refuse(where, f"after = `{name}` is none of {left[0]}; let both name the same beneficiaries.")


_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")
_WORDS: Final = {
    WITHHOLDING_TAX: "tax withheld",
    VALUE_ADDED_TAX: "value added tax",
    HELD: "a hold",
    RESERVE_KEPT: "a reserve",
}
"""Lines of taxes and holds without an id, as a sentence names them."""


def _check_tax(where: str, tax: Tax) -> None:
    if not 0 < tax.rate < 1:
        raise refuse(where, f"a rate of {written(tax.rate)} is none of a tax; write one such as 0.10 for 10 %.")
    if any(mark in tax.owed_to for mark in ";=:\n") or not tax.owed_to.strip():
        raise refuse(where, "`owed_to` is told in statements; write a name without `;`, `=` and `:`.")
    if tax.kind is not TaxKind.VALUE_ADDED and tax.owed_by is not Owing.PAYER:
        raise refuse(where, f'`{tax.kind}` is handed over by the payer; write `owed_by = "payer"`.')


def _check_holds(contract: Contract) -> None:
    rule = contract.settlement
    if rule.hold is not None and rule.holds:
        raise refuse("[settlement.hold]", "it stands beside `[[settlement.holds]]`; write all holds there.")
    if rule.hold is not None:
        _check_hold("[settlement.hold]", rule.hold)
        _check_named("[settlement.hold]", rule.hold, (), contract)
    for number, hold in enumerate(rule.holds, start=1):
        where = f"[settlement], holds {number}"
        _check_hold(where, hold)
        _check_named(where, hold, rule.holds[: number - 1], contract)


def _check_hold(where: str, rule: Hold) -> None:
    if not Decimal(0) < rule.share <= 1:
        raise refuse(where, f"a share of {written(rule.share)} cannot be held; write 1, or such as 0.15.")
    if rule.released_after <= 0:
        sentence = f"after {rule.released_after} {rule.counted_in} nothing is held; write 1 or more."
        raise refuse(where, sentence)


def _check_late(contract: Contract) -> None:
    rule = contract.settlement.adjustments
    _check_reopening(rule.reopens)
    if rule.interest is not None and rule.interest.rate_a_year <= 0:
        raise refuse("[settlement.adjustments.interest]", "a rate of zero or less is no interest; drop the table.")
    if rule.interest is not None and rule.interest.due_days < 0:
        sentence = "`due_days` counts from the period's last day; write 0 or more."
        raise refuse("[settlement.adjustments.interest]", sentence)


def _check_reopening(rule: Reopening) -> None:
    """Refuse a window without its length, and a length where there is no window."""
    where = "[settlement.adjustments], reopens"
    unlimited = rule.counted_in == "no_limit"
    if unlimited and (rule.within is not None or rule.later is not None):
        raise refuse(where, "where there is `no_limit` nothing comes later; drop `within` and `later`.")
    if not unlimited and (rule.within is None or rule.later is None):
        said = f'`{{ within = 3, counted_in = "{rule.counted_in}", later = "parked" }}`'
        told = f"a window says how many {rule.counted_in} it is and what becomes of what is known later"
        raise refuse(where, f"{told}; write such as {said}.")
    if rule.within is not None and rule.within <= 0:
        raise refuse(where, f"within {rule.within} {rule.counted_in} nothing could come; write 1 or more.")


def _check_banking_days(contract: Contract) -> None:
    rule = contract.settlement
    interest = rule.adjustments.interest
    counts = any(hold.counted_in == "banking_days" for hold in rule.all_holds)
    counts = counts or (interest is not None and interest.due_counted_in == "banking_days")
    if rule.banking_days is not None:
        check_weekend(_BANKING, rule.banking_days)
    if counts and rule.banking_days is None:
        raise refuse("[settlement]", f"it counts banking days, and no table {_BANKING} says which days those are.")
    if rule.banking_days is not None and not counts:
        raise refuse(_BANKING, 'nothing is counted in banking days; write `counted_in = "banking_days"`, or drop it.')


_BANKING: Final = "[settlement.banking_days]"
STEPS_WITH_TABLES: Final[Mapping[Step, tuple[str, ...]]] = {
    Step.CONVERT: ("convert",),
    Step.RECOUP: ("advance",),
    Step.TAX: ("taxes",),
    Step.HOLD: ("hold", "holds"),
}
"""The steps that a table says more of, and the names that it may have below [settlement]."""
