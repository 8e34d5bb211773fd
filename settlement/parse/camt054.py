"""Debit and credit notifications: camt.054 of ISO 20022, in the same versions as the statement.

A notification tells what an entry of a statement is made of, before or after that statement comes. Nothing in it is
cash: each transaction becomes a row of ``bank_detail``, and an entry that tells no transactions becomes one such row
itself. Which entry of which statement they belong to is found later (``detail_tie``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lxml import etree

from settlement.model.clearing import Why
from settlement.parse.camt053 import account_of, whole
from settlement.parse.camt_entries import Booked, day_of, read_entry
from settlement.parse.iso20022 import CAMT_VERSIONS, Family, Handlers, Node, entry_sizes, node_of, read_message
from settlement.parse.source import Parsed, Source
from settlement.parse.statements import Collected, NotBooked, UnreadableError, Unusable, fault

FAMILY: Final = Family(message="camt.054", versions=CAMT_VERSIONS, body="BkToCstmrDbtCdtNtfctn", section="Ntfctn")


def read_notified(entry: Node, notification: Node) -> Booked | Unusable | NotBooked:
    """One entry of a notification, which tells no currency of its own and is told on the notification's day."""
    return read_entry(
        entry,
        account=account_of(notification) or "",
        currency=None,
        closing=day_of(notification.told("CreDtTm")),
        told_by="notification",
    )


@dataclass(slots=True)
class _Reader:
    """Takes the parts of a message as they stream by."""

    found: Collected
    message_id: str | None = None
    notifications: int = 0
    entries: int = 0
    no_account: int | None = None
    _head: Node | None = None

    def header(self, header: Node) -> None:
        self.message_id = header.told("MsgId")

    def entry(self, entry: Node, notification: etree._Element) -> int:
        record = self.found.number()
        self.entries += 1
        if self._head is None:
            self._head = node_of(notification)
        told = read_notified(entry, self._head)
        if isinstance(told, NotBooked):
            self.found.not_booked(record, told)
        elif isinstance(told, Unusable):
            self.found.reject(record, told)
        else:
            self.found.take(record)
            for detail in told.details or (_itself(told, entry),):
                self.found.detail({**detail, "entry": record})
        return record

    def section(self, notification: Node) -> None:
        self.notifications += 1
        if account_of(notification) is None and self.no_account is None:
            self.no_account = self.notifications
        declared = whole(notification.told("TxsSummry/TtlNtries/NbOfNtries"))
        if declared is not None:
            self.found.control(f"entries {self.notifications} {account_of(notification)}", declared, self.entries)
        self.entries, self._head = 0, None


def read(source: Source) -> Parsed:
    """Read one message. Its records are the entries of all notifications, located by their number from 1."""
    reader = _Reader(Collected(source.file))
    handlers = Handlers(header=reader.header, entry=reader.entry, section=reader.section)
    try:
        numbers = read_message(source.content, FAMILY, handlers)
        _require_whole(reader)
    except UnreadableError as error:
        return fault(source, error.why, error.detail)
    for record, size in entry_sizes(source.content, numbers):
        reader.found.count_bytes(record, size)
    count = reader.found.byte_count(len(source.content))
    return reader.found.parsed(source, internal_id=reader.message_id, bytes_=count)


def _require_whole(reader: _Reader) -> None:
    """Raise UnreadableError where there is no notification, or one without an account."""
    if not reader.notifications:
        raise UnreadableError(Why.UNREADABLE, "it has no notification (BkToCstmrDbtCdtNtfctn/Ntfctn)")
    if reader.no_account is not None:
        raise UnreadableError(Why.UNREADABLE, f"notification {reader.no_account} has no account that can be read")


def _itself(told: Booked, entry: Node) -> dict[str, object]:
    """An entry without transactions, as the one transaction that it is."""
    row = told.row
    batch = entry.first("NtryDtls/Btch")
    return {
        "told_by": "notification",
        "account": row["account"],
        "entry_ref": row["entry_ref"],
        "bank_ref": row["bank_ref"],
        "entry_direction": row["direction"],
        "entry_minor": row["amount_minor"],
        "entry_currency": row["currency"],
        "charges_minor": row["charges_minor"],
        "booked_on": row["booked_on"],
        "message_id": row["message_id"],
        "payment_id": row["payment_id"],
        "transaction_id": None if batch is not None else row["bank_ref"],
        "direction": row["direction"],
        "amount_minor": row["amount_minor"],
        "currency": row["currency"],
        "remittance": row["remittance"],
    }
