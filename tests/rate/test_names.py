"""A measure and a term may have one name: what rests on terms alone takes the term, in money, and never the measure."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from rate.histories import RandomHistory, rate_history
from rate.settled import FIRST_NIGHT, HEAD, PLAIN, beneficiaries

from settlement.rate.contract_file import read_contract
from settlement.rate.evaluate import evaluate
from settlement.rate.facts import no_facts
from settlement.rate.sums import Sums

_MILES = """
[[terms]]
id = "miles"
form = "tiers"
clause = "1"
method = "marginal"
less = "nothing"
below_zero = "nothing"
rounding = { unit = "minor", mode = "half_away", scope = "period" }
base = { of = ["miles"], window = "period", counts = "count" }
tiers = [{ from = 0, price = 0.02 }]

[[terms]]
id = "floor"
form = "dated_amounts"
clause = "1"
amounts = [{ on = 2009-01-15, amount = 1.00 }]

[[terms]]
id = "on_terms"
clause = "1"
"""
_SETTLEMENT = f'{PLAIN}booked_in = "current_period"\n'
_CLOSES = 'checkpoint = "close_of_last_period"'
_OF_ACCOUNTS = 'driver = { of = ["accounts"], window = "period", counts = "count" }'


@pytest.mark.parametrize(
    ("said", "gives"),
    [
        ('form = "cap"\nof = ["miles"]\nwindow = "period"\nmost = 1.00', -900),
        ('form = "cap"\nof = ["miles"]\nwindow = "year_to_date"\nmost = 1.00', -900),
        (f'form = "minimum_guarantee"\nof = ["miles"]\nwindow = "period"\n{_CLOSES}\nguarantee = 12.00', 200),
        ('form = "greatest"\nof = ["miles", "floor"]', 1_000),
        (f'form = "gate"\nof = ["miles"]\n{_OF_ACCOUNTS}\nleast = 0', 1_000),
    ],
    ids=["cap", "cap of the year", "guarantee", "greatest", "gate"],
)
def test_what_rests_on_terms_takes_the_term(said: str, gives: int) -> None:
    text = HEAD + beneficiaries({"A": 1}) + _MILES + said + _SETTLEMENT
    version = read_contract("contracts/partner/2009-01-01.toml", text)
    counted = {(term.id, "2009-01"): {"miles": 500} for term in version.contract.terms}
    sums = Sums(by_selector=counted, counts={}, with_accounts={})
    (lines,) = evaluate([version], no_facts(date(2009, 1, 31), FIRST_NIGHT, {}), sums).values()
    assert lines["miles"].amount_minor == 1_000
    assert lines["on_terms"].amount_minor == gives


def test_a_guarantee_on_terms_has_no_contributions_of_its_own() -> None:
    rated = pl.concat([output["rated"] for output in rate_history(RandomHistory(5).nights)])
    assert "bonus_miles" in rated["term"]
    assert "minimum_guarantee" not in rated["term"]
