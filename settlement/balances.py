"""The trial balance of the books by account, and why each clearing or suspense account that is not zero is not.

Amounts come from the journal, reasons from what the night's stage ``match`` has judged (``cash_tie``, ``batch_tie``,
``batch_carry``): the two must meet, those of a batch to the minor unit. A balance that nothing explains is told as
such, with what to look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import polars as pl

from settlement import books, payout_books, store
from settlement.books import Balance
from settlement.errors import TerminalError
from settlement.model import accounts
from settlement.model.clearing import BatchEnd, CashStatus
from settlement.model.money import amount_text, to_major
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
    open_now = [one for one in balances if one.balance_minor and accounts.kind_of(one.account).clears]
    ties = store.scan_history(home, "cash_tie", night + timedelta(days=1)).sort("business_date").collect()
    judged = {(row["camt_file"], row["entry"]): row for row in ties.iter_rows(named=True)}
    by_file: dict[str, list[dict[str, Any]]] = {}
    for row in judged.values():
        by_file.setdefault(row["ties_to"] or "", []).append(row)
    batches, payments = _batches(home, night, open_now, by_file), _payments(home)
    return [_explained(balance, night, judged, batches, payments) for balance in open_now]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batches:
    """What is told of batches.

    Rows of ``batch_tie`` by feed and batch, of ``batch_carry`` by the batch that takes over and by the one that has
    carried over, and bank entries by the file that they tie to.
    """

    told: Mapping[tuple[str, ...], Sequence[Mapping[str, Any]]]
    taken: Mapping[tuple[str, str, str], Mapping[str, Any]]
    carried: Mapping[tuple[str, str, str], Mapping[str, Any]]
    cash: Mapping[str, Sequence[Mapping[str, Any]]]


def _batches(
    home: Home, night: date, open_now: Iterable[Balance], by_file: Mapping[str, Sequence[Mapping[str, Any]]]
) -> _Batches:
    """What is told of the batches whose accounts are open."""
    named = (accounts.BATCH_CLEARING.names(one.account) for one in open_now)
    told: dict[tuple[str, ...], list[dict[str, Any]]] = {names: [] for names in named if names is not None}
    if not told:
        return _Batches(told={}, taken={}, carried={}, cash=by_file)
    until = night + timedelta(days=1)
    ties = store.scan_history(home, "batch_tie", until).filter(pl.col("feed").is_not_null())
    for row in ties.sort("file", "batch", "currency").collect().iter_rows(named=True):
        told.get((row["feed"], row["batch"]), []).append(row)
    carries = store.scan_history(home, "batch_carry", until).collect().rows(named=True)
    return _Batches(
        told=told,
        taken={(row["file"], row["batch"], row["currency"]): row for row in carries},
        carried={(row["from_file"], row["from_batch"], row["currency"]): row for row in carries},
        cash=by_file,
    )


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
    batches: _Batches,
    payments: _Payments,
) -> OpenItem:
    kind = accounts.kind_of(balance.account)
    names = kind.names(balance.account) or ()
    item: str | None = None
    match kind:
        case accounts.CLEARING:
            item, text = _of_file(balance, names[1], batches.cash.get(names[1], []))
        case accounts.BATCH_CLEARING:
            item, text = _of_batch(balance, names, batches)
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


def _of_batch(balance: Balance, names: tuple[str, ...], batches: _Batches) -> tuple[str | None, str]:
    """What is open of a batch, cause by cause; together they must be what stands on its account."""
    told = batches.told.get(names, [])
    mine = [row for row in told if row["currency"] == balance.currency]
    open_minor, texts = 0, []
    causes = (
        _payout_open(told, balance.currency, batches.cash),
        *(_balance_open(row, batches.carried) for row in mine if row["closed_by"] == BatchEnd.BALANCE),
        *(_balance_unknown(row, batches.taken) for row in mine if row["balance_minor"]),
        _residual_open(mine),
    )
    for amount, text in causes:
        open_minor += amount
        texts += [text] if amount else []
    if open_minor != balance.balance_minor or not texts:
        said = f" ({'; '.join(texts)})" if texts else ""
        left = amount_text(balance.balance_minor - open_minor, balance.currency)
        return None, f"nothing tells why {left} of it stand open{said}: look for entries booked by hand"
    return f"{names[0]} {names[1]}", "; ".join(texts)


def _payout_open(
    told: Sequence[Mapping[str, Any]], currency: str, cash: Mapping[str, Sequence[Mapping[str, Any]]]
) -> tuple[int, str]:
    """What of a batch's payout has not come; the entries of its files may be in another currency."""
    paid = [row for row in told if row["closed_by"] == BatchEnd.PAYOUT]
    announced = sum(row["closing_minor"] for row in paid if row["currency"] == currency)
    entries = [
        tie for file in {row["file"] for row in paid} for tie in cash.get(file, []) if tie["currency"] == currency
    ]
    came = sum(
        tie["direction"] * tie["amount_minor"] - (tie["diff_minor"] if tie["status"] == CashStatus.SHORT_BY_FEE else 0)
        for tie in entries
    )
    payout = f"its payout of {amount_text(announced, currency)}"
    refs = " and ".join(sorted(tie["entry_ref"] for tie in entries))
    difference = amount_text(came - announced, currency)
    text = f"bank entry {refs} differs from {payout} by {difference}" if refs else f"{payout} has not come yet"
    return announced - came, text


def _balance_open(row: Mapping[str, Any], carried: Mapping[tuple[str, str, str], Mapping[str, Any]]) -> tuple[int, str]:
    """What of the balance that a batch carries over no later batch has taken over."""
    link, amount = carried.get(_key(row)), row["closing_minor"]
    balance = f"its balance of {amount_text(amount, row['currency'])}"
    if link is None:
        return amount, f"{balance} waits for the batch that takes it over"
    took = amount_text(link["taken_minor"], row["currency"])
    return amount - link["taken_minor"], f"batch {link['batch']} took over {took}, and {balance} was carried over"


def _balance_unknown(
    row: Mapping[str, Any], taken: Mapping[tuple[str, str, str], Mapping[str, Any]]
) -> tuple[int, str]:
    """What a batch says it takes over while no batch is known that has carried it over."""
    amount = row["balance_minor"]
    text = f"the batch from which it took over {amount_text(amount, row['currency'])} has not come yet"
    return (0, text) if _key(row) in taken else (-amount, text)


def _residual_open(rows: Sequence[Mapping[str, Any]]) -> tuple[int, str]:
    """What the lines of a batch come to less what closes it."""
    residual = -sum(row["residual_minor"] for row in rows)
    if not residual:
        return 0, ""
    currency = rows[0]["currency"]
    comes_to = f"its lines come to {amount_text(sum(row['batch_minor'] for row in rows), currency)}"
    closing = [row["closing_minor"] for row in rows if row["closing_minor"] is not None]
    closed = f"it is closed by {amount_text(sum(closing), currency)}" if closing else "its report has no end"
    return residual, f"{comes_to} and {closed}"


def _key(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["file"], row["batch"], row["currency"]


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
