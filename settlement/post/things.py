"""Entries for things: points that are issued, redeemed and expire, and inventory that is bought and drawn.

Things are a commodity beside currencies: an entry balances in them alone. What a ledger has come to as known tonight
less what it had come to is booked: facts that come late and periods that are restated move only what they change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

import polars as pl

from settlement.model import accounts
from settlement.model.journal import Entry, Posting
from settlement.model.ledger_entries import OF_THINGS, LedgerEntry
from settlement.model.stage import StageInput

_LEDGER: Final = ["contract", "term"]
_MOVES: Final[Mapping[LedgerEntry, tuple[accounts.AccountKind, accounts.AccountKind]]] = {
    LedgerEntry.ISSUED: (accounts.THINGS, accounts.POINTS),
    LedgerEntry.REDEEMED: (accounts.POINTS, accounts.THINGS),
    LedgerEntry.EXPIRED: (accounts.POINTS, accounts.BREAKAGE),
    LedgerEntry.BOUGHT: (accounts.PREPAID, accounts.THINGS),
    LedgerEntry.DRAWN: (accounts.THINGS, accounts.PREPAID),
}
"""The accounts that an entry of things debits and credits."""


def thing_entries(inputs: StageInput) -> list[Entry]:
    """One entry for each ledger of things that has come to something else than on the last earlier night that told it.

    A ledger that tonight tells nothing of stays as it stands.
    """
    tonight = inputs.tables["ledger"].filter(pl.col("period") == OF_THINGS)
    before = (
        inputs.history["ledger"]
        .filter(pl.col("period") == OF_THINGS)
        .join(tonight.lazy().select(_LEDGER).unique(), on=_LEDGER, how="semi")
        .filter(pl.col("business_date") == pl.col("business_date").max().over(_LEDGER))
        .collect()
    )
    now, was = _to_date(tonight), _to_date(before)
    entries = []
    for contract, ledger in sorted(now):
        change = Counter(now[contract, ledger])
        change.subtract(was.get((contract, ledger), {}))
        moved = [(entry, unit, amount) for (entry, unit), amount in sorted(change.items()) if amount]
        postings = tuple(
            Posting(account=account, currency=unit, amount_minor=amount)
            for (account, unit), amount in _postings(contract, ledger, moved).items()
            if amount
        )
        if postings:
            said = ", ".join(f"{entry} {amount:+} {unit}" for entry, unit, amount in moved)
            entries.append(
                Entry(
                    key=f"things/{contract}/{ledger}/{inputs.business_date}",
                    business_date=inputs.business_date,
                    kind="things",
                    text=f"{contract} {ledger}: {said}",
                    postings=postings,
                )
            )
    return entries


def _postings(contract: str, ledger: str, moved: list[tuple[LedgerEntry, str, int]]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for entry, unit, amount in moved:
        for kind, sign in zip(_MOVES[entry], (1, -1), strict=True):
            account = kind.at(contract) if kind is accounts.BREAKAGE else kind.at(contract, ledger)
            found[account, unit] += sign * amount
    return found


def _to_date(rows: pl.DataFrame) -> dict[tuple[str, str], dict[tuple[LedgerEntry, str], int]]:
    """By contract and ledger what each entry comes to, in its unit."""
    found: dict[tuple[str, str], dict[tuple[LedgerEntry, str], int]] = {}
    for row in rows.iter_rows(named=True):
        ledger = found.setdefault((row["contract"], row["term"]), {})
        ledger[LedgerEntry(row["entry"]), row["unit"]] = row["amount"]
    return found
