"""Entries of camt.053 and camt.054 and the transactions inside them, in all versions that are read.

Where versions differ, all forms are read in all of them: ``Sts`` holds its code itself or in ``Cd``; charges stand in
``Chrgs`` or in ``Chrgs/Rcrd``; a transaction has its amount in ``Amt`` or only in ``AmtDtls``, and its own direction
or the entry's. ``CdtDbtInd`` is the direction of the entry itself, of a reversal too: ``RvslInd`` only says that it
takes back an entry of the other direction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from settlement.model.clearing import RejectReason
from settlement.parse.cards import mask_reference, mask_text
from settlement.parse.iso20022 import Node
from settlement.parse.statements import Money, NotBooked, Unusable, joined, money_of

DIRECTIONS: Final = {"CRDT": 1, "DBIT": -1}
COUNT: Final = re.compile(r"[0-9]{1,15}")

_DAY: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(T.*|Z|[+-][0-9]{2}:[0-9]{2})?")
_BOOKED: Final = "BOOK"
_ANNOUNCED: Final = ("PDNG", "INFO", "FUTR")
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}
_NO_REFERENCE: Final = ("NOTPROVIDED", "NONREF", "NOT PROVIDED")
_DETAIL_AMOUNTS: Final = ("Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/CntrValAmt/Amt", "AmtDtls/InstdAmt/Amt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """A booked entry: its row of ``statement_entry`` and the rows of ``bank_detail`` that stand inside it."""

    row: dict[str, object]
    details: tuple[dict[str, object], ...]
    money: Money


def reference_at(node: Node, *paths: str) -> str | None:
    """As ``told``; the words that stand for no reference are none."""
    found = node.told(*paths)
    return None if found is None or found.upper() in _NO_REFERENCE else mask_reference(found)


def day_of(text: str | None) -> date | None:
    """The calendar date of a date or date-time as written."""
    found = _DAY.fullmatch(text or "")
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def money_at(element: Node, where: str) -> Money | Unusable:
    """The signed amount of a balance or an entry, exact in minor units."""
    amount = element.first("Amt")
    text, currency = _amount(amount)
    found = money_of(text, currency, 1, f"{where}/Amt")
    if isinstance(found, Unusable):
        return found
    indicator = element.told("CdtDbtInd") or ""
    if indicator not in DIRECTIONS:
        return Unusable(reason=RejectReason.MALFORMED, field=f"{where}/CdtDbtInd", text=indicator)
    return Money(amount_minor=DIRECTIONS[indicator] * found.amount_minor, currency=found.currency)


def read_entry(
    entry: Node, *, account: str, currency: str | None, closing: date | None, told_by: str
) -> Booked | Unusable | NotBooked:
    """One entry.

    Parameters
    ----------
    account
        Account of the statement or notification.
    currency
        Its currency, which is the entries' too; None where it tells none.
    closing
        The day that an entry without a date of its own was booked on.
    told_by
        ``statement`` or ``notification``.
    """
    money = money_at(entry, "Ntry")
    if isinstance(money, Unusable):
        return money
    status = entry.told("Sts/Cd", "Sts/Prtry", "Sts") or ""
    if status in _ANNOUNCED and currency in {None, money.currency}:
        return NotBooked(status=status, reference=entry.told("NtryRef", "AcctSvcrRef"), money=money)
    days = _days(entry, money, closing)
    code = _code(entry) or next(filter(None, map(_code, entry.every("NtryDtls/TxDtls"))), "")
    reversal = entry.told("RvslInd")
    if currency not in {None, money.currency}:
        return Unusable(reason=RejectReason.UNKNOWN_CURRENCY, field="Ntry/Amt@Ccy", text=money.currency)
    if isinstance(days, Unusable):
        return days
    for name, text, good in (
        ("Sts", status, status == _BOOKED),
        ("BkTxCd", code, bool(code)),
        ("RvslInd", reversal or "", reversal in {None, *_FLAGS}),
    ):
        if not good:
            return Unusable(reason=RejectReason.MALFORMED, field=f"Ntry/{name}", text=text, money=money)
    row: dict[str, object] = {
        "account": account,
        "entry_ref": reference_at(entry, "NtryRef", "AcctSvcrRef"),
        "booked_on": days[0],
        "value_on": days[1],
        "direction": DIRECTIONS[entry.told("CdtDbtInd") or ""],
        "amount_minor": abs(money.amount_minor),
        "currency": money.currency,
        "code": code,
        "bank_ref": reference_at(entry, "AcctSvcrRef"),
        "charges_minor": _charges(entry, money.currency),
        "reversal": None if reversal is None else _FLAGS[reversal],
    }
    return _with_details(entry, row, money, told_by)


def _with_details(entry: Node, row: dict[str, object], money: Money, told_by: str) -> Booked:
    """The entry with what its transactions tell. What only one of them tells is the entry's as well."""
    transactions = entry.every("NtryDtls/TxDtls")
    batches = entry.every("NtryDtls/Btch")
    details = tuple(
        {
            "told_by": told_by,
            "account": row["account"],
            "entry_ref": reference_at(entry, "NtryRef"),
            "bank_ref": row["bank_ref"],
            "entry_direction": row["direction"],
            "entry_minor": row["amount_minor"],
            "entry_currency": row["currency"],
            "charges_minor": row["charges_minor"],
            "booked_on": row["booked_on"],
            **_detail(one, row, batches, alone=len(transactions) == 1),
        }
        for one in transactions
    )
    counts = [batch.told("NbOfTxs") for batch in batches]
    told = sum(int(count) for count in counts if count and COUNT.fullmatch(count))
    message, payment, end_to_end = (
        _only(detail[name] for detail in details) for name in ("message_id", "payment_id", "end_to_end_id")
    )
    batch_message, batch_payment = (
        _only(reference_at(batch, name) for batch in batches) for name in ("MsgId", "PmtInfId")
    )
    texts = [str(detail["remittance"]) for detail in details if detail["remittance"]]
    whole = {
        **row,
        "message_id": batch_message or message,
        "payment_id": batch_payment or payment,
        # A batch entry has many: then none of them is the entry's.
        "end_to_end_id": end_to_end if len(details) == 1 else None,
        "remittance": joined(texts) or _free_text(entry),
        "details": told or len(transactions) or None,
    }
    return Booked(row=whole, details=details, money=money)


def _detail(one: Node, row: dict[str, object], batches: Sequence[Node], *, alone: bool) -> dict[str, object]:
    """What one transaction tells of itself; the only transaction of an entry has the entry's amount."""
    amounts = [one.first(path) for path in _DETAIL_AMOUNTS]
    found = [_amount(amount) for amount in amounts if amount is not None]
    same = [told for told in found if told[1] == row["currency"]]
    text, currency = next(iter(same or found), ("", ""))
    money = money_of(text, currency, 1, "TxDtls/Amt")
    indicator = one.told("CdtDbtInd")
    direction = DIRECTIONS.get(indicator or "", 0) or row["direction"]
    if not found and alone:
        amount_minor, currency_told = row["amount_minor"], row["currency"]
    elif isinstance(money, Money) and indicator in {None, *DIRECTIONS}:
        amount_minor, currency_told = money.amount_minor, money.currency
    else:
        amount_minor = currency_told = None
    within = batches[0] if len(batches) == 1 else None
    texts = [line.text for line in one.every("RmtInf/Ustrd")]
    return {
        "message_id": reference_at(one, "Refs/MsgId") or (None if within is None else reference_at(within, "MsgId")),
        "payment_id": reference_at(one, "Refs/PmtInfId")
        or (None if within is None else reference_at(within, "PmtInfId")),
        "end_to_end_id": reference_at(one, "Refs/EndToEndId"),
        "transaction_id": reference_at(one, "Refs/TxId", "Refs/AcctSvcrRef", "Refs/UETR", "Refs/InstrId"),
        "direction": direction,
        "amount_minor": amount_minor,
        "currency": currency_told,
        "remittance": mask_text(" ".join(filter(None, texts))) or None,
    }


def _free_text(entry: Node) -> str | None:
    """What a bank writes that gives an entry no transaction."""
    told = entry.told("AddtlNtryInf") if entry.first("NtryDtls/TxDtls") is None else None
    return None if told is None else mask_text(told)


def _only(values: Iterator[object]) -> object:
    """The value that all of them share; None where they differ or there is none."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None


def _days(entry: Node, money: Money, closing: date | None) -> tuple[date, date] | Unusable:
    """Booking and value date; each stands in for the other where it is missing, and the closing day for both."""
    texts = [entry.told(f"{name}/Dt", f"{name}/DtTm") for name in ("BookgDt", "ValDt")]
    days = [day_of(text) for text in texts]
    for name, text, day in zip(("BookgDt", "ValDt"), texts, days, strict=True):
        if text is not None and day is None:
            return Unusable(reason=RejectReason.BAD_DATE, field=f"Ntry/{name}", text=text, money=money)
    booked = days[0] or days[1] or closing
    if booked is None:
        return Unusable(reason=RejectReason.BAD_DATE, field="Ntry/BookgDt", text="", money=money)
    return booked, days[1] or booked


def _code(element: Node) -> str | None:
    paths = ("BkTxCd/Domn/Cd", "BkTxCd/Domn/Fmly/Cd", "BkTxCd/Domn/Fmly/SubFmlyCd")
    domain = "/".join(filter(None, (element.told(path) for path in paths)))
    return element.told("BkTxCd/Prtry/Cd") or domain or None


def _charges(entry: Node, currency: str) -> int | None:
    """Charges told with the entry, + taken from us; None where there are none or one cannot be read."""
    records = [record for path in ("Chrgs/Rcrd", "Chrgs") for record in entry.every(path)]
    told = [record for record in records if record.first("Amt") is not None]
    total = 0
    for record in told:
        text, code = _amount(record.first("Amt"))
        money = money_of(text, code, 1, "Chrgs/Amt")
        if isinstance(money, Unusable) or money.currency != currency:
            return None
        total += -money.amount_minor if record.told("CdtDbtInd") == "CRDT" else money.amount_minor
    return total if told else None


def _amount(amount: Node | None) -> tuple[str, str]:
    """Text and currency of an amount, empty where there is none."""
    return ("", "") if amount is None else (amount.text, amount.currency)
