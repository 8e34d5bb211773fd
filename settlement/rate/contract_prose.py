"""A whole contract in plain words: each quoted clause with what computes it, the order of application, the examples."""

from __future__ import annotations

from collections.abc import Iterator

from settlement.model.contract import Contract, ContractVersion, Example
from settlement.model.contract_measures import AccountMeasure
from settlement.model.contract_told import Article, ContractTold, Said, Worked
from settlement.rate.contract_words import written
from settlement.rate.forms import is_counted
from settlement.rate.prose import of_measure, of_period, of_step, of_term
from settlement.rate.prose_calendar import kind_spoken
from settlement.rate.prose_steps import of_adjustments, of_banking_days, of_hold, of_interest, of_tax


def told(version: ContractVersion) -> ContractTold:
    """The contract as its page tells it, clauses in the order of the file."""
    contract = version.contract
    said: dict[str, list[Said]] = {clause: [] for clause in contract.clauses}
    for clause, one in _said(contract):
        said[clause].append(one)
    return ContractTold(
        id=contract.id,
        title=contract.title,
        source=version.source,
        effective=version.effective,
        parties=tuple(_parties(contract)),
        articles=tuple(
            Article(clause=clause, quoted=contract.clauses[clause], said=tuple(found)) for clause, found in said.items()
        ),
        order=tuple(Said(name=step.value, sentence=of_step(contract, step)) for step in contract.settlement.order),
        worked=tuple(_worked(contract)),
    )


def _said(contract: Contract) -> Iterator[tuple[str, Said]]:
    """What each clause is computed by."""
    rule = contract.settlement
    yield contract.period.clause, Said(name="period", sentence=of_period(contract))
    for name, measure in contract.measures.items():
        yield measure.clause, Said(name=name, sentence=of_measure(contract, measure))
        if isinstance(measure, AccountMeasure):
            for one in measure.exclude:
                sentence = f"Class {one.account_class} does not count among {name} from condition day {one.first} on."
                yield one.clause, Said(name=name, sentence=sentence)
    for term in contract.terms:
        yield term.clause, Said(name=term.id, sentence=of_term(contract, term))
    steps = {step.value: of_step(contract, step) for step in rule.order}
    clauses = {"adjustments": rule.adjustments.clause}
    clauses |= {"convert": rule.convert.clause} if rule.convert is not None else {}
    clauses |= {"recoup": rule.advance.clause} if rule.advance is not None else {}
    # A tax and a hold stand under their own clauses, one sentence each, and so does interest.
    steps.pop("tax", None)
    steps.pop("hold", None)
    steps["adjustments"] = of_adjustments(contract)
    yield from ((tax.clause, Said(name="tax", sentence=of_tax(tax))) for tax in rule.taxes)
    if rule.banking_days is not None:
        yield rule.clause, Said(name="banking days", sentence=of_banking_days(contract))
    yield from ((hold.clause, Said(name="hold", sentence=of_hold(hold))) for hold in rule.all_holds)
    if rule.adjustments.interest is not None:
        yield rule.adjustments.interest.clause, Said(name="interest", sentence=of_interest(rule.adjustments.interest))
    for name, sentence in steps.items():
        yield clauses.get(name, rule.clause), Said(name=name, sentence=sentence)


def _parties(contract: Contract) -> Iterator[Said]:
    yield Said(name="pays", sentence=contract.payer)
    for one in contract.beneficiaries:
        yield Said(name="is paid", sentence=f"{one.name} ({one.id})")
    yield Said(name="programme", sentence=contract.programme)
    if contract.known_on is not None:
        yield Said(name="known", sentence=f"from {contract.known_on} on; statements of earlier days do not look at it")
    paid = "" if contract.paid_in == contract.currency else f", paid in {contract.paid_in}"
    yield Said(name="currency", sentence=f"{contract.currency}{paid}")
    yield Said(name="period", sentence=kind_spoken(contract))
    for name, entries in contract.mcc_lists.items():
        yield Said(name=f"merchant categories {name}", sentence=", ".join(entries))


def _worked(contract: Contract) -> Iterator[Worked]:
    terms = {term.id: term for term in contract.terms}
    for example in contract.examples:
        term = terms[example.term]
        yield Worked(
            clause=term.clause,
            term=term.id,
            text=example.text,
            given=", ".join(
                f"{name.replace('_', ' ')} {int(value) if is_counted(term, name) else value:,}"
                for name, value in example.given.items()
            ),
            gives=f"{written(example.gives)} {contract.currency}{_shares(example)}",
        )


def _shares(example: Example) -> str:
    told = ", ".join(f"{name} {written(share)}" for name, share in example.shares.items())
    return f" ({told})" if told else ""
