"""Terms over names: that each names what stands before it and counts what it says, that nothing is given twice.

A term over names (tiers, sums, gates, minimum purchases) may name measures and terms before it. What a name counts is
money or things; a bound, a price and a rate each fit one of them alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from settlement.model.contract import Contract
from settlement.model.contract_amounts import Base, Bracket, Driver
from settlement.model.contract_frame import Counted, Window
from settlement.model.contract_measures import things_of
from settlement.model.contract_terms import (
    GateTerm,
    InstalmentsTerm,
    MinimumPurchaseTerm,
    PickTerm,
    PoolShareTerm,
    SumTerm,
    Term,
    TiersTerm,
)
from settlement.model.dates import PeriodKind
from settlement.rate.contract_words import nearest, refuse, term_place

TO_DATE: Final = (Window.YEAR_TO_DATE, Window.CONTRACT_TO_DATE)
"""The windows that hold what earlier periods held again."""
_NOT_MONTHS: Final = (PeriodKind.DAY, PeriodKind.WEEK)


def check_named(contract: Contract) -> None:
    """Refuse a term over names that names nothing, or nothing that counts what it says, or gives twice."""
    for number, term in enumerate(contract.terms):
        before = [one.id for one in contract.terms[:number]]
        match term:
            case TiersTerm():
                _check_method(contract, term, before)
            case SumTerm():
                if not term.adds and not term.takes:
                    raise refuse(term_place(term), "adds and takes name nothing; name at least one measure or term.")
                check_names(contract, term, (*term.adds, *term.takes), before, Counted.MONEY)
            case GateTerm():
                _check_driver(contract, term, term.driver, before)
                _check_terms(term, before)
            case PickTerm():
                _check_terms(term, before)
            case MinimumPurchaseTerm():
                check_names(contract, term, term.of, before, Counted.COUNT)
            case InstalmentsTerm() if term.number <= 0:
                raise refuse(term_place(term), "number must be above 0; write how many instalments there are.")


def check_pools(contract: Contract) -> None:
    """Refuse a part of a pool whose pool is no money, that is none of those that share it, or that shares itself."""
    for number, term in enumerate(contract.terms):
        if isinstance(term, PoolShareTerm):
            before, where = [one.id for one in contract.terms[:number]], term_place(term)
            check_names(contract, term, term.pool, before, Counted.MONEY)
            check_names(contract, term, term.among, before, Counted(term.counts))
            for name in term.pool:
                if name in term.among:
                    raise refuse(where, f"`{name}` is shared and shares; name in `among` what the pool is shared by.")
            if term.of not in term.among:
                raise refuse(where, f"of = `{term.of}` is not among those that share; {nearest(term.of, term.among)}")


def _check_method(contract: Contract, term: TiersTerm, before: Sequence[str]) -> None:
    where = term_place(term)
    for field, given, wanted in (
        ("base", term.base is not None, term.method != "amount"),
        ("driver", term.driver is not None, term.method != "marginal"),
    ):
        if given != wanted:
            sentence = f"method `{term.method}` {'needs' if wanted else 'has no'} `{field}`"
            raise refuse(where, f"{sentence}; {'say' if wanted else 'drop'} it.")
    if term.driver is not None:
        _check_driver(contract, term, term.driver, before)
    word = "amount"
    if term.base is not None:
        word = _check_base(contract, term, term.base, before)
    for number, bracket in enumerate(term.tiers, start=1):
        if _values(bracket) != [word]:
            said = ", ".join(f"`{one}`" for one in _values(bracket)) or "nothing"
            raise refuse(f"{where}, tiers {number}", f"it says {said}; these tiers each say one `{word}`, and no more.")
    # An amount to date that is given in every period is no event given twice: `doubts` asks whether it is meant.
    each_anew = term.less == "nothing" and term.method == "amount"
    if (term.less != "nothing") != (term.window in TO_DATE) and not each_anew:
        right = "given_for_earlier_periods" if term.window in TO_DATE else "nothing"
        raise refuse(where, f'over the window `{term.window}` it is given once only with `less = "{right}"`; write it.')


def _check_base(contract: Contract, term: TiersTerm, base: Base, before: Sequence[str]) -> str:
    """The word that the tiers of a base say: a rate or a price."""
    where = f"{term_place(term)}, base"
    if base.counts is Counted.RATIO:
        raise refuse(where, "a ratio has no rate and no price; write `money` or `count`.")
    if base.window is Window.LAST_12_FULL_MONTHS:
        raise refuse(where, "a rolling window would be given again in every period; write it in the driver alone.")
    if base.block is not None and base.block <= 0:
        raise refuse(where, "a block stands for a quantity above zero; write one such as 100.00.")
    check_names(contract, term, base.of, before, base.counts)
    return "rate" if base.counts is Counted.MONEY and base.block is None else "price"


def _check_driver(contract: Contract, term: Term, driver: Driver, before: Sequence[str]) -> None:
    where = f"{term_place(term)}, driver"
    if driver.window is Window.LAST_12_FULL_MONTHS and contract.period.calendar in _NOT_MONTHS:
        calendar = contract.period.calendar
        raise refuse(
            where, f"periods of a {calendar} do not make up the last 12 full months; settle by month or quarter."
        )
    if driver.counts is not Counted.RATIO:
        if driver.per or driver.decimals is not None:
            raise refuse(where, '`per` and `decimals` belong to a ratio; write `counts = "ratio"`, or drop them.')
        check_names(contract, term, driver.of, before, driver.counts)
        return
    if not driver.per or driver.decimals is None:
        raise refuse(where, "a ratio says what it divides by and how precise it is; write `per` and `decimals`.")
    counted = {name: _counts(contract, name) for name in (*driver.of, *driver.per)}
    one = next(iter(counted.values()), Counted.COUNT)
    check_names(contract, term, driver.of, before, one)
    check_names(contract, term, driver.per, before, one)


def check_names(contract: Contract, term: Term, names: Sequence[str], before: Sequence[str], counts: Counted) -> None:
    """Refuse names that are no measures and no terms before this one, or that count something else."""
    where, known = term_place(term), [*contract.measures, *before]
    if not names:
        raise refuse(where, f"it names nothing to look at; {nearest('', known)}")
    for name, count in Counter(names).items():
        if name not in known:
            raise refuse(where, f"`{name}` is no measure and no term before this one; {nearest(name, known)}")
        if name in contract.measures and name in before:
            raise refuse(where, f"`{name}` is a measure and a term before this one; give the term another id.")
        if count > 1:
            raise refuse(where, f"`{name}` is named {count} times; name it once.")
        if _counts(contract, name) is not counts:
            sentence = f"`{name}` counts {_WORDS[_counts(contract, name)]}, and {_WORDS[counts]} is asked for here"
            raise refuse(where, f"{sentence}; name another.")


_WORDS: Final = {Counted.MONEY: "money", Counted.COUNT: "a number of things", Counted.RATIO: "a ratio"}


def _counts(contract: Contract, name: str) -> Counted:
    measure = contract.measures.get(name)
    return Counted.MONEY if measure is None or things_of(measure) is None else Counted.COUNT


def _check_terms(term: GateTerm | PickTerm, before: Sequence[str]) -> None:
    fewest = 2 if isinstance(term, PickTerm) else 1
    if len(term.of) < fewest:
        raise refuse(term_place(term), f"of must name at least {fewest} term{'s' * (fewest > 1)} before this one.")
    for name in term.of:
        if name not in before:
            how = nearest(name, before) if before else "put it behind the terms that it looks at."
            raise refuse(term_place(term), f"of = `{name}` is no term before this one; {how}")


def _values(bracket: Bracket) -> list[str]:
    said: dict[str, Decimal | None] = {"rate": bracket.rate, "price": bracket.price, "amount": bracket.amount}
    return [name for name, value in said.items() if value is not None]
