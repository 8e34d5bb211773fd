"""NACHA files: a reader of its own, by positions, agrees with what was ordered and finds what was changed."""

from __future__ import annotations

from dataclasses import replace

import nacha_oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_payments import IBAN, batch, dollars, nacha_form, payment, us_account, us_payment, us_payments

from settlement.errors import TerminalError
from settlement.model.bank_account import AccountKind
from settlement.model.nacha import EntryClass
from settlement.model.payment import Party, PaymentBatch
from settlement.pay.nacha import NachaForm, trace_numbers, write_nacha

MOST = 9_999_999_999


@pytest.mark.parametrize("entry_class", EntryClass)
@given(data=st.data(), balanced=st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_reader_of_its_own_finds_every_payment(entry_class: EntryClass, data: st.DataObject, balanced: bool) -> None:
    payments = data.draw(us_payments(entry_class))
    made = dollars(*payments)
    total = sum(p.amount_minor for p in payments)
    balanced = balanced and total <= MOST
    form = nacha_form(entry_class, balanced=balanced, first_trace=data.draw(st.integers(1, 9_999_980)))
    content = write_nacha(made, form)
    assert content == write_nacha(made, form)
    read = nacha_oracle.read(content)
    paid = read.entries[: len(payments)]
    assert [(e.identification, e.cents, e.account, e.name) for e in paid] == [
        (p.end_to_end_id, p.amount_minor, p.account.number, p.creditor.name) for p in payments
    ]
    kinds = {"22": AccountKind.CHECKING, "32": AccountKind.SAVINGS}
    assert [(e.routing, kinds[e.code]) for e in paid] == [(p.account.bank, p.account.kind) for p in payments]
    assert ["".join(e.texts).rstrip() for e in paid] == [p.remittance for p in payments]
    assert {p.end_to_end_id: e.trace for p, e in zip(payments, paid, strict=True)} == trace_numbers(made, form)
    assert [(e.code, e.cents, e.account) for e in read.entries[len(payments) :]] == [("27", total, "44001")] * balanced
    assert (read.batch[50:53], read.batch[69:75], read.header[23:33]) == (entry_class.value, "240603", "2405312215")


def test_every_changed_digit_of_what_is_paid_or_added_up_is_found() -> None:
    content = write_nacha(dollars(us_payment(), us_payment("P-2", 5)), nacha_form(balanced=True))
    lines = content.split(b"\n")
    places = [(2, at) for at in (*range(3, 12), *range(29, 39))] + [
        (line, at) for line in (7, 8) for at in range(4, 44)
    ]
    assert [lines[7][:1], lines[8][:1]] == [b"8", b"9"]
    for line, at in places:
        changed = bytearray(content)
        place = line * 95 + at
        changed[place] = ord("0") + (changed[place] - ord("0") + 1) % 10
        with pytest.raises(nacha_oracle.WrongFileError):
            nacha_oracle.read(bytes(changed))


@pytest.mark.parametrize("kind", ["lost", "twice", "swapped", "short", "unfilled"])
def test_lines_that_are_lost_or_moved_are_found(kind: str) -> None:
    content = write_nacha(dollars(us_payment(), us_payment("P-2", 5)), nacha_form())
    lines = content.splitlines(keepends=True)
    changed = {
        "lost": lines[:3] + lines[4:] + lines[-1:],
        "twice": lines[:3] + lines[2:-1],
        "swapped": [*lines[:2], *lines[4:6], *lines[2:4], *lines[6:]],
        "short": [*lines[:-1], lines[-1][1:]],
        "unfilled": lines[:-1],
    }[kind]
    nacha_oracle.read(content)
    with pytest.raises(nacha_oracle.WrongFileError):
        nacha_oracle.read(b"".join(changed))


def test_the_widest_values_fill_their_fields() -> None:
    payments = [
        us_payment(f"WIDEST-PAYMENT{n}", MOST, account=us_account("9" * 17), creditor=Party(name="W" * 22))
        for n in range(9)
    ]
    form = nacha_form(batch_number=9_999_999, first_trace=9_999_991, company_name="C" * 16, description="D" * 10)
    read = nacha_oracle.read(write_nacha(dollars(*payments), form))
    assert sum(e.cents for e in read.entries) == 9 * MOST
    assert read.entries[-1].trace == "021000029999999"


def test_a_whole_number_of_blocks_is_not_filled() -> None:
    plain = [us_payment(f"P-{n}", remittance="") for n in range(6)]
    assert b"9" * 94 not in write_nacha(dollars(*plain), nacha_form())
    assert len(write_nacha(dollars(*plain, us_payment("P-7", remittance="")), nacha_form())) == 20 * 95


@pytest.mark.parametrize(
    ("made", "form", "told"),
    [
        (batch(payment()), nacha_form(), "It is in EUR; NACHA files pay US dollars alone."),
        (dollars(us_payment(account=IBAN)), nacha_form(), "the account of P-1 has no routing number"),
        (dollars(us_payment(account=replace(us_account(), kind=None))), nacha_form(), "checking or a savings"),
        (dollars(us_payment(account=us_account("1" * 18))), nacha_form(), "has 18 characters; 17 fit"),
        (dollars(us_payment(amount_minor=MOST + 1)), nacha_form(), "above 99,999,999.99 dollars"),
        (dollars(us_payment(), us_payment("P-2", MOST)), nacha_form(balanced=True), "above 9999999999, the most"),
        (dollars(*(us_payment(f"P-{n}", MOST) for n in range(101))), nacha_form(), "above 999999999999, the most"),
        (dollars(debtor_account=IBAN), nacha_form(balanced=True), "the account that pays has no routing number"),
        (dollars(us_payment("P" * 16)), nacha_form(), "has 16 characters; 15 fit"),
        (dollars(us_payment(creditor=Party(name="x" * 23))), nacha_form(), "has 23 characters; 22 fit"),
        (dollars(us_payment(creditor=Party(name="x" * 17))), nacha_form(EntryClass.CTX), "has 17 characters; 16 fit"),
        (dollars(us_payment(creditor=Party(name="Société"))), nacha_form(), "plain ASCII"),
        (dollars(us_payment(remittance="x" * 81)), nacha_form(), "has 81 characters; 80 fit"),
        (dollars(us_payment(remittance="x" * 81)), nacha_form(EntryClass.PPD), "has 81 characters; 80 fit"),
        (dollars(us_payment(reference="RF18539007547034")), nacha_form(), "creditor reference, for which"),
        (dollars(us_payment(purpose="SUPP")), nacha_form(), "code of purpose, for which"),
        (dollars(), nacha_form(bank="021000022"), "the originating bank '021000022' is no routing number"),
        (dollars(), nacha_form(destination="02100002"), "the destination '02100002' is no routing number"),
        (dollars(), nacha_form(origin="12345678"), "9 digits, or 10"),
        (dollars(), nacha_form(company_id="123"), "must have 10"),
        (dollars(), nacha_form(company_name="x" * 17), "the company's name has 17 characters; 16 fit"),
        (dollars(), nacha_form(description=""), "the description must be one line"),
        (dollars(), nacha_form(file_modifier="a"), "one of A to Z"),
        (dollars(), nacha_form(batch_number=10**7), "the batch number 10000000"),
        (dollars(), nacha_form(first_trace=0), "must be 1 or more"),
        (dollars(us_payment(), us_payment("P-2")), nacha_form(first_trace=9_999_999), "would be 10000000"),
    ],
)
def test_what_is_refused_is_told_in_a_sentence(made: PaymentBatch, form: NachaForm, told: str) -> None:
    with pytest.raises(TerminalError) as refused:
        write_nacha(made, form)
    assert str(refused.value).startswith("The batch M-2024-05-31-1 cannot be written as a NACHA file (")
    assert told.lower() in str(refused.value).lower()


def test_a_ctx_entry_has_as_many_addenda_as_its_text_needs() -> None:
    text = "RMR*IV*2024-05**17.30~" * 20
    (entry,) = nacha_oracle.read(write_nacha(dollars(us_payment(remittance=text)), nacha_form(EntryClass.CTX))).entries
    assert len(entry.texts) == 6
    assert "".join(entry.texts).rstrip() == text


def test_the_hash_keeps_ten_digits_and_sums_may_be_long() -> None:
    made = dollars(*(us_payment(f"P-{n}", remittance="", account=us_account(bank=3)) for n in range(1_000)))
    content = write_nacha(made, nacha_form())
    assert len(nacha_oracle.read(content).entries) == 1_000
    (control,) = (line for line in content.splitlines() if line.startswith(b"8"))
    assert control[10:20] == b"2100024000"
