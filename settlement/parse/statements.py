"""What all readers of bank statements share: entries, details and statements as rows, and where their bytes went.

An entry is numbered over the whole file, whatever becomes of it: a row of ``statement_entry``, a reject, or a control
record ``NOT_BOOKED`` that announces money and moves none. A detail is numbered on its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import polars as pl

from settlement.model.clearing import RejectReason, Why
from settlement.model.money import is_currency, to_minor
from settlement.model.tables import TABLES
from settlement.parse.candidates import candidate, shown
from settlement.parse.source import ByteCount, ControlTotal, Parsed, Source

AMOUNT: Final = re.compile(r"[0-9]{1,18}(\.[0-9]{1,5})?")
"""A plain decimal as bank messages write it; five decimals occur."""

CONTROL, ACCEPTED, REJECTED = range(3)
"""What becomes of an entry, and so of its bytes; one that is announced only is a control record."""

_TABLES: Final = ("statement_entry", "bank_statement", "bank_detail", "reject", "control_record")
_CHUNK_ROWS: Final = 20_000
_MOST_MINOR: Final = 2**63 - 1


class UnreadableError(Exception):
    """The file is none that may be read; ``why`` and a part of a sentence. It never leaves ``parse``."""

    def __init__(self, why: Why, detail: str) -> None:
        super().__init__(detail)
        self.why = why
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """A signed amount (+ credit to our account) in minor units."""

    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """A booked balance and its day."""

    money: Money
    day: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """Why one entry cannot be used; its signed amount where that could be read, for then it is in the totals."""

    reason: RejectReason
    field: str
    text: str
    money: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotBooked:
    """An entry that the bank announces (pending, for information): no cash has moved."""

    status: str
    reference: str | None
    money: Money


def money_of(text: str, currency: str, sign: int, where: str) -> Money | Unusable:
    """The exact amount in minor units; trailing zeros beyond the currency's decimals are fine, other digits are not."""
    if not is_currency(currency):
        return Unusable(reason=RejectReason.UNKNOWN_CURRENCY, field=f"{where}@Ccy", text=currency)
    minor = to_minor(text, currency) if AMOUNT.fullmatch(text) else None
    if minor is None or minor > _MOST_MINOR:
        return Unusable(reason=RejectReason.NON_NUMERIC_AMOUNT, field=where, text=text)
    return Money(amount_minor=sign * minor, currency=currency)


@dataclass(slots=True)
class _Rows:
    """Rows of one table, turned into columns every so often, so that a large file does not stand in memory as rows."""

    name: str
    rows: list[Mapping[str, object]] = field(default_factory=list)
    frames: list[pl.DataFrame] = field(default_factory=list)

    def add(self, row: Mapping[str, object]) -> None:
        self.rows.append(row)
        if len(self.rows) >= _CHUNK_ROWS:
            self._turn()

    def frame(self, file: str) -> pl.DataFrame:
        self._turn()
        return candidate(self.name, file, pl.concat(self.frames))

    def _turn(self) -> None:
        self.frames.append(pl.DataFrame(self.rows, schema=TABLES[f"parsed_{self.name}"].schema))
        self.rows.clear()


class Collected:
    """What a file gave so far: rows by table, control totals, closing days, and the bytes of entries by fate."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.fates = bytearray([CONTROL])
        self.sizes = [0, 0, 0]
        self.details = 0
        self.statements = 0
        self.controls: list[ControlTotal] = []
        self.days: set[date] = set()
        self._tables = {name: _Rows(name) for name in _TABLES}

    @property
    def entries(self) -> int:
        """How many entries the file has had so far."""
        return len(self.fates) - 1

    def number(self) -> int:
        """The number of the next entry in the file, from 1. ``fates`` holds what becomes of each, by its number."""
        self.fates.append(CONTROL)
        return self.entries

    def count_bytes(self, record: int, size: int) -> None:
        """The bytes of an entry whose fate is known; ``sizes`` holds their sums by fate."""
        self.sizes[self.fates[record]] += size

    def byte_count(self, size: int, padding: int = 0) -> ByteCount:
        """The bytes of a file of ``size`` bytes: what is no entry's and no padding is the container's."""
        accepted, rejected = self.sizes[ACCEPTED], self.sizes[REJECTED]
        control = size - accepted - rejected - padding
        return ByteCount(accepted=accepted, rejected=rejected, control=control, padding=padding)

    def entry(self, record: int, row: Mapping[str, object]) -> None:
        """A booked entry; ``record`` is its number in the file."""
        self.fates[record] = ACCEPTED
        self._tables["statement_entry"].add({**row, "record": record})

    def take(self, record: int) -> None:
        """An entry of a notification: it has been read and is no cash."""
        self.fates[record] = ACCEPTED

    def reject(self, record: int, why: Unusable) -> None:
        """An entry that cannot be used."""
        self.fates[record] = REJECTED
        self._tables["reject"].add(
            {
                "record": record,
                "reason": why.reason.value,
                "field": why.field,
                "preview": shown(why.text),
                "amount_minor": abs(why.money.amount_minor) if why.money else None,
                "currency": why.money.currency if why.money else None,
            }
        )

    def not_booked(self, record: int, told: NotBooked) -> None:
        """An announced entry."""
        text = " ".join(filter(None, (told.status, told.reference and shown(told.reference))))
        self._tables["control_record"].add(
            {
                "record": record,
                "class": "NOT_BOOKED",
                "amount_minor": told.money.amount_minor,
                "currency": told.money.currency,
                "text": text,
            }
        )

    def detail(self, row: Mapping[str, object]) -> None:
        """A transaction inside an entry."""
        self.details += 1
        self._tables["bank_detail"].add({**row, "record": self.details})

    def statement(self, row: Mapping[str, object]) -> None:
        """A statement, or a page of one."""
        self.statements += 1
        self._tables["bank_statement"].add({**row, "record": self.statements})

    def control(self, name: str, declared: int | None, computed: int | None) -> None:
        """A control total."""
        self.controls.append(ControlTotal(control=name, declared=declared, computed=computed))

    def parsed(self, source: Source, *, internal_id: str | None, bytes_: ByteCount, mode: str | None = None) -> Parsed:
        """The file as read; a fault where all of its statements close on another day than its name says."""
        days = sorted(self.days)
        told = days[0] if len(days) == 1 else None
        if told is not None and source.file_date not in {None, told}:
            return fault(source, Why.UNREADABLE, f"it closes on {told}, its name says {source.file_date}")
        return Parsed(
            sender=source.layout.sender,
            file_date=source.file_date or (days[-1] if days else None),
            internal_id=internal_id,
            mode=mode,
            records=self.entries,
            controls=(ControlTotal(control="entries", declared=None, computed=self.entries), *self.controls),
            bytes=bytes_,
            tables={name: rows.frame(self.file) for name, rows in self._tables.items()},
        )


def fault(source: Source, why: Why, detail: str) -> Parsed:
    """A file that stays out whole; ``detail`` goes on after "The file cannot be used:"."""
    sender = source.layout.sender
    sentence = f"The file cannot be used: {detail}. Ask {sender} to send it again."
    return Parsed(sender=sender, file_date=source.file_date, fault=why, detail=sentence)


def joined(parts: Sequence[str | None]) -> str | None:
    """The parts that hold something, with a blank between; None where none does."""
    return " ".join(part for part in parts if part) or None
