"""What must hold of the books at every moment: what is earned is paid, in transit, carried, held, due, or recouped.

Nothing here shares code with what books the entries: amounts are added up from the journal's own rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from settlement import books, payout_books
from settlement.model import accounts
from settlement.model.journal import BESIDE_NIGHTS, PART_BACK, Entry, Posting
from settlement.model.money import to_major
from settlement.model.payout import Batch, BatchState

_LEFT: Final = {
    "carried": accounts.CARRIED,
    "held": accounts.HELD,
    "reserved": accounts.RESERVE,
    "due": accounts.DUE,
    "taxed": accounts.TAX_OWED,
    "tax borne": accounts.TAX_BORNE,
    "recouped": accounts.ADVANCE,
}
"""Where a beneficiary's money may stand beside its payments: their balances, credits counted positive."""
_STATED: Final = (accounts.ACCRUED_SHARE, accounts.CURRENCY_CONVERSION, accounts.OPENING)
"""Where it comes from when a statement closes, and from before the first night."""
_BANKED: Final = (accounts.BANK, accounts.SUSPENSE, accounts.BANK_FEES)
"""What the bank has shown of payments; a bank entry stands on suspense until it is taken for one, less its charge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is earned and stated in one currency, and where it stands, in minor units."""

    currency: str
    earned_minor: int
    paid_minor: int
    in_transit_minor: int
    left: tuple[tuple[str, int], ...]

    @property
    def found_minor(self) -> int:
        """All that was found of it."""
        return self.paid_minor + self.in_transit_minor + sum(amount for _, amount in self.left)


def standing(engine: books.Engine) -> list[Standing]:
    """Where all that is earned stands, by currency; a payment is paid once its bank has accepted it or shows it."""
    entries, batches = books.read_entries(engine, date.max), payout_books.batches(engine)
    accepted = {one.payment_id for batch in batches for one in batch.payouts if one.accepted or one.debited}
    earned: Counter[str] = Counter()
    sums: dict[str, Counter[str]] = {name: Counter() for name in ("paid", "in transit", *_LEFT)}
    for posting in _postings(entry for entry in entries if any(_is_theirs(one) for one in entry.postings)):
        kind = accounts.kind_of(posting.account)
        if kind in _STATED:
            earned[posting.currency] += posting.amount_minor
        elif kind is accounts.TRANSIT:
            done = posting.account.rpartition(":")[2] in accepted
            sums["paid" if done else "in transit"][posting.currency] -= posting.amount_minor
        elif kind in _BANKED:
            sums["paid"][posting.currency] -= posting.amount_minor
        else:
            for name in (name for name, one in _LEFT.items() if one is kind):
                sums[name][posting.currency] -= posting.amount_minor
    return [
        Standing(
            currency=currency,
            earned_minor=earned[currency],
            paid_minor=sums["paid"][currency],
            in_transit_minor=sums["in transit"][currency],
            left=tuple((name, sums[name][currency]) for name in _LEFT),
        )
        for currency in sorted({*earned, *(unit for one in sums.values() for unit in one)})
    ]


def _postings(entries: Iterable[Entry]) -> Iterable[Posting]:
    return (posting for entry in entries for posting in entry.postings)


def _is_theirs(posting: Posting) -> bool:
    """Whether a posting is on an account of a beneficiary or a payment."""
    return accounts.kind_of(posting.account) in {*_LEFT.values(), accounts.TRANSIT}


def told(one: Standing) -> str:
    """One currency's standing as a line."""
    parts = [("paid", one.paid_minor), ("in transit", one.in_transit_minor), *one.left]
    said = " + ".join(f"{name} {to_major(amount, one.currency)}" for name, amount in parts if amount) or "nothing"
    return f"{one.currency}: earned {to_major(one.earned_minor, one.currency)} = {said}"


def broken(engine: books.Engine) -> list[str]:
    """Sentences on what does not hold; none where all is well."""
    entries, batches = books.read_entries(engine, date.max), payout_books.batches(engine)
    balances: Counter[tuple[str, str]] = Counter()
    for posting in _postings(entries):
        balances[posting.account, posting.currency] += posting.amount_minor
    return [
        *(
            f"{one.currency}: {one.earned_minor} minor units are earned and {one.found_minor} are found."
            for one in standing(engine)
            if one.earned_minor != one.found_minor
        ),
        *_wrong_balances(balances, _expected(entries, batches)),
        *_taken_too_far(entries, balances),
        *_paid_twice(batches),
        *_back_too_far(batches),
        *_no_statements(entries, batches),
    ]


def _expected(entries: Iterable[Entry], batches: Iterable[Batch]) -> Counter[tuple[str, str]]:
    """What accounts of due and in transit must stand at by statements and payments."""
    expected: Counter[tuple[str, str]] = Counter()
    for posting in _postings(one for one in entries if one.kind not in BESIDE_NIGHTS or one.kind == PART_BACK):
        if accounts.kind_of(posting.account) is accounts.DUE:
            expected[posting.account, posting.currency] += posting.amount_minor
    out = [(batch, payout) for batch in batches if batch.by(BatchState.RELEASED) for payout in batch.payouts]
    for batch, payout in out:
        on_its_way = payout.back_minor - payout.amount_minor
        on_its_way += payout.amount_minor if payout.debited else 0
        on_its_way -= payout.credited_minor
        expected[payout.payment_id, batch.currency] += on_its_way
        if not payout.back:
            for due in payout.statements:
                expected[due.account, batch.currency] += due.amount_minor
    return expected


def _wrong_balances(balances: Counter[tuple[str, str]], expected: Counter[tuple[str, str]]) -> Iterable[str]:
    found: Counter[tuple[str, str]] = Counter()
    for (account, currency), amount in balances.items():
        kind = accounts.kind_of(account)
        if kind is accounts.DUE:
            found[account, currency] += amount
        elif kind is accounts.TRANSIT:
            found[account.rpartition(":")[2], currency] += amount
    for name, currency in sorted(found.keys() | expected.keys()):
        if found[name, currency] != expected[name, currency]:
            yield (
                f"{name} stands at {found[name, currency]} minor units of {currency}, and statements and payments come "
                f"to {expected[name, currency]}."
            )


def _taken_too_far(entries: Iterable[Entry], balances: Mapping[tuple[str, str], int]) -> Iterable[str]:
    """A bank entry that was taken for payments has left its suspense account at zero, whatever was judged since."""
    for posting in _postings(entry for entry in entries if entry.kind == "payout_cash"):
        left = balances[posting.account, posting.currency]
        if accounts.kind_of(posting.account) is accounts.SUSPENSE and left:
            yield f"{posting.account} was taken for payments and stands at {left} minor units of {posting.currency}."


def _paid_twice(batches: Iterable[Batch]) -> Iterable[str]:
    times = Counter(
        (due.entry_key, due.account, batch.currency)
        for batch in batches
        if batch.state is not BatchState.REJECTED
        for payout in batch.payouts
        if not payout.back
        for due in payout.statements
    )
    return (f"{key} is paid {count} times." for (key, _, _), count in sorted(times.items()) if count > 1)


def _back_too_far(batches: Iterable[Batch]) -> Iterable[str]:
    """Of a payment comes back no more than was paid, and the bank credits no more than came back."""
    for payout in (payout for batch in batches for payout in batch.payouts):
        if not payout.amount_minor >= payout.back_minor >= payout.credited_minor:
            amounts = f"{payout.back_minor} came back and {payout.credited_minor} are credited"
            yield f"{payout.payment_id} is of {payout.amount_minor} minor units, of which {amounts}."


def _no_statements(entries: Iterable[Entry], batches: Iterable[Batch]) -> Iterable[str]:
    """An entry by which payouts moved money makes nothing due: what it names is due by the statement of before."""
    moved = {one.key: one.kind for one in entries if one.kind in BESIDE_NIGHTS and one.kind != PART_BACK}
    for batch in batches:
        for payout in batch.payouts:
            for due in payout.statements:
                if due.entry_key in moved:
                    kind = moved[due.entry_key]
                    yield f"{payout.payment_id} pays {due.entry_key}, which is of kind {kind} and no statement."
