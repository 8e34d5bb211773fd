"""Returns and notifications of change in NACHA files: addenda records of type 99 and 98.

A returned entry repeats the amount and the identification of ours and quotes its trace number. A notification of
change (class COR) says that the entry was posted, and what to write from now on. Source: returns and notifications of
change in the Nacha operating rules, appendices four and five, as public parsers document them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Final

from settlement.model.bank_account import is_routing_number
from settlement.model.nacha import ADDENDA_98, ADDENDA_99, CURRENCY
from settlement.model.payment import EndToEndId
from settlement.model.payment_status import BankReply, Corrected, Outcome, PaymentStatus, Reason, Scope, reason_of
from settlement.model.reason_codes import NACHA_CHANGES, NACHA_DISPUTED_RETURNS, NACHA_RETURNS
from settlement.parse.bank_replies import refusal, require_size, wrong
from settlement.parse.cards import mask_reference, mask_text
from settlement.parse.nacha_records import EntryRecord, FileRecords, cut, number_in, read_records
from settlement.parse.statements import UnreadableError

_RETURN: Final = "799"
_CHANGE: Final = "798"
_OTHER_LAYOUTS: Final = ("ADV", "IAT")
"""Classes of entries whose records have other fields."""


def read_nacha_returns(content: bytes, *, file: str) -> BankReply:
    """Read one file of returns and notifications of change.

    Parameters
    ----------
    content
        The bytes of the file.
    file
        Its name, for sentences.

    Returns
    -------
    BankReply
        A status ``RETURNED`` for each return, in US cents, and ``CHANGED`` for each notification. ``UNCLEAR`` where the
        code is not known, where two banks dispute a return (R61 to R77), or where corrected data cannot be used.
        Entries that are neither are notes. The trace number of the original entry is ``bank_reference``.

    Raises
    ------
    TerminalError
        Where a record, a count, a hash or a sum is wrong.
    """
    require_size(file, content)
    try:
        return _reply(read_records(content))
    except UnreadableError as error:
        raise refusal(file, error.detail) from None


def _reply(records: FileRecords) -> BankReply:
    header = records.header
    made = f"{header['date']}{header['time']}"
    try:
        on = datetime.strptime(f"20{header['date']}", "%Y%m%d").date()  # noqa: DTZ007 - a day without a time
    except ValueError:
        raise wrong(f"its file header has no day of creation ({header['date']!r})") from None
    statuses: list[PaymentStatus] = []
    notes: list[str] = []
    for batch in records.batches:
        entry_class = batch.header["entry_class"]
        if entry_class in _OTHER_LAYOUTS:
            raise wrong(f"it holds entries of the class {entry_class}, which answer no payments of ours")
        for entry in batch.entries:
            found = list(_statuses(entry, on))
            statuses += found
            if not found:
                code = entry.fields["code"]
                notes.append(f"the entry on line {entry.line} (code {code}) is neither a return nor a change")
    reply_id = f"{header['origin'].strip()}-{made.strip()}-{header['modifier']}"
    return BankReply(reply_id=reply_id, message_id=None, statuses=tuple(statuses), notes=tuple(notes))


def _statuses(entry: EntryRecord, on: date) -> Iterator[PaymentStatus]:
    """The status that an entry tells by its addenda record of type 98 or 99; none where it has none."""
    for line in entry.addenda:
        if line[:3] not in {_RETURN, _CHANGE}:
            continue
        fields = cut(line, ADDENDA_99 if line[:3] == _RETURN else ADDENDA_98)
        if fields["trace"] != entry.fields["trace"]:
            raise wrong(f"the addenda record under the entry on line {entry.line} has another trace number")
        identification = mask_reference(entry.fields["identification"].strip())
        plain = PaymentStatus(
            outcome=Outcome.UNCLEAR,
            code=fields["code"],
            scope=Scope.PAYMENT,
            end_to_end_id=EndToEndId(identification) if identification else None,
            bank_reference=fields["original_trace"].strip() or None,
            on=on,
        )
        if line[:3] == _CHANGE:
            yield _change(plain, fields["corrected"])
        else:
            yield _return(plain, number_in(entry.fields, "amount", entry.line), mask_text(fields["text"].strip()))


def _return(plain: PaymentStatus, amount_minor: int, words: str) -> PaymentStatus:
    disputed = plain.code in NACHA_DISPUTED_RETURNS
    known = NACHA_DISPUTED_RETURNS if disputed else NACHA_RETURNS
    return replace(
        plain,
        outcome=Outcome.RETURNED if plain.code in NACHA_RETURNS else Outcome.UNCLEAR,
        reasons=(reason_of(plain.code, known, "Nacha list of return reasons", words),),
        amount_minor=amount_minor,
        currency=CURRENCY,
    )


def _change(plain: PaymentStatus, data: str) -> PaymentStatus:
    """What a notification corrects. Data that cannot be used are told as words, and nothing is corrected by them."""
    meanings = {code: meaning for code, (meaning, _) in NACHA_CHANGES.items()}
    _, places = NACHA_CHANGES.get(plain.code, ("", ()))
    corrected = tuple((what, data[begin:end].strip()) for what, begin, end in places)
    usable = all(
        value and (what is not Corrected.ROUTING_NUMBER or is_routing_number(value)) for what, value in corrected
    )
    reason = reason_of(
        plain.code, meanings, "Nacha list of changes", "" if places and usable else mask_text(data.strip())
    )
    if plain.code not in NACHA_CHANGES:
        return replace(plain, reasons=(reason,))
    if not usable:
        unusable = Reason(code=plain.code, meaning="its corrected data cannot be used: ask the bank", known=True)
        return replace(plain, reasons=(reason, unusable))
    return replace(plain, outcome=Outcome.CHANGED, reasons=(reason,), corrected=corrected)
