"""The trial balance of the books by account, and why each clearing or suspense account that is not zero is not.

Amounts come from the journal, reasons from what the night's stage ``match`` has judged (``cash_tie``): the two must
meet. A balance that nothing explains is told as such, with what to look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from settlement import books, payout_books, store
from settlement.books import Balance
from settlement.errors import TerminalError
from settlement.model import accounts
from settlement.model.clearing import CashStatus
from settlement.model.money import to_major
from settlement.store import Home

_WAITING: Final = {
    CashStatus.FILE_PENDING: "waits for its file",
    CashStatus.UNEXPLAINED: "is explained by no file",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenItem:
    """Why an account that should be zero is not: ``item`` explains it, or is None, and ``text`` says what to look at.

    ``age_days`` counts from the night of the first posting on the account.
    """

    balance: Balance
    item: str | None
    age_days: int
    text: str


def trial_balance(home: Home, until: date | None, prefix: str) -> tuple[date, list[Balance]]:
    """The night meant, the last booked one where none is named, and all accounts below a prefix.

    Raises TerminalError where nothing is booked until that night, or the prefix is that of no account of the chart.
    """
    engine = books.connect(home)
    booked = [night for night in books.nights_of(engine, "post") if until is None or night <= until]
    if not booked:
        raise TerminalError("No night is booked" + (f" up to {until}." if until else " yet: settle one first."))
    night = until or max(booked)
    found = [balance for balance in books.balances(engine, night) if balance.account.startswith(prefix)]
    if not found and not any(kind.path.startswith(prefix) for kind in accounts.CHART):
        raise TerminalError(f"No account begins with {prefix!r}: `settle books accounts` shows the chart.")
    return night, found


def open_items(home: Home, night: date, balances: Iterable[Balance]) -> list[OpenItem]:
    """Each clearing and suspense account that is not zero after a night, with what explains it."""
    ties = store.scan_history(home, "cash_tie", night + timedelta(days=1)).sort("business_date").collect()
    judged = {(row["camt_file"], str(row["entry"])): row for row in ties.iter_rows(named=True)}
    by_file: dict[str, list[dict[str, Any]]] = {}
    for row in judged.values():
        by_file.setdefault(row["ties_to"] or "", []).append(row)
    ordered = {
        payout.payment_id: batch.batch_id
        for batch in payout_books.batches(books.connect(home))
        for payout in batch.payouts
    }
    return [
        _explained(balance, night, judged, by_file, ordered)
        for balance in balances
        if balance.balance_minor and accounts.kind_of(balance.account).clears
    ]


def _explained(
    balance: Balance,
    night: date,
    judged: Mapping[tuple[str, str], Mapping[str, Any]],
    by_file: Mapping[str, Sequence[Mapping[str, Any]]],
    ordered: Mapping[str, str],
) -> OpenItem:
    kind = accounts.kind_of(balance.account)
    names = kind.names(balance.account) or ()
    item: str | None = None
    match kind:
        case accounts.CLEARING:
            item, text = _of_file(balance, names[1], by_file.get(names[1], []))
        case accounts.SUSPENSE:
            statement, _, entry = "#".join(names).rpartition("#")
            item, text = _of_entry(f"entry {entry} of {statement}", judged.get((statement, entry)))
        case accounts.TRANSIT:
            item, text = _of_payment(names[-1], ordered.get(names[-1]))
        case _:
            text = "nothing tells what it waits for; look at the entries on this account"
    return OpenItem(balance=balance, item=item, age_days=(night - balance.first).days, text=text)


def _of_file(balance: Balance, file: str, ties: Sequence[Mapping[str, Any]]) -> tuple[str | None, str]:
    if not ties:
        way = "come in" if balance.balance_minor > 0 else "gone out"
        return file, f"its cash has not {way} yet"
    for tie in ties:
        if tie["status"] == CashStatus.DIFFERS:
            difference = f"{to_major(tie['diff_minor'], tie['currency'])} {tie['currency']}"
            return file, f"bank entry {tie['entry_ref']} differs from it by {difference}"
    found = " and ".join(sorted(f"{tie['entry_ref']} ({tie['status']})" for tie in ties))
    return None, f"the cash of {file} came by bank entry {found}, yet this stands open: look for entries booked by hand"


def _of_entry(place: str, tie: Mapping[str, Any] | None) -> tuple[str | None, str]:
    if tie is None:
        return None, f"{place} was never judged: look for entries booked by hand"
    waiting = _WAITING.get(CashStatus(tie["status"]))
    if waiting is None:
        return None, f"{place} is {tie['status']} to {tie['ties_to']}, yet this stands open: look for entries by hand"
    return tie["entry_ref"], f"{place} {waiting}"


def _of_payment(payment: str, batch: str | None) -> tuple[str | None, str]:
    if batch is None:
        return None, f"no batch orders a payment {payment}: look for entries booked by hand"
    return batch, f"the payment {payment} of {batch} was handed to the bank, whose statement does not show it yet"
