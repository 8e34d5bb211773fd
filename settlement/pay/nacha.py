"""Credits as a NACHA file: one batch of CCD, CTX or PPD entries, in US dollars, for the bank that originates them.

Records have 94 characters and a line feed each; the file is filled with records of nines to whole blocks of ten. A
balanced file ends its batch with one debit of the whole sum from the paying account; whether the bank wants that
is agreed with it. Source: the record formats of the Nacha operating rules, appendix three (``model/nacha.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from settlement.model.bank_account import AccountKind, BankAccount, Clearing, DomesticAccount, is_routing_number
from settlement.model.nacha import (
    ADDENDA_05,
    BATCH_CONTROL,
    BATCH_HEADER,
    CTX_ENTRY,
    CURRENCY,
    ENTRY,
    FILE_CONTROL,
    FILE_HEADER,
    HASH_MODULUS,
    RECORD_LENGTH,
    RECORDS,
    RECORDS_A_BLOCK,
    EntryClass,
)
from settlement.model.payment import EndToEndId, Payment, PaymentBatch, batch_problems, is_one_line, refuse, total_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class NachaForm:
    """What is agreed with the originating bank about its files.

    Attributes
    ----------
    destination, destination_name
        The routing number to which the file goes, and its name.
    origin, origin_name
        Who sends the file: a routing number of nine digits or the ten characters that the bank has given.
    company_name, company_id
        Who pays, as receivers read it (at most 16 characters), and its identification of ten characters.
    entry_class
        One for the whole file.
    description
        What the payee reads on the statement, at most ten characters, such as ``PAYOUT``.
    bank
        The routing number of the originating bank; trace numbers begin with it.
    file_modifier
        Tells files of one day apart: A to Z, then 0 to 9.
    batch_number, first_trace
        Given by the caller so that numbers do not come again: a return quotes nothing but the trace number for sure.
    balanced
        Whether the batch ends with the debit of the paying account.
    """

    destination: str
    destination_name: str
    origin: str
    origin_name: str
    company_name: str
    company_id: str
    entry_class: EntryClass
    description: str
    bank: str
    file_modifier: str = "A"
    batch_number: int = 1
    first_trace: int = 1
    balanced: bool = False


_PLAIN: Final = re.compile(r"[\x20-\x7e]*")
_CREDIT: Final = {AccountKind.CHECKING: 22, AccountKind.SAVINGS: 32}
_DEBIT: Final = {AccountKind.CHECKING: 27, AccountKind.SAVINGS: 37}
_CREDITS_ONLY: Final = 220
_MIXED: Final = 200
_ADDENDA_WIDTH: Final = 80
_MOST_ADDENDA: Final = {EntryClass.CCD: 1, EntryClass.PPD: 1, EntryClass.CTX: 9_999}
_OFFSET_NAME: Final = "OFFSET"

_Fields = Mapping[str, str | int]


def write_nacha(batch: PaymentBatch, form: NachaForm) -> bytes:
    """The file's bytes: ASCII, the same for the same batch and form.

    The identification of each entry is its end-to-end id, which may have 15 characters here; what the payee reads
    stands in addenda records of type 05. The settlement date is blank: the operator puts it in.
    Raises TerminalError with a sentence for each thing that is wrong, the first five: nothing is cut to fit.
    """
    problems = [*batch_problems(batch), *_form_problems(form), *_problems(batch, form)]
    refuse(batch, f"a NACHA file ({form.entry_class})", problems)
    entries = [line for number, payment in enumerate(batch.payments) for line in _entry(payment, number, form)]
    if form.balanced:
        entries.append(_offset(batch, form))
    total = total_minor(batch)
    receivers = [payment.account for payment in batch.payments] + [batch.debtor_account] * form.balanced
    sums: _Fields = {
        "entries": len(entries),
        "hash": sum(int(_bank(account)[:8]) for account in receivers) % HASH_MODULUS,
        "debit": total if form.balanced else 0,
        "credit": total,
    }
    service = _MIXED if form.balanced else _CREDITS_ONLY
    of_batch: _Fields = {
        "service": service, "company_id": form.company_id, "bank": form.bank[:8], "batch": form.batch_number,
    }  # fmt: skip
    blocks = -(-(len(entries) + 4) // RECORDS_A_BLOCK)
    records = [
        _file_header(batch, form),
        _batch_header(batch, form, of_batch),
        *entries,
        _record(BATCH_CONTROL, {"type": 8, **sums, **of_batch}),
        _record(FILE_CONTROL, {"type": 9, "batches": 1, "blocks": blocks, **sums}),
    ]
    filling = ["9" * RECORD_LENGTH] * (blocks * RECORDS_A_BLOCK - len(records))
    return "".join(f"{record}\n" for record in (*records, *filling)).encode("ascii")


def trace_numbers(batch: PaymentBatch, form: NachaForm) -> dict[EndToEndId, str]:
    """The trace number of each payment in the file that ``write_nacha`` makes of the same batch and form."""
    return {payment.end_to_end_id: _trace(number, form) for number, payment in enumerate(batch.payments)}


def offset_trace(batch: PaymentBatch, form: NachaForm) -> str | None:
    """The trace number of the debit that balances the file; None where it is not balanced."""
    return _trace(len(batch.payments), form) if form.balanced else None


def _file_header(batch: PaymentBatch, form: NachaForm) -> str:
    return _record(
        FILE_HEADER,
        {
            "type": 1, "priority": 1, "destination": form.destination.rjust(10), "origin": form.origin.rjust(10),
            "date": f"{batch.created:%y%m%d}", "time": f"{batch.created:%H%M}", "modifier": form.file_modifier,
            "record_size": RECORD_LENGTH, "blocking": RECORDS_A_BLOCK, "format": 1,
            "destination_name": form.destination_name, "origin_name": form.origin_name,
        },
    )  # fmt: skip


def _batch_header(batch: PaymentBatch, form: NachaForm, of_batch: _Fields) -> str:
    return _record(
        BATCH_HEADER,
        {
            "type": 5, "company_name": form.company_name, "entry_class": form.entry_class,
            "description": form.description, "effective_date": f"{batch.value_date:%y%m%d}", "originator_status": "1",
            **of_batch,
        },
    )  # fmt: skip


def _entry(payment: Payment, number: int, form: NachaForm) -> Iterator[str]:
    """The entry of a payment and its addenda records."""
    trace = _trace(number, form)
    text = payment.remittance
    parts = [text[at : at + _ADDENDA_WIDTH] for at in range(0, len(text), _ADDENDA_WIDTH)]
    record = CTX_ENTRY if form.entry_class is EntryClass.CTX else ENTRY
    addenda: _Fields = {"addenda": len(parts)} if record is CTX_ENTRY else {}
    yield _record(
        record,
        {
            "type": 6, "code": _CREDIT[_kind(payment.account)], **_receiver(payment.account),
            "amount": payment.amount_minor, "identification": payment.end_to_end_id, "name": payment.creditor.name,
            "addenda_follows": int(bool(parts)), "trace": trace, **addenda,
        },
    )  # fmt: skip
    for sequence, part in enumerate(parts, start=1):
        yield _record(ADDENDA_05, {"type": 7, "kind": 5, "text": part, "sequence": sequence, "entry": trace[8:]})


def _offset(batch: PaymentBatch, form: NachaForm) -> str:
    """The debit of the paying account that balances the batch."""
    record = CTX_ENTRY if form.entry_class is EntryClass.CTX else ENTRY
    addenda: _Fields = {"addenda": 0} if record is CTX_ENTRY else {}
    return _record(
        record,
        {
            "type": 6, "code": _DEBIT[_kind(batch.debtor_account)], **_receiver(batch.debtor_account),
            "amount": total_minor(batch), "identification": _OFFSET_NAME, "name": form.company_name,
            "addenda_follows": 0, "trace": _trace(len(batch.payments), form), **addenda,
        },
    )  # fmt: skip


def _receiver(account: BankAccount) -> _Fields:
    bank = _bank(account)
    number = account.number if isinstance(account, DomesticAccount) else ""
    return {"bank": bank[:8], "check_digit": bank[8], "account": number}


def _record(record: str, values: _Fields) -> str:
    """A record of its fields; what is not told is blank, or zeros where it is a number."""
    parts = []
    for name, (is_number, width) in RECORDS[record].items():
        text = str(values.get(name, ""))
        if len(text) > width:
            # The checks before come to the same limits; a field that is cut would pay another amount or account.
            raise RuntimeError(f"{name} of the {record} has {len(text)} characters, {width} fit")
        parts.append(text.rjust(width, "0") if is_number else text.ljust(width))
    return "".join(parts)


def _trace(number: int, form: NachaForm) -> str:
    return f"{form.bank[:8]}{form.first_trace + number:07}"


def _bank(account: BankAccount) -> str:
    """The routing number of an account, empty where it has none."""
    if isinstance(account, DomesticAccount) and account.clearing is Clearing.USABA:
        return account.bank or ""
    return ""


def _kind(account: BankAccount) -> AccountKind:
    return (isinstance(account, DomesticAccount) and account.kind) or AccountKind.CHECKING


def _form_problems(form: NachaForm) -> Iterator[str]:
    """What is wrong with the agreement itself."""
    for what, number in (("destination", form.destination), ("originating bank", form.bank)):
        if not is_routing_number(number):
            yield f"the {what} {number!r} is no routing number, or fails its check digit."
    if re.fullmatch("[0-9]{9}|[A-Z0-9]{10}", form.origin) is None:
        yield f"the origin {form.origin!r} must have 9 digits, or 10 capitals and digits."
    if re.fullmatch("[A-Z0-9 ]{10}", form.company_id) is None:
        yield f"the company id {form.company_id!r} must have 10 capitals, digits and blanks."
    if re.fullmatch("[A-Z0-9]", form.file_modifier) is None:
        yield f"the file modifier {form.file_modifier!r} must be one of A to Z and 0 to 9."
    if not 1 <= form.batch_number < 10 ** _width(BATCH_HEADER, "batch"):
        yield f"the batch number {form.batch_number} must be 1 to 9,999,999."
    if form.first_trace < 1:
        yield f"the first trace number {form.first_trace} must be 1 or more."
    yield from _text_problems(form.destination_name, "the destination's name", _width(FILE_HEADER, "destination_name"))
    yield from _text_problems(form.origin_name, "the origin's name", _width(FILE_HEADER, "origin_name"))
    yield from _text_problems(form.company_name, "the company's name", _width(BATCH_HEADER, "company_name"))
    yield from _text_problems(form.description, "the description", _width(BATCH_HEADER, "description"))


def _problems(batch: PaymentBatch, form: NachaForm) -> Iterator[str]:
    """What this format refuses of a batch."""
    if batch.currency != CURRENCY:
        yield f"it is in {batch.currency}; NACHA files pay US dollars alone."
    if form.balanced:
        yield from _account_problems(batch.debtor_account, "the account that pays")
    most = 10 ** _width(BATCH_CONTROL, "credit") - 1
    most_offset = 10 ** _width(ENTRY, "amount") - 1 if form.balanced else most
    if total_minor(batch) > min(most, most_offset):
        yield f"its sum of {total_minor(batch)} cents is above {min(most, most_offset)}, the most that fits: split it."
    last = form.first_trace + len(batch.payments) - 1 + form.balanced
    if last >= 10**7:
        yield f"its last trace number would be {last}, above 9,999,999: split it or begin again with a lower one."
    lines = sum(1 + -(-len(payment.remittance) // _ADDENDA_WIDTH) for payment in batch.payments) + form.balanced
    if lines >= 10 ** _width(BATCH_CONTROL, "entries"):
        yield f"it has {lines} entries and addenda records, above 999,999: split it."
    for payment in batch.payments:
        yield from _payment_problems(payment, form)


def _payment_problems(payment: Payment, form: NachaForm) -> Iterator[str]:
    name = payment.end_to_end_id
    record = CTX_ENTRY if form.entry_class is EntryClass.CTX else ENTRY
    yield from _text_problems(name, f"the payment id {name}", _width(record, "identification"))
    yield from _text_problems(payment.creditor.name, f"the name of the payee of {name}", _width(record, "name"))
    yield from _account_problems(payment.account, f"the account of {name}")
    if payment.amount_minor >= 10 ** _width(record, "amount"):
        yield f"{name} is of {payment.amount_minor} cents, above 99,999,999.99 dollars, the most of one entry."
    if payment.reference is not None:
        yield f"{name} has a creditor reference, for which a NACHA entry has no field: put it into the remittance text."
    if payment.purpose is not None:
        yield f"{name} has a code of purpose, for which a NACHA entry has no field."
    if payment.remittance:
        most = _MOST_ADDENDA[form.entry_class] * _ADDENDA_WIDTH
        yield from _text_problems(payment.remittance, f"the remittance text of {name}", most)


def _account_problems(account: BankAccount, whose: str) -> Iterator[str]:
    if not _bank(account):
        yield f"{whose} has no routing number (USABA)."
        return
    if isinstance(account, DomesticAccount):
        if account.kind is None:
            yield f"{whose} does not tell whether it is a checking or a savings account."
        yield from _text_problems(account.number, f"the number of {whose}", _width(ENTRY, "account"))


def _text_problems(text: str, what: str, most: int) -> Iterator[str]:
    if not is_one_line(text) or _PLAIN.fullmatch(text) is None:
        yield f"{what} must be one line of plain ASCII characters that begins and ends with one that is seen."
    elif len(text) > most:
        yield f"{what} has {len(text)} characters; {most} fit into the file."


def _width(record: str, field: str) -> int:
    return RECORDS[record][field][1]
