"""What must hold inside a contract that its shape alone does not say: references, tiers, dates, shares."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Final

from settlement.errors import TerminalError
from settlement.model.contract import Contract, ContractVersion, Settlement, Step
from settlement.model.contract_measures import (
    AccountMeasure,
    AccountsWithin,
    BalanceMeasure,
    Dating,
    EventAccounts,
    EventAmounts,
    EventDate,
    EventUnits,
    Measure,
    Negative,
    ProfitMeasure,
    UnitMeasure,
    VolumeMeasure,
)
from settlement.model.contract_terms import (
    OF_ONE_MEASURE,
    WITHOUT_ROUNDING,
    BalanceRateTerm,
    BountyTerm,
    CapTerm,
    MarginalTierTerm,
    MinimumTerm,
    RateByTerm,
    RateTerm,
    RecordRateTerm,
    Scope,
    ShareOverHurdleTerm,
    Term,
    UnitPriceTerm,
    WholeTierTerm,
    looks_at,
)
from settlement.model.dates import PeriodKind
from settlement.model.money import is_currency
from settlement.model.statement_lines import RESERVED, kind_of
from settlement.rate.contract_bounds import check_amounts, check_dated_rates, check_tiers
from settlement.rate.contract_calendar import (
    check_calendar,
    check_condition_days,
    check_effective,
    check_same_calendar,
    check_year,
)
from settlement.rate.contract_events import check_events
from settlement.rate.contract_examples import check_examples
from settlement.rate.contract_exceptions import check_exceptions
from settlement.rate.contract_fixing import check_conversion, check_same_currency
from settlement.rate.contract_ledgers import check_ledgers, check_same_inventory
from settlement.rate.contract_names import check_named, check_pools
from settlement.rate.contract_shares import check_payees, check_shares
from settlement.rate.contract_steps import STEPS_WITH_TABLES, check_same_taxes, check_steps, clauses_of_steps
from settlement.rate.contract_words import Refusal, listed, nearest, refuse, term_place, words_of

KNOWN: Final = ".known-"
"""Stands in the name of a contract file between its first day in force and the day from which it is known."""
_OWN_DATES: Final = (EventDate.POSTING, EventDate.TRANSACTION, EventDate.SETTLEMENT, EventDate.ACCOUNT_OPENING)
_PLACING: Final = tuple(one for one in EventDate if one is not EventDate.ACCOUNT_OPENING)
_OWN_PLACING: Final = tuple(one for one in _OWN_DATES if one in _PLACING)
_ORDER: Final = tuple(Step)
_OPTIONAL: Final = frozenset({Step.SPLIT, *STEPS_WITH_TABLES})
_SCOPES: Final[Mapping[type[Term], Scope]] = {
    RateByTerm: Scope.CLASS_AND_RATE,
    ShareOverHurdleTerm: Scope.MONTH,
    UnitPriceTerm: Scope.PRICE,
    RecordRateTerm: Scope.RECORD,
}
_MCC_ENTRY: Final = re.compile(r"\d{4}(-\d{4})?")
_VOLUMES: Final[tuple[type[Measure], ...]] = (VolumeMeasure,)
_ACCOUNTS: Final[tuple[type[Measure], ...]] = (AccountMeasure, AccountsWithin)
_AMOUNTS: Final[tuple[type[Measure], ...]] = (VolumeMeasure, EventAmounts)
_MEASURED: Final[Mapping[type[Term], tuple[type[Measure], ...]]] = {
    RateTerm: _AMOUNTS,
    RateByTerm: _AMOUNTS,
    MarginalTierTerm: _AMOUNTS,
    RecordRateTerm: _AMOUNTS,
    BountyTerm: (*_ACCOUNTS, EventAccounts),
    BalanceRateTerm: (BalanceMeasure, EventAmounts),
    ShareOverHurdleTerm: (ProfitMeasure,),
    UnitPriceTerm: (UnitMeasure, EventUnits),
}
"""What each form measures."""
_SHORT: Final = (PeriodKind.DAY, PeriodKind.WEEK, PeriodKind.CYCLE)


def check_contract(version: ContractVersion) -> None:
    """Raise TerminalError, with one sentence, for the first rule that a contract breaks."""
    contract = version.contract
    try:
        for rule in RULES:
            rule(contract)
        check_effective(version)
        check_known(version)
    except Refusal as refusal:
        raise TerminalError(f"{version.source}{refusal}") from None


def check_versions(versions: Sequence[ContractVersion]) -> None:
    """Raise TerminalError where the dated files of one contract do not fit together."""
    for earlier, later in pairwise(versions):
        if (earlier.effective, earlier.known_on) == (later.effective, later.known_on):
            raise TerminalError(
                f"{earlier.source} and {later.source} both say contract {later.contract.id} from {later.effective}: "
                "keep one of them, or say in the later one from when on it is known, `known_on`."
            )
        check_same_calendar(earlier, later)
        check_same_currency(earlier, later)
        check_payees(earlier, later)
        check_same_taxes(earlier, later)
        check_same_inventory(earlier, later)


def _check_names(contract: Contract) -> None:
    for where, code in (("currency", contract.currency), ("[settlement.convert], to", contract.paid_in)):
        if not is_currency(code):
            raise refuse(where, f"`{code}` is no ISO 4217 code; write one such as `USD`.")
    for where, ids in (
        ("terms", [term.id for term in contract.terms]),
        ("beneficiaries", [beneficiary.id for beneficiary in contract.beneficiaries]),
    ):
        if not ids:
            raise refuse(where, f"there are none; a contract needs at least one: add a `[[{where}]]` table.")
        for name, count in Counter(ids).items():
            if count > 1:
                second = ids.index(name, ids.index(name) + 1)
                sentence = f"the id `{name}` is used {count} times; give each its own."
                raise refuse(where, sentence, below=(second, "id"))
            if kind_of(name) in RESERVED:
                raise refuse(where, f"the id `{name}` is the name of a line of every statement; choose another.")


def _check_clauses(contract: Contract) -> None:
    quoted = [(f"[measures.{name}]", measure.clause) for name, measure in contract.measures.items()]
    quoted += [(f"term {term.id}", term.clause) for term in contract.terms]
    quoted += [("[period]", contract.period.clause), ("[settlement]", contract.settlement.clause)]
    quoted += clauses_of_steps(contract)
    for name, measure in contract.measures.items():
        if isinstance(measure, AccountMeasure):
            quoted += [(f"[measures.{name}], exclude", exclusion.clause) for exclusion in measure.exclude]
    for where, clause in quoted:
        if not contract.clauses.get(clause, "").strip():
            raise refuse(where, f'clause `{clause}` has no text; quote it in the table [clauses]: `{clause} = "..."`.')
    silent = sorted(contract.clauses.keys() - {clause for _, clause in quoted})
    if silent:
        sentence = "no measure, term or rule rests on this clause; say what computes it, or drop it."
        raise refuse(f"[clauses], {silent[0]}", sentence)


def _check_datings(contract: Contract) -> None:
    datings = [("[period], place", contract.period.place)]
    dated = (RateByTerm, UnitPriceTerm)
    datings += [(f"{term_place(t)}, rate_date", t.rate_date) for t in contract.terms if isinstance(t, dated)]
    converted = {name: one.convert for name, one in contract.measures.items() if isinstance(one, VolumeMeasure)}
    datings += [(f"[measures.{name}.convert], rate_date", rule.rate_date) for name, rule in converted.items() if rule]
    for where, dating in datings:
        allowed = _OWN_DATES if dating is not contract.period.place else _OWN_PLACING
        for name, day in (("purchase", dating.purchase), ("refund_without_purchase", dating.refund_without_purchase)):
            if day not in _OWN_DATES:
                raise refuse(where, f"{name} has no purchase before it; write {listed(allowed)} for it.")
    _check_place(contract.period.place)


def _check_place(place: Dating) -> None:
    """A day long before an event picks its rate, and places it in no period that is still to come."""
    for name in ("purchase", "negative", "refund_without_purchase"):
        if getattr(place, name) not in _PLACING:
            allowed = _PLACING if name == "negative" else _OWN_PLACING
            sentence = "an account is opened once, and is used in many periods"
            raise refuse("[period], place", f"{name}: {sentence}; write {listed(allowed)}.")


def _check_measures(contract: Contract) -> None:
    for name, entries in contract.mcc_lists.items():
        for entry in entries:
            if not _MCC_ENTRY.fullmatch(entry):
                raise refuse(f"[mcc_lists], {name}", f'"{entry}" is no category; write "6010", or "3000-3299".')
    for name, measure in contract.measures.items():
        where = f"[measures.{name}]"
        match measure:
            case VolumeMeasure():
                _check_mcc_lists(contract, where, measure)
                _check_gives_back(where, measure)
            case UnitMeasure():
                _known_measure(contract, where, measure.of, _VOLUMES)
                _check_limit(where, measure)
            case AccountsWithin():
                _known_measure(contract, where, measure.of, _ACCOUNTS)
                _refuse_circle(contract, name, measure)
            case ProfitMeasure():
                if contract.period.calendar in _SHORT:
                    told = contract.period.calendar.value
                    raise refuse(
                        where, f"a month's profit has no place in a period of one {told}; settle by month or longer."
                    )


def _check_mcc_lists(contract: Contract, where: str, measure: VolumeMeasure) -> None:
    for field, name, word in (("mcc_in", measure.mcc_in, "any"), ("mcc_not_in", measure.mcc_not_in, "none")):
        if name != word and name not in contract.mcc_lists:
            known = [word, *contract.mcc_lists]
            raise refuse(where, f"{field} = `{name}` is no list of [mcc_lists]; {nearest(name, known)}")


def _check_gives_back(where: str, measure: VolumeMeasure) -> None:
    if measure.gives_back and Negative.CHARGEBACK not in measure.takes_back:
        raise refuse(
            f"{where}, gives_back",
            "no chargeback takes anything back here, so nothing can be given back; add `chargeback` to `takes_back`, "
            "or leave it out.",
        )


def _check_limit(where: str, measure: UnitMeasure) -> None:
    limit = measure.account_limit
    if limit is not None and limit.least > limit.most:
        raise refuse(f"{where}, account_limit", "least is above most; write the smaller number as least.")
    if limit is not None and measure.opening:
        raise refuse(where, "a limit by account cannot count an opening position, which has no account; drop one.")


def _refuse_circle(contract: Contract, name: str, measure: AccountsWithin) -> None:
    seen = {name}
    here: Measure = measure
    while isinstance(here, AccountsWithin):
        if here.of in seen:
            raise refuse(f"[measures.{name}]", f"of = `{here.of}` leads back to itself; name an accounts measure.")
        seen.add(here.of)
        here = contract.measures[here.of]


def _known_measure(contract: Contract, where: str, name: str, kinds: tuple[type[Measure], ...]) -> None:
    fitting = [n for n, measure in contract.measures.items() if isinstance(measure, kinds)]
    if name not in contract.measures:
        raise refuse(where, f"there is no measure `{name}`; {nearest(name, list(contract.measures))}")
    if name not in fitting:
        raise refuse(
            where,
            f"measure `{name}` is of type `{contract.measures[name].type}`, which this form cannot use; "
            f"{nearest('', fitting) if fitting else f'add a measure whose type is {words_of(kinds)}.'}",
        )


def _check_term_measures(contract: Contract) -> None:
    for term in contract.terms:
        match term:
            case CapTerm() | MinimumTerm():
                _check_of(contract, term)
            case WholeTierTerm():
                for key, names in (("base", term.base), ("driver", term.driver)):
                    if not names:
                        raise refuse(term_place(term), f"`{key}` names no volume; write at least one of [measures].")
                for name in (*term.base, *term.driver):
                    _known_measure(contract, term_place(term), name, _VOLUMES)
            case _ if isinstance(term, OF_ONE_MEASURE):
                if isinstance(term, BountyTerm):
                    _check_replaces(contract, term)
                _known_measure(contract, term_place(term), term.measure, _MEASURED[type(term)])


def _check_replaces(contract: Contract, term: BountyTerm) -> None:
    others = [one.id for one in contract.terms if isinstance(one, BountyTerm) and one.id != term.id]
    if term.replaces is not None and term.replaces not in others:
        raise refuse(term_place(term), f"replaces = `{term.replaces}` is no other bounty; {_one_of(others)}")


def _check_of(contract: Contract, term: CapTerm | MinimumTerm) -> None:
    """A cap or a guarantee looks at terms that stand before it."""
    if isinstance(term, MinimumTerm) and term.window == "period" and term.opening_earned is not None:
        raise refuse(term_place(term), "an opening position belongs to a year; drop `opening_earned`.")
    ids = [one.id for one in contract.terms]
    before = ids[: ids.index(term.id)]
    for name in term.of:
        if name not in before:
            raise refuse(term_place(term), f"of = `{name}` is no term before this one; {_one_of(before)}")
    if not term.of:
        raise refuse(term_place(term), f"of must name at least one term; {_one_of(before)}")


def _one_of(names: Sequence[str]) -> str:
    return f"write {listed(names)}." if names else "leave it out."


def _check_rounding(contract: Contract) -> None:
    for term in contract.terms:
        if not isinstance(term, WITHOUT_ROUNDING):
            right = _SCOPES.get(type(term), Scope.PERIOD)
            if isinstance(term, UnitPriceTerm) and len(term.prices) == 1:
                right = Scope.PERIOD
            if term.rounding.scope is not right:
                raise refuse(
                    term_place(term),
                    f"form `{term.form}` is rounded once per {right.replace('_', ' ')}, not per "
                    f'{term.rounding.scope.replace("_", " ")}; write `scope = "{right}"`.',
                    below=("rounding",),
                )


def _check_prices(contract: Contract) -> None:
    """Units that a limit counts by account have one price, and stand alone: nobody could say what the limit takes."""
    for term in contract.terms:
        measures = {name: contract.measures.get(name) for name in looks_at(term)}
        limited = [name for name, one in measures.items() if isinstance(one, UnitMeasure) and one.account_limit]
        if limited and isinstance(term, UnitPriceTerm) and len(term.prices) > 1:
            raise refuse(term_place(term), "units with a limit by account have one price; leave one price only.")
        if len(limited) > 1:
            names = " and ".join(f"`{name}`" for name in limited)
            raise refuse(term_place(term), f"{names} limit an account each; name one of them only.")


def _check_settlement(contract: Contract) -> None:
    rule = contract.settlement
    _check_order(rule)
    opens = any(one.opening_advance for one in contract.beneficiaries)
    if rule.advance is not None and not opens and not rule.advance.paid:
        raise refuse(
            "[settlement.advance]", "no beneficiary says what is open; write its `opening_advance`, or what is `paid`."
        )
    if Step.SPLIT in rule.order:
        named_by_terms = {name for term in contract.terms for name in term.shares}
        rest = any(term.paid and not term.shares for term in contract.terms)
        for beneficiary in contract.beneficiaries:
            left_out = beneficiary.weight is None and beneficiary.id in named_by_terms
            if not left_out and (beneficiary.weight is None or beneficiary.weight <= 0):
                raise refuse(
                    f"beneficiary {beneficiary.id}",
                    "the total is split, so it needs a `weight` above 0, such as `weight = 7`.",
                )
        if rest and not any(beneficiary.weight for beneficiary in contract.beneficiaries):
            raise refuse(
                "beneficiaries", "terms without `to` or `parts` are split, and nobody has a `weight`; write one."
            )
        if rule.residue is None:
            raise refuse("[settlement]", 'a split leaves units over; write `residue = "largest_remainder"`.')
    elif len(contract.beneficiaries) > 1:
        raise refuse(
            "[settlement], order", "several beneficiaries share the total; write `split` before `carry`, and weights."
        )


def _check_order(rule: Settlement) -> None:
    for step, tables in STEPS_WITH_TABLES.items():
        table = next((name for name in tables if getattr(rule, name)), None)
        told = table is not None
        if told and step not in rule.order:
            steps = _steps({*rule.order, step})
            raise refuse(
                f"[settlement.{table}]", f"no step `{step}` does this; write `order = [{steps}]`, or drop the table."
            )
        if step in rule.order and not told:
            raise refuse(
                "[settlement], order",
                f"it has the step `{step}`, but no table [settlement.{tables[0]}] says how; add the table, or drop the "
                f"step.",
            )
    if rule.order != tuple(step for step in _ORDER if step not in _OPTIONAL or step in rule.order):
        steps = _steps({*rule.order})
        raise refuse("[settlement], order", f"this order of steps cannot be settled; write `order = [{steps}]`.")


def _steps(wanted: AbstractSet[Step]) -> str:
    """The steps of a statement that are wanted, and those that every statement takes, in their order."""
    return ", ".join(f'"{step}"' for step in _ORDER if step not in _OPTIONAL or step in wanted)


def check_known(version: ContractVersion) -> None:
    """Refuse a version that is named by another day than it is known from."""
    named = PurePosixPath(version.source).stem.partition(KNOWN)[2]
    if named and named != version.known_on.isoformat():
        raise refuse("known_on", f"the file is named as known on {named}, and says {version.known_on}; let both agree.")


RULES: Final[tuple[Callable[[Contract], None], ...]] = (
    _check_names,
    check_year,
    check_calendar,
    _check_clauses,
    _check_datings,
    _check_measures,
    check_condition_days,
    check_events,
    _check_term_measures,
    check_named,
    check_pools,
    check_ledgers,
    check_shares,
    check_dated_rates,
    _check_prices,
    _check_rounding,
    check_amounts,
    check_tiers,
    _check_settlement,
    check_conversion,
    check_steps,
    check_exceptions,
    check_examples,
)
"""What is checked, in this order: a rule may rely on what those before it have let pass."""
