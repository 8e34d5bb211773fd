"""Accounts: what has a check digit is checked by it, and what is wrong is told without the whole number."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_payments import IBANS, ROUTING, us_account

from settlement.model.bank_account import (
    BankAccount,
    Clearing,
    DomesticAccount,
    IbanAccount,
    account_problems,
    country_of,
    is_creditor_reference,
    is_routing_number,
)

CHINA = DomesticAccount(country="CN", number="6222000200", clearing=Clearing.CNAPS, bank="102100099996")


def problems(account: BankAccount) -> list[str]:
    return list(account_problems(account, "the account"))


@pytest.mark.parametrize("iban", IBANS)
def test_an_iban_stands_and_falls_with_each_of_its_characters(iban: str) -> None:
    assert problems(IbanAccount(iban=iban)) == []
    assert country_of(IbanAccount(iban=iban)) == iban[:2]
    for at in range(2, len(iban)):
        other = "0" if iban[at] != "0" else "1"
        assert problems(IbanAccount(iban=iban[:at] + other + iban[at + 1 :]))
    (too_long,) = problems(IbanAccount(iban=iban + "0"))
    assert f"has {len(iban) + 1} characters" in too_long


@pytest.mark.parametrize(
    ("iban", "told"),
    [
        ("DE89 3704 0044 0532 0130 00", "not written as one"),
        ("de89370400440532013000", "not written as one"),
        ("US89370400440532013000", "has no IBANs"),
        ("DE8937040044053201300", "has 21 characters; one of DE has 22"),
        ("DE88370400440532013000", "fails its check digits"),
    ],
)
def test_what_is_wrong_with_an_iban_is_told_by_its_end(iban: str, told: str) -> None:
    (sentence,) = problems(IbanAccount(iban=iban))
    assert told in sentence
    assert iban not in sentence


@pytest.mark.parametrize("number", ROUTING)
def test_a_routing_number_has_a_check_digit(number: str) -> None:
    assert is_routing_number(number)
    assert not any(is_routing_number(number[:8] + digit) for digit in "0123456789" if digit != number[8])
    assert not is_routing_number(number[:8])
    assert not is_routing_number("12345678\N{SUPERSCRIPT TWO}")


def test_a_creditor_reference_has_check_digits() -> None:
    assert is_creditor_reference("RF18539007547034")
    assert not is_creditor_reference("RF19539007547034")
    assert not is_creditor_reference("539007547034")


@pytest.mark.parametrize(
    ("account", "told"),
    [
        (replace(us_account(), bank="021000022"), "fails its check digit"),
        (replace(us_account(), country="CA"), "USABA names banks of US, not of CA"),
        (replace(CHINA, bank="10210009999"), "has not the form"),
        (replace(CHINA, bank=None), "told together or not at all"),
        (replace(CHINA, bank=None, clearing=None), "neither by a clearing code nor by a BIC"),
        (replace(CHINA, number=""), "is no number"),
        (replace(CHINA, number="1" * 35), "is no number"),
        (replace(CHINA, country="cn"), "is no country"),
        (replace(CHINA, bic="COBADE"), "is no BIC"),
    ],
)
def test_what_is_wrong_with_a_domestic_account_is_told(account: DomesticAccount, told: str) -> None:
    assert problems(replace(CHINA, number="1" * 34)) == []
    assert problems(us_account()) == []
    assert any(told in sentence for sentence in problems(account))
