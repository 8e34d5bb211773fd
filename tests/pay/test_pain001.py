"""pain.001: the published schemas and a reader of its own agree with what was ordered, to the last minor unit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pain001_oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_payments import CREATED, IBAN, batch, iban_payments, payment, us_account

from settlement.errors import TerminalError
from settlement.model.bank_account import AccountKind, Clearing, DomesticAccount, IbanAccount
from settlement.model.payment import Address, Party, PaymentBatch
from settlement.pay.pain001 import (
    CharacterSet,
    ChargeBearer,
    Pain001Form,
    Pain001Version,
    ServiceLevel,
    write_pain001,
)

SEPA = Pain001Form(service=ServiceLevel.SEPA, charges=ChargeBearer.SLEV)
UNICODE = Pain001Form(characters=CharacterSet.UNICODE)
CHINA = DomesticAccount(country="CN", number="6222000200", clearing=Clearing.CNAPS, bank="102100099996")


@pytest.mark.parametrize("version", Pain001Version)
@given(data=st.data(), currency=st.sampled_from(["EUR", "USD", "CNY", "JPY", "KWD", "CLF"]))
@settings(max_examples=60, deadline=None)
def test_a_reader_of_its_own_finds_every_payment_in_both_versions(
    version: Pain001Version, data: st.DataObject, currency: str
) -> None:
    payments = data.draw(iban_payments(currency, 10**17))
    made = batch(*payments, currency=currency)
    content = write_pain001(made, Pain001Form(version=version))
    assert content == write_pain001(made, Pain001Form(version=version))
    read = pain001_oracle.read(content)
    places = pain001_oracle.DECIMALS[currency]
    told = [(one["PmtId/EndToEndId"], int(Decimal(one["Amt/InstdAmt"]) * 10**places), one["Cdtr/Nm"]) for one in read]
    assert told == [(p.end_to_end_id, p.amount_minor, p.creditor.name) for p in payments]
    assert [one.get("RmtInf/Ustrd", "") for one in read] == [p.remittance for p in payments]
    numbers = [one.get("CdtrAcct/Id/IBAN") or one["CdtrAcct/Id/Othr/Id"] for one in read]
    assert numbers == [p.account.iban if isinstance(p.account, IbanAccount) else p.account.number for p in payments]


@pytest.mark.parametrize(
    ("currency", "minor", "text"),
    [("JPY", 5000, b">5000<"), ("KWD", 1234, b">1.234<"), ("EUR", 5, b">0.05<"), ("CLF", 10_001, b">1.0001<")],
)
def test_amounts_have_the_decimals_of_their_currency(currency: str, minor: int, text: bytes) -> None:
    made = batch(payment(amount_minor=minor, currency=currency), currency=currency)
    assert write_pain001(made, Pain001Form()).count(text) == 3


def test_the_schemas_do_not_know_decimals_and_the_reader_does() -> None:
    content = write_pain001(batch(payment(amount_minor=5000, currency="JPY"), currency="JPY"), Pain001Form())
    wrong = content.replace(b">5000<", b">50.00<")
    assert pain001_oracle.schema("pain.001.001.09").validate(pain001_oracle.etree.fromstring(wrong))
    with pytest.raises(pain001_oracle.WrongMessageError, match="decimals"):
        pain001_oracle.read(wrong)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<CtrlSum>52.", b"<CtrlSum>53."),
        (b"<NbOfTxs>2<", b"<NbOfTxs>3<"),
        (b">P-2<", b">P-1<"),
        (b'Ccy="EUR">17.30', b'Ccy="EUR">17.31'),
        (b"<PmtMtd>TRF</PmtMtd>", b""),
        (b"pain.001.001.09", b"pain.001.001.03"),
    ],
)
def test_the_reader_finds_each_change(old: bytes, new: bytes) -> None:
    content = write_pain001(batch(payment(), payment("P-2", 3470)), Pain001Form())
    assert len(pain001_oracle.read(content)) == 2
    assert old in content
    with pytest.raises(pain001_oracle.WrongMessageError):
        pain001_oracle.read(content.replace(old, new, 1))


def test_a_sepa_payment_in_full() -> None:
    paid = payment(remittance="", reference="RF18539007547034", purpose="SUPP")
    (read,) = pain001_oracle.read(write_pain001(batch(paid), SEPA))
    assert read == {
        "PmtId/EndToEndId": "P-1",
        "Amt/InstdAmt": "17.30",
        "Amt/InstdAmt@Ccy": "EUR",
        "CdtrAgt/FinInstnId/BICFI": "COBADEFFXXX",
        "Cdtr/Nm": "Example Airlines",
        "CdtrAcct/Id/IBAN": "DE89370400440532013000",
        "Purp/Cd": "SUPP",
        "RmtInf/Strd/CdtrRefInf/Tp/CdOrPrtry/Cd": "SCOR",
        "RmtInf/Strd/CdtrRefInf/Tp/Issr": "ISO",
        "RmtInf/Strd/CdtrRefInf/Ref": "RF18539007547034",
    }


def test_a_payment_to_china_keeps_its_characters_where_the_bank_has_agreed() -> None:
    creditor = Party(
        name="示例航空有限公司",
        address=Address(country="CN", town="北京", street="长安街", building="1", postcode="100000"),
    )
    paid = payment(currency="CNY", creditor=creditor, account=CHINA, remittance="分润 2024-05 <&>")
    made = batch(paid, currency="CNY")
    (read,) = pain001_oracle.read(write_pain001(made, UNICODE))
    assert (read["Cdtr/Nm"], read["Cdtr/PstlAdr/StrtNm"]) == ("示例航空有限公司", "长安街")
    assert read["CdtrAgt/FinInstnId/ClrSysMmbId/ClrSysId/Cd"] == "CNAPS"
    assert (read["CdtrAgt/FinInstnId/ClrSysMmbId/MmbId"], read["CdtrAcct/Id/Othr/Id"]) == ("102100099996", "6222000200")
    assert read["RmtInf/Ustrd"] == "分润 2024-05 <&>"
    with pytest.raises(TerminalError, match=r"agree on Unicode with our bank\. Nothing is transliterated"):
        write_pain001(made, Pain001Form())


def test_the_moment_is_told_in_utc_and_the_bytes_do_not_depend_on_its_offset() -> None:
    abroad = CREATED.astimezone(timezone(timedelta(hours=8)))
    made = batch(value_date=date(2024, 6, 3))
    assert write_pain001(replace(made, created=abroad), SEPA) == write_pain001(made, SEPA)
    assert b"<CreDtTm>2024-05-31T22:15:07Z</CreDtTm>" in write_pain001(made, SEPA)


@pytest.mark.parametrize(
    ("made", "form", "told"),
    [
        (batch(payments=()), SEPA, "It has no payments."),
        (batch(payment(), payment()), SEPA, "P-1 stands in it 2 times"),
        (batch(payment(amount_minor=0)), SEPA, "is of 0 minor units"),
        (batch(payment(amount_minor=-5)), SEPA, "is of -5 minor units"),
        (batch(payment(currency="USD")), SEPA, "write a batch for each currency"),
        (batch(payment("P 1")), SEPA, "'P 1' must have 1 to 35"),
        (batch(payment("P" * 36)), SEPA, "must have 1 to 35"),
        (batch(payment("/P")), SEPA, "no / at an end"),
        (batch(payment(purpose="supp")), SEPA, "four capitals"),
        (batch(payment(reference="RF19539007547034")), SEPA, "none of ISO 11649"),
        (batch(payment(reference="RF18539007547034")), SEPA, "takes one of them"),
        (batch(payment(account=IbanAccount(iban="DE88370400440532013000"))), SEPA, "fails its check digits"),
        (batch(payment(account=us_account())), SEPA, "asks for an IBAN to pay P-1 to"),
        (batch(debtor_account=us_account()), SEPA, "the IBAN of the account that pays"),
        (batch(payment(amount_minor=10**11)), SEPA, "above 999,999,999.99 EUR"),
        (batch(payment(creditor=Party(name="x" * 71))), SEPA, "has 71 characters; 70 is the most"),
        (batch(payment(creditor=Party(name="x" * 141))), UNICODE, "has 141 characters; 140 is the most"),
        (batch(payment(creditor=Party(name=""))), UNICODE, "must be one line"),
        (batch(payment(remittance="a\nb")), UNICODE, "must be one line"),
        (batch(payment(remittance="a\N{RIGHT-TO-LEFT OVERRIDE}b")), UNICODE, "must be one line"),
        (batch(payment(remittance="\ud800")), UNICODE, "must be one line"),
        (batch(payment(remittance="x" * 141)), SEPA, "has 141 characters"),
        (batch(payment(remittance="Müller & Söhne")), SEPA, "has '&öü'"),
        (batch(debtor=Party(name="B", address=Address(country="D", town="B"))), SEPA, "'D' in the address"),
        (
            batch(debtor=Party(name="B", address=Address(country="DE", town="B" * 36))),
            SEPA,
            "the town of the one who pays",
        ),
        (batch(created=datetime(2024, 5, 31)), SEPA, "offset from UTC"),  # noqa: DTZ001 - what is refused
        (batch(value_date=date(2024, 5, 30)), SEPA, "lies before the day of its creation"),
        (batch(payment(currency="XXX"), currency="XXX"), UNICODE, "no currency of ISO 4217"),
        (batch(payment(currency="USD"), currency="USD"), SEPA, "in EUR alone, not in USD"),
        (batch(), replace(SEPA, charges=ChargeBearer.DEBT), "SLEV"),
        (batch(), replace(SEPA, characters=CharacterSet.UNICODE), "Latin characters alone"),
        (batch(payment("A", 10**18 - 1), payment("B", 1)), UNICODE, "more than 18 digits"),
    ],
)
def test_what_is_refused_is_told_in_a_sentence(made: PaymentBatch, form: Pain001Form, told: str) -> None:
    with pytest.raises(TerminalError) as refused:
        write_pain001(made, form)
    assert str(refused.value).startswith("The batch M-2024-05-31-1 cannot be written as pain.001.001.09. ")
    assert told.lower() in str(refused.value).lower()


def test_many_faults_are_told_by_the_first_five() -> None:
    made = batch(*(payment(f"P-{number}", 0) for number in range(9)))
    with pytest.raises(TerminalError, match=r"P-4 is of 0 .* above zero\. And 4 more\."):
        write_pain001(made, SEPA)


def test_an_account_with_a_bic_alone_and_one_without_any_bank() -> None:
    japan = DomesticAccount(country="JP", number="1234567", bic="BOTKJPJT", kind=AccountKind.SAVINGS)
    made = batch(
        payment(currency="JPY", account=japan),
        payment("P-2", currency="JPY", account=replace(IBAN, bic=None)),
        currency="JPY",
    )
    first, second = pain001_oracle.read(write_pain001(made, Pain001Form()))
    assert first["CdtrAgt/FinInstnId/BICFI"] == "BOTKJPJT"
    assert not any(path.startswith("CdtrAgt") for path in second)
    assert b"<Id>NOTPROVIDED</Id>" in write_pain001(made, Pain001Form())
