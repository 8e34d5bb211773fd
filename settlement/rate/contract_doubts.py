"""What a contract may say and its author may not have meant: totals that fall, rates and measures never reached."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

from settlement.model.contract import Contract, ContractVersion, Step
from settlement.model.contract_amounts import Bracket
from settlement.model.contract_measures import AccountsWithin, UnitMeasure, VolumeMeasure
from settlement.model.contract_terms import (
    DatedPrice,
    DatedRate,
    MarginalTierTerm,
    RateByTerm,
    ShareOverHurdleTerm,
    Tier,
    TiersTerm,
    UnitPriceTerm,
    WholeTierTerm,
    looks_at,
)
from settlement.model.money import minor
from settlement.rate.amounts import BASE, DRIVER
from settlement.rate.contract_names import TO_DATE
from settlement.rate.contract_words import Refusal, refuse, term_place, written, written_minor
from settlement.rate.forms import illustrate, is_counted, quantity_names


def doubts(version: ContractVersion) -> list[Refusal]:
    """What a person should look at in a contract that holds; the contract is settled as it stands.

    A refusal is only the form here: a place, a sentence, and the entry below the place.
    """
    contract = version.contract
    return [
        *_falling_totals(contract),
        *_negative_rates(contract),
        *_given_anew(contract),
        *_past_dates(version),
        *_unreached(contract),
        *_unpaid(contract),
        *_unillustrated(contract),
    ]


def _falling_totals(contract: Contract) -> Iterator[Refusal]:
    """Bounds at which a rate or price of all that is counted, or an amount, gives less than just below them."""
    for term in contract.terms:
        if isinstance(term, WholeTierTerm):
            yield from _falls(contract, term, term.quantity, "form = `marginal_tier`")
        elif isinstance(term, TiersTerm) and _drives_itself(term):
            yield from _falls(contract, term, BASE, "method = `marginal`")
        elif isinstance(term, TiersTerm) and term.method == "amount":
            yield from _falling_amounts(term)


def _drives_itself(term: TiersTerm) -> bool:
    """Whether what picks the bracket is what it is paid on."""
    base, driver = term.base, term.driver
    if base is None or driver is None:
        return False
    return (base.of, base.window, base.counts) == (driver.of, driver.window, driver.counts)


def _falls(contract: Contract, term: WholeTierTerm | TiersTerm, name: str, other: str) -> Iterator[Refusal]:
    tiers: tuple[Tier | Bracket, ...] = term.tiers
    for number, upper in enumerate(tiers[1:], start=1):
        counted = is_counted(term, name)
        bound = int(upper.first) if counted else minor(upper.first, contract.currency)
        quantities = dict.fromkeys(quantity_names(term), 0)
        below, at = (
            illustrate(term, contract.currency, {**quantities, name: volume, **_driver(term, volume)})
            for volume in (bound - 1, bound)
        )
        if at < below:
            was, now, fall = (written_minor(amount, contract.currency) for amount in (below, at, below - at))
            least = f"{bound - 1:,}" if counted else written_minor(bound - 1, contract.currency)
            value = "rate" if isinstance(upper, Tier) or upper.price is None else "price"
            yield refuse(
                term_place(term),
                f"the total falls at {written(upper.first)}: {was} for {least}, but {now} at the bound, {fall} less; "
                f"if only what lies above the bound has the lower {value}, write {other}.",
                below=("tiers", number),
            )


def _falling_amounts(term: TiersTerm) -> Iterator[Refusal]:
    for number, (lower, upper) in enumerate(pairwise(term.tiers), start=1):
        if upper.value < lower.value:
            was, now, fall = (written(amount) for amount in (lower.value, upper.value, lower.value - upper.value))
            yield refuse(
                term_place(term),
                f"the amount falls at {written(upper.first)}: {was} below it, but {now} from the bound on, {fall} "
                "less; is this meant?",
                below=("tiers", number),
            )


def _driver(term: WholeTierTerm | TiersTerm, volume: int) -> dict[str, int]:
    return {DRIVER: volume} if DRIVER in quantity_names(term) else {}


def _negative_rates(contract: Contract) -> Iterator[Refusal]:
    for term in contract.terms:
        if isinstance(term, MarginalTierTerm | WholeTierTerm | TiersTerm):
            tiers: tuple[Tier | Bracket, ...] = term.tiers
            for number, tier in enumerate(tiers):
                rate = tier.rate if isinstance(tier, Tier) else tier.rate or tier.price or Decimal(0)
                if rate < 0:
                    told = f"the rate from {written(tier.first)} is below zero: more volume gives less; is this meant?"
                    yield refuse(term_place(term), told, below=("tiers", number))
        if isinstance(term, ShareOverHurdleTerm) and term.loss_share < 0:
            yield refuse(
                term_place(term),
                f"`loss_share` {term.loss_share} pays for a loss; write it without its sign to bear one.",
            )


def _given_anew(contract: Contract) -> Iterator[Refusal]:
    """Amounts by what has come to date that every period gives again, as for a level that is held."""
    for term in contract.terms:
        if isinstance(term, TiersTerm) and term.less == "nothing" and term.window in TO_DATE:
            yield refuse(
                term_place(term),
                f"over the window `{term.window}` every period gives its bracket's amount anew, as for a level that is "
                'held; for a milestone, which is given once, write `less = "given_and_kept"`, or '
                '`"given_for_earlier_periods"` where it is taken back when the quantity falls again.',
            )


def _past_dates(version: ContractVersion) -> Iterator[Refusal]:
    """Rates and prices that ended before the contract begins: only older purchases can have them."""
    for term in version.contract.terms:
        dated: tuple[DatedRate | DatedPrice, ...] = ()
        if isinstance(term, RateByTerm | UnitPriceTerm):
            dated = term.rates if isinstance(term, RateByTerm) else term.prices
        for number, one in enumerate(dated):
            if one.end is not None and one.end <= version.effective:
                yield refuse(
                    term_place(term),
                    f"what ends on {one.end} ended before the contract begins on {version.effective}; only purchases "
                    "made before it can reach it: drop it unless those count.",
                    below=("rates" if isinstance(term, RateByTerm) else "prices", number),
                )


def _unreached(contract: Contract) -> Iterator[Refusal]:
    """Measures, lists and rates that nothing asks for."""
    used = _measures_used(contract)
    for name in contract.measures:
        if name not in used:
            yield refuse(f"[measures.{name}]", "no term uses this measure; name it in a term, or drop it.")
    volumes = [measure for measure in contract.measures.values() if isinstance(measure, VolumeMeasure)]
    for name in contract.mcc_lists:
        if not any(name in {volume.mcc_in, volume.mcc_not_in} for volume in volumes):
            yield refuse(
                f"[mcc_lists], {name}", "no measure uses this list; name it as mcc_in or mcc_not_in, or drop it."
            )
    for term in contract.terms:
        measure = contract.measures[term.measure] if isinstance(term, RateByTerm) else None
        if not isinstance(term, RateByTerm) or not isinstance(measure, VolumeMeasure):
            continue
        for number, rate in enumerate(term.rates):
            if "any" not in measure.account_classes and rate.account_class not in measure.account_classes:
                yield refuse(
                    term_place(term),
                    f"the rate of class `{rate.account_class}` is never reached: [measures.{term.measure}] does not "
                    "count this class; add it there, or drop the rate.",
                    below=("rates", number),
                )


def _measures_used(contract: Contract) -> set[str]:
    used = {name for term in contract.terms for name in looks_at(term) if name in contract.measures}
    waiting = list(used)
    while waiting:
        measure = contract.measures[waiting.pop()]
        if isinstance(measure, UnitMeasure | AccountsWithin) and measure.of not in used:
            used.add(measure.of)
            waiting.append(measure.of)
    return used


def _unpaid(contract: Contract) -> Iterator[Refusal]:
    """Beneficiaries whose weight or advance no step of the settlement looks at."""
    for beneficiary in contract.beneficiaries:
        where = f"beneficiary {beneficiary.id}"
        if beneficiary.weight is not None and Step.SPLIT not in contract.settlement.order:
            yield refuse(where, "`weight` is never used: the order has no `split`; add the step, or drop the weight.")
        if beneficiary.opening_advance is not None and contract.settlement.advance is None:
            yield refuse(
                where,
                "`opening_advance` is never recouped: add [settlement.advance] and the step `recoup`, or drop it.",
            )


def _unillustrated(contract: Contract) -> Iterator[Refusal]:
    worked = {example.term for example in contract.examples}
    for term in contract.terms:
        if term.id not in worked:
            yield refuse(
                term_place(term),
                "no example shows what this clause gives; take one from the agreement and add it as `[[examples]]`.",
            )
