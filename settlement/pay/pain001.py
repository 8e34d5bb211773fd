"""Credit transfers as pain.001 of ISO 20022: one message with one block of payments, for one account, day and currency.

Version 09 is what banks ask for now, 03 what older interfaces still take. An amount has exactly its currency's decimals
(none in JPY, three in KWD): the published schemas allow any up to five, so no schema would find 5,000 yen written as
50.00. Sources: the schemas and message definition reports of ISO 20022, and for ``ServiceLevel.SEPA`` the
implementation guidelines of the SEPA credit transfer for customers and their banks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from typing import Final

from lxml import etree

from settlement.model.bank_account import BankAccount, IbanAccount
from settlement.model.money import to_major
from settlement.model.payment import (
    Address,
    Party,
    Payment,
    PaymentBatch,
    batch_problems,
    is_one_line,
    refuse,
    total_minor,
)


class Pain001Version(StrEnum):
    """The versions that are written; the value is the message's name."""

    V03 = "pain.001.001.03"
    V09 = "pain.001.001.09"


class CharacterSet(StrEnum):
    """Which characters names, addresses and remittance texts may have.

    ``LATIN`` is the set that all banks of SEPA and SWIFT take: letters and digits without accents, blanks and
    ``/ - ? : ( ) . , ' +``. ``UNICODE`` is every character, for banks that have agreed to it (Chinese names).
    """

    LATIN = "latin"
    UNICODE = "unicode"


class ServiceLevel(StrEnum):
    """The service that is asked of the bank."""

    SEPA = "SEPA"
    NURG = "NURG"
    URGP = "URGP"


class ChargeBearer(StrEnum):
    """Who bears the charges: by the service level, shared, the one who pays, the one who is paid."""

    SLEV = "SLEV"
    SHAR = "SHAR"
    DEBT = "DEBT"
    CRED = "CRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pain001Form:
    """What is agreed with the bank about its messages."""

    version: Pain001Version = Pain001Version.V09
    characters: CharacterSet = CharacterSet.LATIN
    service: ServiceLevel | None = None
    charges: ChargeBearer = ChargeBearer.SHAR


_URN: Final = "urn:iso:std:iso:20022:tech:xsd:"
_LATIN: Final = re.compile(r"[A-Za-z0-9/?:().,'+ \-]*")
_MOST_DIGITS: Final = 18
_SEPA_MOST_MINOR: Final = 99_999_999_999
_MOST_NAME: Final = 140
_SEPA_MOST_NAME: Final = 70
_MOST_REMITTANCE: Final = 140
_MOST_BANK_ID: Final = 35
_ADDRESS_LIMITS: Final = {"street": 70, "building": 16, "postcode": 16, "town": 35}


def write_pain001(batch: PaymentBatch, form: Pain001Form) -> bytes:
    """The message's bytes: UTF-8, the same for the same batch and form.

    Raises TerminalError with a sentence for each thing that is wrong, the first five: nothing is cut, replaced
    or transliterated to make it fit.
    """
    refuse(batch, form.version, [*batch_problems(batch), *_problems(batch, form)])
    root = etree.Element("Document", xmlns=f"{_URN}{form.version}")
    body = _add(root, "CstmrCdtTrfInitn")
    count, total = str(len(batch.payments)), to_major(total_minor(batch), batch.currency)
    header = _add(body, "GrpHdr")
    _add(header, "MsgId", batch.message_id)
    _add(header, "CreDtTm", batch.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    _add(header, "NbOfTxs", count)
    _add(header, "CtrlSum", total)
    _party(_add(header, "InitgPty"), batch.debtor, with_address=False)
    block = _add(body, "PmtInf")
    _add(block, "PmtInfId", batch.message_id)
    _add(block, "PmtMtd", "TRF")
    _add(block, "NbOfTxs", count)
    _add(block, "CtrlSum", total)
    if form.service is not None:
        _add(_add(_add(block, "PmtTpInf"), "SvcLvl"), "Cd", form.service)
    day = _add(block, "ReqdExctnDt")
    (day if form.version is Pain001Version.V03 else _add(day, "Dt")).text = batch.value_date.isoformat()
    _party(_add(block, "Dbtr"), batch.debtor, with_address=True)
    _account(_add(block, "DbtrAcct"), batch.debtor_account)
    _agent(block, "DbtrAgt", batch.debtor_account, form.version, always=True)
    _add(block, "ChrgBr", form.charges)
    for payment in batch.payments:
        _transaction(_add(block, "CdtTrfTxInf"), payment, form.version)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _transaction(element: etree._Element, payment: Payment, version: Pain001Version) -> None:
    _add(_add(element, "PmtId"), "EndToEndId", payment.end_to_end_id)
    amount = _add(_add(element, "Amt"), "InstdAmt", to_major(payment.amount_minor, payment.currency))
    amount.set("Ccy", payment.currency)
    _agent(element, "CdtrAgt", payment.account, version, always=False)
    _party(_add(element, "Cdtr"), payment.creditor, with_address=True)
    _account(_add(element, "CdtrAcct"), payment.account)
    if payment.purpose is not None:
        _add(_add(element, "Purp"), "Cd", payment.purpose)
    if payment.remittance or payment.reference is not None:
        _remittance(_add(element, "RmtInf"), payment)


def _remittance(element: etree._Element, payment: Payment) -> None:
    if payment.remittance:
        _add(element, "Ustrd", payment.remittance)
    if payment.reference is not None:
        reference = _add(_add(element, "Strd"), "CdtrRefInf")
        kind = _add(reference, "Tp")
        _add(_add(kind, "CdOrPrtry"), "Cd", "SCOR")
        _add(kind, "Issr", "ISO")
        _add(reference, "Ref", payment.reference)


def _party(element: etree._Element, party: Party, *, with_address: bool) -> None:
    _add(element, "Nm", party.name)
    if with_address and party.address is not None:
        _address(_add(element, "PstlAdr"), party.address)
    if party.bank_id is not None:
        _add(_add(_add(_add(element, "Id"), "OrgId"), "Othr"), "Id", party.bank_id)


def _address(element: etree._Element, address: Address) -> None:
    parts = (
        ("StrtNm", address.street),
        ("BldgNb", address.building),
        ("PstCd", address.postcode),
        ("TwnNm", address.town),
        ("Ctry", address.country),
    )
    for name, text in parts:
        if text is not None:
            _add(element, name, text)


def _account(element: etree._Element, account: BankAccount) -> None:
    identification = _add(element, "Id")
    if isinstance(account, IbanAccount):
        _add(identification, "IBAN", account.iban)
    else:
        _add(_add(identification, "Othr"), "Id", account.number)


def _agent(parent: etree._Element, name: str, account: BankAccount, version: Pain001Version, *, always: bool) -> None:
    """The bank of an account. An IBAN may name it alone: then the debtor's bank is NOTPROVIDED, as SEPA has it."""
    clearing = None if isinstance(account, IbanAccount) else account.clearing
    if account.bic is None and clearing is None and not always:
        return
    bank = _add(_add(parent, name), "FinInstnId")
    if account.bic is not None:
        _add(bank, "BIC" if version is Pain001Version.V03 else "BICFI", account.bic)
    if not isinstance(account, IbanAccount) and account.clearing is not None:
        member = _add(bank, "ClrSysMmbId")
        _add(_add(member, "ClrSysId"), "Cd", account.clearing)
        _add(member, "MmbId", account.bank)
    if account.bic is None and clearing is None:
        _add(_add(bank, "Othr"), "Id", "NOTPROVIDED")


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, name)
    element.text = text
    return element


def _problems(batch: PaymentBatch, form: Pain001Form) -> Iterator[str]:
    """What this format or the agreement with the bank refuses."""
    if form.service is ServiceLevel.SEPA:
        yield from _sepa_problems(batch, form)
    most_name = _SEPA_MOST_NAME if form.service is ServiceLevel.SEPA else _MOST_NAME
    yield from _party_problems(batch.debtor, "the one who pays", most_name, form.characters)
    if len(str(total_minor(batch))) > _MOST_DIGITS:
        yield f"its sum has more than {_MOST_DIGITS} digits: split it."
    for payment in batch.payments:
        whose = f"the one who is paid by {payment.end_to_end_id}"
        yield from _party_problems(payment.creditor, whose, most_name, form.characters)
        if payment.remittance:
            what = f"the remittance text of {payment.end_to_end_id}"
            yield from _text_problems(payment.remittance, what, _MOST_REMITTANCE, form.characters)


def _sepa_problems(batch: PaymentBatch, form: Pain001Form) -> Iterator[str]:
    if batch.currency != "EUR":
        yield f"SEPA pays in EUR alone, not in {batch.currency}."
    if form.charges is not ChargeBearer.SLEV:
        yield "SEPA has charges by the service level (SLEV) alone."
    if form.characters is not CharacterSet.LATIN:
        yield "SEPA takes Latin characters alone."
    if not isinstance(batch.debtor_account, IbanAccount):
        yield "SEPA asks for the IBAN of the account that pays."
    for payment in batch.payments:
        if not isinstance(payment.account, IbanAccount):
            yield f"SEPA asks for an IBAN to pay {payment.end_to_end_id} to."
        if payment.amount_minor > _SEPA_MOST_MINOR:
            yield f"{payment.end_to_end_id} is above 999,999,999.99 EUR, the most of one SEPA payment."
        if payment.remittance and payment.reference is not None:
            yield f"{payment.end_to_end_id} has a remittance text and a reference; SEPA takes one of them."


def _party_problems(party: Party, whose: str, most_name: int, characters: CharacterSet) -> Iterator[str]:
    yield from _text_problems(party.name, f"the name of {whose}", most_name, characters)
    if party.bank_id is not None:
        yield from _text_problems(party.bank_id, f"the bank's number of {whose}", _MOST_BANK_ID, CharacterSet.LATIN)
    if party.address is None:
        return
    if re.fullmatch("[A-Z]{2}", party.address.country) is None:
        yield f"{party.address.country!r} in the address of {whose} is no country; two capitals are one."
    for part, most in _ADDRESS_LIMITS.items():
        text = getattr(party.address, part)
        if text is not None:
            yield from _text_problems(text, f"the {part} of {whose}", most, characters)


def _text_problems(text: str, what: str, most: int, characters: CharacterSet) -> Iterator[str]:
    if not is_one_line(text):
        yield f"{what} must be one line that begins and ends with a character that is seen."
    elif len(text) > most:
        yield f"{what} has {len(text)} characters; {most} is the most: give the form that its bank knows."
    elif characters is CharacterSet.LATIN and _LATIN.fullmatch(text) is None:
        strange = "".join(sorted({character for character in text if _LATIN.fullmatch(character) is None}))
        yield (
            f"{what} has {strange!r}, which not every bank takes: give it in Latin letters as the bank knows it, "
            "or agree on Unicode with our bank. Nothing is transliterated here."
        )
