"""Entries of bank statements that stand whole on suspense, with all texts by which each may name what it pays."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import polars as pl

from settlement import books, payout_books, store
from settlement.model.accounts import bank_entry_of
from settlement.model.clearing import CashStatus, DetailState
from settlement.model.dates import delivery_night
from settlement.model.payout import Way
from settlement.store import Home

_DAY: Final = timedelta(days=1)
_WORD: Final = re.compile(r"[A-Z0-9][A-Z0-9-]*")
_DETAIL_NAMES: Final = ("end_to_end_id", "transaction_id", "remittance")
_ENTRY_NAMES: Final = (("end_to_end_id",), ("payment_id", "message_id"), ("bank_ref", "entry_ref", "remittance"))
"""Where an entry may name what it pays, the surest place first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BankEntry:
    """An entry of a bank statement: its place, account and amount (+ to us), and the texts that may name payments.

    ``names`` are those of the entry itself, the surest place first; ``parts`` are the names and amounts (+ to us) of
    the transactions that the bank tells inside it, an amount None where it tells none. ``unexplained`` tells that it
    waits for no file of a feed.
    """

    statement: str
    entry: int
    entry_ref: str
    account: str
    amount_minor: int
    currency: str
    reversal: bool
    names: tuple[tuple[str, ...], ...]
    parts: tuple[tuple[tuple[str, ...], int | None], ...] = ()
    unexplained: bool = True

    @property
    def place(self) -> tuple[str, int]:
        """Its statement file and its number there."""
        return self.statement, self.entry

    @property
    def way(self) -> Way:
        """Whether it takes from our account or brings to it."""
        return Way.DEBIT if self.amount_minor < 0 else Way.CREDIT


def on_suspense(home: Home, engine: books.Engine) -> list[BankEntry]:
    """The bank entries that stand whole on their suspense accounts."""
    night = payout_books.last_night(engine)
    standing = {
        place: balance.balance_minor
        for balance in books.balances_now(engine, night)
        if balance.balance_minor and (place := bank_entry_of(balance.account)) is not None
    }
    if not standing:
        return []
    rows = _rows(home, "statement_entry", [statement for statement, _ in standing])
    entries = [row for row in rows if standing.get((row["file"], row["record"])) == -_signed(row)]
    files = [row["file"] for row in entries]
    parts, pending = _parts(home, night, files), _pending(home, night, files)
    return [
        _entry(row, parts.get(place, ()), unexplained=place not in pending)
        for row in entries
        for place in [(row["file"], row["record"])]
    ]


def _pending(home: Home, night: date, statements: Sequence[str]) -> set[tuple[str, int]]:
    """The entries of statements whose file is still to come, as they were judged last."""
    ties = store.scan_history(home, "cash_tie", night + _DAY).filter(pl.col("camt_file").is_in(sorted(set(statements))))
    last = ties.sort("business_date").group_by("camt_file", "entry").agg(pl.col("status").last()).collect()
    return set(last.filter(pl.col("status") == CashStatus.FILE_PENDING).select("camt_file", "entry").iter_rows())


def _rows(home: Home, table: str, files: Iterable[str]) -> list[dict[str, Any]]:
    """Rows of a table of some files; a file's name begins with the night on which it came."""
    names = sorted(set(files))
    nights = set(map(delivery_night, names))
    found = store.scan_nights(home, table, nights & set(store.nights_of(home, table)))
    return found.filter(pl.col("file").is_in(names)).collect().sort("file", "record").to_dicts()


def _signed(row: Mapping[str, Any]) -> int:
    amount: int = row["direction"] * row["amount_minor"]
    return amount


def _parts(home: Home, night: date, statements: Sequence[str]) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """The transactions that a bank tells inside entries of statements, by their entry; only those that are linked."""
    if not statements:
        return {}
    first = min(map(delivery_night, statements))
    ties = store.scan_history(home, "detail_tie", night + _DAY).filter(
        pl.col("business_date") >= first,
        pl.col("status") == DetailState.LINKED,
        pl.col("statement_file").is_in(sorted(set(statements))),
    )
    linked = {
        (row["file"], row["entry"]): (row["statement_file"], row["statement_entry"])
        for row in ties.collect().iter_rows(named=True)
    }
    found: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in _rows(home, "bank_detail", [file for file, _ in linked]) if linked else ():
        if (place := linked.get((row["file"], row["entry"]))) is not None:
            found.setdefault(place, []).append(row)
    return found


def _entry(row: Mapping[str, Any], parts: Sequence[Mapping[str, Any]], *, unexplained: bool) -> BankEntry:
    names = [_texts(row, columns) for columns in _ENTRY_NAMES]
    if len(parts) == 1:
        # The only transaction is the entry itself.
        names[0] += _texts(parts[0], ("end_to_end_id", "transaction_id"))
    return BankEntry(
        statement=row["file"],
        entry=row["record"],
        entry_ref=row["entry_ref"],
        account=row["account"],
        amount_minor=_signed(row),
        currency=row["currency"],
        reversal=bool(row["reversal"]),
        names=tuple(names),
        unexplained=unexplained,
        parts=tuple(
            (_texts(part, _DETAIL_NAMES), None if part["amount_minor"] is None else _signed(part))
            for part in parts
            if len(parts) > 1
        ),
    )


def _texts(row: Mapping[str, Any], columns: Iterable[str]) -> tuple[str, ...]:
    """What may be a name: a reference as it is written, and each word of a text."""
    found = [row[name] for name in columns if row[name]]
    words = [word for name in columns if name == "remittance" and row[name] for word in _WORD.findall(row[name])]
    return tuple(dict.fromkeys([*found, *words]))
