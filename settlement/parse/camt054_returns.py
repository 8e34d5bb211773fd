"""Payments that came back, from notifications of a bank: camt.054 of ISO 20022.

A transaction with ``RtrInf`` in an entry that credits our account is a return. The entries are read by the same code
as those that become cash details (``camt_entries``), so both tell one amount; the file itself goes into the
night as well, where its entry is tied to the statement.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from lxml import etree

from settlement.model.money import to_major
from settlement.model.payment import EndToEndId, MessageId
from settlement.model.payment_status import BankReply, Outcome, PaymentStatus, Scope
from settlement.parse.bank_replies import count_at, reasons_at, refusal, require_size, sum_at, wrong
from settlement.parse.camt053 import account_of
from settlement.parse.camt054 import FAMILY, read_notified
from settlement.parse.camt_entries import DIRECTIONS, Booked
from settlement.parse.cards import mask_text
from settlement.parse.iso20022 import Handlers, Node, node_of, read_message
from settlement.parse.statements import Money, NotBooked, UnreadableError, Unusable

_RETURN: Final = "RtrInf"
_TOTALS: Final = (("TtlNtries", 0), ("TtlCdtNtries", 1), ("TtlDbtNtries", -1))


@dataclass(slots=True)
class _Reader:
    """Takes the parts of a message as they stream by."""

    reply_id: str | None = None
    statuses: list[PaymentStatus] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    entries: int = 0
    moneys: list[Money] = field(default_factory=list)
    _head: Node | None = None

    def header(self, header: Node) -> None:
        self.reply_id = header.told("MsgId")

    def entry(self, entry: Node, notification: etree._Element) -> int:
        self.entries += 1
        if self._head is None:
            self._head = node_of(notification)
        told = read_notified(entry, self._head)
        if isinstance(told, Unusable):
            raise wrong(f"{told.field} of entry {self.entries} is {mask_text(told.text)!r}, which cannot be read")
        self.moneys.append(told.money)
        if isinstance(told, NotBooked):
            if any(one.first(_RETURN) is not None for one in entry.every("NtryDtls/TxDtls")):
                self.notes.append(f"entry {self.entries} announces a return and is not booked ({told.status})")
            return self.entries
        self._returns(entry, told)
        return self.entries

    def _returns(self, entry: Node, told: Booked) -> None:
        for one, detail in zip(entry.every("NtryDtls/TxDtls"), told.details, strict=True):
            informations = one.every(_RETURN)
            if not informations:
                continue
            amount_minor = detail["amount_minor"]
            if not isinstance(amount_minor, int):
                raise wrong(f"a return in entry {self.entries} has no amount that can be read")
            if detail["direction"] != DIRECTIONS["CRDT"]:
                self.notes.append(f"entry {self.entries} takes money for a return: no payment of ours came back by it")
                continue
            texts = {name: value for name, value in detail.items() if isinstance(value, str)}
            self.statuses.append(
                PaymentStatus(
                    outcome=Outcome.RETURNED,
                    code=_RETURN,
                    scope=Scope.PAYMENT,
                    reasons=reasons_at(informations),
                    end_to_end_id=EndToEndId(texts["end_to_end_id"]) if "end_to_end_id" in texts else None,
                    message_id=MessageId(texts["message_id"]) if "message_id" in texts else None,
                    block_id=texts.get("payment_id"),
                    bank_reference=texts.get("transaction_id"),
                    amount_minor=amount_minor,
                    currency=texts.get("currency"),
                    on=told.row["booked_on"] if isinstance(told.row["booked_on"], date) else None,
                )
            )

    def section(self, notification: Node) -> None:
        if account_of(notification) is None:
            raise wrong("a notification has no account")
        for name, direction in _TOTALS:
            for totals in notification.every(f"TxsSummry/{name}"):
                _require_totals(totals, name, [m for m in self.moneys if direction in {0, _sign(m)}])
        self.moneys, self._head = [], None


def read_camt054_returns(content: bytes, *, file: str) -> BankReply:
    """Read the returns of one notification message.

    Parameters
    ----------
    content
        The bytes of the file.
    file
        Its name, for sentences.

    Returns
    -------
    BankReply
        A status ``RETURNED`` for each booked transaction with ``RtrInf`` that credits our account, with what came
        back in minor units. Returns that are only announced, or that take money, are notes.

    Raises
    ------
    TerminalError
        Where it is no such message or brings a document type along, where one entry cannot be read, or where the
        number or sum of its entries is not what it says.
    """
    require_size(file, content)
    reader = _Reader()
    handlers = Handlers(header=reader.header, entry=reader.entry, section=reader.section)
    try:
        read_message(memoryview(content), FAMILY, handlers)
        if reader.reply_id is None:
            raise wrong("it does not tell its own id (GrpHdr/MsgId)")
    except UnreadableError as error:
        raise refusal(file, error.detail) from None
    return BankReply(
        reply_id=reader.reply_id, message_id=None, statuses=tuple(reader.statuses), notes=tuple(reader.notes)
    )


def _require_totals(totals: Node, name: str, moneys: list[Money]) -> None:
    count, total = count_at(totals, "NbOfNtries"), sum_at(totals, "Sum")
    if count is not None and count != len(moneys):
        raise wrong(f"{name} counts {count} entries, and there are {len(moneys)}")
    found = sum((Decimal(to_major(abs(money.amount_minor), money.currency)) for money in moneys), Decimal())
    if total is not None and total != found:
        raise wrong(f"{name} adds up {total}, and the entries come to {found}")


def _sign(money: Money) -> int:
    return 1 if money.amount_minor > 0 else -1
