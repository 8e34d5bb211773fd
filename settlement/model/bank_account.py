"""Bank accounts that money is sent to or from: an IBAN, or a number at a bank that a clearing code or a BIC names.

Sources: ISO 13616 (IBAN) with the lengths of its registry, ISO 9362 (BIC), the ISO 20022 external code list of clearing
systems with the form of each member's code, and the check digit of routing numbers (ABA, weights 3, 7, 1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class AccountKind(StrEnum):
    """What a domestic account in the United States is, which its payments must tell."""

    CHECKING = "checking"
    SAVINGS = "savings"


class Clearing(StrEnum):
    """Clearing systems whose codes name a bank, by their ISO 20022 external code."""

    AUBSB = "AUBSB"
    CACPA = "CACPA"
    CNAPS = "CNAPS"
    GBDSC = "GBDSC"
    HKNCC = "HKNCC"
    INFSC = "INFSC"
    JPZGN = "JPZGN"
    NZNCC = "NZNCC"
    USABA = "USABA"
    ZANCC = "ZANCC"


@dataclass(frozen=True, slots=True, kw_only=True)
class IbanAccount:
    """An account by its IBAN, without blanks; the BIC of its bank where it is told."""

    iban: str
    bic: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DomesticAccount:
    """An account by its number at a bank.

    Attributes
    ----------
    country
        ISO 3166 code of two letters.
    number
        The account number as the bank writes it.
    clearing, bank
        The clearing system and the bank's code in it: a routing number for USABA, twelve digits for CNAPS.
    bic
        The bank's BIC; one of BIC and clearing code must be told.
    kind
        Told of accounts in the United States alone.
    """

    country: str
    number: str
    clearing: Clearing | None = None
    bank: str | None = None
    bic: str | None = None
    kind: AccountKind | None = None


BankAccount = IbanAccount | DomesticAccount

_IBAN_LENGTHS: Final[Mapping[str, int]] = {
    country: int(length)
    for length, countries in (
        ("15", "NO"), ("16", "BE"), ("18", "DK FI FK FO GL NL SD"), ("19", "MK SI"), ("20", "AT BA EE KZ LT LU MN XK"),
        ("21", "CH HR LI LV"), ("22", "BG BH CR DE GB GE IE ME RS VA"), ("23", "AE GI IL IQ OM SO TL"),
        ("24", "AD CZ ES MD PK RO SA SE SK TN VG"), ("25", "LY PT ST"), ("26", "IS TR"),
        ("27", "BI DJ FR GR IT MC MR SM"), ("28", "AL AZ BY CY DO GT HN HU LB NI PL SV"), ("29", "BR EG PS QA UA"),
        ("30", "JO KW MU YE"), ("31", "MT SC"), ("32", "LC"), ("33", "RU"),
    )
    for country in countries.split()
}  # fmt: skip
"""Characters of an IBAN by its country, from the registry of ISO 13616."""

_BANK_CODES: Final[Mapping[Clearing, tuple[str, str]]] = {
    Clearing.AUBSB: ("AU", "[0-9]{6}"),
    Clearing.CACPA: ("CA", "[0-9]{9}"),
    Clearing.CNAPS: ("CN", "[0-9]{12}"),
    Clearing.GBDSC: ("GB", "[0-9]{6}"),
    Clearing.HKNCC: ("HK", "[0-9]{3}"),
    Clearing.INFSC: ("IN", "[A-Z]{4}0[A-Z0-9]{6}"),
    Clearing.JPZGN: ("JP", "[0-9]{7}"),
    Clearing.NZNCC: ("NZ", "[0-9]{6}"),
    Clearing.USABA: ("US", "[0-9]{9}"),
    Clearing.ZANCC: ("ZA", "[0-9]{6}"),
}
"""Country and form of a bank's code in each clearing system."""

_BIC: Final = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?")
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_NUMBER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 -]{0,33}(?<! )")
_REFERENCE: Final = re.compile(r"RF[0-9]{2}[A-Z0-9]{1,21}")
_ROUTING_WEIGHTS: Final = (3, 7, 1) * 3


def country_of(account: BankAccount) -> str:
    """The country that an account is in, as an ISO 3166 code of two letters."""
    return account.iban[:2] if isinstance(account, IbanAccount) else account.country


def account_problems(account: BankAccount, whose: str) -> Iterator[str]:
    """Sentences on what is wrong with an account; ``whose`` begins each of them. Of a number only its end is told."""
    if isinstance(account, IbanAccount):
        yield from (f"{whose}: {problem}" for problem in _iban_problems(account.iban))
    else:
        yield from (f"{whose}: {problem}" for problem in _domestic_problems(account))
    if account.bic is not None and _BIC.fullmatch(account.bic) is None:
        yield f"{whose}: {account.bic!r} is no BIC; one has 8 or 11 letters and digits."


def is_routing_number(text: str) -> bool:
    """Whether the text is nine digits whose last is the check digit of a routing number (ABA)."""
    digits = [int(digit) for digit in text] if re.fullmatch("[0-9]{9}", text) else []
    return bool(digits) and sum(w * d for w, d in zip(_ROUTING_WEIGHTS, digits, strict=True)) % 10 == 0


def is_creditor_reference(text: str) -> bool:
    """Whether the text is a creditor reference of ISO 11649 (``RF`` and two check digits), without blanks."""
    return _REFERENCE.fullmatch(text) is not None and _checks(text)


def _iban_problems(iban: str) -> Iterator[str]:
    shown = f"the IBAN that ends in {iban[-4:]}"
    if _IBAN.fullmatch(iban) is None:
        yield f"{shown} is not written as one: two letters, two digits, then capitals and digits without blanks."
    elif iban[:2] not in _IBAN_LENGTHS:
        yield f"{shown} is of {iban[:2]}, which has no IBANs: tell the account by its number and its bank."
    elif len(iban) != _IBAN_LENGTHS[iban[:2]]:
        yield f"{shown} has {len(iban)} characters; one of {iban[:2]} has {_IBAN_LENGTHS[iban[:2]]}."
    elif not _checks(iban):
        yield f"{shown} fails its check digits: ask the partner to read it out again."


def _domestic_problems(account: DomesticAccount) -> Iterator[str]:
    if re.fullmatch("[A-Z]{2}", account.country) is None:
        yield f"{account.country!r} is no country; two capitals are one."
    if _NUMBER.fullmatch(account.number) is None:
        yield f"the account number that ends in {account.number[-4:]} is no number of 1 to 34 letters and digits."
    if account.clearing is None and account.bic is None:
        yield "its bank is named neither by a clearing code nor by a BIC."
    if (account.clearing is None) != (account.bank is None):
        yield "a clearing system and the bank's code in it are told together or not at all."
    if account.clearing is None or account.bank is None:
        return
    country, form = _BANK_CODES[account.clearing]
    if re.fullmatch(form, account.bank) is None:
        yield f"{account.bank!r} has not the form of a bank's code in {account.clearing}."
    elif account.clearing is Clearing.USABA and not is_routing_number(account.bank):
        yield f"the routing number {account.bank} fails its check digit."
    if country != account.country:
        yield f"{account.clearing} names banks of {country}, not of {account.country}."


def _checks(text: str) -> bool:
    """The check of ISO 7064, modulo 97, that an IBAN and a creditor reference share."""
    turned = text[4:] + text[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1
