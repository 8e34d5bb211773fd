"""What each form of term gives at and around its bounds."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rate.histories import contract_documents

from settlement.model.contract import Contract
from settlement.model.contract_terms import (
    BelowZero,
    MarginalTierTerm,
    RecordRateTerm,
    Scope,
    Term,
    TermRounding,
    Tier,
    WholeTierTerm,
)
from settlement.model.money import Rounding
from settlement.rate.contract_file import read_contracts
from settlement.rate.forms import Line, calculate, quantity_names

_ROUNDING = TermRounding(unit="minor", mode=Rounding.HALF_AWAY, scope=Scope.PERIOD)


def contract(contract_id: str) -> Contract:
    return read_contracts(contract_documents())[contract_id][0].contract


def term(contract_id: str, term_id: str) -> Term:
    return next(term for term in contract(contract_id).terms if term.id == term_id)


@pytest.mark.parametrize(
    ("contract_id", "term_id", "quantities", "amount"),
    [
        ("C2-RET-COBRAND", "own_store_rate", {"own_volume": 500}, 2),
        ("C2-RET-COBRAND", "own_store_rate", {"own_volume": -500}, -2),
        ("C2-RET-COBRAND", "own_store_rate", {"own_volume": 499}, 1),
        ("C2-RET-COBRAND", "annual_volume_tier", {"year_volume": 199_999_999, "paid_to_date": 0}, 200_000),
        ("C2-RET-COBRAND", "annual_volume_tier", {"year_volume": 200_000_000, "paid_to_date": 0}, 300_000),
        ("C2-RET-COBRAND", "annual_volume_tier", {"year_volume": 399_999_999, "paid_to_date": 0}, 600_000),
        ("C2-RET-COBRAND", "annual_volume_tier", {"year_volume": 400_000_000, "paid_to_date": 0}, 800_000),
        ("C2-RET-COBRAND", "annual_volume_tier", {"year_volume": -100_000, "paid_to_date": 50}, -150),
        ("C2-RET-COBRAND", "profit_share", {"2010-10.v1": 2_000_000}, 0),
        ("C2-RET-COBRAND", "profit_share", {"2010-10.v1": 2_000_001}, 0),
        ("C2-RET-COBRAND", "profit_share", {"2010-10.v1": 2_000_002}, 1),
        ("C2-RET-COBRAND", "profit_share", {"2010-10.v1": 0}, 0),
        ("C2-RET-COBRAND", "profit_share", {"2010-10.v1": -1}, 0),
        ("C2-RET-COBRAND", "profit_share", {"2010-10.v1": -2, "2010-11.v1": -2}, -2),
        ("C2-RET-COBRAND", "profit_share", {}, 0),
        ("C3-UNI-ALUMNI", "marginal_bonus", {"quarter_volume": 50_000_999}, 0),
        ("C3-UNI-ALUMNI", "marginal_bonus", {"quarter_volume": 50_001_000}, 1),
        ("C3-UNI-ALUMNI", "marginal_bonus", {"quarter_volume": 80_000_000}, 15_000),
        ("C3-UNI-ALUMNI", "marginal_bonus", {"quarter_volume": 80_000_500}, 15_001),
        ("C3-UNI-ALUMNI", "marginal_bonus", {"quarter_volume": -1}, 0),
        ("C3-UNI-ALUMNI", "balance_royalty", {"sum_month_end_balances": 12_000}, 1),
        ("C3-UNI-ALUMNI", "balance_royalty", {"sum_month_end_balances": 11_999}, 0),
    ],
)
def test_amount_at_the_bounds(contract_id: str, term_id: str, quantities: dict[str, int], amount: int) -> None:
    assert calculate(term(contract_id, term_id), "USD", quantities).amount_minor == amount


def test_each_class_and_rate_is_rounded_on_its_own() -> None:
    names = ("STANDARD_0.0050", "STANDARD_0.0040", "STUDENT_0.0030", "STUDENT_0.0010")
    line = calculate(term("C3-UNI-ALUMNI", "volume_rate"), "USD", dict(zip(names, (100, 125, 166, 500), strict=True)))
    assert line == Line(
        amount_minor=3,
        quantities="STANDARD_0.0050_volume=100:amount=1;STANDARD_0.0040_volume=125:amount=1;"
        "STUDENT_0.0030_volume=166:amount=0;STUDENT_0.0010_volume=500:amount=1",
    )


def tiers(*bounds: tuple[int, int]) -> tuple[Tier, ...]:
    """Tiers from (first, rate), each up to the next."""
    ends = [Decimal(first) for first, _ in bounds[1:]] + [None]
    return tuple(
        Tier(first=Decimal(first), end=end, rate=Decimal(rate)) for (first, rate), end in zip(bounds, ends, strict=True)
    )


def whole(tier_list: tuple[Tier, ...], below_zero: BelowZero = BelowZero.FIRST_RATE) -> WholeTierTerm:
    return WholeTierTerm(
        form="whole_tier",
        id="t",
        clause="1",
        base=("v",),
        driver=("v",),
        window="year_to_date",
        less="given_for_earlier_periods",
        quantity="v",
        tiers=tier_list,
        below_zero=below_zero,
        rounding=_ROUNDING,
    )


def marginal(tier_list: tuple[Tier, ...], below_zero: BelowZero = BelowZero.FIRST_RATE) -> MarginalTierTerm:
    return MarginalTierTerm(
        form="marginal_tier",
        id="t",
        clause="1",
        measure="v",
        window="period",
        tiers=tier_list,
        below_zero=below_zero,
        rounding=_ROUNDING,
    )


@pytest.mark.parametrize(
    ("units", "whole_volume", "incremental"), [(1, 5, 5), (5, 25, 25), (6, 24, 29), (20, 40, 70), (25, 25, 75)]
)
def test_published_tariff_of_five_tiers(units: int, whole_volume: int, incremental: int) -> None:
    # Yen have no minor unit, so that an amount of 1 is one unit.
    by_count = whole(tiers((0, 5), (6, 4), (11, 3), (16, 2), (21, 1)))
    by_part = marginal(tiers((0, 5), (5, 4), (10, 3), (15, 2), (20, 1)))
    assert calculate(by_count, "JPY", {"v": units, "paid_to_date": 0}).amount_minor == whole_volume
    assert calculate(by_part, "JPY", {"v": units}).amount_minor == incremental


def test_one_more_unit_takes_back_what_the_higher_rate_gave() -> None:
    lower = calculate(whole(tiers((0, 10), (16, 5))), "JPY", {"v": 15, "paid_to_date": 0})
    line = calculate(whole(tiers((0, 10), (16, 5))), "JPY", {"v": 16, "paid_to_date": lower.amount_minor})
    assert (lower.amount_minor, line.amount_minor) == (150, -70)


@pytest.mark.parametrize(("below", "amount"), [(BelowZero.FIRST_RATE, -50), (BelowZero.NOTHING, 0)])
def test_below_zero_is_what_the_contract_says(below: BelowZero, amount: int) -> None:
    bounds = tiers((0, 5), (6, 4))
    assert calculate(whole(bounds, below), "JPY", {"v": -10, "paid_to_date": 0}).amount_minor == amount
    assert calculate(marginal(bounds, below), "JPY", {"v": -10}).amount_minor == amount


@given(st.integers(-(10**30), 10**30), st.integers(-(10**30), 10**30))
def test_whole_tier_is_paid_once_however_often_it_is_settled(first: int, second: int) -> None:
    term_ = whole(tiers((0, 5), (6, 4), (11, 3)))
    early = calculate(term_, "JPY", {"v": first, "paid_to_date": 0}).amount_minor
    late = calculate(term_, "JPY", {"v": second, "paid_to_date": early}).amount_minor
    assert early + late == calculate(term_, "JPY", {"v": second, "paid_to_date": 0}).amount_minor


@given(st.integers(0, 10**30), st.integers(0, 10**30))
def test_marginal_tiers_never_fall_with_volume(volume: int, more: int) -> None:
    term_ = marginal(tiers((0, 5), (6, 4), (11, 3)))
    smaller = calculate(term_, "JPY", {"v": volume}).amount_minor
    assert smaller <= calculate(term_, "JPY", {"v": volume + more}).amount_minor


def test_a_rounding_names_its_quantity_whatever_else_the_line_tells() -> None:
    """``explain`` finds a rounding's quantity by this name: each stands in the line under it."""
    for contract_id, versions in read_contracts(contract_documents()).items():
        for one in versions[0].contract.terms:
            if isinstance(one, RecordRateTerm):
                continue
            line = calculate(one, "USD", dict.fromkeys(quantity_names(one), 7))
            told = {quantity.partition("=")[0] for quantity in line.quantities.split(";")}
            assert {step.of for step in line.roundings} <= told, (contract_id, one.id)
