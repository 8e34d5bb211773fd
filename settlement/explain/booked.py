"""Where a payout line stands in the books: the entries that book it, by their keys, and what they post.

A term's line is accrued night by night, and its entries add up to it. A line of a beneficiary stands in the entry by
which its statement closes; what is paid of it goes on in the entries of payouts. docs/BOOKS.md has the keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from settlement import books, payout_books
from settlement.explain.address import LineAddress
from settlement.explain.text import money_text, plain
from settlement.explain.walk import Explanation
from settlement.model.clearing import StatementState
from settlement.model.journal import Entry, Posting
from settlement.model.statement_lines import CARRY_IN, PAYOUT, RECOUPED
from settlement.store import Home

_OPENED: Final = (CARRY_IN, RECOUPED)
"""Lines of which an opening entry tells what was there before the first night."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """The entries that book a line, by night and key, and why there are none where there are none."""

    entries: tuple[Entry, ...]
    why_not: str = ""

    @property
    def by_account(self) -> dict[tuple[str, str], int]:
        """Debits less credits of all entries in minor units, by account and currency, those of nothing left out."""
        found: Counter[tuple[str, str]] = Counter()
        for posting in (posting for entry in self.entries for posting in entry.postings):
            found[posting.account, posting.currency] += posting.amount_minor
        return {key: amount for key, amount in sorted(found.items()) if amount}


def booked(home: Home, night: date, explanation: Explanation) -> Booked:
    """The entries of a line up to a night; those of payments whenever they were booked."""
    if explanation.state in {StatementState.RESTATED, StatementState.PARKED}:
        told = explanation.state.lower()
        return Booked(entries=(), why_not=f"what is {told} is not booked: an adjustment carries what is paid of it")
    engine, address = books.connect(home), explanation.address
    entries = books.read_entries(engine, night, below=_keys(address))
    if address.beneficiary is not None and address.term == PAYOUT:
        close = f"close/{address.contract}/{address.period}/{address.beneficiary}"
        entries += books.read_entries(engine, date.max, below=_payments(engine, close))
    if not entries:
        waits = address.beneficiary is not None and explanation.state == StatementState.PREVIEW
        return Booked(entries=(), why_not="its statement is open: its terms are accrued" if waits else "it is nothing")
    return Booked(entries=tuple(sorted(entries, key=lambda entry: (entry.business_date, entry.key))))


def _keys(address: LineAddress) -> list[str]:
    """The keys of a line's entries, apart from the night that some end in."""
    statement = f"{address.contract}/{address.period}"
    if address.beneficiary is None:
        term = f"{address.term}:{address.adjusts}" if address.adjusts else address.term
        moved = f"original_period/{statement}/{address.term}"
        return [
            *(f"accrual/{statement}/{term}", f"accrual/{statement}/{term}:original_period"),
            *(f"{moved}/{address.adjusts}" if address.adjusts else moved, f"guarantee/{statement}/{address.term}"),
        ]
    opened = f"opening/{address.contract}/{address.beneficiary}/{address.term}"
    return [f"close/{statement}/{address.beneficiary}", *([opened] if address.term in _OPENED else [])]


def _payments(engine: books.Engine, close: str) -> list[str]:
    """The keys of the entries by which what one entry made due is paid, comes back, and is paid again."""
    found = []
    for batch in payout_books.batches(engine):
        for payment in batch.payouts:
            if any(due.entry_key == close for due in payment.statements):
                found += [f"payout/{batch.batch_id}", f"payout_back/{payment.payment_id}"]
    return found


def booked_text(told: Booked, limit: int | None) -> str:
    """The entries with their postings, the last ``limit`` of them, and what all of them come to by account."""
    return "\n".join(map(plain, _lines(told, limit)))


def _lines(told: Booked, limit: int | None) -> Iterator[str]:
    if not told.entries:
        yield f"Not booked: {told.why_not}"
        return
    shown = told.entries if limit is None else told.entries[-limit:]
    more = len(told.entries) - len(shown)
    yield f"Booked, the last {len(shown)} of {len(told.entries)} entries" if more else "Booked"
    for entry in shown:
        yield f"  {entry.business_date}  {entry.key}"
        yield from _postings(entry.postings)
    if len(told.entries) > 1:
        yield f"  all {len(told.entries)} entries together"
        yield from _postings(
            Posting(account=account, currency=currency, amount_minor=amount)
            for (account, currency), amount in told.by_account.items()
        )


def _postings(postings: Iterable[Posting]) -> Iterator[str]:
    for posting in postings:
        side = "Dr" if posting.amount_minor > 0 else "Cr"
        yield f"    {money_text(abs(posting.amount_minor), posting.currency):>20} {side}  {posting.account}"
