"""Terms over names, over time and over other terms: a naive reading agrees, and laws hold, on random contracts."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import date
from functools import lru_cache
from itertools import groupby

import pytest
from rate.oracle_periods import DAY, Named
from rate.oracle_terms import Reading
from rate.random_terms import PARTIES, RandomContract

from settlement.model.contract import ContractVersion
from settlement.model.contract_limits import CapTerm, GateTerm, MinimumTerm
from settlement.model.contract_terms import TiersTerm, named
from settlement.model.dates import period_from
from settlement.model.statement_lines import SHARE
from settlement.rate.adjustments import allotted
from settlement.rate.contract_file import read_contract
from settlement.rate.evaluate import evaluate
from settlement.rate.facts import Facts, no_facts
from settlement.rate.stated import Stated
from settlement.rate.statement import statement
from settlement.rate.sums import Sums
from settlement.rate.windows import Lines

CASES = int(os.environ.get("SETTLEMENT_CASES", "800"))
"""How many random contracts; each with one long history and ``SHORT_HISTORIES``: some 100,000 in the ordinary run."""
SHORT_HISTORIES = 125
SEED = int(os.environ.get("SETTLEMENT_SEED", "20101231"))
_TELESCOPES = "given_for_earlier_periods"
NOTHING_KNOWN = no_facts(date(2009, 1, 1), date(2009, 1, 1), {})
NOTHING_STATED = Stated(terms={}, carried={}, recouped={})


@lru_cache(maxsize=1000)
def rated(seed: int) -> tuple[RandomContract, ContractVersion, Facts, dict[str, Lines]]:
    """A random contract loaded, and its terms by period, worked out on the last day of the last."""
    made = RandomContract(seed)
    version = read_contract(f"contracts/partner/{made.effective}.toml", made.text)
    facts, lines = worked_out(version, made.periods, made.measured)
    return made, version, facts, lines


def worked_out(
    version: ContractVersion, periods: list[Named], measured: dict[tuple[str, str], int]
) -> tuple[Facts, dict[str, Lines]]:
    sums: dict[tuple[str, str], dict[str, int]] = {}
    for term in version.contract.terms:
        for name in set(named(term)) & version.contract.measures.keys():
            for period in periods:
                sums.setdefault((term.id, period.text), {})[name] = measured.get((name, period.text), 0)
    facts = replace(NOTHING_KNOWN, day=periods[-1].last, first_night=version.effective)
    lines = evaluate([version], facts, Sums(by_selector=sums, counts={}, with_accounts={}))
    return facts, {period.text: found for period, found in lines.items()}


@pytest.mark.parametrize("part", range(8))
def test_a_naive_reading_agrees(part: int) -> None:
    for seed in range(SEED + part, SEED + CASES, 8):
        made, version, _, lines = rated(seed)
        agree(made, made.periods, made.measured, lines)
        for number in range(SHORT_HISTORIES):
            periods, measured = made.short_history(number)
            agree(made, periods, measured, worked_out(version, periods, measured)[1])


def agree(
    made: RandomContract, periods: list[Named], measured: dict[tuple[str, str], int], lines: dict[str, Lines]
) -> None:
    assert list(lines) == [period.text for period in periods], made.text
    told = [{name: line.amount_minor for name, line in found.items()} for found in lines.values()]
    assert told == Reading(made.text, made.says, periods, measured).given, f"{measured}\n{made.text}"


def test_the_random_contracts_have_every_form() -> None:
    forms = {
        form for seed in range(SEED, SEED + 100) for form in re.findall(r'form = "(\w+)"', RandomContract(seed).text)
    }
    assert forms == {
        *("rate", "tiers", "sum", "least", "greatest", "gate", "cap", "minimum_guarantee", "minimum_purchase"),
        *("dated_amounts", "instalments", "points", "prepaid", "pool_share"),
    }


def test_parts_sum_to_their_terms_and_shares_to_the_total() -> None:
    for seed in range(SEED, SEED + CASES // 4):
        _, version, facts, lines = rated(seed)
        periods = {period_from(month): found for month, found in lines.items()}
        rows = statement([version], facts, periods, NOTHING_STATED)
        terms = {row.term: row.amount_minor for row in rows if row.beneficiary is None}
        own = allotted(version.contract, terms)
        assert sum(own.values()) == sum(terms[term.id] for term in version.contract.terms if term.shares), seed
        shares = {row.beneficiary: row.amount_minor for row in rows if row.term == SHARE}
        assert sum(shares.values()) == sum(terms.values()), seed
        assert sorted(filter(None, shares)) == list(PARTIES)


def test_what_is_given_to_date_is_what_one_evaluation_gives_whatever_came_before() -> None:
    """Cumulative tiers telescope: the periods together give what the last one gives when nothing was given before."""
    seen = 0
    for seed in range(SEED, SEED + CASES):
        made, version, _, lines = rated(seed)
        for term in version.contract.terms:
            if isinstance(term, TiersTerm) and (term.window, term.less) == ("contract_to_date", _TELESCOPES):
                last = lines[made.periods[-1].text][term.id]
                paid = int(re.findall(r"paid_to_date=(-?\d+)", last.quantities)[0])
                assert sum(found[term.id].amount_minor for found in lines.values()) == last.amount_minor + paid
                seen += 1
    assert seen


def test_caps_floors_and_gates_hold_under_any_history() -> None:
    seen = set()
    for seed in range(SEED, SEED + CASES):
        made, version, _, lines = rated(seed)
        for term in version.contract.terms:
            if isinstance(term, CapTerm) and term.window == "contract_to_date":
                for number in range(len(made.periods)):
                    to_date = list(lines.values())[: number + 1]
                    kept = sum(found[name].amount_minor for found in to_date for name in (*term.of, term.id))
                    earned = sum(found[name].amount_minor for found in to_date for name in term.of)
                    assert kept == min(earned, int(term.most * 100)), seed
                    seen.add("cap")
            if isinstance(term, GateTerm):
                for found in lines.values():
                    whole = sum(found[name].amount_minor for name in term.of)
                    assert found[term.id].amount_minor in {0, whole}, seed
                    seen.add("gate" if whole else "nothing")
            if isinstance(term, MinimumTerm):
                seen |= floors_of(made, lines, term)
    floors = {"lifted in a period", "enough in a period", "lifted in a year", "enough in a year", "open in a year"}
    assert {"cap", "gate"} | floors <= seen


def floors_of(made: RandomContract, lines: dict[str, Lines], term: MinimumTerm) -> set[str]:
    """Whether a minimum lifts to its floor when its window closes, by no more than what lacks, and at no other time."""
    seen = set()
    for window, closes in of_window(made, term.window):
        lifts = [lines[period.text][term.id].amount_minor for period in window]
        earned = sum(lines[period.text][name].amount_minor for period in window for name in term.of)
        assert lifts[:-1] == [0] * (len(lifts) - 1), made.text
        if closes:
            assert earned + lifts[-1] == max(earned, int(term.guarantee * 100)), made.text
        else:
            assert lifts[-1] == 0, made.text
        seen.add(f"{('lifted' if lifts[-1] else 'enough') if closes else 'open'} in a {term.window}")
    return seen


def of_window(made: RandomContract, window: str) -> list[tuple[list[Named], bool]]:
    """The periods that a minimum looks at together, and whether no more of them are to come."""
    if window == "period":
        return [([period], True) for period in made.periods]
    after = made.periods[-1].last + DAY
    (coming,) = made.says.periods(after, after)
    years = [list(own) for _, own in groupby(made.periods, key=lambda period: period.year)]
    return [(own, own[-1].year != coming.year) for own in years]


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (65, {"ISSUER": 1, "NETWORK": 1}, {"ISSUER": 33, "NETWORK": 32}),
        (65, {"NETWORK": 1, "ISSUER": 1}, {"ISSUER": 33, "NETWORK": 32}),
        (5, {"ISSUER": 70, "NETWORK": 30}, {"ISSUER": 4, "NETWORK": 1}),
        (5, {"ISSUER": 30, "NETWORK": 70}, {"ISSUER": 2, "NETWORK": 3}),
        (1250, {"ISSUER": 90, "NETWORK": 13, "ACQUIRER": 22}, {"ISSUER": 900, "NETWORK": 130, "ACQUIRER": 220}),
    ],
)
def test_published_splits(total: int, weights: dict[str, int], parts: dict[str, int]) -> None:
    said = ", ".join(f'{{ to = "{name}", weight = {weight} }}' for name, weight in weights.items())
    head = "examples = []\n" + RandomContract(0).text.partition("[[terms]]")[0]
    day = "{ on = 2009-01-01, amount = " + f"{total / 100:.2f}" + " }"
    term = f'[[terms]]\nid = "fee"\nform = "dated_amounts"\nclause = "1"\namounts = [{day}]\nparts = [{said}]\n'
    contract = read_contract("contracts/partner/2009-01-01.toml", head + term).contract
    assert allotted(contract, {"fee": total}) == parts
