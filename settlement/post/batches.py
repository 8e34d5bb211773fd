"""Entries for acquirers' batches: what each comes to, and the balances that go from one to the next.

A batch's account holds what its lines come to and the balance that it takes over. Its payout empties it, or the batch
that takes its balance over; what is left is what nobody has paid, carried on or told yet. A batch that was told before
batches had accounts has none: the other side of its balance is the settlement account, on which it was booked then.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from settlement.model import accounts
from settlement.model.clearing import BatchEnd
from settlement.model.dates import delivery_night
from settlement.model.journal import Entry, Posting
from settlement.model.money import amount_text
from settlement.model.stage import StageInput


def batch_entries(inputs: StageInput) -> list[Entry]:
    """One entry for each batch of tonight that comes to something, and one for each balance that is taken over."""
    return [*_opened(inputs), *_carried(inputs)]


def _opened(inputs: StageInput) -> list[Entry]:
    entries = []
    told = inputs.tables["batch_tie"].filter(pl.col("feed").is_not_null())
    for row in told.sort("file", "batch", "currency").iter_rows(named=True):
        own, currency = row["batch_minor"] - row["balance_minor"], row["currency"]
        if own:
            name = f"batch {row['batch']} of {row['feed']}"
            entries.append(
                _entry(
                    inputs,
                    f"batch/{row['file']}/{row['batch']}/{currency}",
                    f"{row['file']}: the lines of {name} come to {amount_text(own, currency)}",
                    Posting(
                        account=accounts.BATCH_CLEARING.at(row["feed"], row["batch"]),
                        currency=currency,
                        amount_minor=own,
                    ),
                    accounts.SETTLEMENT.at(row["feed"]),
                )
            )
    return entries


def _carried(inputs: StageInput) -> list[Entry]:
    entries = []
    for row in inputs.tables["batch_carry"].sort("file", "batch", "currency").iter_rows(named=True):
        before = accounts.SETTLEMENT.at(row["feed"])
        to, off = (
            accounts.BATCH_CLEARING.at(row["feed"], row[batch]) if row[known] else before
            for batch, known in (("batch", "in_books"), ("from_batch", "from_in_books"))
        )
        taken, currency = row["taken_minor"], row["currency"]
        entries.append(
            _entry(
                inputs,
                f"batch_carry/{row['file']}/{row['batch']}/{currency}",
                f"Batch {row['batch']} of {row['feed']} takes over {amount_text(taken, currency)} of batch "
                f"{row['from_batch']}",
                Posting(account=to, currency=currency, amount_minor=taken),
                off,
            )
        )
    return entries


def _entry(inputs: StageInput, key: str, text: str, posting: Posting, other: str) -> Entry:
    back = Posting(account=other, currency=posting.currency, amount_minor=-posting.amount_minor)
    return Entry(key=key, business_date=inputs.business_date, kind="settlement", text=text, postings=(posting, back))


def paid_batches(inputs: StageInput, files: Iterable[str]) -> dict[str, str]:
    """The account of the batch that each of some files pays out, of those whose batches have accounts."""
    paid = pl.col("feed").is_not_null() & (pl.col("closed_by") == BatchEnd.PAYOUT)
    nights = set(map(delivery_night, files)) - {inputs.business_date}
    columns = ["file", "feed", "batch"]
    frames = (
        inputs.of_nights("batch_tie", sorted(nights)).filter(paid).select(columns).collect(),
        inputs.tables["batch_tie"].filter(paid).select(columns),
    )
    return {
        file: accounts.BATCH_CLEARING.at(feed, batch) for frame in frames for file, feed, batch in frame.iter_rows()
    }
