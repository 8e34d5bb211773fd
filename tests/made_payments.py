"""Payments to be written: a plain batch of each kind, and many of them by Hypothesis."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from hypothesis import strategies as st

from settlement.model.bank_account import AccountKind, BankAccount, Clearing, DomesticAccount, IbanAccount
from settlement.model.nacha import EntryClass
from settlement.model.payment import Address, EndToEndId, MessageId, Party, Payment, PaymentBatch
from settlement.pay.nacha import NachaForm

IBANS = (
    "DE89370400440532013000",
    "GB29NWBK60161331926819",
    "FR1420041010050500013M02606",
    "KW81CBKU0000000000001234560101",
    "NO9386011117947",
    "MT84MALT011000012345MTLCAST001S",
)
"""Examples of the IBAN registry."""
ROUTING = ("021000021", "011401533", "091000019", "121000248")
LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-?:().,'+"
CREATED = datetime(2024, 5, 31, 22, 15, 7, tzinfo=UTC)
IBAN = IbanAccount(iban=IBANS[0], bic="COBADEFFXXX")


def us_account(
    number: str = "000123456789", kind: AccountKind = AccountKind.CHECKING, bank: int = 0
) -> DomesticAccount:
    return DomesticAccount(country="US", number=number, clearing=Clearing.USABA, bank=ROUTING[bank], kind=kind)


def payment(name: str = "P-1", amount_minor: int = 1730, **parts: object) -> Payment:
    plain = Payment(
        end_to_end_id=EndToEndId(name),
        amount_minor=amount_minor,
        currency="EUR",
        creditor=Party(name="Example Airlines"),
        account=IBAN,
        remittance="Revenue share 2024-05",
    )
    return replace(plain, **parts)


def batch(*payments: Payment, **parts: object) -> PaymentBatch:
    plain = PaymentBatch(
        message_id=MessageId("M-2024-05-31-1"),
        created=CREATED,
        debtor=Party(name="Example Bank", address=Address(country="DE", town="Berlin", postcode="10115")),
        debtor_account=IbanAccount(iban=IBANS[2]),
        value_date=date(2024, 6, 3),
        currency="EUR",
        payments=payments or (payment(),),
    )
    return replace(plain, **parts)


def dollars(*payments: Payment, **parts: object) -> PaymentBatch:
    made = payments or (us_payment(),)
    return batch(*made, **({"currency": "USD", "debtor_account": us_account("44001")} | parts))


def us_payment(name: str = "P-1", amount_minor: int = 1730, **parts: object) -> Payment:
    return payment(name, amount_minor, **({"currency": "USD", "account": us_account()} | parts))


def nacha_form(entry_class: EntryClass = EntryClass.CCD, **parts: object) -> NachaForm:
    plain = NachaForm(
        destination="091000019", destination_name="Example Bank Operations", origin="021000021",
        origin_name="Example Bank", company_name="Example Bank", company_id="1234567890", entry_class=entry_class,
        description="PAYOUT", bank="021000021",
    )  # fmt: skip
    return replace(plain, **parts)


def texts(most: int, alphabet: str = LATIN) -> st.SearchStrategy[str]:
    """One line of up to so many characters, with blanks inside."""
    inside = st.text(alphabet + " ", max_size=most).map(str.strip)
    return inside.filter(bool)


def names(count: int, most: int = 35) -> st.SearchStrategy[list[str]]:
    one = st.text("ABCXYZ019-.", min_size=1, max_size=most)
    return st.lists(one, min_size=count, max_size=count, unique=True)


@st.composite
def iban_payments(draw: st.DrawFn, currency: str, most_minor: int) -> list[Payment]:
    count = draw(st.integers(1, 7))
    return [
        payment(
            name,
            draw(st.integers(1, most_minor)),
            currency=currency,
            creditor=Party(name=draw(texts(70))),
            account=draw(accounts()),
            remittance=draw(st.one_of(st.just(""), texts(140))),
            purpose=draw(st.sampled_from([None, "SUPP", "COMC"])),
        )
        for name in draw(names(count))
    ]


def accounts() -> st.SearchStrategy[BankAccount]:
    return st.one_of(
        st.builds(IbanAccount, iban=st.sampled_from(IBANS), bic=st.sampled_from([None, "COBADEFF", "NWBKGB2LXXX"])),
        st.builds(
            DomesticAccount,
            country=st.just("CN"),
            number=st.from_regex("[0-9]{1,19}", fullmatch=True),
            clearing=st.just(Clearing.CNAPS),
            bank=st.from_regex("[0-9]{12}", fullmatch=True),
        ),
    )


@st.composite
def us_payments(draw: st.DrawFn, entry_class: EntryClass) -> list[Payment]:
    wide = {EntryClass.CCD: (80, 22), EntryClass.PPD: (80, 22), EntryClass.CTX: (500, 16)}
    most_text, most_name = wide[entry_class]
    count = draw(st.integers(1, 14))
    return [
        us_payment(
            name,
            draw(st.one_of(st.integers(1, 9_999_999_999), st.just(9_999_999_999))),
            creditor=Party(name=draw(texts(most_name))),
            account=us_account(
                draw(st.from_regex("[0-9A-Z]{1,17}", fullmatch=True)),
                draw(st.sampled_from(AccountKind)),
                draw(st.integers(0, len(ROUTING) - 1)),
            ),
            remittance=draw(st.one_of(st.just(""), texts(most_text, LATIN + "*~\\"))),
        )
        for name in draw(names(count, 15))
    ]
