"""The boundary cases that an author compares with the prose: each is what the contract's own terms give."""

from __future__ import annotations

from datetime import date

import pytest
from rate.histories import contract_documents

from settlement.model.contract_terms import MarginalTierTerm, WholeTierTerm
from settlement.rate.contract_cases import cases
from settlement.rate.contract_days import leap_day
from settlement.rate.contract_file import read_contract
from settlement.rate.contract_words import written


def table(partner: str, name: str) -> list[tuple[str, str]]:
    source = f"contracts/{partner}/2009-01-01.toml"
    found = cases(read_contract(source, contract_documents()[source]))
    return [(case.given, case.gives) for case in found if case.name == name]


def test_a_bound_of_a_tier_is_shown_a_cent_below_at_and_a_cent_above() -> None:
    assert table("harbor-retail", "annual_volume_tier")[3:9] == [
        ("year_volume 1,999,999.99", "2,000.00"),
        ("year_volume 2,000,000.00", "3,000.00"),
        ("year_volume 2,000,000.01", "3,000.00"),
        ("year_volume 3,999,999.99", "6,000.00"),
        ("year_volume 4,000,000.00", "8,000.00"),
        ("year_volume 4,000,000.01", "8,000.00"),
    ]


def test_the_place_where_rounding_gives_the_first_cent_is_shown() -> None:
    assert table("harbor-retail", "elsewhere_rate") == [
        ("elsewhere_volume 0.62", "0.00"),
        ("elsewhere_volume 0.63", "0.01"),
        ("elsewhere_volume 0.64", "0.01"),
    ]


def test_hurdle_cap_guarantee_and_threshold_are_shown_on_both_sides() -> None:
    assert ("profit 20,001.00", "0.40") in table("harbor-retail", "profit_share")
    assert ("profit -1.00", "-0.25") in table("harbor-retail", "profit_share")
    assert table("orient-estate", "daily_cap") == [
        ("earned 849.99", "0.00"),
        ("earned 850.00", "0.00"),
        ("earned 850.01", "-0.01"),
    ]
    assert table("meridian-air", "minimum_guarantee")[:2] == [
        ("earned_year 259,999.99", "0.01"),
        ("earned_year 260,000.00", "0.00"),
    ]
    assert table("alma-mater", "threshold") == [
        ("balance 249.99", "0.00 paid, 249.99 carried"),
        ("balance 250.00", "250.00 paid, 0.00 carried"),
        ("balance 250.01", "250.01 paid, 0.00 carried"),
    ]


def test_a_cap_for_each_record_is_shown_with_what_takes_the_record_back() -> None:
    assert table("orient-estate", "club_commission")[3:] == [
        ("amount 13,333.32", "80.00"),
        ("amount 13,333.33", "80.00"),
        ("amount 13,333.34", "80.00"),
        ("amount -13,333.33, left_of_purchase 26,666.66", "0.00"),
        ("amount -13,333.33, left_of_purchase 13,333.33", "-80.00"),
    ]


def test_each_range_of_days_is_shown_at_both_ends_and_on_a_leap_day() -> None:
    assert table("alma-mater", "volume_rate")[-3:] == [
        ("class STUDENT, transaction date 2010-12-30", "rate 0.0030"),
        ("class STUDENT, transaction date 2010-12-31", "rate 0.0010"),
        ("class STUDENT, transaction date 2012-02-29", "rate 0.0010"),
    ]
    assert table("alma-mater", "period") == [
        ("posting date 2009-01-01", "2009-Q1, closes 2009-03-31"),
        ("posting date 2009-03-31", "2009-Q1, closes 2009-03-31"),
        ("posting date 2009-04-01", "2009-Q2, closes 2009-06-30"),
        ("posting date 2012-02-29", "2012-Q1, closes 2012-03-31"),
    ]


def test_condition_days_and_first_purchases_are_shown() -> None:
    shown = dict(table("alma-mater", "accounts"))
    assert shown["opened 2008-12-31, condition day 2009-03-31"] == "counts in 2009-Q1"
    assert shown["opened 2009-01-01, condition day 2009-04-01"] == "counts in 2009-Q2"
    assert shown["opened 2011-12-01, condition day 2012-02-29"] == "counts in 2012-Q1"
    assert shown["closed on the condition day"] == "does not count"
    assert shown["class STUDENT, condition day 2010-12-30"] == "counts"
    assert shown["class STUDENT, condition day 2010-12-31"] == "does not count"
    assert [gives for _, gives in table("alma-mater", "gip_accounts")] == ["counts", "does not count", "does not count"]


def test_a_condition_day_by_months_is_shown_for_an_opening_on_a_leap_day() -> None:
    source = "contracts/alma-mater/2009-01-01.toml"
    text = contract_documents()[source].replace("days_from_opening = 90", "months_from_opening = 18", 1)
    shown = {case.given: case.gives for case in cases(read_contract(source, text)) if case.name == "accounts"}
    assert shown["opened 2007-09-30, condition day 2009-03-30"] == "counts in 2009-Q1"
    assert shown["opened 2007-10-01, condition day 2009-04-01"] == "counts in 2009-Q2"
    assert shown["opened 2012-02-29, condition day 2013-08-29"] == "counts in 2013-Q3"


def test_units_are_shown_by_record_and_by_account() -> None:
    shown = dict(table("meridian-air", "bonus_miles"))
    assert shown["one record of 599.99"] == "599 miles"
    assert shown["one record of 601.00"] == "600 miles"
    assert shown["one account's -1 miles of a period"] == "0 miles"
    assert shown["one account's 1,001 miles of a period"] == "1,000 miles"


@pytest.mark.parametrize("source", sorted(contract_documents()))
def test_every_term_and_every_bound_of_a_contract_is_shown(source: str) -> None:
    version = read_contract(source, contract_documents()[source])
    found = cases(version)
    for term in version.contract.terms:
        mine = [case for case in found if case.name == term.id and case.clause == term.clause]
        assert mine, term.id
        if isinstance(term, WholeTierTerm | MarginalTierTerm):
            given = " ".join(case.given for case in mine)
            assert all(f" {written(tier.first)}" in given for tier in term.tiers)


def test_the_next_leap_day_keeps_the_calendar_of_centuries() -> None:
    days = [date(2012, 2, 29), date(2012, 3, 1), date(2096, 3, 1), date(1996, 3, 1)]
    assert [leap_day(day) for day in days] == [
        date(2012, 2, 29),
        date(2016, 2, 29),
        date(2104, 2, 29),
        date(2000, 2, 29),
    ]
