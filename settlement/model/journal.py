"""Double entry: an entry is a set of postings that sum to zero in each currency.

Amounts are signed minor units, debit positive, so that an entry balances when its postings of each
currency sum to zero. An entry's ``key`` is what makes posting idempotent: the same key is booked once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from settlement.errors import TerminalError

PART_BACK: Final = "payout_part"
"""The kind of an entry that makes due again a part of a payment that came back."""
BESIDE_NIGHTS: Final = ("payout", "payout_back", PART_BACK, "payout_cash")
"""Kinds of entries that persons book between the nights; each belongs to the next night, whose trial balance has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One line of an entry: an account and a signed amount in minor units (debit positive)."""

    account: str
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One balanced journal entry of one night; ``corrects`` is the key of an earlier entry that it mends."""

    key: str
    business_date: date
    kind: str
    text: str
    postings: tuple[Posting, ...]
    corrects: str | None = None

    def check(self) -> None:
        """Raise TerminalError unless the postings sum to zero in every currency."""
        sums: Counter[str] = Counter()
        for posting in self.postings:
            sums[posting.currency] += posting.amount_minor
        off = {currency: total for currency, total in sums.items() if total}
        if off:
            raise TerminalError(f"Journal entry {self.key} does not balance: {off} (minor units).")


def entry_to_json(entry: Entry) -> Mapping[str, object]:
    """An entry as plain values for JSON."""
    return {
        "key": entry.key,
        "business_date": entry.business_date.isoformat(),
        "kind": entry.kind,
        "text": entry.text,
        "postings": [[p.account, p.currency, p.amount_minor] for p in entry.postings],
        "corrects": entry.corrects,
    }


def entry_from_json(item: Mapping[str, object]) -> Entry:
    """The entry that ``entry_to_json`` wrote; TerminalError where it has no postings."""
    postings, corrects = item["postings"], item.get("corrects")
    if not isinstance(postings, list):
        raise TerminalError(f"Journal entry {item['key']} has no postings.")
    return Entry(
        key=str(item["key"]),
        business_date=date.fromisoformat(str(item["business_date"])),
        kind=str(item["kind"]),
        text=str(item["text"]),
        postings=tuple(Posting(account=a, currency=c, amount_minor=m) for a, c, m in postings),
        corrects=None if corrects is None else str(corrects),
    )
