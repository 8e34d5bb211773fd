"""The worked examples of a contract: each must come out, before rounding and by beneficiary too where it says so."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from settlement.model.contract import Contract, Example, Step
from settlement.model.contract_terms import Term
from settlement.model.money import decimal_of, exponent, split_largest_remainder, to_minor
from settlement.rate.contract_words import nearest, refuse, written, written_minor
from settlement.rate.forms import exactly, illustrate, is_counted, quantity_names


def check_examples(contract: Contract) -> None:
    """Refuse an example that does not come out."""
    terms = {term.id: term for term in contract.terms}
    for number, example in enumerate(contract.examples, start=1):
        where = f"example {number} ({example.text})"
        if example.term not in terms:
            raise refuse(where, f"there is no term `{example.term}`; {nearest(example.term, list(terms))}")
        given = _given(contract, terms[example.term], example, where)
        comes = illustrate(terms[example.term], contract.currency, given)
        if to_minor(str(example.gives), contract.currency) != comes:
            given_now, clause = written_minor(comes, contract.currency), terms[example.term].clause
            sentence = f"clause {clause} gives {given_now}, not {written(example.gives)}"
            raise refuse(where, f"{sentence}; correct the example or the term.", below=("gives",))
        _check_exact(contract, terms[example.term], example, given, where)
        _check_shares(contract, terms[example.term], example, comes, where)


def _check_exact(contract: Contract, term: Term, example: Example, given: Mapping[str, int], where: str) -> None:
    """An example may say what its term gives before it is rounded."""
    if example.exact is None:
        return
    exact = exactly(term, contract.currency, given)
    if exact is None:
        sentence = f"{term.id} is not rounded once, so it has no exact value here; leave `exact` out."
        raise refuse(where, sentence, below=("exact",))
    scale = 10 ** exponent(contract.currency)
    if Fraction(example.exact) * scale != exact:
        ratio = exact / scale
        # A third of a cent has no decimals that end; it is told as a fraction.
        decimal = decimal_of(ratio)
        told = str(ratio) if decimal is None else written(decimal)
        sentence = f"before rounding clause {term.clause} gives {told}, not {written(example.exact)}"
        raise refuse(where, f"{sentence}; correct the example or the term.", below=("exact",))


def _check_shares(contract: Contract, term: Term, example: Example, comes: int, where: str) -> None:
    """An example may say what each beneficiary gets of what its term gives."""
    if not example.shares:
        return
    weights = term.shares or contract.weights
    if not term.paid or Step.SPLIT not in contract.settlement.order:
        raise refuse(where, f"{term.id} is split among nobody; leave `shares` out.", below=("shares",))
    for name in example.shares:
        if name not in weights:
            raise refuse(
                where, f"`{name}` has no share of {term.id}; {nearest(name, list(weights))}", below=("shares",)
            )
    for name, share in split_largest_remainder(comes, weights).items():
        said = example.shares.get(name)
        if said is None or to_minor(str(said), contract.currency) != share:
            told = "is not said" if said is None else f"is not {written(said)}"
            sentence = f"{name} gets {written_minor(share, contract.currency)} of it, which {told}"
            raise refuse(where, f"{sentence}; correct the example or the weights.", below=("shares",))


def _given(contract: Contract, term: Term, example: Example, where: str) -> Mapping[str, int]:
    names = quantity_names(term)
    for name in example.given:
        if name not in names:
            raise refuse(where, f"`{name}` is no quantity of {term.id}; {nearest(name, names)}")
    missing = [name for name in names if name not in example.given]
    if missing:
        raise refuse(where, f"`{missing[0]}` is not given; {term.id} needs {', '.join(names)}.")
    given = {}
    for name, value in example.given.items():
        if is_counted(term, name):
            units, unit = int(value) if value == int(value) else None, "accounts or units"
        else:
            units, unit = to_minor(str(value), contract.currency), f"minor units of {contract.currency}"
        if units is None:
            raise refuse(where, f"`{name}` = {value} is no whole number of {unit}; write one.")
        given[name] = units
    return given
