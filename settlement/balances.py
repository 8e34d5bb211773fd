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
from settlement.model.payout import Batch, Payout
from settlement.payout import cash
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
    judged = {(row["camt_file"], row["entry"]): row for row in ties.iter_rows(named=True)}
    by_file: dict[str, list[dict[str, Any]]] = {}
    for row in judged.values():
        by_file.setdefault(row["ties_to"] or "", []).append(row)
    payments = _payments(home)
    return [
        _explained(balance, night, judged, by_file, payments)
        for balance in balances
        if balance.balance_minor and accounts.kind_of(balance.account).clears
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Payments:
    """Our payments by id; which of them bank entries show, by place; and why other entries are not taken for one."""

    ordered: Mapping[str, tuple[Batch, Payout]]
    shown: Mapping[tuple[str, int], tuple[str, ...]]
    not_taken: Mapping[tuple[str, int], str]


def _payments(home: Home) -> _Payments:
    engine = books.connect(home)
    with books.transaction(engine) as connection:
        shown = payout_books.cash_of(connection)
    ordered = {payout.payment_id: (batch, payout) for batch in payout_books.batches(engine) for payout in batch.payouts}
    not_taken = {one.entry.place: one.why or "`settle payouts tie` takes it" for one in cash.judged_now(home, engine)}
    return _Payments(ordered=ordered, shown=shown, not_taken=not_taken)


def _explained(
    balance: Balance,
    night: date,
    judged: Mapping[tuple[str, int], Mapping[str, Any]],
    by_file: Mapping[str, Sequence[Mapping[str, Any]]],
    payments: _Payments,
) -> OpenItem:
    kind = accounts.kind_of(balance.account)
    names = kind.names(balance.account) or ()
    item: str | None = None
    match kind:
        case accounts.CLEARING:
            item, text = _of_file(balance, names[1], by_file.get(names[1], []))
        case accounts.SUSPENSE:
            item, text = _of_entry(accounts.bank_entry_of(balance.account) or ("", 0), judged, payments)
        case accounts.TRANSIT:
            item, text = _of_payment(names[-1], balance.balance_minor, payments.ordered.get(names[-1]))
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


def _of_entry(
    place: tuple[str, int], judged: Mapping[tuple[str, int], Mapping[str, Any]], payments: _Payments
) -> tuple[str | None, str]:
    tie, where = judged.get(place), f"entry {place[1]} of {place[0]}"
    if tie is None:
        return None, f"{where} was never judged: look for entries booked by hand"
    waiting = _WAITING.get(CashStatus(tie["status"]))
    if waiting is None:
        return None, f"{where} is {tie['status']} to {tie['ties_to']}, yet this stands open: look for entries by hand"
    ref: str = tie["entry_ref"]
    if place in payments.shown:
        return ref, f"{where} shows {', '.join(payments.shown[place])} and is taken off with the next night"
    if place in payments.not_taken:
        return ref, f"{where} {waiting}; {payments.not_taken[place]}"
    return ref, f"{where} {waiting}"


def _of_payment(name: str, standing_minor: int, ordered: tuple[Batch, Payout] | None) -> tuple[str | None, str]:
    if ordered is None:
        return None, f"no batch orders a payment {name}: look for entries booked by hand"
    batch, payout = ordered
    if payout.debited:
        said = (
            "was debited, and comes to zero with the next night" if standing_minor < 0 else "came back after its debit"
        )
        return batch.batch_id, f"the payment {name} of {batch.batch_id} {said}"
    return batch.batch_id, f"the payment {name} of {batch.batch_id} was handed to the bank, {_UNSEEN}"


_UNSEEN: Final = "whose statement does not show it yet"
